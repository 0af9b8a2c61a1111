"""The running service and a provider whose keys it fetches: rotation, faults, restarts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from identity_service import agent_token, entry, identity_service
from main_path import assert_allowed, assert_problem
from processes import eventually, family, kill
from service import Service
from simulators.provider import KEYS, Provider, failing, running_provider

ASSERTS = "may_assert_actor = true"


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with running_provider() as running:
        yield running


@pytest.fixture(scope="module")
def service(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("identity")
    with identity_service(folder, entry(provider, ASSERTS), agents_of=provider.url) as running:
        yield running


def test_person_and_agent_of_a_real_provider_are_judged(
    service: Service, provider: Provider
) -> None:
    assert_allowed(service.authorize(token=agent_token(provider)).body)


def test_rotation_needs_no_restart_on_any_worker(service: Service, provider: Provider) -> None:
    old = agent_token(provider)
    assert_allowed(service.authorize(token=old).body)
    time.sleep(1.1)
    provider.rotate()
    for _ in range(6):  # connections spread over the workers
        assert_allowed(service.authorize(token=agent_token(provider)).body)
    eventually(
        lambda: {service.authorize(token=old).status for _ in range(8)} == {401},
        "each worker follows the file",
    )


def test_unknown_kids_fetch_once_per_interval_whoever_asks(
    service: Service, provider: Provider
) -> None:
    time.sleep(1.1)
    before, began = provider.asked(KEYS), time.monotonic()
    for i in range(60):
        token = provider.token(provider.evil, jti=str(i))
        assert_problem(service.authorize(token=token), 401, "identity.invalid_token")
    assert provider.asked(KEYS) - before <= int(time.monotonic() - began) + 1
    assert_allowed(service.authorize(token=agent_token(provider)).body)


def test_known_keys_go_on_without_provider_and_without_its_process(
    service: Service, provider: Provider
) -> None:
    provider.serve(KEYS, failing)
    try:
        (killed,) = family(service.process.pid)["providers"]
        kill(killed)
        assert_allowed(service.authorize(token=agent_token(provider)).body)
        token = provider.token(provider.evil)
        assert_problem(service.authorize(token=token), 401, "identity.invalid_token")
        service.wait_for("providers was killed by SIGKILL; starting it again")
        eventually(lambda: "providers" in family(service.process.pid), "it comes back")
        assert_allowed(service.authorize(token=agent_token(provider)).body)
    finally:
        provider.behave()


def test_ready_says_whose_keys_are_there(service: Service) -> None:
    answer = service.request("GET", "/readyz?verbose")
    assert answer.status == 200
    assert answer.body["checks"]["identity:keys"][0]["status"] == "pass"


def test_service_without_any_keys_is_alive_not_ready_and_comes_by_itself(
    tmp_path: Path,
) -> None:
    with running_provider() as provider:
        provider.serve(KEYS, failing)
        identity = entry(provider, ASSERTS)
        with identity_service(tmp_path, identity, agents_of=provider.url, wait=False) as service:
            eventually(lambda: _no_keys(service), "it says what is missing")
            token = agent_token(provider)
            assert_problem(service.authorize(token=token), 503, "identity.unavailable")
            provider.behave()
            service.wait_for("Counterfoil is ready")
            assert_allowed(service.authorize(token=token).body)


def _no_keys(service: Service) -> bool:
    try:
        answer = service.request("GET", "/readyz?verbose")
    except OSError:
        return False
    check = answer.body["checks"]["identity:keys"][0]
    return answer.status == 503 and check["output"] == "1 of 1 issuers have no keys"
