"""Answers to grouped queries over a real socket: each reaches its own question, or none."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from counterfoil.core.model import Decision, Effect, Interpretation
from counterfoil.core.verdict import judge
from counterfoil.policy.opa import Opa
from counterfoil.policy.session import Address
from counterfoil.ports import PolicyAnswer, PolicyQuestion
from simulators.opa import (
    PERMISSION,
    REVISION,
    Behaviour,
    Exchange,
    OpaStandIn,
    allow,
    document,
    honest,
    http,
)

READING = Interpretation(required=(PERMISSION,))
BOUND = 5.0


@pytest.fixture
def opa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpaStandIn]:
    with OpaStandIn(Path(tmp_path_factory.mktemp("o")) / "s") as stand_in:
        yield stand_in


@pytest.fixture
def engine(opa: OpaStandIn) -> Iterator[Opa]:
    made = Opa(
        Address(path=str(opa.path)),
        entrypoint="counterfoil/main/decision",
        known_revisions=frozenset({REVISION}),
    )
    yield made
    made.close()


GROUP = [
    PolicyQuestion(tenant="t", action_digest=f"d{i}", input={"action_digest": f"d{i}"})
    for i in range(3)
]


def ask_group(engine: Opa) -> list[Decision | Exception]:
    answers = engine.ask(GROUP, deadline=time.monotonic() + BOUND)
    return [
        judge(answer, READING, known_revisions=engine.known_revisions())
        if isinstance(answer, PolicyAnswer)
        else answer
        for answer in answers
    ]


def effects(decisions: list[Decision | Exception]) -> list[str]:
    return [d.effect.value if isinstance(d, Decision) else type(d).__name__ for d in decisions]


def answers_group(change: Callable[[dict[str, object]], object]) -> Behaviour:
    """An honest group whose result is changed; single questions are denied, to tell them apart."""

    def behaviour(exchange: Exchange) -> None:
        if not exchange.grouped:
            exchange.send(http(document({"effect": "deny"})))
            return
        result: dict[str, object] = {
            nonce: {"action_digest": item["action_digest"], "decision": allow()}
            for nonce, item in exchange.input["items"].items()
        }
        exchange.send(http(document(change(result))))

    return behaviour


def without_second(result: dict[str, object]) -> object:
    second = sorted(result)[1]
    return {nonce: item for nonce, item in result.items() if nonce != second}


def swapped(result: dict[str, object]) -> object:
    nonces = list(result)
    return dict(zip(nonces, [result[n] for n in (*nonces[1:], nonces[0])], strict=True))


GROUPED: dict[str, tuple[Callable[[dict[str, object]], object], list[str]]] = {
    "honest (control)": (lambda result: result, ["allow"] * 3),
    "all swapped around": (swapped, ["deny"] * 3),
    "none there": (lambda _: {}, ["deny"] * 3),
    "a nonce that nobody asked": (lambda r: {**r, "zz": allow()}, ["deny"] * 3),
    "a list": (lambda r: list(r.values()), ["deny"] * 3),
}


@pytest.mark.parametrize("name", GROUPED)
def test_group_answer_reaches_its_own_question_or_none(
    name: str, opa: OpaStandIn, engine: Opa
) -> None:
    change, expected = GROUPED[name]
    opa.behaviour = answers_group(change)
    assert effects(ask_group(engine)) == expected


def test_missing_nonce_denies_that_item_alone(opa: OpaStandIn, engine: Opa) -> None:
    opa.behaviour = answers_group(without_second)
    found = ask_group(engine)
    assert sorted(effects(found)) == ["allow", "allow", "deny"]
    denied = next(d for d in found if isinstance(d, Decision) and d.effect is Effect.DENY)
    assert [reason.code for reason in denied.reasons] == ["policy.undefined"]


def test_failed_group_is_asked_singly(opa: OpaStandIn, engine: Opa) -> None:
    def behaviour(exchange: Exchange) -> None:
        if exchange.grouped or exchange.input["action_digest"] == "d1":
            exchange.send(http(b"{}", "500 Internal Server Error"))
        else:
            honest(exchange)

    opa.behaviour = behaviour
    assert effects(ask_group(engine)) == ["allow", "PolicyUnavailable", "allow"]


def test_engine_without_the_grouped_document_is_asked_singly(opa: OpaStandIn, engine: Opa) -> None:
    opa.behaviour = lambda exchange: (
        exchange.send(http(b'{"provenance": {}}')) if exchange.grouped else honest(exchange)
    )
    assert effects(ask_group(engine)) == ["allow"] * 3


def test_group_sends_fresh_unguessable_nonces(opa: OpaStandIn, engine: Opa) -> None:
    opa.behaviour = honest
    for _ in range(3):
        ask_group(engine)
    nonces = [nonce for exchange in opa.seen for nonce in exchange.input["items"]]
    assert len(set(nonces)) == len(nonces) == 9
    assert all(len(nonce) == 16 for nonce in nonces)
