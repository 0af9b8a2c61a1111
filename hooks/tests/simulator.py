"""The service's outer face with knobs: the published contract, and every way to break it.

It holds the published request schema against everything the hook sends: a violation is a
422 *and* is kept in `violations`, which a fixture asserts to be empty.
"""

from __future__ import annotations

import json
import threading
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from autogen_counterfoil.canonical import action_digest
from simulator_http import Handler, Server

SCHEMAS = Path(__file__).resolve().parents[1] / "autogen_counterfoil" / "schemas"
Json = dict[str, Any]
Rule = str | Callable[[Json], Json | str]
STATUSES = {"ok", "error", "cancelled_unknown", "not_executed"}


def validator(name: str) -> Draft202012Validator:
    contents = [json.loads(path.read_text()) for path in SCHEMAS.glob("*.json")]
    registry: Registry[Any] = Registry().with_resources(
        [(content["$id"], Resource.from_contents(content)) for content in contents]
    )
    return Draft202012Validator(
        next(content for content in contents if content["$id"].endswith(f":{name}")),
        registry=registry,
    )


def b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def jws(claims: Json) -> str:
    header = b64(b'{"alg":"ES256","typ":"JWT"}')
    return f"{header}.{b64(json.dumps(claims).encode())}.{'A' * 86}"


def delegation(sub: str = "alice", actor: str | None = "coder", **claims: Any) -> str:
    act = {"act": {"iss": "urn:agents", "sub": actor}} if actor else {}
    return jws({"iss": "urn:test", "sub": sub, "aud": "counterfoil", **act, **claims})


@dataclass
class Asked:
    """One `/authorize` as it arrived."""

    name: str
    arguments: Json
    context: Json
    claims: Json
    key: str
    headers: dict[str, str]
    body: Json = field(repr=False, default_factory=dict)


@dataclass
class Approval:
    id: str
    status: str = "pending"
    digest: str = ""
    spent: bool = False
    expires_at: str = "2099-01-01T00:00:00Z"


