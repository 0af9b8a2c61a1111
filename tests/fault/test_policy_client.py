"""The dangers of an HTTP client between a decision and its caller, one test each."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from counterfoil.core.meanwhile import Meanwhile
from counterfoil.errors import ConfigError, PolicyUnavailable
from counterfoil.policy.client import UnixOpaClient
from counterfoil.policy.opa import Opa
from counterfoil.policy.session import Address, ForkedClient, LeanSession
from counterfoil.ports import PolicyAnswer, PolicyQuestion
from simulators.opa import REVISION, Exchange, OpaStandIn, allow, document, honest, http

QUESTION = PolicyQuestion(tenant="t", action_digest="d", input={"action_digest": "d"})


@pytest.fixture
def opa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpaStandIn]:
    with OpaStandIn(Path(tmp_path_factory.mktemp("o")) / "s") as stand_in:
        yield stand_in


def engine_at(opa: OpaStandIn) -> Opa:
    return Opa(
        Address(path=str(opa.path)),
        entrypoint="counterfoil/main/decision",
        known_revisions=frozenset({REVISION}),
    )


def ask(engine: Opa, seconds: float = 10.0) -> PolicyAnswer | Exception:
    (answer,) = engine.ask([QUESTION], deadline=time.monotonic() + seconds)
    return answer


def test_client_made_before_a_fork_refuses_in_the_child(opa: OpaStandIn) -> None:
    engine = engine_at(opa)
    assert isinstance(ask(engine), PolicyAnswer)
    before = opa.connections
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        answer = ask(engine)
        os.write(write, type(answer).__name__.encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 100) == ForkedClient.__name__.encode()
    os.close(read)
    os.close(write)
    # Control: the parent's own connection was neither used nor closed by the child.
    assert isinstance(ask(engine), PolicyAnswer)
    assert opa.connections == before
    engine.close()


def test_environment_reroutes_nothing(
    opa: OpaStandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login somebody password secret\n", encoding="ascii")
    netrc.chmod(0o600)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nonexistent")
    engine = engine_at(opa)
    assert isinstance(ask(engine), PolicyAnswer)
    assert "authorization" not in opa.seen[0].head.lower()
    engine.close()


def test_redirect_is_refused_and_not_followed(opa: OpaStandIn) -> None:
    """OPA answers a trailing slash with 301; `requests` turns that into a GET without input."""

    def behaviour(exchange: Exchange) -> None:
        if exchange.target.startswith("/v1/data/counterfoil/main/decision?"):
            moved = "Location: /v1/data/elsewhere\r\n"
            exchange.send(http(b"", "301 Moved Permanently", moved))
        else:
            exchange.send(http(document(allow())))

    opa.behaviour = behaviour
    engine = engine_at(opa)
    assert isinstance(ask(engine), PolicyUnavailable)
    assert [exchange.method for exchange in opa.seen] == ["POST"]
    opa.behaviour = honest
    assert isinstance(ask(engine), PolicyAnswer)
    engine.close()


def test_entrypoint_with_a_trailing_slash_is_asked_without_it(opa: OpaStandIn) -> None:
    engine = Opa(
        Address(path=str(opa.path)),
        entrypoint="counterfoil/main/decision/",
        known_revisions=frozenset({REVISION}),
    )
    ask(engine)
    assert opa.seen[0].target.partition("?")[0] == "/v1/data/counterfoil/main/decision"
    engine.close()


def test_provenance_and_strict_errors_are_asked_with_every_query(opa: OpaStandIn) -> None:
    engine = engine_at(opa)
    ask(engine)
    engine.ask([QUESTION, QUESTION], deadline=time.monotonic() + 10)
    queries = [exchange.target.partition("?")[2] for exchange in opa.seen]
    assert queries == ["provenance=true&strict-builtin-errors=true"] * 2
    engine.close()


def test_connection_is_kept_and_reopened_after_the_server_closed_it(opa: OpaStandIn) -> None:
    engine = engine_at(opa)
    for _ in range(5):
        assert isinstance(ask(engine), PolicyAnswer)
    assert opa.connections == 1
    opa.drop_connections()
    assert isinstance(ask(engine), PolicyAnswer)
    assert opa.connections == 2
    engine.close()


def test_question_is_sent_again_only_before_any_byte_of_an_answer(opa: OpaStandIn) -> None:
    engine = engine_at(opa)
    ask(engine)
    closed = iter([True])

    def close_once(exchange: Exchange) -> None:
        if next(closed, False):
            exchange.close()
        else:
            honest(exchange)

    opa.behaviour = close_once
    assert isinstance(ask(engine), PolicyAnswer)  # a kept connection, closed without a byte
    assert len(opa.seen) == 3

    def cut(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 200 OK\r\n")
        exchange.close()

    opa.behaviour = cut
    assert isinstance(ask(engine), PolicyUnavailable)
    assert len(opa.seen) == 4
    opa.behaviour = honest
    assert isinstance(ask(engine), PolicyAnswer)
    engine.close()


def test_work_is_done_after_the_question_is_out_and_its_error_spoils_no_answer(
    opa: OpaStandIn,
) -> None:
    engine, counted = engine_at(opa), list[int]()

    def work() -> None:
        until = time.monotonic() + 10
        while not opa.seen and time.monotonic() < until:
            time.sleep(0.001)  # the stand-in is a thread: it gets the question now or never
        counted.append(len(opa.seen))
        raise ValueError("its owner's, not the sender's")

    opa.seen.clear()
    meanwhile = Meanwhile(work)
    (answer,) = engine.ask([QUESTION], deadline=time.monotonic() + 20, meanwhile=meanwhile)
    assert isinstance(answer, PolicyAnswer)
    assert counted == [1]
    with pytest.raises(ValueError, match="owner"):
        meanwhile.value()
    control = ask(engine)
    assert isinstance(control, PolicyAnswer)
    engine.close()


def test_fresh_connection_that_closes_is_not_tried_again(opa: OpaStandIn) -> None:
    opa.behaviour = lambda exchange: exchange.close()
    engine = engine_at(opa)
    assert isinstance(ask(engine), PolicyUnavailable)
    assert len(opa.seen) == 1
    engine.close()


def test_bytes_nobody_asked_for_never_become_an_answer(opa: OpaStandIn) -> None:
    """A server that answers twice would hand the second allow to the next person."""
    engine = engine_at(opa)
    answered, sent = threading.Event(), threading.Event()

    def twice(exchange: Exchange) -> None:
        honest(exchange)
        answered.wait(10)
        exchange.send(http(document(allow())))
        sent.set()

    opa.behaviour = twice
    assert isinstance(ask(engine), PolicyAnswer)
    answered.set()
    assert sent.wait(10)
    opa.behaviour = lambda exchange: exchange.send(http(document({"effect": "deny"})))
    answer = ask(engine)
    assert isinstance(answer, PolicyAnswer)
    assert answer.result == {"effect": "deny"}
    assert opa.connections == 2
    engine.close()


def test_library_calls_that_change_the_engine_are_refused(opa: OpaStandIn) -> None:
    client = UnixOpaClient(Address(path=str(opa.path)))
    with pytest.raises(PolicyUnavailable):
        client.update_policy_from_string("package x", "x")
    with pytest.raises(PolicyUnavailable):
        client.update_or_create_data({}, "x")
    with pytest.raises(PolicyUnavailable):
        client.patch_data("x", [])
    with pytest.raises(PolicyUnavailable):
        client.delete_policy("x")
    assert opa.seen == []
    client.close()


def test_library_calls_that_ask_work_over_the_lean_session(opa: OpaStandIn) -> None:
    client = UnixOpaClient(Address(path=str(opa.path)))
    found = client.query_rule({"action_digest": "d"}, "counterfoil.main", "decision")
    assert found["result"]["effect"] == "allow"
    assert client.check_health() is True
    client.close()


def test_token_goes_in_the_header_and_line_breaks_nowhere(opa: OpaStandIn) -> None:
    client = UnixOpaClient(Address(path=str(opa.path)), token="abc")
    client.decide({"action_digest": "d"}, client.decision_url("a/b"), seconds=10)
    client.close()
    with pytest.raises(ConfigError):
        UnixOpaClient(Address(path=str(opa.path)), token="abc\r\nX: y")


def test_input_that_json_cannot_hold_is_no_decision(opa: OpaStandIn) -> None:
    engine = engine_at(opa)
    lone = PolicyQuestion(tenant="t", action_digest="d", input={"x": "\ud800"})
    (answer,) = engine.ask([lone], deadline=time.monotonic() + 10)
    assert isinstance(answer, PolicyUnavailable)
    assert opa.seen == []
    assert isinstance(ask(engine), PolicyAnswer)
    engine.close()


@pytest.mark.parametrize(
    "text",
    [
        "http://opa:8181",  # plain, beyond this machine
        "https://opa:8181/v1",
        "https://user:secret@opa:8181",
        "https://opa:8181?x=y",
        "https://",
        "https://opa:port",
        "unix://opa.sock",  # a relative path would be read as a host
        "unix:",
        "ftp://opa",
        "opa:8181",
        "",
    ],
)
def test_address_that_is_not_exact_stops_the_start(text: str) -> None:
    with pytest.raises(ConfigError):
        Address.parse(text)


def test_addresses_that_are_exact() -> None:
    assert Address.parse("unix:///run/opa.sock").path == "/run/opa.sock"
    assert Address.parse("http://127.0.0.1:8181").tls is None
    remote = Address.parse("https://opa:8181")
    assert (remote.host, remote.port) == ("opa", 8181)
    assert remote.tls is not None
    assert remote.tls.check_hostname


def test_tls_engine_with_an_unknown_certificate_is_unavailable(opa: OpaStandIn) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def not_tls() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1024)
                connection.sendall(http(document(allow())))

        thread = threading.Thread(target=not_tls)
        thread.start()
        engine = Opa(
            Address.parse(f"https://127.0.0.1:{port}"),
            entrypoint="counterfoil/main/decision",
            known_revisions=frozenset({REVISION}),
        )
        assert isinstance(ask(engine), PolicyUnavailable)
        thread.join(10)
        engine.close()


def test_url_with_a_line_break_is_never_sent(opa: OpaStandIn) -> None:
    session = LeanSession(Address(path=str(opa.path)))
    with pytest.raises(ConfigError):
        session.post("http://localhost/v1/data/a b", json={}, timeout=10)
    assert opa.seen == []
