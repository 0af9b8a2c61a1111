"""The columns of flat exports: names are stable, and new ones are only ever added at the end.

docs/auditing.md publishes them; a test holds the two together.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from counterfoil.core.canonical import canonical_bytes
from counterfoil.core.model import JsonObject, JsonValue

Cell: TypeAlias = str | int | None

EXECUTABLE: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 -- full-width forms run too
"""What a spreadsheet would take for a formula (OWASP, CSV injection)."""

CLOSED: Final = (
    *("index", "time", "event", "event_id", "decision_id", "tenant", "subject_key", "effect"),
    *("enforcement", "reasons", "family", "actor_iss", "actor_sub", "run", "policy", "approval"),
    *("grant_jti", "status", "code", "leaf_hash"),
)
OPENED: Final = (
    *("subject_iss", "subject_sub", "tool", "resource_type", "resource_id", "prompt"),
    *("arguments", "permissions", "operations", "response"),
)
INTEGERS: Final = frozenset({"index"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record on its way out. `said` is None where the export is closed."""

    index: int
    leaf_hash: str
    leaf: Mapping[str, JsonValue]
    said: Mapping[str, bytes] | None


def closed_cells(record: Record) -> list[Cell]:
    """The cells of `CLOSED`, in order; what an event does not have is None."""
    leaf = record.leaf
    plain = leaf["plain"]
    assert isinstance(plain, dict)  # noqa: S101 -- the schema of leaves says so
    get = plain.get
    actor, grant, reasons = get("actor"), get("grant"), get("reasons")
    known = actor if isinstance(actor, dict) else {}
    cells = [
        *(record.index, leaf["time"], leaf["event"], leaf["event_id"], leaf["decision_id"]),
        *(leaf["tenant"], leaf["subject_key"], get("effect"), get("enforcement")),
        " ".join(map(str, reasons)) if isinstance(reasons, (list, tuple)) else None,
        *(get("family"), known.get("iss"), known.get("sub"), get("run"), get("policy")),
        get("approval"),
        grant.get("jti") if isinstance(grant, dict) else None,
        *(get("status"), get("code"), record.leaf_hash),
    ]
    return [None if cell is None else cell if type(cell) is int else str(cell) for cell in cells]


def opened_cells(record: Record) -> list[Cell]:
    """The cells of `OPENED`; None also where the person was erased."""
    said = record.said or {}
    caller, request, decision = (
        parsed(said.get(name)) for name in ("caller", "request", "decision")
    )
    subject, resource = members(caller.get("subject")), members(request.get("resource"))
    return [
        text(subject.get("iss")),
        text(subject.get("sub")),
        text(request.get("action")),
        text(resource.get("type")),
        text(resource.get("id")),
        None if "prompt" not in said else said["prompt"].decode(errors="replace"),
        None if "arguments" not in said else said["arguments"].decode(errors="replace"),
        _json(decision.get("permissions")),
        _json(decision.get("operations")),
        None if "response" not in said else said["response"].decode(errors="replace"),
    ]


def neutral(cell: Cell) -> str:
    """A cell of CSV that no spreadsheet executes: an apostrophe makes it text."""
    if cell is None:
        return ""
    told = str(cell)
    return f"'{told}" if told.lstrip(" ").startswith(EXECUTABLE) else told


def parsed(data: bytes | None) -> dict[str, JsonValue]:
    """The members of a JSON payload; none of anything else."""
    if data is None:
        return {}
    try:
        return members(json.loads(data))
    except ValueError:
        return {}


def members(value: JsonValue) -> dict[str, JsonValue]:
    """The members of an object; none of anything else."""
    return dict(value) if isinstance(value, dict) else {}


def text(value: JsonValue) -> str | None:
    """Text, or None."""
    return value if isinstance(value, str) else None


def _json(value: JsonValue) -> str | None:
    return None if value is None else canonical_bytes(value, floats=True).decode()


def words(record: Record) -> JsonObject:
    """The opened payload as JSON, field by field."""
    said = record.said or {}
    return {name: data.decode(errors="replace") for name, data in said.items()}
