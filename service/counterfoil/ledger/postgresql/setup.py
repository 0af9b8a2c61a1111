"""Making and renewing the tables, and the checks before anybody writes into them."""

from __future__ import annotations

from base64 import b64encode
from typing import Final

import psycopg
from psycopg import errors, sql

from counterfoil.core.checkpoint import VerifierKey
from counterfoil.errors import ConfigError
from counterfoil.ledger.postgresql.connection import (
    SCHEMA,
    SETTINGS,
    Connection,
    check_durable,
    said,
)
from counterfoil.ledger.postgresql.schema import COUNTER, FORMAT, MIGRATIONS, SERVICE_RIGHTS
from counterfoil.ledger.signing import Signing
from counterfoil.ledger.startup import REMEDY, checked_prefix, new_prefix

MIN_SERVER: Final = 140_000  # xid8, and a snapshot that is told without a lock
_LOCK: Final = 0x636F756E74  # of who makes or renews tables


def prepare(db: Connection, base: str, signing: Signing) -> VerifierKey:
    """Take the steps that the database lacks, and check that it is this replica's ledger.

    Args:
        db: a connection in autocommit.
        base: what the origin prefix begins with.
        signing: what this replica signs by; all replicas do by the same.

    Returns:
        The ledger's name and key, with those before them.

    Raises:
        ConfigError: another ledger, another format, a newer release's tables, no right to
            make them, or a server that would lose what it acknowledges.
        psycopg.Error: the server failed.
    """
    version = db.info.server_version
    if version < MIN_SERVER:
        raise ConfigError("PostgreSQL 14 or newer is needed", pointer="ledger.url")
    check_durable(db.execute(SETTINGS.encode()).fetchone() or ())
    expected = None if signing.line is None else signing.line.name
    try:
        migrate(db, base, expected, signing.key.public)
    except errors.InsufficientPrivilege as error:
        raise ConfigError(
            f"{db.info.user} may not make the ledger's tables ({said(error)})."
            " Let their owner run: counterfoil ledger migrate",
            pointer="ledger.url",
        ) from error
    meta: dict[str, str] = dict(db.execute("SELECT name, value FROM meta").fetchall())
    if meta.get("format") != FORMAT:
        raise ConfigError(f"the ledger's format is {meta.get('format')}, not {FORMAT}")
    stored = meta.get("origin_prefix")
    if signing.recovers and stored in {sign.name for sign in signing.of("").line()}:
        expected = stored
    prefix = checked_prefix(stored, base, expected)
    line = signing.of(prefix)
    # The key that it was begun with: the present one descends from it.
    if meta.get("receipt_key") not in {_key_text(key.public) for key in line.line()}:
        raise ConfigError(f"the ledger {prefix} is signed by another key than this receipt.pem")
    _same_cluster(db)
    return line


def migrate(db: Connection, base: str, expected: str | None, public: bytes) -> int:
    """Take the missing steps in one transaction; how many. One process at a time.

    Raises:
        ConfigError: as `prepare`.
        psycopg.Error: the server failed, or a right is missing.
    """
    if steps_taken(db) == len(MIGRATIONS):
        return 0
    # Before the transaction: one that waited within it would not see the tables made since.
    db.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
    try:
        with db.transaction():
            return _take_steps(db, base, expected, public)
    finally:
        if not db.closed:
            db.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))


def _take_steps(db: Connection, base: str, expected: str | None, public: bytes) -> int:
    known = steps_taken(db)
    if known == 0:
        if expected is not None:
            raise ConfigError(f"the ledger {expected} is gone: {REMEDY}")
        prefix = new_prefix(base)
        db.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(SCHEMA)))
        db.execute(COUNTER.encode())
    for number, (name, statements) in enumerate(MIGRATIONS, 1):
        if number > known:
            for statement in statements:
                db.execute(statement.encode())
            db.execute("INSERT INTO migrations (version, name) VALUES (%s, %s)", (number, name))
    if known == 0:
        rows = (("format", FORMAT), ("origin_prefix", prefix), ("receipt_key", _key_text(public)))
        for row in rows:
            db.execute("INSERT INTO meta VALUES (%s, %s)", row)
        db.execute("INSERT INTO head VALUES (true, '0', 0, 0, %s)", (_system(db),))
    return len(MIGRATIONS) - known


def steps_taken(db: Connection) -> int:
    """How many steps of `MIGRATIONS` the database has taken.

    Raises:
        ConfigError: others than this release's.
    """
    found = db.execute("SELECT to_regclass(%s)", (f"{SCHEMA}.migrations",)).fetchone()
    if found is None or found[0] is None:
        return 0
    rows = db.execute("SELECT name FROM migrations ORDER BY version").fetchall()
    names = [name for (name,) in rows]
    if names != [name for name, _ in MIGRATIONS][: len(names)]:
        raise ConfigError("another release made this ledger's tables: use that one")
    return len(names)


def grant_service(db: Connection, role: str) -> None:
    """Give a role what a replica needs and nothing more.

    Raises:
        psycopg.Error: no such role, or no right to grant.
    """
    who = sql.Identifier(role)
    db.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(sql.Identifier(SCHEMA), who))
    for rights, tables in SERVICE_RIGHTS:
        db.execute(
            sql.SQL("GRANT {} ON {} TO {}").format(
                sql.SQL(rights),
                sql.SQL(tables),
                who,
            )
        )


def grant_auditor(db: Connection, role: str) -> None:
    """Let a role read the tables, for `verify`.

    Raises:
        psycopg.Error: as `grant_service`.
    """
    schema, who = sql.Identifier(SCHEMA), sql.Identifier(role)
    db.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(schema, who))
    db.execute(sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA {} TO {}").format(schema, who))


def _same_cluster(db: Connection) -> None:
    """A copy in another cluster has other transaction numbers: its order cannot go on."""
    row = db.execute(
        "SELECT system, xid < pg_snapshot_xmax(pg_current_snapshot()) FROM head"
    ).fetchone()
    if row is None or row[0] != _system(db) or not row[1]:
        raise ConfigError(
            "this ledger was restored from a dump or moved to another PostgreSQL cluster, where"
            " its order cannot be continued. Restore a physical backup, or begin a new record."
        )


def _system(db: Connection) -> str:
    row = db.execute("SELECT system_identifier::text FROM pg_control_system()").fetchone()
    if row is None:
        raise psycopg.OperationalError("the server does not say which cluster it is")
    return str(row[0])


def _key_text(public: bytes) -> str:
    return b64encode(public).decode()
