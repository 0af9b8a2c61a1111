"""Ownership passes on: to a job's role while it lives, and at its end to whom it belongs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from psycopg import sql

from counterfoil_issuers.postgresql.server import Database


def give(connection: Database, word: str, path: Sequence[str], owner: str) -> None:
    """`ALTER word path OWNER TO owner`.

    Raises:
        psycopg.Error: the issuer lacks a power (docs/issuers/postgresql.md).
    """
    statement = sql.SQL("ALTER {} {} OWNER TO {}").format(
        sql.SQL(word),
        sql.Identifier(*path),
        sql.Identifier(owner),
    )
    where = ("DATABASE", _database(connection)) if word == "SCHEMA" else ("SCHEMA", path[0])
    with _creating(connection, *where, owner):
        connection.execute(statement)


@contextmanager
def _creating(connection: Database, word: str, place: str, role: str) -> Iterator[None]:
    """The new owner must be able to create there; lent for this moment where it is not."""
    query = {
        "SCHEMA": "SELECT has_schema_privilege(%s, %s, 'CREATE')",
        "DATABASE": "SELECT has_database_privilege(%s, %s, 'CREATE')",
    }[word]
    row: Any = connection.execute(query, (role, place)).fetchone()
    if row[0]:
        yield
        return
    names = sql.SQL(word), sql.Identifier(place), sql.Identifier(role)
    connection.execute(sql.SQL("GRANT CREATE ON {} {} TO {}").format(*names))
    yield
    connection.execute(sql.SQL("REVOKE CREATE ON {} {} FROM {}").format(*names))


def _database(connection: Database) -> str:
    return connection.info.dbname
