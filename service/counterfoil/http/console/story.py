"""One decision from prompt to outcome, as a timeline for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from counterfoil.core.spoken import operation_words, permission_words
from counterfoil.http.console.words import as_text, line, shown

TITLES: Final = {
    "decided": "Decided",
    "failed": "Not decided",
    "approval_requested": "Waits for people",
    "approval_answered": "A person answered",
    "approval_cancelled": "The approval was withdrawn",
    "approval_expired": "The approval expired",
    "approval_spent": "The approval was used",
    "grant_redeemed": "An issuer took the grant",
    "issued": "A credential was made",
    "credential_ended": "The credential ended",
    "outcome": "The agent reported the outcome",
    "erased": "Erased",
}
_OWN: Final = frozenset(
    {"event", "event_id", "time", "index", "payload", "receipt", "secrets", "missing"}
)


def story(trail: Mapping[str, Any]) -> dict[str, Any]:
    """The page's values: what was asked on top, then every event in the log's order."""
    events = trail["events"]
    opening = next(item for item in events if item["event"] in {"decided", "failed"})
    payload = opening["payload"]
    decided = payload.get("decision") or {}
    prompt = payload.get("prompt")
    caller = payload.get("caller") or {}
    return {
        "decision_id": trail["decision_id"],
        "effect": "failed" if opening["event"] == "failed" else opening.get("effect"),
        "tool": line((payload.get("request") or {}).get("action", "erased")),
        "subject": line((caller.get("subject") or {}).get("sub", "erased")),
        "actor": line((caller.get("actor") or {}).get("sub", "nobody")),
        "run": opening.get("run"),
        "prompt": shown(prompt) if isinstance(prompt, str) else None,
        "operations": [line(operation_words(item)) for item in decided.get("operations", ())],
        "permissions": [line(permission_words(item)) for item in decided.get("permissions", ())],
        "reasons": decided.get("reasons", ()),
        "missing": opening.get("missing"),
        "events": [_event(item) for item in events],
    }


def _event(item: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: as_text(value) for name, value in item.items() if name not in _OWN}
    return {
        "kind": item["event"],
        "title": TITLES.get(item["event"], item["event"].replace("_", " ").capitalize()),
        "time": item["time"],
        "index": item["index"],
        "event_id": item["event_id"],
        "plain": [(name, line(text)) for name, text in sorted(plain.items())],
        "payload": [
            {"name": name, **shown(as_text(value))}
            for name, value in sorted(item["payload"].items())
        ],
        "secrets": len(item.get("secrets", ())),
        "missing": item.get("missing"),
    }
