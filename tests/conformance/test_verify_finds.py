"""`verify` finds every change of a small real ledger: bytes, each row, each swap, each cut.

Of a long value the first, the last and some more bytes are changed; every bit is (`make prove`)
the matter of test_every_bit.py.

Control everywhere: the untouched file is whole, and whole again after each change is undone.
"""

from __future__ import annotations

import itertools
import random
import signal
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from counterfoil.ledger import log_check
from ledger_samples import Sample, closed_ledger, copy_of

RECORD_TABLES = {
    "entries": ("seq", "log", "idx", "event_id", "decision_id", "leaf", "signature"),
    "payloads": ("seq", "sealed"),
    "logs": ("log", "tenant", "size", "frontier", "root", "note", "kept"),
    "checkpoints": ("log", "number", "size", "frontier", "note"),
    "meta": ("name", "value"),
    "subject_keys": ("id", "lookup", "wrapped"),
}
BYTES_OF_A_VALUE = 24
_seeded = random.Random(20_260_101)  # noqa: S311 (not for secrets)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    with closed_ledger(tmp_path_factory.mktemp("verify")) as made:
        yield made


@pytest.fixture(autouse=True)
def nobody_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """These ledgers are closed: what is not there now is not about to be numbered."""
    monkeypatch.setattr(log_check, "_NUMBERING_SECONDS", 0.0)


@pytest.fixture
def sample(original: Sample, tmp_path: Path) -> Iterator[Sample]:
    with copy_of(original, tmp_path) as copied:
        yield copied


def changes(value: object) -> Iterator[object]:
    """One-byte changes of a stored value, and another number for a number."""
    if isinstance(value, int):
        yield from (value + 1, value - 1, value + 1_000_000)
    elif value is None:
        yield "dec_" + "0" * 26
    elif isinstance(value, (str, bytes)):
        data = value.encode() if isinstance(value, str) else value
        places: Sequence[int] = range(len(data))
        if len(data) > BYTES_OF_A_VALUE:
            places = sorted({0, len(data) - 1, *_seeded.sample(places, BYTES_OF_A_VALUE)})
        for at in places:
            byte = data[at]
            other = byte ^ 1 if isinstance(value, str) else byte ^ _seeded.randrange(1, 256)
            changed = data[:at] + bytes([other]) + data[at + 1 :]
            yield changed.decode() if isinstance(value, str) else changed
        yield value[:-1]
        yield value * 2


@pytest.mark.parametrize(
    ("table", "column"),
    [(table, column) for table, columns in RECORD_TABLES.items() for column in columns],
)
def test_every_change_of_a_column_is_found(sample: Sample, table: str, column: str) -> None:
    key_columns = ("log", "number") if table == "checkpoints" else (RECORD_TABLES[table][0],)
    tried = 0
    with closing(sqlite3.connect(sample.path, isolation_level=None)) as database:
        database.execute("PRAGMA synchronous = OFF")
        names = ", ".join((*key_columns, column))
        where = " AND ".join(f"{name} = ?" for name in key_columns)
        for row in database.execute(f"SELECT {names} FROM {table}").fetchall():  # noqa: S608
            keys, value = row[:-1], row[-1]
            for changed in changes(value):
                update = f"UPDATE {table} SET {column} = ? WHERE {where}"  # noqa: S608
                try:
                    database.execute(update, (changed, *keys))
                except sqlite3.IntegrityError:
                    continue  # the name of another row: it would not be stored
                tried += 1
                assert sample.verify().found, f"{table}.{column} of {keys}: {changed!r}"
                moved = tuple(
                    changed if name == column else key
                    for name, key in zip(key_columns, keys, strict=True)
                )
                database.execute(update, (value, *moved))
        assert sample.verify().findings == []
    assert tried >= len(sample.rows(table))


def record_bytes(sample: Sample) -> Iterator[range]:
    """Where the cells of records lie in the file: the stored blobs and what stands before them."""
    data = sample.path.read_bytes()
    for table, column in (
        ("entries", 5),
        ("entries", 6),
        ("payloads", 1),
        ("logs", 3),
        ("logs", 5),
        ("checkpoints", 3),
        ("checkpoints", 4),
        ("subject_keys", 1),
        ("subject_keys", 2),
    ):
        for row in sample.rows(table):
            blob = row[column]
            assert isinstance(blob, bytes)
            at = data.find(blob)
            while at >= 0:
                yield range(max(0, at - 40), at + len(blob))
                at = data.find(blob, at + 1)


PHASES = 16
"""One process reads every sixteenth byte: four in each run, all of them in `make prove`."""


@pytest.mark.parametrize(
    "phase",
    [pytest.param(at, marks=pytest.mark.prove if at % 4 else ()) for at in range(PHASES)],
)
def test_every_changed_byte_of_a_record_in_the_file_is_found(sample: Sample, phase: int) -> None:
    """A byte that nothing reads (free space) may go unseen, if all content is still the same."""
    data = bytearray(sample.path.read_bytes())
    content = {table: sample.rows(table) for table in RECORD_TABLES}
    offsets = sorted({at for cell in record_bytes(sample) for at in cell})
    found = unseen = 0
    for at in offsets[phase::PHASES]:
        flipped = _seeded.randrange(1, 256)
        data[at] ^= flipped
        sample.path.write_bytes(data)
        if sample.verify().found:
            found += 1
        else:
            unseen += 1
            assert {table: sample.rows(table) for table in RECORD_TABLES} == content, at
        data[at] ^= flipped
    sample.path.write_bytes(data)
    assert sample.verify().findings == []
    assert found > 100
    assert unseen < found / 20


