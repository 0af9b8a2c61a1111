"""Records as other systems read them: OCSF, CloudEvents, OTLP logs. Projections of the ledger.

OCSF: one decision is one API Activity (class 6003); the other events of a trail come as
CloudEvents, OTLP, CSV, Parquet and JSONL only.
"""

from __future__ import annotations

from typing import Final, Literal

from counterfoil.core.columns import (
    CLOSED,
    OPENED,
    Record,
    closed_cells,
    members,
    opened_cells,
    parsed,
    text,
    words,
)
from counterfoil.core.model import JsonObject, JsonValue
from counterfoil.core.times import seconds_of

OcsfVersion = Literal["1.8.0", "1.9.0-dev"]
VENDOR: Final = {"name": "Counterfoil", "vendor_name": "Counterfoil"}
_READS: Final = frozenset({"select", "read", "get", "list", "watch", "pull", "explain", "show"})
_DELETES: Final = frozenset({"drop", "delete", "truncate", "remove"})
_CREATES: Final = frozenset({"create", "insert", "push", "copy"})
_CLASS, _CATEGORY = 6003, 6
_SEVERITY_INFORMATIONAL, _SEVERITY_LOW = 1, 2
# effect → (status_id, action_id, disposition_id)
_STANDING: Final = {
    "allow": (1, 1, 1),
    "deny": (1, 2, 2),
    "needs_approval": (1, 2, 14),
    "failed": (2, 2, 27),
}


def ocsf(record: Record, version: OcsfVersion) -> JsonObject | None:
    """A decision as API Activity; None for an event that is none."""
    leaf = record.leaf
    if leaf["event"] not in {"decided", "failed"}:
        return None
    plain, said = members(leaf["plain"]), record.said or {}
    effect = "failed" if leaf["event"] == "failed" else str(plain.get("effect"))
    status, action, disposition = _STANDING[effect]
    request, decision = parsed(said.get("request")), parsed(said.get("decision"))
    activity = _activity(decision)
    actor = members(plain.get("actor"))
    time = round(seconds_of(str(leaf["time"])) * 1000)
    reasons = plain.get("reasons")
    codes = [str(code) for code in reasons] if isinstance(reasons, (list, tuple)) else []
    profiles: list[JsonValue] = ["security_control", "ai_operation"]
    event: dict[str, JsonValue] = {
        "activity_id": activity,
        "category_uid": _CATEGORY,
        "class_uid": _CLASS,
        "type_uid": _CLASS * 100 + activity,
        "severity_id": _SEVERITY_INFORMATIONAL if effect == "allow" else _SEVERITY_LOW,
        "time": time,
        "status_id": status,
        "status_detail": " ".join(codes) or str(plain.get("code") or ""),
        "action_id": action,
        "disposition_id": disposition,
        "metadata": {
            "version": version,
            "product": VENDOR,
            "uid": leaf["decision_id"],
            "logged_time": time,
            "sequence": record.index,
            "correlation_uid": plain.get("run") or leaf["decision_id"],
            "profiles": profiles,
        },
        "actor": _actor(record, effect),
        "api": {
            "operation": text(request.get("action")) or str(plain.get("family") or "unknown"),
            "request": {"uid": leaf["decision_id"]},
            "service": {"name": "counterfoil"},
        },
        "src_endpoint": {"name": str(actor.get("sub") or "unknown"), "uid": str(plain.get("run"))},
    }
    resource = members(request.get("resource"))
    if resource:
        event["resources"] = [{"type": resource.get("type"), "uid": resource.get("id")}]
    _add_ai(event, record, version, actor)
    event["unmapped"] = {
        "ledger": {name: leaf[name] for name in ("event_id", "origin", "tenant", "subject_key")},
        "leaf_hash": record.leaf_hash,
        "enforcement": plain.get("enforcement"),
        "payload": words(record) if version == "1.8.0" else _without_prompt(words(record)),
    }
    return event


def _activity(decision: dict[str, JsonValue]) -> int:
    """1 Create, 2 Read, 3 Update, 4 Delete; 0 where it is sealed, 99 where it is several."""
    operations = decision.get("operations")
    verbs = {
        str(members(item).get("verb"))
        for item in (operations if isinstance(operations, (list, tuple)) else ())
    }
    if not verbs:
        return 0
    kinds = {_kind(verb) for verb in verbs}
    return kinds.pop() if len(kinds) == 1 else 99


