"""Grouped queries against a real OPA: each person gets their own answer, whoever else asks."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from counterfoil.core.model import Decision, Interpretation, JsonObject
from counterfoil.core.verdict import judge
from counterfoil.errors import PolicyTimeout, PolicyUnavailable
from counterfoil.policy.opa import Opa
from counterfoil.ports import PolicyAnswer, PolicyQuestion
from simulators.opa import PERMISSION
from simulators.real_opa import RealOpa, real_opa

FAR = 60.0
TROUBLE = """\
# METADATA
# title: Trouble
# description: Rules that fail or never end, for tests.
# schemas:
#   - input: schema.policy_input
package counterfoil.actions.trouble

# METADATA
# title: A rule that fails
# description: Under strict built-in errors the whole query fails with it.
# custom:
#   code: trouble.poison
#   solution: None.
deny contains "poison" if {
	input.context.prompt == "poison"
	to_number("no number") == 1
}

# METADATA
# title: A rule that never ends
# description: Nine million steps.
# custom:
#   code: trouble.slow
#   solution: None.
deny contains "slow" if {
	input.context.prompt == "slow"
	some a in numbers.range(1, 3000)
	some b in numbers.range(1, 3000)
	a + b == -1
}
"""


@pytest.fixture(scope="module")
def opa() -> Iterator[RealOpa]:
    with real_opa({"counterfoil/actions/trouble/trouble.rego": TROUBLE}) as running:
        yield running


@pytest.fixture
def engine(opa: RealOpa) -> Iterator[Opa]:
    made = opa.engine()
    yield made
    made.close()


def question(
    who: str, number: int = 0, *, prompt: str = "", tenant: str = "default", verb: str = "create"
) -> PolicyQuestion:
    digest = f"{who}-{number}"
    groups = ["developers"] if who == "alice" else ["guests"]
    document: JsonObject = {
        "tenant": tenant,
        "subject": {"iss": "urn:counterfoil:development", "sub": who, "groups": groups},
        "actor": {"iss": "urn:counterfoil:development", "sub": "coder"},
        "run": None,
        "action": {
            "name": "run_sql",
            "family": "trouble" if prompt else "database",
            "arguments": {},
        },
        "resource": None,
        "operations": [
            {
                "family": "database",
                "verb": verb,
                "object": {
                    "kind": "table",
                    "database": "orders",
                    "schema": "public",
                    "name": f"t{number}",
                },
            }
        ],
        "uncertain": [],
        "required": [{**PERMISSION, "identifier": digest}],
        "ambient": [],
        "action_digest": digest,
        "context": {"prompt": prompt, "time": "2026-11-24T03:10:00.000000Z"},
        "approvals": [],
    }
    return PolicyQuestion(tenant=tenant, action_digest=digest, input=document)


def verdict(engine: Opa, asked: PolicyQuestion, answer: PolicyAnswer | Exception) -> str:
    """The effect, `someone else's` where the permissions are not this question's own."""
    if isinstance(answer, Exception):
        return type(answer).__name__
    required = ({**PERMISSION, "identifier": asked.action_digest},)
    decision = judge(
        answer, Interpretation(required=required), known_revisions=engine.known_revisions()
    )
    assert isinstance(decision, Decision)
    if any(reason.code == "policy.permissions_mismatch" for reason in decision.reasons):
        return "someone else's"
    return decision.effect.value


def test_two_people_with_opposite_verdicts_never_swap_in_ten_thousand_interleavings(
    engine: Opa,
) -> None:
    wrong: list[tuple[str, str]] = []
    disturbed: list[str] = []
    over = threading.Event()

    def person(name: str, seed: int) -> int:
        expected = "allow" if name == "alice" else "deny"
        dice = random.Random(seed)  # noqa: S311 -- a seed, not a secret
        asked = 0
        while asked < 1_250:
            questions = [question(name, asked + i) for i in range(dice.randint(1, 4))]
            asked += len(questions)
            answers = engine.ask(questions, deadline=time.monotonic() + FAR)
            found = [verdict(engine, q, a) for q, a in zip(questions, answers, strict=True)]
            wrong.extend((name, effect) for effect in found if effect != expected)
        return asked

    def trouble(prompt: str, seconds: float) -> None:
        while not over.wait(0.05):
            asked = question("alice", prompt=prompt)
            (answer,) = engine.ask([asked], deadline=time.monotonic() + seconds)
            disturbed.append(verdict(engine, asked, answer))

    with ThreadPoolExecutor(10) as pool:
        troubles = [pool.submit(trouble, "poison", FAR), pool.submit(trouble, "slow", 0.1)]
        people = [pool.submit(person, "alice" if i % 2 else "bob", i) for i in range(8)]
        total = sum(job.result() for job in people)
        over.set()
        for job in troubles:
            job.result()
    assert total >= 10_000
    assert wrong == []  # neither another's answer, nor an error: nobody was late
    assert set(disturbed) == {"PolicyUnavailable", "PolicyTimeout"}


@pytest.mark.parametrize(
    ("prompt", "expected"), [("poison", "PolicyUnavailable"), ("slow", "PolicyTimeout")]
)
def test_bad_item_of_a_batch_harms_itself_alone(prompt: str, expected: str, engine: Opa) -> None:
    batch = [question("alice", i) for i in range(15)]
    batch.insert(7, question("alice", 99, prompt=prompt))
    batch.append(question("bob"))
    answers = engine.ask(batch, deadline=time.monotonic() + 8.0)
    found = [verdict(engine, q, a) for q, a in zip(batch, answers, strict=True)]
    assert found == [*["allow"] * 7, expected, *["allow"] * 8, "deny"]
    control = engine.ask(batch[:7], deadline=time.monotonic() + FAR)
    assert [verdict(engine, q, a) for q, a in zip(batch, control, strict=False)] == ["allow"] * 7


def test_tenants_never_share_a_query(engine: Opa, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[set[object]] = []
    original = engine._client.decide

    def spy(document: JsonObject, url: str, **more: Any) -> object:
        items = document.get("items")
        inputs = list(items.values()) if isinstance(items, dict) else [document]
        sent.append({item["tenant"] for item in inputs if isinstance(item, dict)})
        return original(document, url, **more)

    monkeypatch.setattr(engine._client, "decide", spy)
    mixed = [question("alice", i, tenant="default" if i % 2 else "other") for i in range(8)]
    answers = engine.ask(mixed, deadline=time.monotonic() + FAR)
    found = [verdict(engine, q, a) for q, a in zip(mixed, answers, strict=True)]
    assert found == ["deny", "allow"] * 4  # the other tenant has no roles
    assert sent
    assert all(len(tenants) == 1 for tenants in sent)


def test_engine_that_dies_is_unavailable_and_comes_back(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with real_opa() as first:
        engine = first.engine()
        asked = question("alice")
        (answer,) = engine.ask([asked], deadline=time.monotonic() + FAR)
        assert verdict(engine, asked, answer) == "allow"
        first.process.kill()
        first.process.wait(10)
        (gone,) = engine.ask([asked], deadline=time.monotonic() + 1.0)
        assert isinstance(gone, PolicyUnavailable | PolicyTimeout)
        first.socket_path.unlink(missing_ok=True)
        with first.restarted():
            (answer,) = engine.ask([asked], deadline=time.monotonic() + FAR)
            assert verdict(engine, asked, answer) == "allow"
        engine.close()
