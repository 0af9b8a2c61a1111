"""`counterfoil ledger recover` on PostgreSQL, by the role that owns the tables."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import psycopg

from counterfoil.config_ledger import PostgresqlPlace
from counterfoil.errors import ConfigError
from counterfoil.ledger.mark import Mark, only_signer
from counterfoil.ledger.postgresql.connection import Connection, Rows, connect, said
from counterfoil.ledger.postgresql.integration import Integrator
from counterfoil.ledger.postgresql.setup import prepare
from counterfoil.ledger.recovery import Recovered, ordered_name
from counterfoil.ledger.signing import carried_out, load_signing
from counterfoil.ledger.startup import load_logs

_STATEMENT_MS: Final = 600_000
_OTHERS = """SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
    AND pid <> pg_backend_pid()
    AND application_name IN ('counterfoil writer', 'counterfoil integrator')"""
_NAME = "UPDATE meta SET value = %s WHERE name = 'origin_prefix'"


def recover_database(
    place: PostgresqlPlace, keys: Path, *, base: str, now: Callable[[], float]
) -> Recovered:
    """Give the ledger a new name; no replica may run. What waits for its number gets it first.

    Raises:
        ConfigError: a replica runs, a right is missing, or it is no ledger of these keys.
        LedgerCorrupt: the log contradicts itself: there is nothing sound to go on from.
    """
    try:
        with (
            only_signer(keys),
            connect(place, "recover", statement_ms=_STATEMENT_MS, fence_ms=_STATEMENT_MS) as db,
        ):
            if db.execute(_OTHERS).fetchone() != (0,):
                raise ConfigError("a replica is at work: stop all of them first")
            (old,) = db.execute(
                "SELECT value FROM meta WHERE name = 'origin_prefix'"
            ).fetchone() or ("",)
            ordered_name(keys, str(old), base, now())
            return _recover(db, keys, str(old), base=base, now=now)
    except psycopg.Error as error:
        raise ConfigError(f"PostgreSQL: {said(error)}", pointer="ledger.url") from error


def _recover(
    db: Connection, keys: Path, old: str, *, base: str, now: Callable[[], float]
) -> Recovered:
    signing, rows = load_signing(keys, now()), Rows(db)
    line = prepare(db, base, signing)
    with db.transaction():
        load_logs(rows, line, signs=signing.signs)
        sizes = {
            str(tenant): int(size) for tenant, size in db.execute("SELECT tenant, size FROM logs")
        }
        if Integrator(line, signing).round(db, keep=True) is None:
            raise ConfigError("a replica holds the head: stop all of them first")
        db.execute(_NAME, (line.name,))
    carried_out(keys, line)
    Mark(keys, rows.query, line, time.monotonic).keep(now=True)
    return Recovered(old, line.name, [(tenant or "system", size) for tenant, size in sizes.items()])
