"""Fixtures for all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from service import Service, running_service


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The real service of this test process, for tests that do not disturb it."""
    with running_service(tmp_path_factory.mktemp("service")) as started:
        yield started
