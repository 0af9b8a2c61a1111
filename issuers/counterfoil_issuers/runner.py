"""One issuer's process: joins its parts, in this order, and lets go of them in the other.

1. The state file: from here on no other process is this issuer.
2. The target, and the sweeper over what another life has left.
3. The service's events, and what ends credentials.
4. The door: only now is anything issued.

At the end (SIGTERM, SIGINT): the door closes, what is being issued is finished, and everything
that lives is ended, because nobody would be there to do it at its deadline.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Final

from counterfoil.core.urls import UnsafeUrl
from counterfoil.errors import ConfigError
from counterfoil.identity.dpop import ProofVerifier
from counterfoil.identity.jwks import KeyFile
from counterfoil.resources import packaged
from counterfoil.schemas_registry import SchemaRegistry
from counterfoil.system import SystemClock
from counterfoil_issuers.contract import Target, TargetError
from counterfoil_issuers.ending import Ender
from counterfoil_issuers.fetched_keys import FetchedKeys
from counterfoil_issuers.following import Follower
from counterfoil_issuers.holders import Holders
from counterfoil_issuers.issuing import InFlight, Issuing
from counterfoil_issuers.kinds import Serving, build
from counterfoil_issuers.listening import listening
from counterfoil_issuers.server import Door, serving
from counterfoil_issuers.service_client import ServiceClient
from counterfoil_issuers.settings import IssuerSettings
from counterfoil_issuers.signed_request import LEEWAY_SECONDS, Accepted, Keys
from counterfoil_issuers.state import State

LAST_ENDS_SECONDS: Final = 20.0  # how long a stop waits for ends and their reports
_POLL_SECONDS: Final = 0.05
_PROOF_SECONDS: Final = 5.0
_CLOCK: Final = SystemClock()
_log = logging.getLogger(__name__)


def run(settings: IssuerSettings, *, say: Callable[[str], None]) -> None:
    """Run until SIGTERM or SIGINT.

    Args:
        settings: of `settings.load`.
        say: tells a person where it listens, once it does.

    Raises:
        ConfigError: it cannot start.
        TargetError: what is at the target cannot be told or ended.
    """
    state = State(settings.state)
    try:
        target = build(settings.kind, settings.target)
        asyncio.run(_Running(settings, state, target, say).run())
    finally:
        state.close()


class _Running:
    """The parts of one life. All but the loop's own run in threads of their own."""

    def __init__(
        self, settings: IssuerSettings, state: State, target: Target, say: Callable[[str], None]
    ) -> None:
        self._settings, self._state, self._target, self._say = settings, state, target, say
        self._in_flight = InFlight()

    async def run(self) -> None:
        """Start everything, wait for the signal, stop everything."""
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, stop.set)
        try:
            service = ServiceClient(self._settings.service, loop, clock=_CLOCK.now)
        except UnsafeUrl as error:
            raise ConfigError(f"it is not called: {error}.", pointer="service.url") from error
        await service.open()
        try:
            await self._serve(service, stop)
        finally:
            await service.close()

    async def _serve(self, service: ServiceClient, stop: asyncio.Event) -> None:
        ender = Ender(
            target=self._target,
            service=service,
            state=self._state,
            in_flight=self._in_flight,
            clock=_CLOCK.now,
        )
        follower = Follower(
            service=service,
            state=self._state,
            clock=_CLOCK.now,
            monotonic=_CLOCK.monotonic,
            wake=ender.wake,
        )
        await asyncio.to_thread(ender.sweep)
        with (
            _served(self._target),
            _thread(ender.run, ender.stop),
            _thread(follower.run, follower.stop),
        ):
            await self._issue(service, ender, follower, stop)
            await asyncio.to_thread(self._end_all, ender)

    async def _issue(
        self, service: ServiceClient, ender: Ender, follower: Follower, stop: asyncio.Event
    ) -> None:
        settings = self._settings
        issuing = Issuing(
            target=self._target,
            service=service,
            state=self._state,
            holders=_holders(settings, self._state),
            accepted=_accepted(settings, self._target, service),
            in_flight=self._in_flight,
            clock=_CLOCK.now,
            wake=ender.wake,
        )

        def missing() -> list[str]:
            return [] if follower.hears() else ["the service's events are not heard"]

        door = Door(
            issue=issuing.issue,
            ready=missing,
            workers=settings.workers,
            over_unix=settings.socket is not None,
        )
        with listening(settings) as listener:
            async with serving(door, listener, settings.tls):
                self._say(f"Issuer {settings.name} is ready on {_where(settings)}")
                await stop.wait()

    def _end_all(self, ender: Ender) -> None:
        ender.end_all()
        until = _CLOCK.monotonic() + LAST_ENDS_SECONDS
        while ender.alive() and _CLOCK.monotonic() < until:
            time.sleep(_POLL_SECONDS)  # a stop is rare; nothing else happens meanwhile
        if ender.alive():
            _log.error("credentials are left; the next start ends them")


def _accepted(settings: IssuerSettings, target: Target, service: ServiceClient) -> Accepted:
    keys: Keys
    if settings.jwks_file is not None:
        keys = KeyFile(settings.jwks_file)
    else:
        kept = settings.state.with_name(settings.state.name + ".jwks.json")
        keys = FetchedKeys(kept, partial(service.fetch_keys, settings.jwks_uri))
    return Accepted(
        service=settings.service_issuer,
        issuer=settings.name,
        types=target.types,
        keys=keys,
        validate=SchemaRegistry.load(packaged("schemas")).validator("grant"),
    )


def _holders(settings: IssuerSettings, state: State) -> Holders:
    proofs = ProofVerifier(
        spent=state,
        monotonic=_CLOCK.monotonic,
        leeway_seconds=LEEWAY_SECONDS,
        timeout_seconds=_PROOF_SECONDS,
    )
    return Holders(proofs=proofs, url=settings.url, development=settings.development)


@contextmanager
def _served(target: Target) -> Iterator[None]:
    if not isinstance(target, Serving):
        yield
        return
    target.start()
    try:
        yield
    finally:
        with suppress(TargetError):
            target.stop()


@contextmanager
def _thread(work: Callable[[], None], stop: Callable[[], None]) -> Iterator[None]:
    # A daemon: a question to the service may take a while, and a stop does not wait for it.
    thread = threading.Thread(target=work, name=work.__qualname__, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop()
        thread.join(1.0)


def _where(settings: IssuerSettings) -> str:
    return str(settings.socket) if settings.socket is not None else settings.url
