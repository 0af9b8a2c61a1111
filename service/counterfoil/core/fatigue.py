"""How often each rule asks, and whether anybody ever says no: where approving has become a habit.

A rule, as people meet it: one tool, one kind of operation, and the groups that are asked. Whoever
approves every time reads no more; such a rule is better an allow, a narrower right or a denial.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import TypeAlias, cast

from counterfoil.core.approval import APPROVE
from counterfoil.core.canonical import canonical_bytes
from counterfoil.core.model import JsonObject, JsonValue

Path: TypeAlias = tuple[str, ...]
_TERMS = (
    *("approvers", "quorum", "expires_in_seconds"),
    *("each_from", "max_sign_in_age_seconds", "similar"),
)
_NOT_RIGHTS = frozenset({"approvals", "roles", "tasks"})


@dataclass(slots=True)
class Asked:
    """One approval: what asked for it, and what came of it."""

    rule: Rule
    at: float
    answered_at: float | None = None
    said: list[str] = field(default_factory=list)
    in_advance: bool = False


@dataclass(slots=True, kw_only=True)
class Rule:
    """One rule and its approvals."""

    tenant: str
    tool: str
    operation: JsonObject
    terms: JsonObject
    asked: list[Asked] = field(default_factory=list)

    @property
    def approved(self) -> int:
        """How many were approved, by people or in advance."""
        return sum(bool(one.said) and set(one.said) == {APPROVE} for one in self.asked)

    @property
    def denied(self) -> int:
        """How many somebody denied."""
        return sum(bool(set(one.said) - {APPROVE}) for one in self.asked)

    @property
    def in_advance(self) -> int:
        """How many a template answered."""
        return sum(one.in_advance for one in self.asked)

    @property
    def seconds(self) -> float | None:
        """The median time in which people approved; None where nobody did."""
        took = [
            one.answered_at - one.at
            for one in self.asked
            if one.answered_at is not None and not one.in_advance
        ]
        return round(median(took), 1) if took else None

    def is_habit(self, least: int) -> bool:
        """Whether it asked so often at least, and everybody who answered approved."""
        return self.approved >= least and self.denied == 0


def rule_of(tenant: str, record: JsonObject) -> Rule:
    """The rule behind a recorded demand (`approval_record.record_json`), without approvals."""
    asked = cast("JsonObject", record["asked"])
    about = cast("JsonObject", asked["input"])
    operations = cast("list[JsonObject]", about["operations"])
    first = operations[0] if operations else {}
    named = cast("JsonObject", first.get("object", {}))
    return Rule(
        tenant=tenant,
        tool=str(cast("JsonObject", about["action"])["name"]),
        operation={
            "family": first.get("family", ""),
            "verb": first.get("verb", ""),
            "object": {name: value for name, value in named.items() if name != "name"},
        },
        terms={name: record[name] for name in _TERMS if record.get(name)},
    )


def key_of(rule: Rule) -> bytes:
    """What makes two demands the same rule's."""
    return canonical_bytes([rule.tenant, rule.tool, rule.operation, rule.terms], floats=True)


def terms_named(rule: Rule, access: JsonObject) -> list[str]:
    """The names under which policy's data (`access.<tenant>`) has the terms that asked."""
    known = access.get("approvals")
    if not isinstance(known, Mapping):
        return []
    return [
        name
        for name, terms in known.items()
        if isinstance(terms, Mapping) and dict(terms) == rule.terms
    ]


def rights_that_ask(rule: Rule, access: JsonObject) -> list[tuple[Path, str]]:
    """(path, terms) of the rights in that data which may have asked for this rule's approvals.

    Each part of a path but the last, the role, is a word of the operation: the data is laid
    out so (docs/writing-policy.md).
    """
    names = set(terms_named(rule, access))
    target = cast("JsonObject", rule.operation["object"])
    act = (rule.operation["family"], rule.operation["verb"], "")
    words = {*map(str, act), *map(str, target.values())}
    return [
        (path, name)
        for path, name in _rights(access, ())
        if name in names and path[0] not in _NOT_RIGHTS and set(path[:-1]) <= words
    ]


def _rights(value: JsonValue, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        right = value.get("otherwise", value.get("effect"))
        if isinstance(right, str):
            yield path, right
            return
        for name, below in value.items():
            yield from _rights(below, (*path, name))
