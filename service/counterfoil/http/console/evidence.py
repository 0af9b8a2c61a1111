"""*Ledger*: its health, its last checkpoint, and the proof of one record, shown and checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

import orjson
from flask import Blueprint

from counterfoil.core.checkpoint import log_id
from counterfoil.errors import CounterfoilError, NotFound, RoleRequired
from counterfoil.flows.access import AUDITOR
from counterfoil.flows.evidence import Asked
from counterfoil.http.console.door import ConsoleDoor, Visit
from counterfoil.http.console.pages import FRAME
from counterfoil.http.exchange import JSON, Reply, hang
from counterfoil.http.health import Check
from counterfoil.http.inbound import known_id

OPERATOR: Final = "operator"
PATH: Final = "/console/ledger"


class ShowsEvidence(Protocol):
    """`flows.evidence.EvidenceFlow`."""

    def checkpoint(self, asked: Asked) -> bytes:
        """The signed note; raises `CounterfoilError`."""

    def record_proof(self, asked: Asked, name: str) -> bytes:
        """A record's proof file; raises `CounterfoilError`."""


class ChecksProofs(Protocol):
    """What verifies a proof file as `counterfoil verify` does."""

    def key(self) -> str:
        """The public key, as a C2SP verifier key."""

    def problem(self, data: bytes) -> str:
        """What of it does not hold; empty where all does."""


def evidence_blueprint(
    door: ConsoleDoor,
    *,
    evidence: ShowsEvidence,
    proofs: ChecksProofs,
    checks: Callable[[], Mapping[str, Check]],
) -> Blueprint:
    """Hang the pages."""
    blueprint = Blueprint("console_ledger", __name__)

    def asked(visit: Visit) -> Asked:
        log = log_id(visit.caller.tenant)
        return Asked(log=log, unverified_token=visit.token, proof=None)

    def ledger(visit: Visit) -> Reply:
        roles = visit.caller.roles
        if roles.isdisjoint({AUDITOR, OPERATOR}):
            raise RoleRequired("the role auditor or operator")
        note = ""
        if AUDITOR in roles:
            try:
                note = evidence.checkpoint(asked(visit)).decode()
            except NotFound:
                note = "There is no checkpoint yet: nothing was recorded."
        values = {"checks": _ran(checks()), "note": note, "key": proofs.key()}
        return door.pages.render("ledger.html", {**visit.base, **values})

    def proof(visit: Visit, decision_id: str) -> Reply:
        data = evidence.record_proof(asked(visit), known_id("dec", decision_id))
        value = orjson.loads(data)
        values = {
            "decision_id": decision_id,
            "leaf": value["leaf"],
            "tlog_proof": value["proof"],
            "key": proofs.key(),
            "problem": proofs.problem(data),
        }
        return door.pages.render("proof.html", {**visit.base, **values})

    def file(visit: Visit, decision_id: str) -> Reply:
        data = evidence.record_proof(asked(visit), known_id("dec", decision_id))
        name = ("Content-Disposition", f'attachment; filename="{decision_id}.proof.json"')
        return Reply(200, data, JSON, (*FRAME, name))

    hang(blueprint, PATH, "ledger", door.page(ledger), method="GET")
    hang(blueprint, f"{PATH}/<decision_id>", "proof", door.page(proof), method="GET")
    hang(blueprint, f"{PATH}/<decision_id>/file", "file", door.page(file), method="GET")
    return blueprint


def _ran(checks: Mapping[str, Check]) -> list[tuple[str, bool, str]]:
    found = []
    for name, check in checks.items():
        try:
            health = check()
        except CounterfoilError as error:
            found.append((name, False, error.title))
        else:
            found.append((name, health.ready, health.detail))
    return found
