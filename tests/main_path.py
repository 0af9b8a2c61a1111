"""The main path for tests: requests, what must hold of each answer, and the flow itself.

`flow_over(service)` builds the flow in the test's process over the OPA, the ledger writer and
the keys of a started service, with readers of its own: every part is real.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from counterfoil.app import Adapters, build_adapters
from counterfoil.app_approvals import build_approvals
from counterfoil.app_readers import build_catalog
from counterfoil.config import load_config
from counterfoil.core.grant import GrantTerms
from counterfoil.core.wire import RequestReader
from counterfoil.flows.authorize import AuthorizeFlow, Settings
from counterfoil.flows.prompts import RunPrompts
from counterfoil.ports import Event, Ledger, Once, Recorded, SealedAhead, StoredEvent
from counterfoil.system import SystemClock
from service import PROMPT, Answer, Service, sql_request
from simulators.hostile_session import PERMISSION, SCHEMAS

CREATE = "CREATE TABLE public.invoices (id int)"
TRACES = ("Traceback", 'File "', ".py:", "site-packages", " at 0x")
_GRANTING = {"permissions", "scoped_token_request", "signed_request", "execute", "effect"}

BATCH = 16


def new_run() -> str:
    """A run id that nobody else uses."""
    return f"run_{secrets.token_hex(13)}"


def kubectl_request(manifest: str, cluster: str = "main", prompt: str = PROMPT) -> dict[str, Any]:
    """The body of `/authorize` for one manifest."""
    arguments = {"cluster": cluster, "manifest": manifest}
    return {
        "action": {"name": "kubectl_apply", "properties": {"arguments": arguments}},
        "context": {"prompt": prompt},
    }


def ask(service: Service, body: Any, token: str | None = None, **headers: str) -> Answer:
    """`POST /authorize`, or its batch where the body is one."""
    path = "/authorize/batch" if "actions" in body else "/authorize"
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return service.request("POST", path, body, token=token or service.token(), headers=sent)


def decisions_of(service: Service, bodies: Sequence[Any]) -> list[Any]:
    """What the service answers to each, asked in batches of the greatest size."""
    found: list[Any] = []
    for start in range(0, len(bodies), BATCH):
        answer = ask(service, {"actions": bodies[start : start + BATCH]})
        assert answer.status == 200, answer.body
        found += answer.body["decisions"]
    return found


def assert_allowed(decision: dict[str, Any], permissions: Sequence[Any] = (PERMISSION,)) -> None:
    """An allow of exactly these permissions."""
    SCHEMAS.validator("authorization_response")(decision)
    assert decision["effect"] == "allow", decision["reasons"]
    assert decision["permissions"] == list(permissions)
    assert decision["scoped_token_request"]["authorization_details"] == list(permissions)


def assert_denied(decision: dict[str, Any], *codes: str) -> None:
    """A deny that permits nothing and explains itself, for `codes` where they are given."""
    SCHEMAS.validator("authorization_response")(decision)
    assert decision["effect"] == "deny"
    assert decision["permissions"] == decision["ambient"] == decision["obligations"] == []
    assert not {"scoped_token_request", "execute", "approval"} & decision.keys()
    for reason in decision["reasons"]:
        assert reason["code"]
        assert reason["title"]
        assert reason["solution"]
    if codes:
        assert [reason["code"] for reason in decision["reasons"]] == list(codes)


def assert_problem(answer: Answer, status: int, code: str) -> None:
    """A refusal in its one form, which carries nothing that could be used."""
    assert (answer.status, answer.body.get("code")) == (status, code), answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    SCHEMAS.validator("problem")(answer.body)
    assert answer.body["title"]
    assert answer.body["solution"]
    assert not _GRANTING & answer.body.keys()
    assert not any(trace in json.dumps(answer.body) for trace in TRACES)


def assert_secret(text: str, tokens: Iterable[str]) -> None:
    """No caller's token is in `text`, neither its payload nor its signature alone."""
    for token in tokens:
        _, payload, signature = token.split(".")
        assert payload not in text
        assert signature not in text


def leaves(service: Service, run: str | None = None) -> list[dict[str, Any]]:
    """The readable records in log order; those of one run where it is named."""
    found = [json.loads(leaf) for leaf in leaf_bytes(service)]
    return [leaf for leaf in found if run is None or leaf["plain"].get("run") == run]


def leaf_bytes(service: Service) -> list[bytes]:
    """The exact bytes of all records in log order."""
    with closing(sqlite3.connect(f"file:{service.database}?mode=ro", uri=True)) as db:
        return [row[0] for row in db.execute("SELECT leaf FROM entries ORDER BY seq")]


def claims_held(service: Service) -> int:
    """How many idempotency keys are claimed and not answered yet."""
    with closing(sqlite3.connect(f"file:{service.database}?mode=ro", uri=True)) as db:
        (count,) = db.execute("SELECT count(*) FROM once WHERE state = 0").fetchone()
    return int(count)


def everything_stored(service: Service) -> str:
    """All bytes of the ledger's files."""
    files = service.database.parent.glob(service.database.name + "*")
    return b"".join(path.read_bytes() for path in files).decode("latin-1")


