"""How far an export has come: a small durable file, moved only after a delivery."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

from counterfoil.config_ledger import PostgresqlPlace
from counterfoil.core.export_manifest import cursor_of, frontier_of
from counterfoil.core.tree import Frontier


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """A place in a log, and the tree up to it: what was shipped is what was signed.

    `recorded` names what the ledger knows of this export: where to, and whether opened.
    """

    origin: str = ""
    cursor: str = cursor_of(Frontier())
    shipped: int = 0
    rejected: int = 0
    recorded: str = ""

    def of(self, origin: str) -> Cursor:
        """This cursor in a log: a log of another name is read from its beginning."""
        if origin == self.origin:
            return self
        return replace(self, origin=origin, cursor=cursor_of(Frontier()))

    def frontier(self) -> Frontier:
        """The tree up to here."""
        return frontier_of(self.cursor)


def cursor_file(place: Path | PostgresqlPlace, keys_directory: Path, name: str) -> Path:
    """Beside the ledger's file, or on each replica beside its keys."""
    if isinstance(place, PostgresqlPlace):
        return keys_directory.absolute().with_name("ledger.exports") / f"{name}.json"
    return place.with_name(place.name + ".exports") / f"{name}.json"


def load_cursor(path: Path) -> Cursor:
    """The cursor of a file; the beginning where there is none.

    Raises:
        ValueError: another content: from where to go on is for somebody to say.
        OSError: it cannot be read.
    """
    try:
        value = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return Cursor()
    try:
        cursor = Cursor(**value)
        cursor.frontier()
    except (TypeError, KeyError) as error:
        raise ValueError("not a cursor") from error
    return cursor


def save_cursor(path: Path, cursor: Cursor) -> None:
    """Make it durable before anything is read behind it.

    Raises:
        OSError: it cannot be written.
    """
    value = {name: getattr(cursor, name) for name in cursor.__slots__}
    put_durably(path, json.dumps(value).encode())


def put_durably(path: Path, data: bytes) -> None:
    """A whole file under its name, or none; both it and its name survive a power loss.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    written = path.with_name(path.name + ".new")
    descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    written.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
