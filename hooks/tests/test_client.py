"""The neutral client, sync and async alike: one deadline, no environment, no redirect."""

from __future__ import annotations

import asyncio
import json
import random
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable
from typing import Any

import pytest
from autogen_core import CancellationToken

from autogen_counterfoil import Guard, guard_tools
from autogen_counterfoil.canonical import canonical
from autogen_counterfoil.client import CONNECTIONS, AsyncClient, SyncClient
from autogen_counterfoil.credentials import delegation_token
from autogen_counterfoil.errors import (
    AnswerNotTrustedError,
    BusyError,
    CredentialRejectedError,
    NoDecisionError,
    RequestRefusedError,
    ServiceUnreachableError,
)
from autogen_counterfoil.exchange import Exchange
from autogen_counterfoil.wire import Action, read_answer, request_body
from simulator import Simulator, delegation

Send = Callable[[Exchange, float], bytes]


def exchange(key: str = "k1") -> Exchange:
    action = Action(id=key, name="run_sql", arguments=b'{"sql":"x"}')
    body = request_body(action, prompt="p", task=None)
    return Exchange(
        method="POST",
        path="/authorize",
        token=delegation_token(delegation()),
        body=body,
        idempotency_key=key,
    )


@pytest.fixture(params=["async", "sync"])
def send(request: pytest.FixtureRequest, sim: Simulator) -> Send:
    def asynchronously(what: Exchange, deadline: float) -> bytes:
        async def main() -> bytes:
            client = AsyncClient(sim.url)
            try:
                return await client.send(what, deadline_seconds=deadline)
            finally:
                await client.close()

        return asyncio.run(main())

    def synchronously(what: Exchange, deadline: float) -> bytes:
        with SyncClient(sim.url) as client:
            return client.send(what, deadline_seconds=deadline)

    return asynchronously if request.param == "async" else synchronously


def test_decision_is_read(send: Send, sim: Simulator) -> None:
    sim.default = "allow"
    answer = read_answer(send(exchange(), 3))
    assert answer.effect.value == "allow"
    assert answer.receipt is not None


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("late", ServiceUnreachableError),
        ("drip", ServiceUnreachableError),
        ("refused", ServiceUnreachableError),
        ("cut", ServiceUnreachableError),
        ("500", ServiceUnreachableError),
        ("503", ServiceUnreachableError),
        ("401", CredentialRejectedError),
        ("400", RequestRefusedError),
        ("404", RequestRefusedError),
        ("redirect", AnswerNotTrustedError),
        ("304", AnswerNotTrustedError),
        ("204", AnswerNotTrustedError),
        ("201", AnswerNotTrustedError),
        ("206", AnswerNotTrustedError),
        ("html", AnswerNotTrustedError),
        ("huge", AnswerNotTrustedError),
    ],
)
def test_each_failure_has_its_kind_and_keeps_the_deadline(
    send: Send, sim: Simulator, fault: str, kind: type[NoDecisionError]
) -> None:
    sim.fault = fault
    began = time.monotonic()
    with pytest.raises(kind):
        send(exchange(), 1)
    assert time.monotonic() - began < 5


def test_passing_failure_is_tried_again_with_the_same_key(send: Send, sim: Simulator) -> None:
    faults = iter(["503", "refused"])
    sim.fault = lambda _path: next(faults, None)
    send(exchange(), 3)
    assert sim.hits["authorize"] == 3
    assert len(sim.answers) == 1


@pytest.mark.parametrize("fault", ["400", "401", "redirect", "html"])
def test_final_failure_is_not_tried_again(send: Send, sim: Simulator, fault: str) -> None:
    sim.fault = fault
    with pytest.raises(NoDecisionError):
        send(exchange(), 2)
    assert sim.hits["authorize"] == 1


def test_proxy_of_the_environment_is_ignored(
    send: Send, sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert read_answer(send(exchange(), 3)).decision_id


@pytest.mark.parametrize(
    "url",
    [
        "http://service.example.com",
        "http://10.0.0.1:8282",
        "ftp://x",
        "",
        "http://",
        "http://u@127.0.0.1",
    ],
)
def test_url_that_would_show_the_token_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"plain http|not the URL"):
        AsyncClient(url)
    for good in ("http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1", "https://x.example"):
        AsyncClient(good)
    AsyncClient("http://service.example.com", insecure_http=True)


async def test_one_client_serves_loop_after_loop(sim: Simulator) -> None:
    client = AsyncClient(sim.url)

    async def once(key: str) -> None:
        await client.send(exchange(key), deadline_seconds=3)
        await client.close()

    await asyncio.to_thread(asyncio.run, once("a"))
    await asyncio.to_thread(asyncio.run, once("b"))
    await once("c")
    assert len(sim.answers) == 3


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (409, "request.idempotency_conflict", BusyError),
        (409, "request.outcome_conflict", RequestRefusedError),
        (429, "request.rate_limited", BusyError),
        (422, "request.schema", RequestRefusedError),
    ],
)
def test_problem_details_are_read(status: int, code: str, kind: type[Any]) -> None:
    from autogen_counterfoil.exchange import Raw, accepted  # noqa: PLC0415

    body = f'{{"code":"{code}","title":"t","detail":"d","solution":"s"}}'.encode()
    with pytest.raises(NoDecisionError) as caught:
        accepted(Raw(status=status, media_type="application/problem+json", body=body))
    assert type(caught.value) is kind
    assert (caught.value.reason_code, caught.value.detail, caught.value.remedy) == (code, "d", "s")


async def test_last_receipt_travels_with_the_next_call(
    sim: Simulator, guard: Guard, token: Callable[[], str]
) -> None:
    sim.default = "allow"

    async def look(n: int) -> str:
        return str(n)

    (tool,) = guard_tools([look], guard)
    async with guard.session(token=token, task="t"):
        for n in range(2):
            await tool.run_json({"n": n}, CancellationToken())
    first, second = sim.asked
    assert "counterfoil-last-receipt" not in first.headers
    header = second.headers["counterfoil-last-receipt"]
    text = urlsafe_b64decode(header + "=" * (-len(header) % 4))
    (receipt,) = (a["receipt"] for a in sim.answers.values() if a["receipt"]["event_id"] == "evt_1")
    assert "=" not in header
    assert text == canonical(receipt)
    assert json.loads(text) == receipt


async def test_pool_answers_again_after_many_requests_ran_out_of_time(sim: Simulator) -> None:
    # httpcore gives a connection to a request whose caller leaves at that moment, and loses it
    sim.default = "allow"
    client = AsyncClient(sim.url)
    sim.fault, sim.late_seconds = "late", 0.5
    dice = random.Random(1)  # noqa: S311 -- a seed to repeat, not a secret

    async def late(n: int) -> None:
        with pytest.raises(ServiceUnreachableError):
            await client.send(exchange(f"late_{n}"), deadline_seconds=dice.uniform(0.05, 0.4))

    for first in range(0, 30 * CONNECTIONS, 5 * CONNECTIONS):
        await asyncio.gather(*(late(first + n) for n in range(5 * CONNECTIONS)))
    sim.fault = None
    answer = read_answer(await client.send(exchange("control"), deadline_seconds=20))
    assert answer.effect == "allow"
    await asyncio.sleep(1)  # tries that their callers left end by themselves
    ((pool,),) = [list(pools.values()) for pools in client._pools.values()]
    core: Any = vars(pool.client._transport)["_pool"]
    assert not core._requests
    assert all(connection.is_idle() for connection in core.connections), "a connection is lost"
    await client.close()
