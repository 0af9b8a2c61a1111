"""A tool's credential comes from its own call's issuer, to its own call, and shows nowhere."""

from __future__ import annotations

import copy
import json
import logging
import pickle
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from autogen_counterfoil import (
    CredentialNotIssuedError,
    DPoPKey,
    Grant,
    Guard,
    current_grant,
    protect,
    run,
)
from autogen_counterfoil.issued import GRANT_TYPE, Credential
from builders import assistant, results
from simulated_issuer import PASSWORD, SECRET, Issuer, issuer
from simulator import Simulator, delegation
from simulator_http import payload

Tool = Callable[[int], Awaitable[str]]
PERMISSION = {"type": "tool", "locations": ["urn:t"], "identifier": "act", "operations": [0]}
WIDER = [{**PERMISSION, "identifier": "other"}]


@pytest.fixture
def target(sim: Simulator) -> Iterator[Issuer]:
    """An issuer that the service names in each allow."""
    with issuer([dict(PERMISSION)]) as found:
        sim.default = "allow"
        name_issuer(sim, found.url)
        yield found


def name_issuer(sim: Simulator, url: str) -> None:
    def change(answer: dict[str, Any]) -> dict[str, Any]:
        request = {**answer["scoped_token_request"], "credential_endpoint": url}
        return {**answer, "scoped_token_request": request}

    sim.change = change


async def ran(sim: Simulator, act: Tool, **options: Any) -> tuple[str, bool]:
    """What the model read of one call."""
    token = options.pop("token", None) or delegation(prompt_digest="p")
    guard = Guard(sim.url, deadline_seconds=3)
    agent = protect(assistant([("act", {"n": 1})], "done", tools=[act]), guard)
    (result,) = results(await run(guard, agent, task="t", token=lambda: token, **options))
    return result


def grant() -> Grant:
    found = current_grant()
    assert found is not None
    return found


async def test_tool_gets_the_credential_of_its_own_call_once_and_with_proof(
    sim: Simulator, target: Issuer
) -> None:
    key = DPoPKey.generate()

    async def act(n: int) -> str:
        first = await grant().credential_async()
        again = grant().credential()
        return f"{first['user']} {len(first['password'])} {again is first} {first.expires_in}"

    token = delegation(prompt_digest="p", cnf={"jkt": key.thumbprint})
    assert await ran(sim, act, token=token, key=key) == (f"cf-a {len(PASSWORD)} True 60", False)
    (form,), (proof,) = target.forms, target.proofs
    assert form["grant_type"] == [GRANT_TYPE]
    (decision,) = sim.answers.values()
    assert form["assertion"] == [decision["scoped_token_request"]["signed_request"]]
    assert proof is not None
    claims = payload(proof)
    assert (claims["htm"], claims["htu"]) == ("POST", target.url)


async def test_credential_that_no_tool_uses_is_never_asked_for(
    sim: Simulator, target: Issuer
) -> None:
    async def act(n: int) -> str:
        return "ok"

    assert await ran(sim, act) == ("ok", False)
    assert target.forms == []


async def test_credential_is_gone_when_its_call_is_over(sim: Simulator, target: Issuer) -> None:
    kept: list[Any] = []

    async def act(n: int) -> str:
        kept.extend([grant(), grant().credential()])
        return str(kept[1]["user"])

    assert await ran(sim, act) == ("cf-a", False)
    old, credential = kept
    assert dict(credential) == {}
    with pytest.raises(CredentialNotIssuedError, match="over"):
        old.credential()
    assert len(target.forms) == 1


WRONG: dict[str, tuple[str, dict[str, Any]]] = {
    "wider than decided": ("decided permissions", {"change": {"authorization_details": WIDER}}),
    "permissions not said": ("decided permissions", {"change": {"authorization_details": None}}),
    "refused": (
        "it was sent before",
        {"status": 400, "raw": b'{"error":"invalid_grant","error_description":"it was sent before"}'},
    ),
    "a redirect": ("HTTP 307", {"status": 307, "location": "http://127.0.0.1:1/", "raw": b"{}"}),
    "no JSON": ("without JSON", {"raw": b"<html>"}),
    "a flood": ("too large", {"raw": b'{"a":"' + b"x" * 300_000 + b'"}'}),
    "no members": ("published shape", {"change": {"credential": {}}}),
    "a member that is no text": ("published shape", {"change": {"credential": {"port": 1}}}),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
async def test_answer_that_is_not_for_exactly_this_gives_no_credential(
    sim: Simulator, target: Issuer, case: str
) -> None:
    said, knobs = WRONG[case]

    async def act(n: int) -> str:
        return grant().credential()["user"]

    assert await ran(sim, act) == ("cf-a", False)  # control: the same set-up, an honest answer
    for name, value in knobs.items():
        setattr(target, name, value)
    text, is_error = await ran(sim, act)
    assert is_error
    assert said in text


@pytest.mark.parametrize(
    "url", ["http://10.0.0.9/credential", "ftp://127.0.0.1/credential", "http://a@127.0.0.1/"]
)
async def test_request_is_never_sent_where_others_could_read_it(
    sim: Simulator, target: Issuer, url: str
) -> None:
    async def act(n: int) -> str:
        return grant().credential()["user"]

    assert await ran(sim, act) == ("cf-a", False)
    name_issuer(sim, url)
    text, is_error = await ran(sim, act)
    assert is_error
    assert "its address" in text
    assert len(target.forms) == 1


async def test_call_without_a_named_issuer_has_no_credential(sim: Simulator) -> None:
    sim.default = "allow"

    async def act(n: int) -> str:
        return grant().credential()["user"]

    text, is_error = await ran(sim, act)
    assert is_error
    assert "names no issuer" in text


def leaking_result(password: str) -> str:
    return f"connected with {password}"


def leaking_error(password: str) -> str:
    raise ValueError(f"could not connect with {password}")


@pytest.mark.parametrize("leak", [leaking_result, leaking_error])
async def test_secret_in_a_result_or_an_error_reaches_nobody(
    sim: Simulator, target: Issuer, leak: Callable[[str], str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def honest(n: int) -> str:
        return f"connected as {grant().credential()['user']}"

    async def act(n: int) -> str:
        return leak(grant().credential()["password"])

    honest.__name__ = "act"
    assert await ran(sim, honest) == ("connected as cf-a", False)
    text, is_error = await ran(sim, act)
    assert is_error
    assert "hook.secret_kept_back" in text
    seen = [text, caplog.text, json.dumps([sim.outcomes, [asked.body for asked in sim.asked]])]
    assert not any(PASSWORD in one for one in seen)
    assert len(sim.outcomes) == 2


def test_credential_prints_pickles_and_copies_no_secret() -> None:
    credential = Credential(SECRET, expires_in=60)
    assert repr(credential) == "Credential(dbname, host, password, port, user)"
    assert PASSWORD not in f"{credential} {credential!r}"
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="stays in its call"):
            attempt(credential)
    assert credential.secrets() == [PASSWORD]
