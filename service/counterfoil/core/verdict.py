"""Step 5: what a complete answer of the policy engine is worth. Fail closed, and here only.

    1. no result at all                                  policy.undefined
    2. not exactly of schemas/policy_result.json         policy.malformed_result
    3. not decided by exactly one verified revision      policy.revision_unknown
    4. deny and needs_approval stand
    5. an allow of what was not read with certainty      policy.uncertain
    6. an allow of fewer or more permissions than the
       operations require, compared as sets              policy.permissions_mismatch

Everything but a valid result is a deny with its own code. An answer that is late, cut or not
HTTP 200 never comes here: it is an error of the engine (`PolicyError`), not a decision.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, Protocol

from counterfoil.core.actions import uncertain
from counterfoil.core.model import (
    Decision,
    Effect,
    Interpretation,
    JsonObject,
    JsonValue,
    Reason,
)
from counterfoil.core.permissions import permissions_match
from counterfoil.core.policy_result import NotAResult, read_result

UNDEFINED: Final = "policy.undefined"
MALFORMED: Final = "policy.malformed_result"
REVISION: Final = "policy.revision_unknown"
UNCERTAIN: Final = "policy.uncertain"
MISMATCH: Final = "policy.permissions_mismatch"

EXPLANATIONS: Final[Mapping[str, tuple[str, str]]] = {
    UNDEFINED: (
        "Policy said nothing about this action",
        "The operator should check that policy is loaded and its entrypoint always defined.",
    ),
    MALFORMED: (
        "Policy answered something that is not a decision",
        "The operator should compare the answer with schemas/policy_result.json.",
    ),
    REVISION: (
        "The answer came from a policy that this service has not verified",
        "The operator should load the same bundle in the policy engine and in the service.",
    ),
    UNCERTAIN: (
        "The action could not be read with certainty",
        "Write the action more plainly; the other reasons say what could not be read.",
    ),
    MISMATCH: (
        "Policy permitted something other than exactly what the action needs",
        "The operator should return the input's `required` unchanged in `permissions`.",
    ),
}
"""Title and solution of each code that this module gives."""

_MAX_SHOWN_REVISIONS = 4
_MAX_SHOWN_CHARACTERS = 128


class Answer(Protocol):
    """A complete answer of the engine (`ports.PolicyAnswer`), not yet judged."""

    @property
    def defined(self) -> bool:
        """Whether there was a result."""

    @property
    def result(self) -> JsonValue:
        """The result, whatever it is."""

    @property
    def revisions(self) -> tuple[str, ...]:
        """The bundle revisions that the answer names."""


def judge(
    answer: Answer, interpretation: Interpretation, *, known_revisions: Collection[str]
) -> Decision:
    """Return the decision that `answer` is worth. Never raises; every doubt is a deny.

    Args:
        answer: a complete HTTP 200 of the engine.
        interpretation: what the command would do; its `required` set is the measure.
        known_revisions: revisions whose bundle this service verified itself.
    """
    named = answer.revisions
    revision = named[0] if len(named) == 1 and named[0] in known_revisions else ""
    if not answer.defined:  # 1
        return _deny(UNDEFINED, revision)
    try:
        decision = read_result(answer.result, revision=revision)  # 2
    except NotAResult as error:
        return _deny(MALFORMED, revision, {"at": str(error)})
    if not revision:  # 3
        return _deny(REVISION, "", {"revisions": _shown(named)})
    if interpretation.uncertain:  # 4, 5
        return _uncertain(decision, interpretation, revision)
    if decision.effect is Effect.ALLOW and not permissions_match(
        decision.permissions, interpretation.required
    ):  # 6
        return _deny(MISMATCH, revision)
    return decision


def _uncertain(decision: Decision, interpretation: Interpretation, revision: str) -> Decision:
    """What was not read is denied, whatever policy says; its own reasons come first."""
    read = tuple(uncertain.reason(item) for item in interpretation.uncertain)
    own: tuple[Reason, ...] = (_reason(UNCERTAIN),)
    if decision.effect is Effect.DENY:
        own = tuple(item for item in decision.reasons if item.code != UNCERTAIN)
    return Decision(effect=Effect.DENY, reasons=read + own, policy_revision=revision)


def _deny(code: str, revision: str, details: JsonObject | None = None) -> Decision:
    return Decision(effect=Effect.DENY, reasons=(_reason(code, details),), policy_revision=revision)


def _reason(code: str, details: JsonObject | None = None) -> Reason:
    title, solution = EXPLANATIONS[code]
    return Reason(code=code, title=title, solution=solution, details=details)


def _shown(revisions: tuple[str, ...]) -> list[str]:
    return [text[:_MAX_SHOWN_CHARACTERS] for text in revisions[:_MAX_SHOWN_REVISIONS]]
