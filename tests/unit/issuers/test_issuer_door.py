"""What an issuer's door lets through: one form, bounded in size, time and number."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from certificates import Authority, ClientCertificate
from counterfoil.core.model import JsonObject
from counterfoil_issuers import server
from counterfoil_issuers.holders import Presented
from counterfoil_issuers.refusals import RedeemRefused
from counterfoil_issuers.server import GRANT_TYPE, Door, serving
from issuer_bench import loop_thread, run_in

FORM = {"grant_type": GRANT_TYPE, "assertion": "a.b.c"}
TYPE = "application/x-www-form-urlencoded"


class Desk:
    """Notes what was presented; gives a credential, or refuses."""

    def __init__(self) -> None:
        self.presented: list[Presented] = []
        self.refuse = False
        self.wait: threading.Event | None = None
        self.missing: list[str] = []

    def issue(self, presented: Presented) -> JsonObject:
        self.presented.append(presented)
        if self.wait is not None:
            assert self.wait.wait(10)
        if self.refuse:
            raise RedeemRefused("the service declines (grant.revoked)")
        return {"credential": {"password": "hunter2"}}


@contextmanager
def door(desk: Desk, tls: ssl.SSLContext | None = None, *, workers: int = 2) -> Iterator[int]:
    made = Door(issue=desk.issue, ready=lambda: desk.missing, workers=workers, over_unix=False)
    listener = socket.create_server(("127.0.0.1", 0))
    port: int = listener.getsockname()[1]
    with ExitStack() as stack:
        loop = stack.enter_context(loop_thread())
        context = serving(made, listener, tls)
        run_in(loop, context.__aenter__())
        stack.callback(lambda: run_in(loop, context.__aexit__(None, None, None)))
        yield port


def send(
    port: int,
    form: Any = FORM,
    *,
    path: str = "/credential",
    method: str = "POST",
    headers: list[tuple[str, str]] | None = None,
    content_type: str = TYPE,
) -> tuple[int, Any, dict[str, str]]:
    body = form if isinstance(form, bytes) else urlencode(form).encode()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.putrequest(method, path)
        for name, value in [("Content-Type", content_type), *(headers or [])]:
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        raw = answer.read()
    finally:
        connection.close()
    found = {name.lower(): value for name, value in answer.getheaders()}
    parsed = json.loads(raw) if "json" in found.get("content-type", "") else raw
    return answer.status, parsed, found


@pytest.fixture(scope="module")
def desk() -> Desk:
    return Desk()


@pytest.fixture(scope="module")
def port(desk: Desk) -> Iterator[int]:
    with door(desk) as opened:
        yield opened


def test_form_with_one_proof_is_presented(desk: Desk, port: int) -> None:
    status, body, headers = send(port, headers=[("DPoP", "x.y.z")])
    assert (status, body) == (200, {"credential": {"password": "hunter2"}})
    assert headers["cache-control"] == "no-store"
    assert desk.presented[-1] == Presented(unverified_request="a.b.c", unverified_proof="x.y.z")
    assert "a.b.c" not in repr(desk.presented[-1])


REFUSED: dict[str, dict[str, Any]] = {
    "json": {"form": b"{}", "content_type": "application/json"},
    "no_grant_type": {"form": {"assertion": "a.b.c"}},
    "other_grant_type": {"form": {**FORM, "grant_type": "password"}},
    "no_assertion": {"form": {"grant_type": GRANT_TYPE}},
    "unknown_member": {"form": {**FORM, "scope": "everything"}},
    "member_twice": {"form": f"{urlencode(FORM)}&assertion=d.e.f".encode()},
    "too_long": {"form": {**FORM, "assertion": "a" * 200_000}},
    "two_proofs": {"headers": [("DPoP", "x.y.z"), ("DPoP", "x.y.z")]},
    "proof_that_is_none": {"headers": [("DPoP", "bearer")]},
    "query": {"path": "/credential?assertion=a.b.c"},
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_request_is_refused_unread(desk: Desk, port: int, name: str) -> None:
    count = len(desk.presented)
    status, body, _ = send(port, **REFUSED[name])
    assert status == 400
    assert body["error"] == "invalid_request"
    assert body["error_uri"] == "urn:counterfoil:problem:issuer.malformed_request"
    assert len(desk.presented) == count


def test_refusal_is_in_oauths_form_and_says_what_to_do(desk: Desk, port: int) -> None:
    desk.refuse = True
    status, body, headers = send(port)
    desk.refuse = False
    assert status == 400
    assert body == {
        "error": "invalid_grant",
        "error_description": "the service declines (grant.revoked). Ask the service to authorize the action again.",
        "error_uri": "urn:counterfoil:problem:issuer.redeem_refused",
    }
    assert headers["cache-control"] == "no-store"


def test_nothing_else_is_served(port: int) -> None:
    assert send(port, path="/")[0] == 404
    assert send(port, method="GET", form=b"")[0] == 405
    assert send(port, path="/livez", method="GET", form=b"")[:2] == (200, {"status": "ok"})


def test_readiness_names_what_is_missing(desk: Desk, port: int) -> None:
    assert send(port, path="/readyz", method="GET", form=b"")[0] == 200
    desk.missing = ["the service's events are not heard"]
    status, body, _ = send(port, path="/readyz", method="GET", form=b"")
    desk.missing = []
    assert (status, body["missing"]) == (503, ["the service's events are not heard"])


def test_too_many_that_wait_are_refused_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "MAX_WAITING", 2)
    desk = Desk()
    desk.wait = threading.Event()
    with door(desk) as port:
        threads = [threading.Thread(target=send, args=(port,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        while len(desk.presented) < 2:
            time.sleep(0.01)
        status, body, _ = send(port)
        assert (status, body["error"]) == (503, "temporarily_unavailable")
        desk.wait.set()
        for thread in threads:
            thread.join()
        assert send(port)[0] == 200


def test_connection_that_sends_slowly_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "CONNECTION_SECONDS", 0.3)
    monkeypatch.setattr(server, "KEEP_ALIVE_SECONDS", 60.0)
    with door(Desk()) as port, socket.create_connection(("127.0.0.1", port), 5) as slow:
        slow.sendall(b"POST /credential HTTP/1.1\r\nHost: a\r\nX: ")
        assert ended(slow)


def ended(peer: socket.socket) -> bool:
    """Whether the other side ends it, before our own time-out."""
    try:
        return peer.recv(1) == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False


def test_idle_connections_keep_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 3)
    monkeypatch.setattr(server, "CONNECTION_SECONDS", 0.3)
    with door(Desk()) as port, ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), 10))
        until = time.monotonic() + 10
        while True:
            try:
                assert send(port)[0] == 200
                break
            except (ConnectionError, http.client.HTTPException):
                assert time.monotonic() < until
                time.sleep(0.02)


def test_certificate_of_the_connection_is_presented(tmp_path: Path) -> None:
    authority, client = Authority.make(tmp_path, "authority"), ClientCertificate.make()
    context = authority.server(tmp_path)
    context.load_verify_locations(cadata=client.pem.decode())
    context.verify_mode = ssl.CERT_OPTIONAL
    without = ssl.create_default_context(cafile=str(authority.file))
    desk = Desk()
    with door(desk, context) as port:
        for trusted in (without, client.context(tmp_path, authority)):
            connection = http.client.HTTPSConnection("127.0.0.1", port, context=trusted, timeout=10)
            connection.request("POST", "/credential", urlencode(FORM), {"Content-Type": TYPE})
            assert connection.getresponse().status == 200
            connection.close()
    assert [one.certificate for one in desk.presented] == [None, client.der]
