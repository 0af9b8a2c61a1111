"""The denial that the model reads: what happened, why, what to do, whether to ask again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autogen_counterfoil.errors import Again, HookError, NoDecisionError
from autogen_counterfoil.obligations import NO_REDIRECTS, NO_SYMLINKS, PLAN_DIGEST, SANDBOX
from autogen_counterfoil.wire import Reason

MAX_TEXT = 4000
"""Characters: a refusal goes into the model's context and must not crowd it out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a call did not run. A value, never an accident."""

    headline: str
    reasons: tuple[Reason, ...]
    again: Again
    decision_id: str | None = None

    @property
    def text(self) -> str:
        """The whole refusal in plain words."""
        mark = f" (decision {self.decision_id})" if self.decision_id else ""
        lines = [f"NOT RUN: {self.headline}{mark}"]
        for reason in self.reasons:
            lines.append(f"- {reason.title} [{reason.code}]")
            if reason.parts:
                lines.append(f"  In: {', '.join(f'“{part}”' for part in reason.parts)}")
            if reason.solution:
                lines.append(f"  What to do: {reason.solution}")
        return "\n".join(lines)[:MAX_TEXT] + f"\nAsking again can help: {self.again.value}"


class ActionRefusedError(HookError):
    """Carries a refusal to the seam that turns it into an error result."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.text)
        self.refusal = refusal


def refused(
    code: str, title: str, *, solution: str, again: Again, decision_id: str | None = None
) -> Refusal:
    """Make a refusal of the hook's own."""
    reason = Reason(code=code, title=title, solution=solution)
    return Refusal(
        headline="this action was not carried out.",
        reasons=(reason,),
        again=again,
        decision_id=decision_id,
    )


def from_error(error: NoDecisionError) -> Refusal:
    """Make the refusal of a call for which no decision could be had."""
    title = error.title if not error.detail else f"{error.title}: {error.detail}"
    return refused(error.reason_code, title, solution=error.remedy, again=error.again)


def by_policy(reasons: Sequence[Reason], *, decision_id: str) -> Refusal:
    """Make the refusal of a denied call."""
    return Refusal(
        headline="policy denies this action.",
        reasons=tuple(reasons),
        again=Again.NEVER_SAME,
        decision_id=decision_id,
    )


def not_bound(rows: int, *, decision_id: str) -> Refusal:
    """Make the refusal of a call whose tool does not hold to a number of rows."""
    return refused(
        "hook.obligation_unmet",
        f"It is allowed for at most {rows} rows, and this tool does not hold to a number",
        solution=f"Say so in the command itself, such as LIMIT {rows} in SQL.",
        again=Again.CORRECTED,
        decision_id=decision_id,
    )


_UNKEPT = {
    NO_REDIRECTS: (
        "It is allowed for a tool that follows no redirect, and this one does not say so",
        "Use AutoGen's HttpTool; or follow none and name the tool in Guard(honours=…).",
    ),
    NO_SYMLINKS: (
        "It is allowed for a tool that follows no link, and this one does not say so",
        "Use autogen_counterfoil.file_tools; or open by Root.open and name it in Guard(honours=…).",
    ),
    PLAN_DIGEST: (
        "It is allowed for exactly the plan that was judged, and this tool does not say so",
        "The tool's author compares the plan file, and names the tool in Guard(honours=…).",
    ),
    SANDBOX: (
        "It is allowed in a sandbox, and this executor is none",
        "Use a container without openings, or name your own class in Guard(sandboxes=…).",
    ),
}


def not_kept(obligation: str, *, decision_id: str) -> Refusal:
    """Make the refusal of a call for which nobody here keeps an obligation."""
    title, solution = _UNKEPT[obligation]
    return refused(
        "hook.obligation_unmet",
        title,
        solution=solution,
        again=Again.NOT_IN_THIS_RUN,
        decision_id=decision_id,
    )


def too_many_rows(rows: int, *, decision_id: str | None) -> Refusal:
    """Make the refusal of a result that is longer than what was allowed; it ran."""
    return refused(
        "hook.too_many_rows",
        f"The action ran, and its result has more than the {rows} rows that are allowed",
        solution=f"Ask for fewer rows, such as by LIMIT {rows} in SQL.",
        again=Again.CORRECTED,
        decision_id=decision_id,
    )


def secret_kept_back(*, decision_id: str | None) -> Refusal:
    """Make the refusal of a result or an error that holds a secret of the credential; it ran."""
    return refused(
        "hook.secret_kept_back",
        "The action ran, and what it gave back holds a secret of its credential",
        solution="The tool's author returns what was done, never the credential.",
        again=Again.NOT_IN_THIS_RUN,
        decision_id=decision_id,
    )


def cancelled() -> Refusal:
    """Make the refusal of a call whose run was cancelled before it began."""
    return refused(
        "hook.cancelled",
        "The run was cancelled",
        solution="Stop.",
        again=Again.NOT_IN_THIS_RUN,
    )


def interrupted(decision_id: str | None) -> Refusal:
    """Make the refusal of a call that was cancelled while it ran."""
    reason = Reason(
        code="hook.interrupted",
        title="The run was cancelled while this action ran: whether it took effect is unknown",
        solution="Check the state of the target before doing anything again.",
    )
    return Refusal(
        headline="the action was interrupted.",
        reasons=(reason,),
        again=Again.NOT_IN_THIS_RUN,
        decision_id=decision_id,
    )
