"""Hook and real service with bound tokens: the service takes the hook's proofs, and nothing less."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from autogen_counterfoil import DPoPKey, Guard, PendingApproval, protect, run
from builders import Ran, results, sql_agent
from running import PROGRAM, Running
from tampering import Tampering, tampering_proxy

pytestmark = [
    pytest.mark.service,
    pytest.mark.skipif(not PROGRAM.exists(), reason="the service is not installed here"),
]
PROMPT = "Add an invoices table to the orders database"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS = "urn:ietf:params:oauth:token-type:access_token"
CREATE = "CREATE TABLE public.bound (id int)"
BOB = ("--sub", "bob", "--group", "database-admins")


class Launcher:
    """The development launcher, in this process: it asks for tokens that are bound to `key`."""

    def __init__(self, service: Running, key: DPoPKey) -> None:
        self._service, self._key = service, key
        self.person = service.command("token", "--sub", "alice", "--group", "developers")
        self.token = self.ask(subject_token=self.person, agent="coder")

    def ask(self, **form: str) -> str:
        url = f"{self._service.url}/token"
        secret = (self._service.folder / "var" / "keys" / "launcher.secret").read_text().strip()
        whole = {
            "grant_type": EXCHANGE, "subject_token_type": ACCESS, "client_id": "development",
            "client_secret": secret, **form,
        }  # fmt: skip
        headers = {"DPoP": self._key.proof("POST", url)}
        said = httpx.post(url, data=whole, headers=headers, trust_env=False)
        assert said.json()["token_type"] == "DPoP", said.text
        value: str = said.json()["access_token"]
        return value

    def renewed(self) -> str:
        self.token = self.ask(subject_token=self.token)
        return self.token


class Crooked(DPoPKey):
    """A key whose holder proves something else than this call."""

    __slots__ = ("change",)

    def __init__(self, key: DPoPKey, **change: Any) -> None:
        super().__init__(key._key)
        self.change = change

    def proof(
        self, method: str, url: str, *, token: str | None = None, nonce: str | None = None
    ) -> str:
        asked = {"method": method, "url": url, "token": token, **self.change}
        by: DPoPKey = asked.pop("by", None) or DPoPKey(self._key)
        return by.proof(asked["method"], asked["url"], token=asked["token"], nonce=nonce)


class Behind(DPoPKey):
    """Proves for the service's own name, as where the machine between has that name."""

    __slots__ = ("address", "name")

    def __init__(self, key: DPoPKey, address: str, name: str) -> None:
        super().__init__(key._key)
        self.address, self.name = address, name

    def proof(
        self, method: str, url: str, *, token: str | None = None, nonce: str | None = None
    ) -> str:
        return super().proof(method, url.replace(self.address, self.name), token=token, nonce=nonce)


@pytest.fixture(scope="module")
def key() -> DPoPKey:
    return DPoPKey.generate()


@pytest.fixture(scope="module")
def launcher(service: Running, key: DPoPKey) -> Launcher:
    return Launcher(service, key)


@pytest.fixture
def between(service: Running) -> Iterator[Tampering]:
    with tampering_proxy(service.url) as proxy:
        yield proxy


@pytest.fixture
def behind(service: Running, between: Tampering, key: DPoPKey) -> DPoPKey:
    return Behind(key, between.url, service.url)


async def outcome_of(url: str, token: Callable[[], str], key: DPoPKey, sql: str = CREATE) -> Any:
    """Run one statement: what the tool did, what the model read, and the session's numbers."""
    ran, guard = Ran(), Guard(url, deadline_seconds=5, flush_seconds=5)
    async with guard.session(token=token, key=key, task=PROMPT) as session:
        agent = protect(sql_agent(ran, sql), guard)
        ((text, _),) = results(await agent.run(task="t"))
    return ran, text, session.outbox


async def test_bound_call_is_allowed_and_its_outcome_recorded(
    service: Running, launcher: Launcher, key: DPoPKey
) -> None:
    ran, _, outbox = await outcome_of(service.url, lambda: launcher.token, key)
    ((_, _, grant),) = ran
    assert [(p["identifier"], p["actions"]) for p in grant.permissions] == [("public", ["create"])]
    assert (outbox.sent, outbox.lost) == (1, 0)
    assert '"outcome"' in service.command("trail", "--json", grant.decision_id)