def _kind(verb: str) -> int:
    return 1 if verb in _CREATES else 2 if verb in _READS else 4 if verb in _DELETES else 3


def _actor(record: Record, effect: str) -> JsonObject:
    plain = members(record.leaf["plain"])
    subject = members(parsed((record.said or {}).get("caller")).get("subject"))
    user: dict[str, JsonValue] = {
        "uid": text(subject.get("sub")) or str(record.leaf["subject_key"])
    }
    if subject:
        user["name"] = text(subject.get("sub"))
        user["domain"] = text(subject.get("iss"))
    policy: dict[str, JsonValue] = {"name": "counterfoil", "is_applied": effect != "failed"}
    if plain.get("policy"):
        policy |= {"uid": plain["policy"], "version": plain["policy"]}
    return {"user": user, "authorizations": [{"decision": effect, "policy": policy}]}


def _add_ai(
    event: dict[str, JsonValue], record: Record, version: OcsfVersion, actor: dict[str, JsonValue]
) -> None:
    if version == "1.8.0":
        return  # it knows models only, and which one an agent runs on nobody told us
    name = str(actor.get("sub") or "unknown")
    event["ai_agent"] = {"uid": name, "name": name, "type_id": 3}
    prompt = (record.said or {}).get("prompt")
    if prompt is not None:
        event["message_context"] = {
            "prompt_text": prompt.decode(errors="replace"),
            "application": {"name": name, "uid": name},
        }


def _without_prompt(said: JsonObject) -> JsonObject:
    return {name: value for name, value in said.items() if name != "prompt"}


def cloudevent(record: Record, source: str) -> JsonObject:
    """CloudEvents 1.0.2, structured mode; `source` and `id` are unique together."""
    leaf = record.leaf
    event: dict[str, JsonValue] = {
        "specversion": "1.0",
        "id": leaf["event_id"],
        "source": source,
        "type": f"io.counterfoil.{leaf['event']}.v1",
        "time": leaf["time"],
        "datacontenttype": "application/json",
        "sequence": str(record.index).zfill(16),
        "data": {"leaf_hash": record.leaf_hash, "leaf": dict(leaf), "payload": words(record)},
    }
    if leaf["decision_id"] is not None:
        event["subject"] = leaf["decision_id"]
    return event


def otlp_record(record: Record) -> JsonObject:
    """An OTLP/JSON LogRecord (opentelemetry-proto logs v1): columns as attributes."""
    names = CLOSED if record.said is None else (*CLOSED, *OPENED)
    cells = closed_cells(record) if record.said is None else _all_cells(record)
    effect = members(record.leaf["plain"]).get("effect")
    nanoseconds = str(round(seconds_of(str(record.leaf["time"])) * 1_000_000) * 1000)
    warns = effect in {"deny", "needs_approval"} or record.leaf["event"] == "failed"
    return {
        "timeUnixNano": nanoseconds,
        "observedTimeUnixNano": nanoseconds,
        "severityNumber": 13 if warns else 9,
        "severityText": "WARN" if warns else "INFO",
        "body": {"stringValue": str(record.leaf["event"])},
        "attributes": [
            {"key": f"counterfoil.{name}", "value": _any_value(cell)}
            for name, cell in zip(names, cells, strict=True)
            if cell is not None
        ],
    }


def _all_cells(record: Record) -> list[str | int | None]:
    return [*closed_cells(record), *opened_cells(record)]


def _any_value(cell: str | int) -> JsonObject:
    return {"intValue": str(cell)} if isinstance(cell, int) else {"stringValue": cell}


def otlp_request(records: list[JsonObject], origin: str) -> JsonObject:
    """An OTLP/JSON ExportLogsServiceRequest of one log."""
    resource: JsonObject = {
        "attributes": [
            {"key": "service.name", "value": {"stringValue": "counterfoil"}},
            {"key": "counterfoil.log", "value": {"stringValue": origin}},
        ]
    }
    scope: JsonObject = {"scope": {"name": "counterfoil.ledger", "version": "1"}}
    return {
        "resourceLogs": [{"resource": resource, "scopeLogs": [{**scope, "logRecords": records}]}]
    }
