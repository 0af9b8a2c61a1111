"""Fixtures, and coroutines as tests: each gets a loop of its own and may not hang."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from autogen_counterfoil import Guard
from running import Running, running_service
from simulator import Simulator, delegation

HANG_SECONDS = 90  # far over any honest run: a test that gets here has found a hang


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in names}

    async def body() -> None:
        async with asyncio.timeout(HANG_SECONDS):
            await pyfuncitem.obj(**arguments)

    asyncio.run(body())
    return True


@pytest.fixture
def sim() -> Iterator[Simulator]:
    simulator = Simulator()
    simulator.start()
    yield simulator
    simulator.stop()
    assert simulator.violations == [], "the hook sent what the published schemas forbid"


@pytest.fixture
def guard(sim: Simulator) -> Guard:
    return Guard(sim.url, deadline_seconds=3)


@pytest.fixture
def token() -> Callable[[], str]:
    value = delegation(prompt_digest="p")
    return lambda: value


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The real one, for tests that do not disturb it."""
    with running_service(tmp_path_factory.mktemp("service")) as running:
        yield running


@pytest.fixture(scope="session")
def plain(service: Running) -> Callable[[], str]:
    """A delegation token of a run that was opened without a prompt."""
    value = service.token()
    return lambda: value


@pytest.fixture(autouse=True)
def _no_token_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = ("TOKEN", "TOKEN_FILE", "DPOP_KEY", "DPOP_KEY_FILE")
    for name in (*(f"COUNTERFOIL_{one}" for one in ours), "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def pytest_configure(config: Any) -> None:
    config.addinivalue_line("markers", "service: against a running service")
    config.addinivalue_line("markers", "prove: long proofs; `make prove`")
