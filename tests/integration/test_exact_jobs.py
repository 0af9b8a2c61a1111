"""Each job's permissions are sufficient, each is necessary, and its neighbours stay closed.

On a real server, where PUBLIC holds nothing: a fresh role gets exactly what was read from the
job's text. It runs. With any one right, or any one column of one right, less it fails; and
of all the other jobs, the two that need the least more are refused.

A tenth of the jobs runs here, all of them in `make prove`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from commands import read_sql
from counterfoil.core.model import Permission
from evidence import record
from exactness import (
    DENIED,
    NOT_SEEN,
    Target,
    all_of,
    single,
    target,
    uncovered,
    weaker,
)
from sql_jobs import JOBS

TENTH = JOBS[::10]
NEIGHBOURS = 2


@pytest.fixture(scope="module")
def orders() -> Iterator[Target]:
    with target() as made:
        yield made


@dataclass
class Job:
    """A text as it runs, and the permissions that were read from it."""

    text: str
    permissions: list[Permission]

    @classmethod
    def of(cls, text: str) -> Job:
        reading = read_sql(text)
        assert not reading.uncertain, (text, reading.uncertain)
        assert reading.execute is not None
        return cls(str(reading.execute.arguments["sql"]), all_of(reading))

    def neighbours(self) -> list[Job]:
        """The jobs that need the least more than this one holds."""
        held = single(self.permissions)
        missing = [(uncovered(single(other.permissions), held), other) for other in EVERY]
        further = sorted(
            ((more, place) for place, (more, _) in enumerate(missing) if more),
        )
        return [EVERY[place] for _, place in further[:NEIGHBOURS]]


EVERY = [Job.of(text) for text in JOBS]


@dataclass
class Found:
    """What one job showed."""

    state: str | None
    not_necessary: list[str] = field(default_factory=list)
    open_neighbours: list[str] = field(default_factory=list)
    removals: int = 0
    neighbours: int = 0


def prove(orders: Target, job: Job) -> Found:
    found = Found(orders.attempt(job.permissions, job.text))
    for fewer in weaker(job.permissions):
        found.removals += 1
        if orders.attempt(fewer, job.text) not in NOT_SEEN:
            found.not_necessary.append(str([p for p in job.permissions if p not in fewer]))
    for other in job.neighbours():
        found.neighbours += 1
        if orders.attempt(job.permissions, other.text) not in NOT_SEEN:
            found.open_neighbours.append(other.text)
    return found


@pytest.mark.parametrize("text", TENTH)
def test_a_jobs_permissions_suffice_and_each_is_necessary(orders: Target, text: str) -> None:
    assert prove(orders, Job.of(text)) == Found(
        None, removals=sum(1 for _ in weaker(Job.of(text).permissions)), neighbours=NEIGHBOURS
    )


def test_the_proof_notices_one_right_too_few_and_one_too_many(orders: Target) -> None:
    job = Job.of("SELECT id, total FROM public.invoices WHERE id = 1")
    fewer = next(weaker(job.permissions))
    assert prove(orders, Job(job.text, fewer)).state in DENIED
    more = [*job.permissions, *Job.of("DELETE FROM public.empty").permissions]
    found = prove(orders, Job(job.text, more))
    assert found.state is None
    assert len(found.not_necessary) >= 1


@pytest.mark.prove
def test_every_job_is_exact(orders: Target) -> None:
    results = {job.text: prove(orders, job) for job in EVERY}
    wrong: dict[str, Any] = {
        text: vars(found)
        for text, found in results.items()
        if found.state is not None or found.not_necessary or found.open_neighbours
    }
    record(
        "sql_exactness",
        "jobs run on PostgreSQL by fresh roles that hold exactly the permissions read from them",
        server=orders.version(),
        jobs=len(results),
        sufficient=sum(found.state is None for found in results.values()),
        removals=sum(found.removals for found in results.values()),
        removals_refused=sum(
            found.removals - len(found.not_necessary) for found in results.values()
        ),
        neighbours=sum(found.neighbours for found in results.values()),
        neighbours_refused=sum(
            found.neighbours - len(found.open_neighbours) for found in results.values()
        ),
        wrong=wrong,
    )
    assert not wrong
    assert len(results) >= 200
