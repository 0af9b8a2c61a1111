"""One test per answer of OPA, over a real socket: nothing but the honest one permits anything.

Each attack has its control in the same test: the same set-up, asked once more with an honest
answer, allows exactly the required permission.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from counterfoil.core.model import Decision, Effect, Interpretation
from counterfoil.core.verdict import judge
from counterfoil.errors import PolicyError, PolicyTimeout, PolicyUnavailable
from counterfoil.policy.opa import Opa
from counterfoil.policy.session import MAX_ANSWER_BYTES, Address
from counterfoil.ports import PolicyAnswer, PolicyQuestion
from simulators.opa import (
    PERMISSION,
    REVISION,
    Behaviour,
    Exchange,
    OpaStandIn,
    allow,
    chunked,
    document,
    honest,
    http,
)

READING = Interpretation(required=(PERMISSION,))
QUESTION = PolicyQuestion(tenant="t", action_digest="d", input={"action_digest": "d"})
BUDGET = 0.4
BOUND = 5.0  # a stuck call would hang for ever; nothing here measures speed


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


def ask(engine: Opa, seconds: float = BUDGET) -> Decision | Exception:
    started = time.monotonic()
    (answer,) = engine.ask([QUESTION], deadline=started + seconds)
    assert time.monotonic() - started < BOUND
    if isinstance(answer, PolicyAnswer):
        return judge(answer, READING, known_revisions=engine.known_revisions())
    return answer


def assert_honest_allows(opa: OpaStandIn, engine: Opa) -> None:
    opa.behaviour = honest
    decision = ask(engine, BOUND)
    assert isinstance(decision, Decision)
    assert decision.effect is Effect.ALLOW
    assert decision.permissions == (PERMISSION,)
    assert decision.policy_revision == REVISION


def says(data: bytes) -> Behaviour:
    return lambda exchange: exchange.send(data)


def says_and_closes(data: bytes) -> Behaviour:
    def behaviour(exchange: Exchange) -> None:
        exchange.send(data)
        exchange.close()

    return behaviour


WIDER = [{**PERMISSION, "actions": ["create", "usage"]}]
OTHER = "test+sha256:" + "b" * 64
NO_PROVENANCE = json.dumps({"result": allow()}).encode()
TWICE = document(allow()).replace(b'"effect": "allow"', b'"effect": "deny", "effect": "allow"')

DENIED: dict[str, tuple[bytes, str]] = {
    "undefined": (b"{}", "policy.undefined"),
    "undefined with provenance": (document(0).replace(b'"result": 0, ', b""), "policy.undefined"),
    "null": (document(None), "policy.malformed_result"),
    "an empty object": (document({}), "policy.malformed_result"),
    "the text allow": (document("allow"), "policy.malformed_result"),
    "true": (document(True), "policy.malformed_result"),  # noqa: FBT003
    "effect in other letters": (document({"effect": "ALLOW"}), "policy.malformed_result"),
    "effect in other letters, otherwise whole": (
        document(allow(effect="ALLOW")),
        "policy.malformed_result",
    ),
    "an unknown member": (document(allow(permit=True)), "policy.malformed_result"),
    "an endless lifetime": (document(allow(ttl_seconds=86_400)), "policy.malformed_result"),
    "wider permissions": (document(allow(WIDER)), "policy.permissions_mismatch"),
    "one permission more": (
        document(allow([PERMISSION, {**PERMISSION, "identifier": "audit"}])),
        "policy.permissions_mismatch",
    ),
    "narrower permissions": (document(allow([])), "policy.permissions_mismatch"),
    "another revision": (document(allow(), OTHER), "policy.revision_unknown"),
    "no revision": (NO_PROVENANCE, "policy.revision_unknown"),
    "an empty revision": (document(allow(), ""), "policy.revision_unknown"),
    "several revisions": (document(allow(), REVISION, OTHER), "policy.revision_unknown"),
    "the known one twice": (document(allow(), REVISION, REVISION), "policy.revision_unknown"),
    "the known one in another case": (
        document(allow(), REVISION.upper()),
        "policy.revision_unknown",
    ),
    "garbage": (b"\xff\xfe garbage", "policy.malformed_result"),
    "two documents": (document(allow()) * 2, "policy.malformed_result"),
    "a name twice": (TWICE, "policy.malformed_result"),
    "NaN": (document(allow(ttl_seconds=float("nan"))), "policy.malformed_result"),
    "a list": (b"[]", "policy.malformed_result"),
    "nothing": (b"", "policy.malformed_result"),
}


@pytest.mark.parametrize("name", DENIED)
def test_complete_answer_that_is_not_exact_is_a_deny(
    name: str, opa: OpaStandIn, engine: Opa
) -> None:
    body, code = DENIED[name]
    opa.behaviour = says(http(body))
    decision = ask(engine, BOUND)
    assert isinstance(decision, Decision)
    assert decision.effect is Effect.DENY
    assert decision.permissions == ()
    assert [reason.code for reason in decision.reasons] == [code]
    assert_honest_allows(opa, engine)


WHOLE = http(document(allow()))
HALF = WHOLE[: len(WHOLE) // 2]
TWO_LENGTHS = WHOLE.replace(b"Content-Length", b"Content-Length: 5\r\nContent-Length", 1)
NO_LENGTH = b"HTTP/1.1 200 OK\r\n\r\n" + document(allow())
BOTH = WHOLE.replace(b"Content-Length", b"Transfer-Encoding: chunked\r\nContent-Length", 1)
BODY = document(allow())

BROKEN: dict[str, Behaviour] = {
    "301 to itself": says(
        http(b"", "301 Moved", "Location: /v1/data/counterfoil/main/decision\r\n")
    ),
    "302 with an allow in it": says(http(BODY, "302 Found", "Location: http://127.0.0.1:1/\r\n")),
    "307 to another host": says(http(BODY, "307 X", "Location: http://evil.example/\r\n")),
    "500": says(http(b'{"code": "internal_error"}', "500 Internal Server Error")),
    "401": says(http(b"{}", "401 Unauthorized")),
    "404 with an allow in it": says(http(BODY, "404 Not Found")),
    "201 with an allow in it": says(http(BODY, "201 Created")),
    "204": says(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "100 first": says(b"HTTP/1.1 100 Continue\r\n\r\n" + WHOLE),
    "half a body": says_and_closes(HALF),
    "half a header": says_and_closes(WHOLE[:20]),
    "one byte short": says_and_closes(WHOLE[:-1]),
    "a body up to the end of the connection": says_and_closes(NO_LENGTH),
    "two lengths": says_and_closes(TWO_LENGTHS),
    "a length and chunks": says_and_closes(BOTH),
    "a cut chunk": says_and_closes(chunked(BODY[:40], end=False)),
    "chunks without an end": says_and_closes(chunked(BODY, end=False)),
    "a chunk of another size": says_and_closes(chunked(BODY).replace(b"\r\n0\r\n", b"xx\r\n0\r\n")),
    "a second answer behind it": says(WHOLE + WHOLE),
    "not HTTP": says_and_closes(b"\x16\x03\x01 hello"),
    "HTTP/0.9": says_and_closes(BODY),
    "compressed": says(
        WHOLE.replace(b"Content-Type", b"Content-Encoding: gzip\r\nContent-Type", 1)
    ),
    "a huge length": says(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n"),
    "a huge body": says(http(b" " * (MAX_ANSWER_BYTES + 1))),
    "a huge chunked body": says_and_closes(chunked(*[b" " * 1_048_576] * 5)),
    "a header without an end": says(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10_000),
    "closed at once": lambda exchange: exchange.close(),
}


@pytest.mark.parametrize("name", BROKEN)
def test_answer_that_is_not_a_complete_200_is_no_decision(
    name: str, opa: OpaStandIn, engine: Opa
) -> None:
    opa.behaviour = BROKEN[name]
    error = ask(engine, BOUND)
    assert isinstance(error, PolicyUnavailable)
    assert_honest_allows(opa, engine)


def after(seconds: float) -> Behaviour:
    def behaviour(exchange: Exchange) -> None:
        exchange.silence(seconds)
        honest(exchange)

    return behaviour


def drop_by_drop(exchange: Exchange) -> None:
    """Each byte comes long before a time limit of one `recv`; the whole does not."""
    for byte in WHOLE:
        exchange.send(bytes([byte]))
        exchange.silence(0.02)


LATE: dict[str, Behaviour] = {
    "after the deadline": after(BUDGET * 2),
    "not at all": after(BOUND * 4),
    "drop by drop": drop_by_drop,
}


@pytest.mark.parametrize("name", LATE)
def test_late_answer_is_a_timeout_and_reaches_nobody(
    name: str, opa: OpaStandIn, engine: Opa
) -> None:
    opa.behaviour = LATE[name]
    assert isinstance(ask(engine), PolicyTimeout)
    # The late bytes must not become the next question's answer: it has its own connection.
    opa.behaviour = says(http(document({"effect": "deny"})))
    decision = ask(engine, BOUND)
    assert isinstance(decision, Decision)
    assert decision.effect is Effect.DENY
    assert_honest_allows(opa, engine)


def test_absent_engine_is_unavailable_at_once(tmp_path: Path) -> None:
    engine = Opa(
        Address(path=str(tmp_path / "none")),
        entrypoint="counterfoil/main/decision",
        known_revisions=frozenset({REVISION}),
    )
    assert isinstance(ask(engine, BOUND), PolicyUnavailable)


def test_chunked_honest_answer_allows(opa: OpaStandIn, engine: Opa) -> None:
    opa.behaviour = says(chunked(BODY[:100], BODY[100:]))
    decision = ask(engine, BOUND)
    assert isinstance(decision, Decision)
    assert decision.effect is Effect.ALLOW


@pytest.mark.parametrize("split", range(1, len(WHOLE), 37))
def test_answer_in_two_packets_is_one_answer(split: int, opa: OpaStandIn, engine: Opa) -> None:
    def behaviour(exchange: Exchange) -> None:
        exchange.send(WHOLE[:split])
        exchange.silence(0.005)
        exchange.send(WHOLE[split:])

    opa.behaviour = behaviour
    decision = ask(engine, BOUND)
    assert isinstance(decision, Decision)
    assert decision.effect is Effect.ALLOW


def test_every_error_is_a_policy_error(opa: OpaStandIn, engine: Opa) -> None:
    for behaviour in BROKEN.values():
        opa.behaviour = behaviour
        assert isinstance(ask(engine, BOUND), PolicyError)
