"""Each job's permissions are sufficient, each is necessary, and its neighbours stay closed.

On a real server, where PUBLIC holds nothing: a fresh role gets exactly what was read from the
job's text. It runs. With any one right, or any one column of one right, less it fails; and
of all the other jobs, the two that need the least more are refused. Once as without a
catalogue, once by the catalogue of the server itself, which tells what the text does not.

A tenth of the jobs runs here, all of them in `make prove`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from commands import codes, read_sql
from counterfoil.core.model import Snapshot
from exactness import (
    DENIED,
    NEIGHBOURS,
    Found,
    Job,
    Target,
    prove,
    remember,
    target,
    weaker,
    whole,
)
from sql_jobs import JOBS, WITH_CATALOGUE

BOTH = (*WITH_CATALOGUE, *JOBS)
EVERY = [Job.of(text) for text in JOBS]


@pytest.fixture(scope="module")
def orders() -> Iterator[Target]:
    with target() as made:
        yield made


@pytest.fixture(scope="module")
def catalogue(orders: Target) -> Snapshot:
    return orders.catalogue()


def check(orders: Target, job: Job, others: Sequence[Job]) -> None:
    found = prove(orders, job, others)
    removals = sum(1 for _ in weaker(job.permissions))
    assert found == Found(None, removals=removals, neighbours=NEIGHBOURS), job.text


@pytest.mark.parametrize("text", JOBS[::10])
def test_a_jobs_permissions_suffice_and_each_is_necessary(orders: Target, text: str) -> None:
    check(orders, Job.of(text), EVERY)


@pytest.mark.parametrize("text", BOTH[::10])
def test_with_a_catalogue_they_are_exact_to_the_column(
    orders: Target, catalogue: Snapshot, text: str
) -> None:
    job = Job.of(text, catalogue)
    assert not job.coarse
    check(orders, job, EVERY)


@pytest.mark.parametrize("text", WITH_CATALOGUE)
def test_without_a_catalogue_such_a_job_is_coarser_or_doubtful_and_says_so(
    catalogue: Snapshot, text: str
) -> None:
    without, informed = read_sql(text), read_sql(text, catalogue=catalogue)
    assert not informed.uncertain
    assert informed.catalogue == {"digest": catalogue.digest, "taken_at": catalogue.taken_at}
    assert without.catalogue is None
    if not codes(without):
        assert without.required != informed.required or any(
            item.details.get("assumes") for item in without.operations
        )


def test_the_proof_notices_one_right_too_few_and_one_too_many(orders: Target) -> None:
    job = Job.of("SELECT id, total FROM public.invoices WHERE id = 1")
    fewer = next(weaker(job.permissions))
    assert prove(orders, Job(job.text, fewer), EVERY).state in DENIED
    more = [*job.permissions, *Job.of("DELETE FROM public.empty").permissions]
    found = prove(orders, Job(job.text, more), EVERY)
    assert found.state is None
    assert len(found.not_necessary) >= 1


@pytest.mark.prove
def test_every_job_is_exact(orders: Target) -> None:
    found = whole(orders, JOBS, BOTH)
    remember(orders.version(), found)
    assert not found["without_catalogue"]["wrong"]
    assert not found["with_catalogue"]["wrong"]
    assert not found["with_catalogue"]["coarse"]
    assert found["without_catalogue"]["jobs"] >= 200
