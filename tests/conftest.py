"""Fixtures for all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from service import Service, running_service

# No time is asserted: on a busy machine an example of 0.4 ms took 350, and failed its law.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The real service of this test process, for tests that do not disturb it."""
    with running_service(tmp_path_factory.mktemp("service")) as started:
        yield started
