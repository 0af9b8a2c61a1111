"""Runs hostile requests through a real application and judges every answer.

Every 250 requests the honest one is sent, and must get exactly its allow: a service that
refuses everything would pass any other check.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from counterfoil.http.exchange import Environ
from counterfoil.http.lean import LeanFlask
from counterfoil.schemas_registry import SchemaRegistry
from simulators.hostile_requests import FORM_PATHS, Hostile
from simulators.http_door import Answer, honest, send

HONEST_EVERY = 250
READY_TRIES = 40
MAX_KNOWN_DECISIONS = 50
SCHEMAS = SchemaRegistry.load(Path(__file__).parents[2] / "schemas")
SHAPES: Mapping[str, Callable[[Any], None]] = {
    "problem": SCHEMAS.validator("problem"),
    "oauth": SCHEMAS.validator("oauth_error"),
    "/token": SCHEMAS.validator("token_response"),
    "/authorize": SCHEMAS.validator("authorization_response"),
    "/authorize/batch": SCHEMAS.validator("batch_response"),
    "/approvals": SCHEMAS.validator("approvals"),
    "/livez": SCHEMAS.validator("health"),
    "/readyz": SCHEMAS.validator("health"),
}
TRACES = (b"Traceback", b'File "', b'.py"', b".py:", b"site-packages", b"Error(", b" at 0x")
PERMISSION = {
    "type": "postgresql",
    "locations": ["postgresql://127.0.0.1:5432/orders"],
    "object": "schema",
    "identifier": "public",
    "actions": ["create"],
    "operations": [0],
}


@dataclass
class Session:
    """One application under one seed; `statuses` counts what came back."""

    app: LeanFlask
    hostile: Hostile
    host: str
    statuses: Counter[int] = field(default_factory=Counter)
    effects: Counter[str] = field(default_factory=Counter)

    def run(self, count: int) -> None:
        """Send `count` requests; an answer that may not be fails with its number."""
        self._wait_for_readers()
        for number, environ in enumerate(self.hostile.stream(count)):
            if number % HONEST_EVERY == 0:
                self.honest()
            if environ.get("HTTP_HOST") == "127.0.0.1:8282":
                environ["HTTP_HOST"] = self.host
            answer = send(self.app, environ)
            self.statuses[answer.status] += 1
            try:
                self._judge(environ, answer)
            except Exception as error:
                at = f"seed {self.hostile.seed}, request {number}: {answer.status} {answer.data!r}"
                raise AssertionError(at) from error
        self.honest()

    def honest(self) -> None:
        """The control: one honest request, exactly its allow."""
        environ = self._honest_request()
        answer = send(self.app, environ)
        assert answer.status == 200, answer.data
        assert answer.json["effect"] == "allow", answer.data
        assert answer.json["permissions"] == [PERMISSION]
        self._judge(environ, answer)

    def _wait_for_readers(self) -> None:
        """A reader that still loads makes a command uncertain; each try waits for it a while."""
        for _ in range(READY_TRIES):
            if send(self.app, self._honest_request()).json.get("effect") == "allow":
                return

    def _honest_request(self) -> Environ:
        arguments = {"database": "orders", "sql": "CREATE TABLE public.invoices (id int)"}
        request = {
            "action": {"name": "run_sql", "properties": {"arguments": arguments}},
            "context": {"prompt": "Add an invoices table"},
        }
        return honest(
            json.dumps(request).encode(),
            PATH_INFO="/authorize",
            HTTP_HOST=self.host,
            HTTP_AUTHORIZATION=f"Bearer {self.hostile.tokens[0]}",
        )

    def _judge(self, environ: Environ, answer: Answer) -> None:
        assert answer.status < 500 or answer.status == 503
        for name, value in answer.headers:
            assert "\n" not in name + value
            assert "\r" not in name + value
        assert answer.headers["Content-Length"] == str(len(answer.data)) or not answer.data
        if environ["REQUEST_METHOD"] == "HEAD":
            assert answer.data == b""
            return
        self._judge_body(environ, answer)

    def _judge_body(self, environ: Environ, answer: Answer) -> None:
        path = environ["PATH_INFO"]
        if path != "/openapi.json":
            assert not any(trace in answer.data for trace in TRACES)
        for token in self.hostile.tokens:
            assert token.rpartition(".")[2].encode() not in answer.data
        oauth = path in FORM_PATHS and answer.headers["Content-Type"] == "application/json"
        if answer.status >= 400 and oauth:
            SHAPES["oauth"](answer.json)
        elif answer.status >= 400 and (answer.status, path) != (503, "/readyz"):
            SHAPES["problem"](answer.problem())
        elif path in SHAPES:
            SHAPES[path](answer.json)
        if answer.status == 200 and path in {"/authorize", "/authorize/batch"}:
            self._count(answer.json)

    def _count(self, value: Any) -> None:
        for decision in value.get("decisions", [value]):
            self.effects[decision["effect"]] += 1
            if decision["effect"] != "allow":
                assert "scoped_token_request" not in decision
            if len(self.hostile.decisions) < MAX_KNOWN_DECISIONS:
                self.hostile.decisions.append(decision["decision_id"])
