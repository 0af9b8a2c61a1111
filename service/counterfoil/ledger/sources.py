"""The adapter for where a ledger lies."""

from __future__ import annotations

from pathlib import Path

from counterfoil.config_ledger import PostgresqlPlace
from counterfoil.ledger.port import Source
from counterfoil.ledger.sqlite_source import SqliteSource


def source_of(place: Path | PostgresqlPlace) -> Source:
    """What a reader reads from. Without PostgreSQL, its driver is not loaded."""
    if not isinstance(place, PostgresqlPlace):
        return SqliteSource(place)
    from counterfoil.ledger.postgresql.source import PostgresqlSource  # noqa: PLC0415

    return PostgresqlSource(place)


def stops_beside(place: Path | PostgresqlPlace, keys_directory: Path) -> Path:
    """The folder of stopped tenants: beside the file, or on each replica beside its keys."""
    if isinstance(place, PostgresqlPlace):
        return keys_directory.absolute().with_name("ledger.stopped")
    return place.with_name(place.name + ".stopped")