class Simulator:
    """An HTTP server on loopback. Knobs are plain attributes."""

    def __init__(self) -> None:
        self.rules: dict[str, Rule] = {}
        self.default: Rule = "deny"
        self.enforcement: dict[str, str] = {}
        self.fault: str | Callable[[str], str | None] | None = None
        self.change: Callable[[Json], Json] = lambda answer: answer
        self.execute: dict[str, Callable[[Json], Json]] = {}
        self.with_approval_of_any_action = False
        self.approval_expires_at = "2099-01-01T00:00:00Z"
        self.late_seconds = 30.0
        self.nonce: str | None = None  # what a DPoP proof must say

        self.asked: list[Asked] = []
        self.answers: dict[str, Json] = {}  # by decision id
        self.outcomes: dict[str, Json] = {}
        self.outcome_tokens: dict[str, Json] = {}
        self.repeated_outcomes = 0
        self.approvals: dict[str, Approval] = {}
        self.withdrawn: list[str] = []
        self.violations: list[str] = []
        self.proofs: list[tuple[str, str, str]] = []  # method, path, proof: of every try
        self.hits: Counter[str] = Counter()
        self.known_keys: dict[str, tuple[bytes, Json]] = {}
        self.changed = threading.Condition()
        self.stopping = threading.Event()
        self._request = validator("authorization_request")
        self._outcome = validator("outcome")
        self._answer = validator("authorization_response")
        self._server: Server | None = None
        self.port = 0

    # life

    def start(self, port: int = 0) -> None:
        handler = type("Bound", (Handler,), {"simulator": self})
        self._server = Server(("127.0.0.1", port), handler)
        self.port = self._server.server_address[1]
        self.stopping.clear()
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        if self._server is None:
            return
        self.stopping.set()
        with self.changed:
            self.changed.notify_all()
        self._server.shutdown()
        self._server.drop()
        self._server.server_close()
        self._thread.join()
        self._server = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    # a person

    def answer(self, approval_id: str, status: str) -> None:
        with self.changed:
            self.approvals[approval_id].status = status
            self.changed.notify_all()

    def pending(self, within: float = 5.0) -> Approval:
        with self.changed:
            assert self.changed.wait_for(
                lambda: any(a.status == "pending" for a in self.approvals.values()), within
            ), "no approval was opened"
            return next(a for a in self.approvals.values() if a.status == "pending")

    # the contract

    def authorize(self, body: bytes, claims: Json, headers: dict[str, str]) -> tuple[int, Json]:
        value = json.loads(body)
        errors = [error.message for error in self._request.iter_errors(value)]
        if errors:
            self.violations += errors
            return 422, {"code": "request.schema", "title": "shape", "detail": errors[0]}
        key = headers["idempotency-key"].strip('"')
        with self.changed:
            if key in self.known_keys:
                earlier, answer = self.known_keys[key]
                return (
                    (200, answer)
                    if earlier == body
                    else (422, {"code": "request.idempotency_conflict"})
                )
            action = value["action"]
            asked = Asked(
                action["name"], action["properties"]["arguments"], value.get("context", {}),
                claims, key, headers, value,
            )  # fmt: skip
            self.asked.append(asked)
            answer = self._decide(asked)
            self.known_keys[key] = (body, answer)
            self.answers[answer["decision_id"]] = answer
            self.changed.notify_all()
            return 200, answer

    def _decide(self, asked: Asked) -> Json:
        rule = self.rules.get(asked.name, self.default)
        verdict = rule(asked.body) if callable(rule) else rule
        changes = verdict if isinstance(verdict, dict) else {"effect": verdict}
        runs = self.execute[asked.name](asked.arguments) if asked.name in self.execute else None
        judged = {
            "tenant": "default",
            "subject": {"iss": asked.claims["iss"], "sub": asked.claims["sub"]},
            "actor": asked.claims["act"],
            "action": {"name": asked.name, "family": "tool"},
            "resource": None,
        }
        digest = action_digest(judged, asked.arguments if runs is None else runs)
        effect = self._with_approval(asked, changes["effect"], digest)
        number = len(self.answers) + 1
        answer: Json = {
            "decision_id": f"dec_{number:026d}",
            "effect": effect,
            "enforcement": self.enforcement.get(asked.name, "enforce"),
            "reasons": changes.get("reasons") or [_reason(effect, asked)],
            "permissions": [],
            "ambient": [],
            "obligations": [],
            "action_digest": digest,
            "policy": {"revision": "sim+sha256:0"},
            "receipt": {
                "origin": "sim", "event_id": f"evt_{number}", "leaf_hash": "l", "time": "t",
                "key_id": "k", "signature": "s",
            },
        }  # fmt: skip
        if effect == "allow":
            self._grant(answer, asked, digest)
            answer["judged"] = judged
            if runs is not None:
                answer["execute"] = {"arguments": runs}
        if effect == "needs_approval" and answer["enforcement"] == "enforce":
            answer["approval"] = self._open_approval(digest)
        return self.change(answer)

    def _grant(self, answer: Json, asked: Asked, digest: str) -> None:
        decision_id = answer["decision_id"]
        permission = {
            "type": "tool",
            "locations": ["urn:t"],
            "identifier": asked.name,
            "operations": [0],
        }
        claims = {
            "sub": asked.claims["sub"], "act": asked.claims["act"], "txn": decision_id,
            "jti": f"jti_{decision_id}", "action_digest": digest,
        }  # fmt: skip
        answer["permissions"] = [permission]
        answer["scoped_token_request"] = {
            "id": f"str_{decision_id}", "decision_id": decision_id,
            "expires_at": "2099-01-01T00:00:00Z", "max_lifetime_seconds": 300,
            "single_use": True, "authorization_details": [permission],
            "signed_request": jws(claims), "renderings": {},
        }  # fmt: skip

    def _open_approval(self, digest: str) -> Json:
        found = next(
            (a for a in self.approvals.values() if a.digest == digest and a.status == "pending"),
            None,
        )
        if found is None:
            found = Approval(f"apr_{len(self.approvals) + 1}", digest=digest)
            found.expires_at = self.approval_expires_at
            self.approvals[found.id] = found
        return {
            "id": found.id, "status": found.status, "expires_at": found.expires_at,
            "url": f"{self.url}/console/approvals/{found.id}",
        }  # fmt: skip

    def _with_approval(self, asked: Asked, effect: str, digest: str) -> str:
        named = asked.context.get("approval")
        if effect != "needs_approval" or named is None:
            return effect
        approval = self.approvals.get(named["id"])
        good = approval is not None and approval.status == "approved"
        if approval is not None and not self.with_approval_of_any_action:
            good = good and approval.digest == digest
        if approval is None or not good or approval.spent:
            return "needs_approval"
        approval.spent = True
        return "allow"

    def outcome(self, decision_id: str, body: bytes, claims: Json) -> tuple[int, Json]:
        value = json.loads(body)
        errors = [
            error.message for error in self._outcome.iter_errors(value) if error.validator != "enum"
        ]
        if errors or value["status"] not in STATUSES:
            self.violations += errors or [value["status"]]
            return 422, {"code": "request.schema", "title": "shape"}
        with self.changed:
            answer = self.answers.get(decision_id)
            if answer is None:
                return 404, {"code": "request.not_found", "title": "no such decision"}
            if answer["effect"] != "allow" and answer["enforcement"] != "observe":
                return 409, {"code": "request.outcome_not_expected", "title": "not expected"}
            if decision_id in self.outcomes:
                self.repeated_outcomes += 1
                if self.outcomes[decision_id] != value:
                    return 409, {"code": "request.outcome_conflict", "title": "another outcome"}
            self.outcomes[decision_id] = value
            self.outcome_tokens[decision_id] = claims
            self.changed.notify_all()
        return 200, {"decision_id": decision_id, "receipt": answer["receipt"]}

    def approval(self, approval_id: str, wait: float) -> tuple[int, Json]:
        with self.changed:
            found = self.approvals.get(approval_id)
            if found is None:
                return 404, {"code": "request.not_found", "title": "no such approval"}
            self.changed.wait_for(lambda: found.status != "pending" or self.stopping.is_set(), wait)
            return 200, {"id": found.id, "status": found.status, "expires_at": found.expires_at}

    def cancel(self, approval_id: str) -> tuple[int, Json]:
        with self.changed:
            self.withdrawn.append(approval_id)
            self.approvals[approval_id].status = "cancelled"
            self.changed.notify_all()
        return 200, {"id": approval_id, "status": "cancelled"}

    def allowed(self) -> set[str]:
        return {key for key, answer in self.answers.items() if answer["effect"] == "allow"}


def _reason(effect: str, asked: Asked) -> Json:
    if effect == "allow":
        return {"code": "rbac.granted", "title": "Allowed", "solution": ""}
    return {
        "code": "policy.default_deny",
        "title": f"Nothing allows {asked.name}",
        "solution": "Ask the owner of the tool to add a rule.",
    }