async def test_bound_call_waits_for_a_person_and_runs(
    service: Running, launcher: Launcher, key: DPoPKey
) -> None:
    ran, pending = Ran(), list[PendingApproval]()
    guard = Guard(service.url, on_approval=pending.append, approval_wait_seconds=60)
    agent = protect(sql_agent(ran, "DROP TABLE public.bound"), guard)
    running = asyncio.create_task(
        run(guard, agent, task=PROMPT, token=lambda: launcher.token, key=key)
    )
    while not pending:
        assert not running.done(), results(await running)
        await asyncio.sleep(0.02)
    words = ["approvals", "approve", pending[0].id, *BOB, "--yes", "--comment", "seen"]
    await asyncio.to_thread(service.command, *words)
    await asyncio.wait_for(running, 30)
    assert len(ran) == 1


async def test_renewed_token_has_the_same_key_and_goes_on(
    service: Running, launcher: Launcher, key: DPoPKey
) -> None:
    first = launcher.token
    renewed = await asyncio.to_thread(launcher.renewed)
    assert renewed != first
    ran, _, outbox = await outcome_of(service.url, lambda: renewed, key)
    assert (len(ran), outbox.lost) == (1, 0)


async def test_a_lost_answer_is_asked_for_again_with_another_proof(
    between: Tampering, launcher: Launcher, behind: DPoPKey
) -> None:
    between.lost = 1
    ran, _, _ = await outcome_of(between.url, lambda: launcher.token, behind)
    assert len(ran) == 1
    first, again = between.seen[:2]
    assert first["Idempotency-Key"] == again["Idempotency-Key"]
    assert first["DPoP"] != again["DPoP"]


ATTACKS: dict[str, dict[str, Any]] = {
    "another key": {"by": DPoPKey.generate()},
    "another method": {"method": "GET"},
    "another path": {"url": "http://127.0.0.1:1/authorize"},
    "no token's hash": {"token": None},
    "another token's hash": {"token": "a.b.c"},
}


@pytest.mark.parametrize("name", ATTACKS)
async def test_proof_of_something_else_runs_nothing(
    service: Running, launcher: Launcher, key: DPoPKey, name: str
) -> None:
    crooked = Crooked(key, **ATTACKS[name])
    ran, text, _ = await outcome_of(service.url, lambda: launcher.token, crooked)
    assert ran == []
    assert "credential" in text
    crooked.change = {}
    ran, _, _ = await outcome_of(service.url, lambda: launcher.token, crooked)  # control
    assert len(ran) == 1


@pytest.mark.parametrize("seconds", [-300, 300])
async def test_proof_of_another_time_runs_nothing(
    service: Running,
    launcher: Launcher,
    key: DPoPKey,
    monkeypatch: pytest.MonkeyPatch,
    seconds: int,
) -> None:
    at = time.time() + seconds  # noqa: TID251 -- the attack
    with monkeypatch.context() as patch:
        patch.setattr("autogen_counterfoil.dpop.time", SimpleNamespace(time=lambda: at))
        ran, text, _ = await outcome_of(service.url, lambda: launcher.token, key)
    assert ran == []
    assert "credential" in text
    ran, _, _ = await outcome_of(service.url, lambda: launcher.token, key)  # control
    assert len(ran) == 1


def without(name: str) -> Callable[[dict[str, str]], dict[str, str]]:
    return lambda fields: {key: value for key, value in fields.items() if key != name}


async def test_proof_that_is_taken_away_or_replayed_on_the_way_runs_nothing(
    between: Tampering, launcher: Launcher, behind: DPoPKey
) -> None:
    ran, _, _ = await outcome_of(between.url, lambda: launcher.token, behind)  # control
    assert len(ran) == 1
    old = between.seen[0]
    as_bearer = {"Authorization": f"Bearer {launcher.token}"}
    changes = (
        without("DPoP"),
        lambda fields: {**without("DPoP")(fields), **as_bearer},
        lambda fields: {**fields, **as_bearer},
        lambda fields: {**fields, "DPoP": old["DPoP"]},
    )
    for change in changes:
        between.asked = change
        ran, text, _ = await outcome_of(between.url, lambda: launcher.token, behind)
        assert ran == []
        assert "credential" in text
    between.asked = lambda fields: fields
    ran, _, _ = await outcome_of(between.url, lambda: launcher.token, behind)
    assert len(ran) == 1
