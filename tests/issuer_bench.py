"""An issuer's parts in the test's own process, over a simulated service and a target."""

from __future__ import annotations

import asyncio
import secrets
import ssl
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from counterfoil.core.model import JsonObject
from counterfoil.identity.dpop import ProofVerifier
from counterfoil.identity.signing import Es256Signer
from counterfoil.resources import packaged
from counterfoil.schemas_registry import SchemaRegistry, Validate
from counterfoil_issuers.contract import Target
from counterfoil_issuers.ending import Ender
from counterfoil_issuers.fetched_keys import FetchedKeys
from counterfoil_issuers.following import Follower
from counterfoil_issuers.holders import Holders, Presented
from counterfoil_issuers.issuing import InFlight, Issuing
from counterfoil_issuers.service_client import ASSERTION_TYPE, ServiceClient, Whereabouts
from counterfoil_issuers.signed_request import Accepted
from counterfoil_issuers.state import State
from proofs import Prover
from simulators.issuing_service import KEYS, IssuingService
from simulators.memory_target import MemoryTarget

ISSUER, SERVICE = "postgresql-orders", "https://counterfoil.example.com"
URL = "https://issuer.example.com/credential"
LOCATION = "postgresql://127.0.0.1:5432/orders"
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def now() -> int:
    return int(time.time())  # noqa: TID251 -- deadlines are by the wall clock


def new_id() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(26))


def claims_of(prover: Prover | None = None, *, seconds: int = 60, **more: Any) -> dict[str, Any]:
    """The claims of an honest request, bound to a prover's key; None removes one."""
    name, begin = new_id(), now()
    claims: dict[str, Any] = {
        "iss": SERVICE,
        "aud": ISSUER,
        "sub": "alice",
        "sub_iss": "https://idp.example.com",
        "txn": f"dec_{name}",
        "jti": f"jti_{name}",
        "iat": begin,
        "nbf": begin,
        "exp": begin + min(seconds, 300),
        "credential_deadline": begin + seconds,
        "authorization_details": [
            {
                "type": "postgresql",
                "locations": [LOCATION],
                "object": "schema",
                "identifier": "public",
                "actions": ["create"],
                "operations": [0],
            }
        ],
        "ambient_details": [],
        "action_digest": "A" * 43,
        "policy": {"revision": "dev", "digest": "d"},
        **({} if prover is None else {"cnf": prover.cnf}),
        **more,
    }
    return {key: value for key, value in claims.items() if value is not None}


@dataclass
class Bench:
    """All parts of one issuer; its ender runs, its follower on demand."""

    service: IssuingService
    target: Any
    state: State
    issuing: Issuing
    ender: Ender
    follower: Follower
    prover: Prover = field(default_factory=Prover)

    def sign(self, claims: JsonObject) -> str:
        return self.service.signer.sign(claims)

    def request(self, **more: Any) -> str:
        return self.sign(claims_of(self.prover, **more))

    def proof(self, request: str | None = None, **changes: Any) -> str:
        made = {"method": "POST", "url": URL, "now": now(), "token": request, **changes}
        return self.prover.proof(**made)

    def presented(self, request: str, proof: str | None = None, **more: Any) -> Presented:
        return Presented(
            unverified_request=request,
            unverified_proof=self.proof(request) if proof is None else proof,
            **more,
        )

    def issue(self, request: str | None = None) -> JsonObject:
        return self.issuing.issue(self.presented(self.request() if request is None else request))


@contextmanager
def bench(
    folder: Path, service: IssuingService, target: Target | None = None, *, follow: bool = False
) -> Iterator[Bench]:
    """Everything of an issuer but its door."""
    with ExitStack() as stack:
        loop = stack.enter_context(loop_thread())
        state = State(folder / "state.db")
        stack.callback(state.close)
        client = _client(service, loop, stack)
        clock = time.time  # noqa: TID251 -- as the runner does
        found = target if target is not None else MemoryTarget()
        in_flight = InFlight()
        ender = Ender(target=found, service=client, state=state, in_flight=in_flight, clock=clock)
        follower = Follower(
            service=client, state=state, clock=clock, monotonic=time.monotonic, wake=ender.wake
        )
        proofs = ProofVerifier(
            spent=state, monotonic=time.monotonic, leeway_seconds=5, timeout_seconds=5
        )
        issuing = Issuing(
            target=found,
            service=client,
            state=state,
            holders=Holders(proofs=proofs, url=URL),
            accepted=Accepted(
                service=SERVICE,
                issuer=ISSUER,
                types=found.types,
                keys=FetchedKeys(
                    folder / "keys.json", lambda: client.fetch_keys(service.url + KEYS)
                ),
                validate=_grant_schema(),
            ),
            in_flight=in_flight,
            clock=clock,
            wake=ender.wake,
        )
        ender.sweep()
        parts = [(ender.run, ender.stop)] + [(follower.run, follower.stop)] * follow
        for work, stop in parts:
            thread = threading.Thread(target=work, daemon=True)
            thread.start()
            stack.callback(thread.join, 5)
            stack.callback(stop)
        yield Bench(service, found, state, issuing, ender, follower)


@cache
def _grant_schema() -> Validate:
    return SchemaRegistry.load(packaged("schemas")).validator("grant")


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _client(
    service: IssuingService, loop: asyncio.AbstractEventLoop, stack: ExitStack
) -> ServiceClient:
    where = Whereabouts(
        url=service.url,
        issuer=ISSUER,
        audience=SERVICE,
        signer=Es256Signer(ec.generate_private_key(ec.SECP256R1()), typ=ASSERTION_TYPE),
        tls=_tls(),
    )
    client = ServiceClient(where, loop, clock=time.time)  # noqa: TID251 -- as the runner does
    run_in(loop, client.open())
    stack.callback(lambda: run_in(loop, client.close()))
    return client


def run_in(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any]) -> Any:
    """Do it there, and wait for it."""
    return asyncio.run_coroutine_threadsafe(work, loop).result(20)


@contextmanager
def loop_thread() -> Iterator[asyncio.AbstractEventLoop]:
    """A running event loop, as the issuer's main thread has one."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()
