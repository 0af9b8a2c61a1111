"""A client at the WSGI edge: honest requests, and any change to one; views hung on demand."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from flask import Blueprint, Flask
from werkzeug.datastructures import Headers

from counterfoil.http.credentials import Credentials
from counterfoil.http.exchange import Environ, Reply, hang, json_reply
from counterfoil.http.hosts import HostRule
from counterfoil.http.inbound import bearer_token, idempotency_key, json_body
from counterfoil.http.lean import Frame, LeanFlask
from counterfoil.http.metrics import Metrics
from counterfoil.http.problems import Problems
from counterfoil.http.refusals import RefusalLog

MAX_BYTES = 1000
PUBLIC_URL = "https://counterfoil.example.com"


@dataclass(frozen=True)
class Answer:
    """What came back through `start_response` and the body."""

    status: int
    headers: Headers
    data: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.data)

    def problem(self) -> dict[str, Any]:
        """The problem document, after what holds for every one of them."""
        assert self.headers["Content-Type"] == "application/problem+json"
        assert self.headers["Cache-Control"] == "no-store"
        value: dict[str, Any] = self.json
        assert value["status"] == self.status
        family, _, name = value["code"].partition(".")
        ours, authzen = "urn:counterfoil:problem:", "urn:openid:authzen:access-request:error:"
        of = authzen + name if family == "access_request" else ours + value["code"]
        assert value["type"] == of
        assert value["request_id"] == self.headers["X-Request-ID"]
        return value


def honest(body: bytes = b"{}", /, **changes: Any) -> Environ:
    """An honest request's environ with `changes`; None removes a key."""
    environ = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/echo",
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8282",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1:8282",
        "HTTP_AUTHORIZATION": "Bearer abc.def.ghi",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(body),
        "wsgi.input_terminated": True,
        **changes,
    }
    return {key: value for key, value in environ.items() if value is not None}


def send(app: Flask, environ: Environ) -> Answer:
    """Send one request as a WSGI server does."""
    sent: list[tuple[str, list[tuple[str, str]]]] = []

    def start(status: str, headers: list[tuple[str, str]]) -> None:
        sent.append((status, headers))

    data = b"".join(app.wsgi_app(environ, start))  # type: ignore[arg-type]  # a narrower start
    ((status, headers),) = sent
    return Answer(int(status.split()[0]), Headers(headers), data)


class Door:
    """The real application class and frame; `/echo` and `/who` show what a request brought."""

    def __init__(self, hosts: HostRule | None = None) -> None:
        numbers = itertools.count(1)
        self.metrics = Metrics()
        self.failure: Callable[[], Exception] = RuntimeError
        frame = Frame(
            problems=Problems(PUBLIC_URL),
            metrics=self.metrics,
            hosts=hosts or HostRule(),
            new_request_id=lambda: f"req_{next(numbers)}",
            refusals=RefusalLog(time.monotonic),
        )
        self.app = LeanFlask("door", frame=frame)
        self.app.register_blueprint(self._blueprint())

    def send(self, body: bytes = b"{}", /, **changes: Any) -> Answer:
        """An honest request to `/echo`, with changes to its environ."""
        return send(self.app, honest(body, **changes))

    def fail(self, failure: Callable[[], Exception]) -> Answer:
        """A request whose view raises."""
        self.failure = failure
        return self.send(REQUEST_METHOD="GET", PATH_INFO="/fail")

    def _blueprint(self) -> Blueprint:
        blueprint = Blueprint("door", __name__)
        hang(blueprint, "/echo", "echo", _echo, method="POST")
        hang(blueprint, "/who", "who", _who, method="POST")
        hang(blueprint, "/fail", "fail", self._fail, method="GET")
        hang(blueprint, "/items/<item_id>/part", "part", _part, method="GET")
        return blueprint

    def _fail(self, _environ: Environ) -> Reply:
        raise self.failure()


def _echo(environ: Environ) -> Reply:
    body = json_body(environ, max_bytes=MAX_BYTES)
    token, key = bearer_token(environ), idempotency_key(environ)
    return json_reply({"length": len(body), "token": token, "key": key})


def _who(environ: Environ) -> Reply:
    token, proof = Credentials(PUBLIC_URL).read(environ)
    shown = None if proof is None else [proof.unverified_jwt, proof.method, proof.url]
    return json_reply({"token": token, "proof": shown})


def _part(_environ: Environ, item_id: str) -> Reply:
    return json_reply({"item": item_id})
