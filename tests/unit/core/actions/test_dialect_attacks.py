"""Nothing that MySQL or SQLite could read otherwise gets any permission; honest work does."""

from __future__ import annotations

import pytest

from commands import read_dialect
from counterfoil.core.actions.uncertain import UNCERTAIN
from dialect_attacks import attacks
from dialect_jobs import jobs

DIALECTS = ("mysql", "sqlite")
EACH = [(dialect, name) for dialect in DIALECTS for name in attacks(dialect)]


@pytest.mark.parametrize(("dialect", "name"), EACH)
def test_an_attack_permits_nothing_and_says_why(dialect: str, name: str) -> None:
    reading = read_dialect(dialect, attacks(dialect)[name])
    assert reading.required == ()
    assert reading.ambient == ()
    assert reading.operations == ()
    assert reading.execute is None
    assert [item.code for item in reading.uncertain if item.code in UNCERTAIN]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_attacks_are_many_and_different(dialect: str) -> None:
    assert len(set(attacks(dialect).values())) >= 100
    assert (
        len({read_dialect(dialect, sql).uncertain[0].code for sql in attacks(dialect).values()})
        >= 15
    )


@pytest.mark.parametrize("dialect", DIALECTS)
def test_honest_work_beside_them_is_read_to_its_end(dialect: str) -> None:
    for sql in jobs(dialect):
        reading = read_dialect(dialect, sql)
        assert not reading.uncertain, (sql, reading.uncertain)
        assert reading.operations, sql
        assert reading.execute is not None
