"""SQLite with an authorizer that lets through what a rendering lists: docs/actions/sqlite.md's."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from counterfoil.core.model import Permission
from counterfoil.core.renderings.sqlite import parse_back, render, rights

PAGE = Path(__file__).resolve().parents[1] / "docs" / "actions" / "sqlite.md"
Call = tuple[str, str | None, str | None, str | None]
NAMES = {
    getattr(sqlite3, name): name
    for name in dir(sqlite3)
    if re.fullmatch(
        r"SQLITE_(CREATE_\w+|DROP_\w+|DELETE|INSERT|PRAGMA|READ|SELECT|TRANSACTION|UPDATE|ATTACH"
        r"|DETACH|ALTER_TABLE|REINDEX|ANALYZE|FUNCTION|SAVEPOINT|RECURSIVE)",
        name,
    )
}


def callback(entries: Sequence[Any]) -> Callable[..., int]:
    """The callback of the page, made from its own text."""
    found = re.search(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert found is not None
    space: dict[str, Any] = {}
    exec(found[1], space)  # noqa: S102 -- our own page
    made: Callable[..., int] = space["authorizer"](entries)
    return made


def rendered(permissions: Sequence[Permission]) -> list[Any]:
    """The authorizer's list for permissions, read back and compared."""
    rendering: Any = render(permissions)
    assert parse_back(rendering) == {right for item in permissions for right in rights(item)}
    entries: list[Any] = rendering["authorizer"]
    return entries


def attempt(database: str, entries: Sequence[Any], text: str) -> tuple[str | None, set[Call]]:
    """Run `text` on a copy of a database; the error, if one, and all that SQLite asked for."""
    asked: set[Call] = set()
    judge = callback(entries)

    def authorizer(action: int, *names: str | None) -> int:
        asked.add((NAMES.get(action, str(action)), *names[:3]))  # type: ignore[arg-type]
        return judge(action, *names)

    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        connection.executescript(database)
        connection.set_authorizer(authorizer)
        connection.execute(text).fetchall()
    except sqlite3.Error as error:
        return str(error), asked
    finally:
        connection.close()
    return None, asked
