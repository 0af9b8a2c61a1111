"""What psycopg sends, as the server gets it: values bound by the client, transactions included."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

_SAVEPOINT = re.compile(r'"s(?:\d{6,}(?=_x)|[0-9a-f]{32}(?="))')
"""Django names savepoints by its thread, Peewee by chance."""


@dataclass
class Recorder:
    """Each statement once for each origin, in the order of its first time."""

    origin: str = ""
    statements: list[tuple[str, str]] = field(default_factory=list)
    _seen: set[tuple[str, str]] = field(default_factory=set)

    def note(self, text: str) -> None:
        """Keep one statement as it is sent; it runs afterwards."""
        item = (self.origin, _SAVEPOINT.sub('"s1', text.strip().removesuffix(";")))
        if self.origin and item not in self._seen:
            self._seen.add(item)
            self.statements.append(item)


@contextmanager
def recording(recorder: Recorder) -> Iterator[None]:
    """Record what every connection of psycopg's sends until the block ends."""
    execute: Any = psycopg.ClientCursor.execute
    executemany: Any = psycopg.ClientCursor.executemany
    command: Any = psycopg.Connection._exec_command  # BEGIN and COMMIT go this way alone

    def recorded(cursor: Any, query: Any, params: Any = None, **options: Any) -> Any:
        recorder.note(cursor.mogrify(query, params))
        return execute(cursor, query, params, **options)

    def recorded_many(cursor: Any, query: Any, rows: Any, **options: Any) -> Any:
        listed = list(rows)
        for row in listed:
            recorder.note(cursor.mogrify(query, row))
        return executemany(cursor, query, listed, **options)

    def commanded(connection: Any, text: Any, *words: Any, **options: Any) -> Any:
        said = text.as_string(connection) if isinstance(text, sql.Composable) else text
        recorder.note(said if isinstance(said, str) else said.decode())
        return command(connection, text, *words, **options)

    own = (
        (psycopg.ClientCursor, "execute", recorded, execute),
        (psycopg.ClientCursor, "executemany", recorded_many, executemany),
        (psycopg.Connection, "_exec_command", commanded, command),
    )
    for owner, name, watched, _ in own:
        setattr(owner, name, watched)
    try:
        yield
    finally:
        for owner, name, _, before in own:
            setattr(owner, name, before)


def client_side() -> type[psycopg.ClientCursor[Any]]:
    """The cursor that binds values itself, as Django's does."""
    return psycopg.ClientCursor
