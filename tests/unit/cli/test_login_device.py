"""The device flow keeps the provider's pace and ends with the code (RFC 8628 §3.5)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from counterfoil.cli.login_http import LoginFailed, Web
from counterfoil.cli.login_oidc import OidcLogin, OidcSettings
from simulators.provider_server import CLIENT, ProviderServer, provider_server


@dataclass
class Clock:
    """Sleeping takes no time and is noted."""

    at: float = field(default_factory=time.time)  # noqa: TID251 -- the provider goes by the real one
    slept: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds


@pytest.fixture
def provider() -> Iterator[ProviderServer]:
    with provider_server() as started:
        yield started


def login(provider: ProviderServer, clock: Clock) -> OidcLogin:
    return OidcLogin(
        settings=OidcSettings(issuer=provider.url, client_id=CLIENT),
        metadata=provider.metadata(),
        web=Web(),
        browse=lambda _: None,
        say=lambda _: None,
        now=clock.now,
        sleep=clock.sleep,
    )


def device(**changes: Any) -> Any:
    """A provider whose device answer is changed."""
    return lambda endpoint, answer: {**answer, **(changes if endpoint == "device" else {})}


def test_a_provider_that_asks_for_slower_polls_is_polled_slower(provider: ProviderServer) -> None:
    clock, provider.pending = Clock(), 4  # slow down, pending, slow down, pending
    provider.turn = device(interval=2, expires_in=600)
    assert login(provider, clock).by_device().source
    assert clock.slept == [2, 7, 7, 12, 12]


def test_a_code_that_nobody_enters_is_polled_no_longer_than_it_lives(
    provider: ProviderServer,
) -> None:
    clock, provider.pending = Clock(), 1_000
    provider.turn = device(interval=50, expires_in=100)
    with pytest.raises(LoginFailed, match="in time"):
        login(provider, clock).by_device()
    assert clock.slept == [50, 55]


def test_a_code_that_is_said_to_live_for_a_day_is_polled_for_half_an_hour(
    provider: ProviderServer,
) -> None:
    clock = Clock()
    provider.turn = lambda endpoint, answer: (
        {**answer, "interval": 600, "expires_in": 80_000}
        if endpoint == "device"
        else {"error": "authorization_pending"}
    )
    with pytest.raises(LoginFailed, match="in time"):
        login(provider, clock).by_device()
    assert clock.slept == [600, 600, 600]
