"""What `verify` asks of PostgreSQL besides the logs: its tables, its name, and what stands outside.

Views could show an auditor other rows than the tables have, so the numbered records are read
from the tables themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg

from counterfoil.config_ledger import PostgresqlPlace
from counterfoil.core.checkpoint import VerifierKey
from counterfoil.errors import ConfigError, LedgerUnavailable
from counterfoil.ledger.postgresql.connection import SCHEMA, Rows, connect, said
from counterfoil.ledger.postgresql.schema import COLUMNS, FORMAT, NUMBERED
from counterfoil.ledger.postgresql.setup import steps_taken

_STATEMENT_MS: Final = 600_000  # counts of a long ledger
_NUMBERED = re.compile(r"\b(FROM|JOIN) (entries|payloads)\b(?: ([a-z])\b)?")

_COLUMNS = """SELECT c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relnamespace = to_regnamespace(?) AND c.relkind IN ('r', 'p', 'f', 'v', 'm')
    AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1"""
_HOOKS = """SELECT 'trigger ' || tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE c.relnamespace = to_regnamespace(?) AND NOT tgisinternal
    UNION ALL SELECT 'rule ' || rulename FROM pg_rules WHERE schemaname = ?
    UNION ALL SELECT 'policy ' || policyname FROM pg_policies WHERE schemaname = ?"""
_OUTSIDE = (
    (
        "table records",
        "has {} rows that were passed over and never numbered",
        """SELECT count(*) FROM records r, head h WHERE (r.xid, r.id) <= (h.xid, h.id)
        AND NOT EXISTS (SELECT 1 FROM positions p WHERE p.record = r.id)""",
    ),
    (
        "table records",
        "has {} rows that wait for their number for more than a minute",  # at 10 s all stops
        """SELECT count(*) FROM records r, head h WHERE (r.xid, r.id) > (h.xid, h.id)
        AND r.made_at < now() - interval '60 seconds'""",
    ),
    (
        "table sealed",
        "has {} rows that belong to no record",
        "SELECT count(*) FROM sealed s LEFT JOIN records r ON r.id = s.record WHERE r.id IS NULL",
    ),
    (
        "table positions",
        "has {} rows of no record",
        """SELECT count(*) FROM positions p LEFT JOIN records r ON r.id = p.record
        WHERE r.id IS NULL""",
    ),
    (
        "table head",
        "does not end at the last number",
        "SELECT count(*) FROM head WHERE seq <> (SELECT coalesce(max(seq), 0) FROM positions)",
    ),
    ("table head", "is not one row", "SELECT count(*) - 1 FROM head"),
)


class CheckedRows(Rows):
    """As `Rows`; `entries` and `payloads` are read from the tables behind them."""

    def execute(
        self, sql: str, parameters: Sequence[Any] = (), /
    ) -> psycopg.Cursor[tuple[Any, ...]]:
        """Run one query."""
        return super().execute(_NUMBERED.sub(_from_tables, sql), parameters)


@contextmanager
def opened(place: PostgresqlPlace) -> Iterator[CheckedRows]:
    """A connection for one verification; every transaction of it is one snapshot, and reads only.

    Raises:
        LedgerUnavailable: it cannot be read.
    """
    try:
        with connect(place, "verify", statement_ms=_STATEMENT_MS, fence_ms=_STATEMENT_MS) as db:
            db.execute("SET default_transaction_isolation = 'repeatable read'")
            db.execute("SET default_transaction_read_only = on")
            yield CheckedRows(db)
    except (psycopg.Error, ConfigError) as error:
        detail = said(error) if isinstance(error, psycopg.Error) else str(error)
        raise LedgerUnavailable(f"the ledger cannot be read: {detail}") from error


def shape_problems(db: CheckedRows, key: VerifierKey) -> list[tuple[str, str]]:
    """Steps 1, 2 and 6 of `verify.py`: (where, what) of everything that is wrong.

    Raises:
        psycopg.Error: the server failed.
    """
    columns = [row[0] for row in db.execute(_COLUMNS, (SCHEMA,)).fetchall()]
    if sorted(columns) != sorted(COLUMNS):
        return [("the database", f"does not have exactly the tables of format {FORMAT}")]
    found = [
        ("the database", f"has a {row[0]} on the ledger's tables")
        for row in db.execute(_HOOKS, (SCHEMA, SCHEMA, SCHEMA)).fetchall()
    ]
    try:
        steps_taken(db.connection)
    except ConfigError as error:
        found.append(("table migrations", str(error)))
    meta = db.execute('SELECT name, value FROM meta ORDER BY name COLLATE "C"').fetchall()
    if [row for row in meta if row[0] != "receipt_key"] != [
        ("format", FORMAT),
        ("origin_prefix", key.name),
    ]:
        found.append(("table meta", f"is {meta}; the key is for {key.name}, format {FORMAT}"))
    for where, what, sql in _OUTSIDE:
        (count,) = db.execute(sql).fetchone() or (0,)
        if count:
            found.append((where, what.format(count)))
    return found


def _from_tables(match: re.Match[str]) -> str:
    word, table, alias = match.groups()
    return f"{word} ({NUMBERED[table]}) AS {alias or table}"
