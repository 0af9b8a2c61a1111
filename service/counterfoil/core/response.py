"""Step 8: the answer of `/authorize`, `schemas/authorization_response.json`."""

from __future__ import annotations

from collections.abc import Sequence

from counterfoil.core.case import PERMITTING, Case, reason_json
from counterfoil.core.model import Decision, JsonObject, JsonValue, Reason, Receipt
from counterfoil.core.parts import parts_of

Draft = dict[str, JsonValue]
"""An answer that has no receipt yet, and so may not leave."""


def draft(
    case: Case,
    decision: Decision,
    token_request: JsonObject | None,
    approval: JsonObject | None = None,
) -> Draft:
    """Everything but the receipt. Only an allow carries permissions or a token request.

    Only an allow says what was judged, from which the hook recomputes the digest of what it
    will run: to anybody else it would tell where resources are.
    """
    permitted = decision.effect in PERMITTING
    value: Draft = {
        "decision_id": case.decision_id,
        "effect": decision.effect.value,
        "enforcement": case.located.enforcement.value,
        "reasons": [answered_reason(reason, case) for reason in decision.reasons],
        "permissions": list(decision.permissions) if permitted else [],
        "ambient": list(case.reading.ambient) if permitted else [],
        "obligations": list(decision.obligations),
        "action_digest": case.digest,
        "policy": policy_json(decision.policy_revision),
    }
    if permitted:
        value["judged"] = case.judged
    if permitted and case.reading.execute is not None:
        execute: dict[str, JsonValue] = {"arguments": case.reading.execute.arguments}
        if case.reading.execute.session is not None:
            execute["session"] = case.reading.execute.session
        value["execute"] = execute
    if permitted and token_request is not None:
        value["scoped_token_request"] = token_request
    if approval is not None:
        value["approval"] = approval
    return value


def answered_reason(reason: Reason, case: Case) -> JsonObject:
    """A reason with the parts of the command that it is about."""
    parts = parts_of(reason, case)
    return {**reason_json(reason), "parts": parts} if parts else reason_json(reason)


def policy_json(revision: str) -> dict[str, JsonValue]:
    """Revision and, split off it, the digest of the bundle's files."""
    value: dict[str, JsonValue] = {"revision": revision}
    _, found, digest = revision.rpartition("+")
    if found:
        value["digest"] = digest
    return value


def finished(drafts: Sequence[Draft], receipts: Sequence[Receipt], *, batch: bool) -> Draft:
    """Join drafts with their receipts: one answer, or the `decisions` of a batch."""
    answers = [
        {**value, "receipt": receipt_json(receipt)}
        for value, receipt in zip(drafts, receipts, strict=True)
    ]
    return {"decisions": answers} if batch else answers[0]


def receipt_json(receipt: Receipt) -> dict[str, JsonValue]:
    """The receipt as hooks keep it."""
    return {
        "origin": receipt.origin,
        "event_id": receipt.event_id,
        "leaf_hash": receipt.leaf_hash,
        "time": receipt.time,
        "key_id": receipt.key_id,
        "signature": receipt.signature,
    }
