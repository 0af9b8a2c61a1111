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
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from counterfoil.core.checkpoint import VerifierKey
from counterfoil.errors import ConfigError, LedgerCorrupt
from counterfoil.ledger.database import StorageFailed, StorageUnavailable
from counterfoil.ledger.exit_codes import EXIT_CONFIG, EXIT_CORRUPT, EXIT_STORAGE
from counterfoil.ledger.mark import Mark
from counterfoil.ledger.postgresql.arguments import add_place, place_from
from counterfoil.ledger.postgresql.connection import FENCE_MS, Connection, Rows, connect, translated
from counterfoil.ledger.postgresql.integration import BATCH, Integrator
from counterfoil.ledger.postgresql.setup import prepare
from counterfoil.ledger.signing import CLOCKS_SECONDS, KeyFolder, Signing, carried_out, load_signing
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
        self._keys = KeyFolder(options.keys)
        self._signing = self._load(create=options.create_keys)
        self._stop = threading.Event()
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
                    line = prepare(db, self._options.origin, self._signing)
                    self._signing = replace(self._signing, line=line)
                    with db.transaction():
                        db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                        load_logs(Rows(db), line, signs=self._signing.signs)
                    mark = Mark(self._options.keys, Rows(db).query, line, time.monotonic)
                    mark.check()
                    self._serve(db, line, mark)
            except StorageUnavailable as error:
                self._say(str(error))
                self._stop.wait(DOWN_SECONDS)
                if self._signing.coming is not None:  # a replica's clock may be ahead
                    self._signing = self._load(CLOCKS_SECONDS)

    def _connect(self) -> Connection:
        return connect(
            self._place,
            "integrator",
            statement_ms=_STATEMENT_MS,
            fence_ms=self._options.fence_ms,
        )

    def _serve(self, db: Connection, line: VerifierKey, mark: Mark) -> None:
        integrator, open_ = Integrator(line, self._signing), self._signing.endorsement is not None
        handed_over = not open_
        while not self._stop.is_set():
            handed_over = handed_over or integrator.round(db, keep=True) is not None
            if self._keys.due(_now()):
                self._signing = self._load()
                return  # begin anew by the next key
            if open_ and _now() >= self._signing.ends_at:
                open_ = not self._end(db, integrator, line)
                if not open_:
                    return
            numbered = integrator.round(db)
            mark.keep()
            self._said = ""
            if numbered is None or numbered < BATCH // 2:
                self._stop.wait(LOSER_SECONDS if numbered is None else IDLE_SECONDS)
        integrator.round(db, keep=True)
        mark.keep(now=True)

    def _end(self, db: Connection, integrator: Integrator, line: VerifierKey) -> bool:
        """End the overlap in all logs, once what was recorded within it is numbered."""
        if integrator.round(db, end=True) is None:
            return False
        carried_out(self._options.keys, line)
        self._signing = replace(self._signing, endorsement=None)
        return True

    def _load(self, ahead_seconds: float = 0.0, *, create: bool = False) -> Signing:
        return load_signing(self._options.keys, _now() + ahead_seconds, create=create)

    def _say(self, text: str) -> None:
        if text != self._said:
            print(f"counterfoil integrator: {text}", file=sys.stderr)  # noqa: T201 (its only voice)
            self._said = text


def _now() -> float:
    return time.time()  # noqa: TID251 (this process is its own entry point)


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