def test_no_damage_leads_verify_in_circles(sample: Sample) -> None:
    """A number changed inside a tree page can make an ordered read go backwards."""
    data = bytearray(sample.path.read_bytes())
    for row in sample.rows("checkpoints"):
        frontier = row[3]
        assert isinstance(frontier, bytes)
        at = data.find(frontier)
        while at >= 0:
            for place, flipped in itertools.product(range(at - 12, at), (1, 2, 64, 128, 221, 251)):
                data[place] ^= flipped
                sample.path.write_bytes(data)
                with within_seconds(30):
                    sample.verify()
                data[place] ^= flipped
            at = data.find(frontier, at + 1)
    sample.path.write_bytes(data)
    assert sample.verify().findings == []


@contextmanager
def within_seconds(seconds: float) -> Iterator[None]:
    """Break an endless loop off; nobody waits for the time itself."""

    def break_off(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, break_off)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("table", RECORD_TABLES)
def test_every_deleted_row_is_found(sample: Sample, table: str) -> None:
    rows = sample.rows(table)
    assert rows
    for row in rows:
        names = ("log", "number") if table == "checkpoints" else (None,)
        column = {"subject_keys": "id", "meta": "name", "logs": "log"}.get(table, "seq")
        where = " AND ".join(f"{name or column} = ?" for name in names)
        sample.edit((f"DELETE FROM {table} WHERE {where}", *row[: len(names)]))  # noqa: S608
        assert sample.verify().found, f"{table} {row[:2]}"
        marks = ", ".join("?" * len(row))
        sample.edit((f"INSERT INTO {table} VALUES ({marks})", *row))  # noqa: S608
    assert sample.verify().findings == []


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("entries", ("leaf",)),
        ("entries", ("signature",)),
        ("entries", ("leaf", "signature")),
        ("entries", ("event_id", "leaf", "signature", "decision_id")),
        ("entries", ("idx",)),
        ("entries", ("log", "idx")),
        ("entries", ("decision_id",)),
        ("payloads", ("sealed",)),
    ],
)
def test_every_swap_of_two_records_is_found(
    sample: Sample, table: str, columns: tuple[str, ...]
) -> None:
    rows = sample.rows(table)
    places = [RECORD_TABLES[table].index(column) for column in columns]
    marks = ", ".join(f"{column} = ?" for column in columns)
    update = f"UPDATE {table} SET {marks} WHERE seq = ?"  # noqa: S608
    aside = f"UPDATE {table} SET {', '.join(f'{c} = {aside_of(c)}' for c in columns)} WHERE seq = ?"  # noqa: S608
    for one, two in itertools.combinations(rows, 2):
        first, second = [one[place] for place in places], [two[place] for place in places]
        if first == second:
            continue
        try:
            sample.edit((aside, one[0]), (update, *first, two[0]), (update, *second, one[0]))
        except sqlite3.IntegrityError:
            continue  # a third row has that place: it would not be stored
        assert sample.verify().found, f"{one[0]} and {two[0]}"
        sample.edit((aside, one[0]), (update, *second, two[0]), (update, *first, one[0]))
    assert sample.verify().findings == []


def aside_of(column: str) -> str:
    return {"leaf": "x'00'", "signature": "x'00'", "sealed": "x'00'"}.get(column, "-1")


@pytest.mark.parametrize(
    "sql",
    [
        (
            "INSERT INTO entries SELECT 6, log, idx + 3, 'evt_' || substr(event_id, 5, 25) || 'z',"
            " decision_id, leaf, signature FROM entries WHERE seq = 1"
        ),
        (
            "INSERT INTO entries SELECT 6, 9, 0, 'x', decision_id, leaf, signature FROM entries"
            " WHERE seq = 1"
        ),
        "INSERT INTO payloads VALUES (77, x'80')",
        (
            "INSERT INTO checkpoints SELECT log, number + 50, size, frontier, note FROM checkpoints"
            " WHERE log = 1 AND number = 1"
        ),
        (
            "INSERT INTO checkpoints SELECT 9, number, size, frontier, note FROM checkpoints"
            " WHERE log = 1 AND number = 1"
        ),
        "INSERT INTO logs SELECT 9, 'third', size, frontier, root, note, 0 FROM logs WHERE log = 1",
        "INSERT INTO meta VALUES ('more', '1')",
        "CREATE TABLE more (x)",
        "CREATE VIEW more AS SELECT 1",
        "CREATE TRIGGER more AFTER INSERT ON entries BEGIN DELETE FROM entries; END",
        "DROP INDEX entries_decision",
        "DROP TABLE checkpoints",
        "ALTER TABLE entries ADD COLUMN more TEXT",
    ],
)
def test_everything_added_or_taken_away_is_found(sample: Sample, sql: str) -> None:
    sample.edit((sql,))
    assert sample.verify().found
