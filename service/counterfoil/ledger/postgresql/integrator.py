"""The integrator: gives committed records their place in the logs, and signs the trees.

    python -m counterfoil.ledger.postgresql.integrator --url postgresql://… --keys var/keys …

One on each replica; the head row's lock lets one at a time. Any of them may die or stop at
any moment: the next one goes on where the last commit ended.

Exit codes: as the writer's (`ledger/writer.py`).
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from counterfoil.errors import ConfigError, LedgerCorrupt
from counterfoil.ledger.database import StorageFailed, StorageUnavailable
from counterfoil.ledger.exit_codes import EXIT_CONFIG, EXIT_CORRUPT, EXIT_STORAGE
from counterfoil.ledger.keys import known_prefix, load_receipt_key
from counterfoil.ledger.postgresql.arguments import add_place, place_from
from counterfoil.ledger.postgresql.connection import FENCE_MS, Connection, Rows, connect, translated
from counterfoil.ledger.postgresql.integration import BATCH, Integrator
from counterfoil.ledger.postgresql.setup import prepare
from counterfoil.ledger.startup import load_logs

IDLE_SECONDS: Final = 0.05  # how long a lone record waits for its number
LOSER_SECONDS: Final = 0.25  # another one is at work
DOWN_SECONDS: Final = 0.5  # no server
_STATEMENT_MS: Final = 30_000  # the check at the start reads a tail of each log


class Runner:
    """Rounds until stopped; a lost connection is made again."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._place = place_from(options)
        self._key = load_receipt_key(options.keys, create=options.create_keys)
        self._stop = threading.Event()
        self._prefix = known_prefix(options.keys)
        self._said = ""

    def stop(self, *_: object) -> None:
        """End after the current round; safe in a signal handler."""
        self._stop.set()

    def run(self) -> None:
        """Serve until stopped.

        Raises:
            ConfigError, LedgerCorrupt, StorageFailed: the process must exit.
        """
        while not self._stop.is_set():
            try:
                with translated(), self._connect() as db:
                    self._prefix = prepare(db, self._options.origin, self._prefix, self._key.public)
                    with db.transaction():
                        db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                        load_logs(Rows(db), self._prefix, self._key.public)
                    self._serve(db, Integrator(self._prefix, self._key))
            except StorageUnavailable as error:
                self._say(str(error))
                self._stop.wait(DOWN_SECONDS)

    def _connect(self) -> Connection:
        return connect(
            self._place,
            "integrator",
            statement_ms=_STATEMENT_MS,
            fence_ms=self._options.fence_ms,
        )

    def _serve(self, db: Connection, integrator: Integrator) -> None:
        while not self._stop.is_set():
            numbered = integrator.round(db)
            self._said = ""
            if numbered != BATCH:
                self._stop.wait(LOSER_SECONDS if numbered is None else IDLE_SECONDS)
        integrator.round(db, keep=True)

    def _say(self, text: str) -> None:
        if text != self._said:
            print(f"counterfoil integrator: {text}", file=sys.stderr)  # noqa: T201 (its only voice)
            self._said = text


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the integrator; see the module's text for the exit codes."""
    options = _parse(arguments)
    os.umask(0o077)
    try:
        runner = Runner(options)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, runner.stop)
        runner.run()
    except ConfigError as error:
        return _ended(EXIT_CONFIG, error)
    except LedgerCorrupt as error:
        return _ended(EXIT_CORRUPT, error)
    except StorageFailed as error:
        return _ended(EXIT_STORAGE, error)
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="counterfoil.ledger.postgresql.integrator", description=__doc__
    )
    add_place(parser)
    parser.add_argument("--keys", type=Path, required=True, help="folder with receipt.pem")
    parser.add_argument("--origin", required=True, help="what the logs' names begin with")
    parser.add_argument("--create-keys", action="store_true", help="development only")
    parser.add_argument("--fence-ms", type=int, default=FENCE_MS, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def _ended(code: int, error: Exception) -> int:
    print(f"counterfoil integrator: {error}", file=sys.stderr)  # noqa: T201 (its only voice)
    return code


if __name__ == "__main__":
    sys.exit(main())
