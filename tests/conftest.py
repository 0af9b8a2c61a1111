"""Fixtures for all tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from ledgers import Ledger, running_ledger
from servers import ledger_server
from service import Service, running_service

# No time is asserted: on a busy machine an example of 0.4 ms took 350, and failed its law.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The real service of this test process, for tests that do not disturb it."""
    with running_service(tmp_path_factory.mktemp("service")) as started:
        yield started


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[ledger_server.Server]:
    """The PostgreSQL of this test process, for ledgers that do not disturb it."""
    with ledger_server.serving() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def any_ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """A started ledger on each of the two stores: what both must keep is tested on both."""
    server = request.getfixturevalue("postgresql_server") if request.param == "postgresql" else None
    with running_ledger(tmp_path, server=server) as started:
        yield started
