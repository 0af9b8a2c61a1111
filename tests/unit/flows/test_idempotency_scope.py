"""What makes two keys one key, and two bodies one body."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.core.model import Actor, AuthorizationRequest, Caller, Context, Grant, Subject
from counterfoil.core.revocation import read_standing
from counterfoil.flows.idempotency import KEPT_SECONDS, Idempotency
from counterfoil.ports import Event, Once

NOW = 1_800_000_000.0
CALLER = Caller(
    tenant="default",
    subject=Subject(issuer="https://idp", sub="alice"),
    actor=Actor(issuer="https://idp", sub="coder"),
    run_id="run_1",
    prompt_digest=None,
    expires_at=NOW + 600,
)
REQUEST = AuthorizationRequest(
    action_name="run_sql", arguments={"sql": "SELECT 1"}, context=Context(prompt="p")
)


def once(
    caller: Caller = CALLER,
    key: str = "k",
    requests: tuple[AuthorizationRequest, ...] = (REQUEST,),
    *,
    batch: bool = False,
) -> Once:
    promise = Idempotency.of(caller, key, requests, batch=batch, now=NOW)
    assert promise is not None
    return promise.once


def test_no_key_is_no_promise() -> None:
    assert Idempotency.of(CALLER, None, [REQUEST], batch=False, now=NOW) is None


OTHERS: dict[str, dict[str, Any]] = {
    "tenant": {"tenant": "other"},
    "subject": {"subject": Subject(issuer="https://idp", sub="bob")},
    "subject's issuer": {"subject": Subject(issuer="https://other", sub="alice")},
    "actor": {"actor": Actor(issuer="https://idp", sub="reviewer")},
    "actor's issuer": {"actor": Actor(issuer="https://other", sub="coder")},
    "no actor": {"actor": None},
    "run": {"run_id": "run_2"},
    "no run": {"run_id": None},
    "the run's prompt": {"prompt_digest": "x"},
}


@pytest.mark.parametrize("what", OTHERS)
def test_every_part_of_the_caller_is_in_the_scope(what: str) -> None:
    assert once(replace(CALLER, **OTHERS[what])).scope != once().scope


def test_what_differs_from_token_to_token_is_not_in_the_scope() -> None:
    fresh = replace(CALLER, token_id="another", expires_at=NOW + 60)
    assert once(fresh).scope == once().scope


@given(st.lists(st.text(max_size=6), min_size=5, max_size=5), st.data())
def test_parts_of_a_scope_never_run_into_each_other(parts: list[str], data: st.DataObject) -> None:
    def scope(values: list[str]) -> str:
        caller = replace(
            CALLER,
            tenant=values[0],
            subject=Subject(issuer=values[1], sub=values[2]),
            actor=Actor(issuer=values[3], sub=values[4]),
        )
        return once(caller).scope

    others = data.draw(st.permutations(parts))
    assert (scope(parts) == scope(others)) == (parts == others)


BODIES: list[tuple[tuple[AuthorizationRequest, ...], bool]] = [
    ((REQUEST,), False),
    ((REQUEST,), True),
    ((REQUEST, REQUEST), True),
    ((replace(REQUEST, action_name="other"),), False),
    ((replace(REQUEST, arguments={"sql": "SELECT 2"}),), False),
    ((replace(REQUEST, arguments={"n": 2**60}),), False),
    ((replace(REQUEST, arguments={"n": 2**60 + 1}),), False),
    ((replace(REQUEST, arguments={"n": 1}),), False),
    ((replace(REQUEST, arguments={"n": True}),), False),
    ((replace(REQUEST, arguments={"n": "1"}),), False),
    ((replace(REQUEST, arguments={"n": 1.5}),), False),
    ((replace(REQUEST, context=Context(prompt="q")),), False),
    ((replace(REQUEST, context=Context(task="p")),), False),
    ((replace(REQUEST, resource={"type": "t", "id": "i"}),), False),
]


def test_bodies_that_differ_anywhere_have_other_digests() -> None:
    digests = [once(requests=requests, batch=batch).body_digest for requests, batch in BODIES]
    assert len(set(digests)) == len(BODIES)
    assert once(requests=(replace(REQUEST),)).body_digest == once().body_digest


def _event() -> Event:
    return Event(kind="decided", event_id="evt", time=NOW, tenant="default", subject=None)


def _grant(expires_at: float) -> Grant:
    return Grant(
        id="str",
        jti="jti",
        expires_at=expires_at,
        credential_deadline=expires_at,
        audience="a",
        claims={},
    )


def test_an_answer_is_kept_no_longer_than_its_shortest_grant() -> None:
    promise = Idempotency.of(CALLER, "k", [REQUEST], batch=True, now=NOW)
    assert promise is not None
    grants = [None, _grant(NOW + 300), _grant(NOW + 200)]
    events = promise.bind([_event()] * 3, [{}] * 3, grants, batch=True)
    assert {event.once.expires_at for event in events if event.once} == {NOW + 200}
    denied = promise.bind([_event()], [{}], [None], batch=False)
    assert [event.once.expires_at for event in denied if event.once] == [NOW + KEPT_SECONDS]


def test_every_event_of_a_batch_carries_its_own_promise_and_the_first_the_answer() -> None:
    promise = Idempotency.of(CALLER, "k", [REQUEST], batch=True, now=NOW)
    assert promise is not None
    drafts: list[dict[str, Any]] = [{"z": 1, "a": 2}, {"b": 3}]
    first, second = promise.bind([_event()] * 2, list(drafts), [None, None], batch=True)
    assert first.once is not None
    assert second.once is not None
    assert first.once.scope == promise.once.scope != second.once.scope
    assert second.once.answer == b""
    stored = json.loads(first.once.answer)
    assert stored == {"batch": True, "drafts": drafts, "standing": promise.standing.json()}
    assert read_standing(stored["standing"]) == promise.standing
    assert list(stored["drafts"][0]) == ["z", "a"]  # the order of the first answer