def base64url(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def assert_receipt(service: Service, receipt: dict[str, str]) -> None:
    """The receipt verifies under the public key file alone, and its leaf is in the ledger."""
    prefix, _, encoded = (service.keys / "receipt.pub").read_text().strip().split("+", 2)
    assert receipt["origin"].startswith(prefix)
    algorithm_and_key = base64.b64decode(encoded)
    signed = {name: receipt[name] for name in ("event_id", "leaf_hash", "origin", "time")}
    message = b"counterfoil/receipt/v1\n" + json.dumps(signed, separators=(",", ":")).encode()
    signature = base64.urlsafe_b64decode(receipt["signature"] + "==")
    Ed25519PublicKey.from_public_bytes(algorithm_and_key[1:]).verify(signature, message)
    named = hashlib.sha256(receipt["origin"].encode() + b"\n" + algorithm_and_key)
    assert receipt["key_id"] == named.hexdigest()[:8]
    hashes = {base64url(hashlib.sha256(b"\0" + leaf).digest()) for leaf in leaf_bytes(service)}
    assert receipt["leaf_hash"] in hashes


@dataclass(frozen=True)
class ShiftedClock:
    """The machine's clock, so many seconds off."""

    seconds: float = 0.0

    def now(self) -> float:
        return SystemClock().now() + self.seconds

    def monotonic(self) -> float:
        return SystemClock().monotonic()


@dataclass
class WatchedLedger:
    """A real ledger; every call to it is noted in `calls` before it starts and after it ends."""

    real: Ledger
    calls: list[str] = field(default_factory=list)
    appended: list[list[Event]] = field(default_factory=list)
    before_append: Callable[[Sequence[Event]], None] = lambda _events: None

    def append(
        self,
        events: Sequence[Event],
        *,
        deadline: float,
        meanwhile: Callable[[], None] | None = None,
    ) -> list[Recorded]:
        self.calls.append("append")
        self.before_append(events)
        recorded = self.real.append(events, deadline=deadline, meanwhile=meanwhile)
        self.appended.append(list(events))
        self.calls.append("durable")
        return recorded

    def seal_ahead(
        self,
        tenant: str,
        subject: tuple[str, str] | None,
        event_id: str,
        payload: Mapping[str, bytes],
    ) -> SealedAhead | None:
        return self.real.seal_ahead(tenant, subject, event_id, payload)

    def reserve(self, once: Once, *, deadline: float) -> bytes | None:
        self.calls.append("reserve")
        return self.real.reserve(once, deadline=deadline)

    def release(self, once: Once) -> None:
        self.calls.append("release")
        self.real.release(once)

    def trail(self, tenant: str, decision_id: str) -> list[StoredEvent]:
        return self.real.trail(tenant, decision_id)


@contextmanager
def adapters_over(service: Service) -> Iterator[Adapters]:
    """One worker's adapters in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(service.folder)  # the development configuration's paths are relative
        adapters = build_adapters(load_config(None, service.environment, dev=True))
    try:
        yield adapters
    finally:
        for adapter in (adapters.reader, adapters.policy, adapters.ledger):
            adapter.close()


def flow_of(service: Service, adapters: Adapters, **changes: Any) -> AuthorizeFlow:
    """The main path over these adapters, patient with a loaded machine; `changes` replace parts."""
    config = load_config(None, service.environment, dev=True)
    validator = adapters.schemas.validator
    reader = RequestReader(
        max_bytes=config.server.max_body_bytes,
        validate_request=validator("authorization_request"),
        validate_batch=validator("authorization_batch"),
        validate_outcome=validator("outcome"),
    )
    parts: dict[str, Any] = {
        "clock": ShiftedClock(),
        "ids": adapters.ids,
        "read": reader.read,
        "identity": adapters.identity,
        "catalog": build_catalog(config),
        "interpreter": adapters.reader,
        "policy": adapters.policy,
        "signer": adapters.signer,
        "ledger": adapters.ledger,
        "approvals": build_approvals(config, adapters),
        "revocations": adapters.ledger.revocations,
        "prompts": RunPrompts(adapters.ledger),
        "receipts": adapters.ledger.receipts,
        "settings": settings(),
    }
    return AuthorizeFlow(**{**parts, **changes})


def settings(
    *, actor_required: bool = True, policy_seconds: float = 8.0, ledger_seconds: float = 8.0
) -> Settings:
    """Bounds that a loaded machine keeps."""
    return Settings(
        actor_required=actor_required,
        policy_timeout_seconds=policy_seconds,
        ledger_timeout_seconds=ledger_seconds,
        grant_terms=GrantTerms(issuer="http://127.0.0.1"),
    )


def run(
    flow: AuthorizeFlow, body: Any = None, *, token: str, key: str | None = None
) -> dict[str, Any]:
    """Ask the flow as the HTTP layer does; a batch where the body is one."""
    body = sql_request(CREATE) if body is None else body
    return flow.run(
        body=json.dumps(body).encode(),
        unverified_token=token,
        idempotency_key=key,
        batch="actions" in body,
    )
