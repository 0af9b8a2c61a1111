"""Going on with a ledger that has lost its end, or that has a twin: under a new name.

What was signed under the old name stays true or false there; the new name never contradicts it.
Every log gets a record `recovery` that says from where it goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from counterfoil.errors import ConfigError, LedgerCorrupt
from counterfoil.ledger.database import StorageFailed, StorageUnavailable
from counterfoil.ledger.keys import known_key
from counterfoil.ledger.mark import Mark, only_signer
from counterfoil.ledger.signing import carried_out, load_signing, order_recovery
from counterfoil.ledger.sqlite_source import open_read_only
from counterfoil.ledger.startup import new_prefix
from counterfoil.ledger.store import Store


@dataclass(frozen=True, slots=True)
class Recovered:
    """The names before and after, and (log, entries) of what was gone on from."""

    old: str
    new: str
    logs: list[tuple[str, int]]


def recover_file(path: Path, keys: Path, *, base: str, now: Callable[[], float]) -> Recovered:
    """Give a SQLite ledger a new name; no writer may run.

    Raises:
        ConfigError: a writer runs, or it is no ledger of these keys.
        LedgerCorrupt: the log contradicts itself: there is nothing sound to go on from.
    """
    if not path.exists():
        raise ConfigError(f"there is no ledger {path}")
    with only_signer(keys):
        with closing(open_read_only(path)) as db:
            old = str(
                db.execute("SELECT value FROM meta WHERE name = 'origin_prefix'").fetchone()[0]
            )
            sizes = db.execute("SELECT tenant, size FROM logs ORDER BY log").fetchall()
        ordered_name(keys, old, base, now())
        try:
            store = Store(
                path.absolute(),
                load_signing(keys, now()),
                base=base,
                reserve_bytes=0,
                now=now,
                monotonic=time.monotonic,
                handed_over=partial(carried_out, keys),
                mark=lambda rows, line: Mark(keys, rows, line, time.monotonic),
            )
            store.close()
        except (StorageFailed, StorageUnavailable) as error:
            raise LedgerCorrupt(str(error)) from error
    return Recovered(old, store.prefix, [(tenant or "system", size) for tenant, size in sizes])


def ordered_name(keys: Path, stored: str, base: str, now: float) -> None:
    """Order a new name, unless one was ordered that the ledger bears already (a second try).

    Raises:
        ConfigError: as `order_recovery`, or the stored name is of no ledger of these keys.
    """
    signing, known = load_signing(keys, now), known_key(keys)
    if known is None or signing.line is None:
        raise ConfigError(f"{keys} knows of no ledger: there is nothing to go on from")
    if stored not in {sign.name for sign in signing.line.line()}:
        raise ConfigError(f"the ledger is {stored}, of which the keys in {keys} know nothing")
    if not (signing.recovers and stored == signing.line.name):
        order_recovery(keys, new_prefix(base))


def set_stops_aside(folder: Path, old: str) -> Path | None:
    """Keep what held receipts have stopped, as evidence of the old name; where, if there is any."""
    aside = folder.with_name(f"{folder.name}.{old.rpartition('/')[2]}")
    with suppress(OSError):
        folder.rename(aside)
        return aside
    return None
