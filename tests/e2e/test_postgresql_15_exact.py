"""The permissions are exact on Debian's PostgreSQL 15, too: all jobs that this version knows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from exactness import Job, Target, remember, target, whole
from servers import postgresql
from sql_jobs import JOBS, WITH_CATALOGUE

NEWER = 4
"""At most so many jobs may need a newer server: SQL/JSON, MERGE … NOT MATCHED BY SOURCE."""


@pytest.fixture(scope="module")
def orders() -> Iterator[Target]:
    with target(postgresql.debian) as made:
        yield made


def known(orders: Target) -> tuple[list[str], list[str]]:
    """The jobs of this version, without and with a catalogue."""
    catalogue = orders.catalogue()
    plain = [text for text in JOBS if orders.knows(Job.of(text).text)]
    more = [text for text in WITH_CATALOGUE if orders.knows(Job.of(text, catalogue).text)]
    return plain, [*more, *plain]


@pytest.mark.e2e
def test_every_job_that_15_knows_is_exact_there(orders: Target) -> None:
    assert orders.version().startswith("15.")
    plain, both = known(orders)
    assert len(plain) >= len(JOBS) - NEWER
    assert len(both) >= len(JOBS) + len(WITH_CATALOGUE) - NEWER
    found = whole(orders, plain, both)
    assert not found["without_catalogue"]["wrong"]
    assert not found["with_catalogue"]["wrong"]
    assert not found["with_catalogue"]["coarse"]


@pytest.mark.prove
def test_exactness_on_15_is_recorded(orders: Target) -> None:
    found = whole(orders, *known(orders))
    remember(orders.version(), found)
    assert not found["without_catalogue"]["wrong"]
    assert not found["with_catalogue"]["wrong"]
