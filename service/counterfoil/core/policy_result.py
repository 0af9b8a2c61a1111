"""Reads a policy result by hand, exactly as `schemas/policy_result.json` describes it.

The schema is published for authors and for `opa check`; this reader is the one that counts,
because what it does not expect it refuses. A property test holds the two to the same
verdicts. Numbers with a fraction are refused too: nothing in a result needs one, and what is
recorded must have one canonical form.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from counterfoil.core.canonical import has_float
from counterfoil.core.model import (
    ApprovalTerms,
    Decision,
    Effect,
    JsonObject,
    JsonValue,
    Permission,
    Reason,
    SimilarTerms,
)

DEFAULT_TTL_SECONDS: Final = 300
MAX_TTL_SECONDS: Final = 3_600  # a credential outlives no more than an hour
MAX_REASONS: Final = 64
MAX_OBLIGATIONS: Final = 32
MAX_APPROVERS: Final = 64
MAX_QUORUM: Final = 16
MAX_APPROVAL_SECONDS: Final = 604_800  # a week
MAX_SIGN_IN_AGE_SECONDS: Final = 86_400  # a day: older is no sign-in for the purpose
MAX_SIMILAR_USES: Final = 20  # a person answers for what they can still picture
MAX_SIMILAR_SECONDS: Final = 3_600
MAX_EACH_FROM: Final = 4  # departments, not a parliament; the pairing tries their subsets

_CODE: Final = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)+", re.ASCII)
_MAX_CODE: Final = 128
_MAX_TITLE: Final = 512
_MAX_SOLUTION: Final = 2_048
_MAX_NAME: Final = 512
_REQUIRED: Final = frozenset({"effect", "reasons", "permissions", "obligations"})
_KNOWN: Final = _REQUIRED | {"approval", "ttl_seconds"}
_APPROVAL: Final = frozenset({"approvers", "quorum", "expires_in_seconds"})
_APPROVAL_KNOWN: Final = _APPROVAL | {"each_from", "max_sign_in_age_seconds", "similar"}
_REASON_REQUIRED: Final = frozenset({"code", "title", "solution"})
_REASON_KNOWN: Final = _REASON_REQUIRED | {"details"}
_EFFECTS: Final[Mapping[str, Effect]] = {effect.value: effect for effect in Effect}


class NotAResult(ValueError):
    """The value is not of `schemas/policy_result.json`; the text says where."""


def read_result(value: JsonValue, *, revision: str = "") -> Decision:
    """Return the decision that `value` states, made under `revision`.

    Raises:
        NotAResult: anything missing, unknown, of another type or out of bounds; a refusal
            that carries permissions; an approval where none is needed, or the reverse.
    """
    if not isinstance(value, Mapping) or not _REQUIRED <= value.keys() <= _KNOWN:
        raise NotAResult("#")
    if has_float(value):
        raise NotAResult("a number has a fraction")
    effect = _effect(value["effect"])
    permissions = _typed_objects(value["permissions"], "permissions", None)
    obligations = _typed_objects(value["obligations"], "obligations", MAX_OBLIGATIONS)
    if effect is not Effect.ALLOW and (permissions or obligations):
        raise NotAResult("a refusal carries permissions or obligations")
    if (effect is Effect.NEEDS_APPROVAL) != ("approval" in value):
        raise NotAResult("#/approval")
    return Decision(
        effect=effect,
        reasons=_reasons(value["reasons"]),
        permissions=permissions,
        obligations=obligations,
        approval=_approval(value["approval"]) if "approval" in value else None,
        ttl_seconds=_integer(
            value.get("ttl_seconds", DEFAULT_TTL_SECONDS), MAX_TTL_SECONDS, "ttl_seconds"
        ),
        policy_revision=revision,
    )


def _effect(value: JsonValue) -> Effect:
    effect = _EFFECTS.get(value) if isinstance(value, str) else None
    if effect is None:
        raise NotAResult("#/effect")
    return effect


def _typed_objects(value: JsonValue, name: str, most: int | None) -> tuple[Permission, ...]:
    if not isinstance(value, list) or (most is not None and len(value) > most):
        raise NotAResult(f"#/{name}")
    items: list[JsonObject] = []
    for item in value:
        if not isinstance(item, Mapping) or not _is_text(item.get("type"), None):
            raise NotAResult(f"#/{name}")
        items.append(item)
    return tuple(items)


def _reasons(value: JsonValue) -> tuple[Reason, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_REASONS:
        raise NotAResult("#/reasons")
    return tuple(_reason(item) for item in value)


def _reason(value: JsonValue) -> Reason:
    if not isinstance(value, Mapping) or not _REASON_REQUIRED <= value.keys() <= _REASON_KNOWN:
        raise NotAResult("#/reasons")
    code, title, solution = value["code"], value["title"], value["solution"]
    details = value.get("details")
    if (
        not isinstance(code, str)
        or len(code) > _MAX_CODE
        or not _CODE.fullmatch(code)
        or not isinstance(title, str)
        or not _is_text(title, _MAX_TITLE)
        or not isinstance(solution, str)
        or not _is_text(solution, _MAX_SOLUTION)
        or ("details" in value and not isinstance(details, Mapping))
    ):
        raise NotAResult("#/reasons")
    # An empty object says no more than none: `details` is for what differs.
    kept = details if isinstance(details, Mapping) and details else None
    return Reason(code=code, title=title, solution=solution, details=kept)


def _approval(value: JsonValue) -> ApprovalTerms:
    if not isinstance(value, Mapping) or not _APPROVAL <= value.keys() <= _APPROVAL_KNOWN:
        raise NotAResult("#/approval")
    approvers = _names(value["approvers"], MAX_APPROVERS, "approval/approvers")
    quorum = _integer(value["quorum"], MAX_QUORUM, "approval/quorum")
    each_from: tuple[str, ...] = ()
    if "each_from" in value:
        each_from = _names(value["each_from"], MAX_EACH_FROM, "approval/each_from")
        if not set(each_from) <= set(approvers) or not len(set(each_from)) == len(each_from) > 1:
            raise NotAResult("#/approval/each_from")
        if quorum < len(each_from):  # the number that is shown must be one that can do
            raise NotAResult("#/approval/quorum")
    age = value.get("max_sign_in_age_seconds")
    return ApprovalTerms(
        approvers=approvers,
        quorum=quorum,
        expires_in_seconds=_integer(
            value["expires_in_seconds"], MAX_APPROVAL_SECONDS, "approval/expires_in_seconds"
        ),
        each_from=each_from,
        max_sign_in_age_seconds=None
        if "max_sign_in_age_seconds" not in value
        else _integer(age, MAX_SIGN_IN_AGE_SECONDS, "approval/max_sign_in_age_seconds"),
        similar=_similar(value["similar"], quorum) if "similar" in value else None,
    )


def _similar(value: JsonValue, quorum: int) -> SimilarTerms:
    """One person's answer in advance is never worth that of several."""
    if not isinstance(value, Mapping) or value.keys() != {"uses", "seconds"} or quorum > 1:
        raise NotAResult("#/approval/similar")
    return SimilarTerms(
        uses=_integer(value["uses"], MAX_SIMILAR_USES, "approval/similar/uses"),
        seconds=_integer(value["seconds"], MAX_SIMILAR_SECONDS, "approval/similar/seconds"),
    )


def _names(value: JsonValue, most: int, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= most:
        raise NotAResult(f"#/{where}")
    names = tuple(item for item in value if isinstance(item, str) and _is_text(item, _MAX_NAME))
    if len(names) != len(value):
        raise NotAResult(f"#/{where}")
    return names


def _integer(value: JsonValue, most: int, name: str) -> int:
    """A positive integer; `true` is none, although Python counts it as one."""
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise NotAResult(f"#/{name}")
    return value


def _is_text(value: JsonValue, most: int | None) -> bool:
    return isinstance(value, str) and value != "" and (most is None or len(value) <= most)
