"""On real SQLite each job touches exactly what was read from it, by SQLite's own account."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from authorizing import Call, attempt, rendered
from commands import read_dialect
from counterfoil.core.model import Permission
from dialect_jobs import jobs, set_up

DATABASE = ";".join(set_up("sqlite"))
JOBS = jobs("sqlite")
BOOKS = ("sqlite_master", "sqlite_temp_master", "sqlite_sequence")
SCHEMA_CHANGES = ("CREATE", "DROP", "ALTER")


def read(text: str) -> tuple[str, list[Permission]]:
    """What runs, and all permissions."""
    reading = read_dialect("sqlite", text)
    assert not reading.uncertain, (text, reading.uncertain)
    assert reading.execute is not None
    return str(reading.execute.arguments["sql"]), [*reading.required, *reading.ambient]


def weaker(permissions: Sequence[Permission]) -> Iterator[list[Permission]]:
    """Every set with one right, or one column of one, less; that there may be a query stays."""
    for index, permission in enumerate(permissions):
        if permission["actions"] == ["query"]:
            continue
        rest = [*permissions[:index], *permissions[index + 1 :]]
        yield rest
        columns = permission.get("columns")
        if isinstance(columns, list) and len(columns) > 1:
            for column in columns:
                yield [*rest, {**permission, "columns": [c for c in columns if c != column]}]


@pytest.mark.parametrize("text", JOBS)
def test_job_runs_with_exactly_its_permissions(text: str) -> None:
    runs, permissions = read(text)
    error, _ = attempt(DATABASE, rendered(permissions), runs)
    assert error is None
    for fewer in weaker(permissions):
        error, _ = attempt(DATABASE, rendered(fewer), runs)
        assert error is not None, [item for item in permissions if item not in fewer]


@pytest.mark.parametrize("text", JOBS)
def test_sqlite_asks_for_nothing_that_was_not_read_and_for_all_that_was(text: str) -> None:
    runs, permissions = read(text)
    entries = rendered(permissions)
    _, asked = attempt(DATABASE, entries, runs)
    assert {call for call in asked if not listed(call, entries)} == set()
    changes = text.startswith(SCHEMA_CHANGES)
    if not changes:  # a change of the schema brings its book-keeping along
        unused = [entry for entry in entries if not any(listed(call, [entry]) for call in asked)]
        spare = ("SQLITE_RECURSIVE", "SQLITE_SELECT")
        assert [e for e in unused if e[0] not in spare and e[2] != ""] == []
        assert not any(name in BOOKS for call in asked for name in call)


@pytest.mark.parametrize("index", range(len(JOBS)))
def test_its_neighbours_are_refused(index: int) -> None:
    _, permissions = read(JOBS[index])
    held = {repr({**item, "operations": []}) for item in permissions}
    others = [read(text) for text in JOBS[index + 1 :] + JOBS[:index]]
    foreign = [
        (runs, wanted)
        for runs, wanted in others
        if any(
            repr({**item, "operations": []}) not in held
            and item["object"] not in {"function", "database"}
            for item in wanted
        )
    ]
    entries = rendered(permissions)
    closed = 0
    for runs, wanted in foreign:
        if covered(rendered(wanted), entries):
            continue
        error, _ = attempt(DATABASE, entries, runs)
        assert error is not None, (JOBS[index], runs)
        closed += 1
        if closed == 2:
            break
    assert closed == 2


def listed(call: Call, entries: Sequence[Sequence[str | None]]) -> bool:
    """Whether the list lets a call through."""
    return any(
        entry[0] == call[0]
        and all(want in {"*", name} for want, name in zip(entry[1:], call[1:], strict=True))
        for entry in entries
    )


def covered(wanted: Sequence[Sequence[str | None]], held: Sequence[Sequence[str | None]]) -> bool:
    """Whether all that one job is given lies in what another is given."""
    return all(any(_within(a, b) for b in held) for a in wanted)


def _within(entry: Sequence[str | None], other: Sequence[str | None]) -> bool:
    return entry[0] == other[0] and all(
        "*" in {mine, theirs} or mine == theirs
        for mine, theirs in zip(entry[1:], other[1:], strict=True)
    )


FAIL_CLOSED = {
    "a view in truth": (
        "CREATE VIEW extra AS SELECT id, word FROM secrets",
        "SELECT id FROM extra",
    ),
    "a trigger": (
        (
            "CREATE TABLE extra (id INTEGER); CREATE TRIGGER t AFTER INSERT ON extra BEGIN "
            "DELETE FROM secrets; END"
        ),
        "INSERT INTO extra (id) VALUES (1)",
    ),
    "a cascade": (
        (
            "PRAGMA foreign_keys = on; CREATE TABLE extra (id INTEGER PRIMARY KEY); "
            "CREATE TABLE child (e INTEGER REFERENCES extra (id) ON DELETE CASCADE)"
        ),
        "DELETE FROM extra WHERE id = 1",
    ),
}


@pytest.mark.parametrize("name", FAIL_CLOSED)
def test_what_no_text_names_is_denied_by_sqlite_itself(name: str) -> None:
    hidden, text = FAIL_CLOSED[name]
    runs, permissions = read(text)
    error, _ = attempt(f"{DATABASE};{hidden}", rendered(permissions), runs)
    assert error is not None
    plain = f"{DATABASE};CREATE TABLE extra (id INTEGER PRIMARY KEY)"
    assert attempt(plain, rendered(permissions), runs)[0] is None  # the control
