"""Ordinary work is read: what ORMs emit, replayed in order, and what analysts ask.

With a catalogue means what it says: the statements run on a real server, and each is read
with a snapshot taken just before it. Peewee's and the analysts' run here; all in `make prove`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pg8000.native  # type: ignore[import-untyped]  # has no annotations
import pytest

from commands import read_sql
from counterfoil.catalogues.postgresql import snapshot
from counterfoil.catalogues.seal import digest_of
from counterfoil.core.model import Interpretation, Snapshot
from evidence import record
from servers import postgresql

CORPORA = Path(__file__).parents[1] / "corpora"
ORMS = json.loads((CORPORA / "orm_statements.json").read_text("utf-8"))
TABLES, _, QUERIES = (CORPORA / "analysts.sql").read_text("utf-8").partition("-- queries\n")
ANALYSTS = [line.removesuffix(";") for line in QUERIES.splitlines() if line]
SETS: dict[str, Sequence[str]] = {
    name: [text for origin, text in ORMS["statements"] if origin.split()[0] == name]
    for name in sorted({origin.split()[0] for origin, _ in ORMS["statements"]})
}
"""By package; Django's own come from three runs of it, one after the other."""
WITHOUT, WITH = 0.85, 0.95


@pytest.fixture(scope="module")
def socket() -> Iterator[Path]:
    with postgresql.running() as made:
        yield made


@contextmanager
def database(socket: Path) -> Iterator[pg8000.native.Connection]:
    first = postgresql.connect(socket)
    first.execute_simple("DROP DATABASE IF EXISTS orders")
    first.execute_simple("CREATE DATABASE orders")
    first.close()
    connection = postgresql.connect(socket, "orders")
    try:
        yield connection
    finally:
        connection.close()


def catalogue(server: pg8000.native.Connection) -> Snapshot:
    body = json.dumps(snapshot(lambda query: list(server.run(query) or []))).encode()
    return Snapshot(digest=digest_of(body), taken_at="2026-11-24T03:10:00Z", body=body)


def replayed(socket: Path, texts: Sequence[str]) -> list[Interpretation]:
    """Each text as it is read by the catalogue of its moment; then it runs."""
    readings = []
    with database(socket) as server:
        for text in texts:
            readings.append(read_sql(text, catalogue=catalogue(server)))
            try:
                server.execute_simple(text)
            except pg8000.native.DatabaseError:
                continue  # a value or a table that another run of the ORM had made
    return readings


def asked(socket: Path) -> list[Interpretation]:
    """The analysts' queries by the catalogue of their tables; each is valid."""
    with database(socket) as server:
        server.execute_simple(TABLES)
        known = catalogue(server)
        for text in ANALYSTS:
            if not text.startswith("COPY"):
                server.execute_simple(text)
    return [read_sql(text, catalogue=known) for text in ANALYSTS]


def share(texts: Sequence[str], readings: Sequence[Interpretation]) -> dict[str, Any]:
    """How much was read, and why the rest was not."""
    doubts = Counter(
        reading.uncertain[0].code
        for _, reading in zip(texts, readings, strict=True)
        if reading.uncertain
    )
    return {
        "statements": len(texts),
        "certain": len(texts) - doubts.total(),
        "share": round(1 - doubts.total() / len(texts), 3),
        "doubts": dict(doubts.most_common()),
    }


def test_what_analysts_ask_is_read(socket: Path) -> None:
    assert len(ANALYSTS) >= 60
    without = share(ANALYSTS, [read_sql(text) for text in ANALYSTS])
    informed = share(ANALYSTS, asked(socket))
    assert without["share"] >= WITHOUT, without
    assert informed["share"] >= WITH, informed


@pytest.mark.parametrize("source", ["peewee", "alembic"])
def test_what_an_orm_emits_is_read_by_the_catalogue_of_its_moment(
    socket: Path, source: str
) -> None:
    texts = SETS[source]
    assert share(texts, [read_sql(text) for text in texts])["share"] >= WITHOUT
    assert share(texts, replayed(socket, texts))["share"] >= WITH


def test_a_role_that_may_only_connect_runs_every_transaction_statement(socket: Path) -> None:
    with database(socket) as server:
        server.execute_simple("REVOKE ALL ON DATABASE orders FROM PUBLIC")
        server.execute_simple("CREATE ROLE bare; GRANT CONNECT ON DATABASE orders TO bare")
        server.execute_simple("SET ROLE bare")
        for text in (
            *("BEGIN", "SAVEPOINT a", "ROLLBACK TO a", "RELEASE a", "COMMIT"),
            *("START TRANSACTION", "ROLLBACK"),
        ):
            reading = read_sql(text)
            assert (reading.uncertain, reading.required) == ((), ())
            server.execute_simple(text)


@pytest.mark.prove
def test_all_ordinary_work_is_read(socket: Path) -> None:
    found = {
        source: {
            "without_catalogue": share(texts, [read_sql(text) for text in texts]),
            "with_catalogue": share(texts, replayed(socket, texts)),
        }
        for source, texts in SETS.items()
    }
    found["analysts"] = {
        "without_catalogue": share(ANALYSTS, [read_sql(text) for text in ANALYSTS]),
        "with_catalogue": share(ANALYSTS, asked(socket)),
    }
    record(
        "sql_ordinary_work",
        "statements of ORMs, in order, and of analysts, read without and with a catalogue",
        made_by=ORMS["made_by"],
        sets=found,
    )
    for name, both in found.items():
        assert both["without_catalogue"]["share"] >= WITHOUT, name
        assert both["with_catalogue"]["share"] >= WITH, name
