"""Who may answer an approval, and which action one may be used for.

A use is judged in this order, and the first thing that is wrong denies the action:

    1. there is such an approval, and this person, agent and run asked for it
    2. it is for exactly this action (digest), under this prompt
    3. the action would still do, need and run the same
    4. it is approved, unspent, not withdrawn, within its time
    5. the policy that decides now is the one that asked for it
    6. policy says allow, given who approved

An approval that is wrong for an action never permits it, and never another.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from counterfoil.core.approval import OPEN, Approval, Status, measure
from counterfoil.core.model import Caller, Decision, Effect, JsonObject, Reason
from counterfoil.errors import (
    AlreadyAnswered,
    ApprovalCancelled,
    ApprovalExpired,
    DigestMismatch,
    NotAnApprover,
    SelfApproval,
    SignInTooOld,
)

_ASK_AGAIN: Final = "Send the action again without an approval; policy then decides anew."
UNKNOWN: Final = "approval.unknown"
DIGEST: Final = "approval.digest_mismatch"
PROMPT: Final = "approval.prompt_mismatch"
OPERATIONS: Final = "approval.operations_changed"
POLICY: Final = "approval.policy_changed"
INSUFFICIENT: Final = "approval.insufficient"
TOO_MANY: Final = "approval.too_many_open"
_OF_STATUS: Final = {
    Status.PENDING: "approval.pending",
    Status.DENIED: "approval.denied",
    Status.CANCELLED: "approval.cancelled",
    Status.EXPIRED: "approval.expired",
    Status.SPENT: "approval.spent",
}
EXPLANATIONS: Final[Mapping[str, tuple[str, str]]] = {
    UNKNOWN: ("There is no such approval for this person, agent and run", _ASK_AGAIN),
    DIGEST: (
        "The approval is for another action",
        "Send exactly the action that was approved, or ask for this one without an approval.",
    ),
    PROMPT: ("The approval was asked for under another prompt", _ASK_AGAIN),
    OPERATIONS: ("The same command would now do something else than was approved", _ASK_AGAIN),
    POLICY: ("Policy has changed since the approval was given", _ASK_AGAIN),
    INSUFFICIENT: (
        "The approval is not what policy asks for now",
        "Ask for less, or ask the operator which approval is wanted.",
    ),
    TOO_MANY: (
        "This run has too many approvals waiting",
        "Wait for the answers, or withdraw what is not needed any more.",
    ),
    "approval.pending": ("The approval is not answered yet", "Wait for the answer."),
    "approval.denied": (
        "A person denied this action",
        "Do not ask for the same again. Propose something else, or stop.",
    ),
    "approval.cancelled": ("The approval was withdrawn", _ASK_AGAIN),
    "approval.expired": ("The approval has expired", _ASK_AGAIN),
    "approval.spent": ("The approval was used already; one approval is one action", _ASK_AGAIN),
}
"""Title and solution of each reason code that this module gives."""


def why_not_usable(
    approval: Approval | None,
    caller: Caller,
    *,
    action_digest: str,
    prompt_digest: str,
    asked: JsonObject,
    now: float,
) -> str | None:
    """The code of the first of rules 1 to 4 that does not hold, None where all do."""
    if approval is None or not approval.is_asked_by(caller):  # 1
        return UNKNOWN
    if approval.action_digest != action_digest:  # 2
        return DIGEST
    if approval.prompt_digest != prompt_digest:
        return PROMPT
    if measure(approval.asked) != measure(asked):  # 3
        return OPERATIONS
    return _OF_STATUS.get(approval.status(now))  # 4


def hold_to_use(decision: Decision, approval: Approval | None, problem: str | None) -> Decision:
    """The decision of an action that was sent with an approval: rules 5 and 6.

    `problem` is what rules 1 to 4 found. Policy's own refusal stands beside it.
    """
    if problem is None and approval is not None:
        if decision.policy_revision != approval.policy_revision:  # 5
            problem = POLICY
        elif decision.effect is Effect.NEEDS_APPROVAL:  # 6
            problem = INSUFFICIENT
    return decision if problem is None else refused(decision, problem)


def refused(decision: Decision, code: str) -> Decision:
    """A deny with this reason first, and policy's own where it denied as well."""
    own = decision.reasons if decision.effect is Effect.DENY else ()
    title, solution = EXPLANATIONS[code]
    return Decision(
        effect=Effect.DENY,
        reasons=(Reason(code=code, title=title, solution=solution), *own),
        policy_revision=decision.policy_revision,
    )


def check_answer(approval: Approval, caller: Caller, *, action_digest: str, now: float) -> None:
    """Whether this person may answer this approval now.

    Raises:
        SelfApproval: they asked for it, as person, agent or launcher, under whatever issuer: who
            has two of a tenant's issuers, with one name in both, is not four eyes. So is a
            credential that the launcher itself was given, whoever's it is: it starts the agent.
        NotAnApprover: they are in none of the groups.
        AlreadyAnswered, ApprovalExpired, ApprovalCancelled: it does not wait for them.
        DigestMismatch: they mean another action.
    """
    name = caller.subject.sub
    askers = {who[1] for who in (approval.asker.subject, approval.asker.actor) if who}
    if name in askers or approval.launcher in {name, caller.client_id} - {None}:
        raise SelfApproval
    if not is_approver(approval, caller):
        raise NotAnApprover
    if any(item.person is not None and item.person[1] == name for item in approval.answers):
        raise AlreadyAnswered("by this person")
    match approval.status(now):
        case Status.PENDING:
            pass
        case Status.EXPIRED:
            raise ApprovalExpired
        case Status.CANCELLED:
            raise ApprovalCancelled
        case status:
            raise AlreadyAnswered(f"the approval is {status.value}")
    if action_digest != approval.action_digest:
        raise DigestMismatch


def check_sign_in(caller: Caller, *bounds_seconds: int | None, now: float) -> None:
    """Whether the person signed in as lately as every bound that is set wants.

    Raises:
        SignInTooOld: they did not, or the credential does not tell.
    """
    bounds = [bound for bound in bounds_seconds if bound is not None]
    if bounds and (caller.signed_in_at is None or now - caller.signed_in_at > min(bounds)):
        raise SignInTooOld(f"the sign-in may be {min(bounds)} seconds old")


def check_withdrawal(approval: Approval, now: float) -> None:
    """Whether the approval can still be withdrawn.

    Raises:
        AlreadyAnswered, ApprovalExpired: it is over; nothing is left to withdraw.
    """
    status = approval.status(now)
    if status is Status.EXPIRED:
        raise ApprovalExpired
    if status not in OPEN:
        raise AlreadyAnswered(f"the approval is {status.value}")


def is_approver(approval: Approval, caller: Caller) -> bool:
    """Whether a person (never an agent) is in one of the groups that may answer."""
    return caller.actor is None and not set(approval.terms.approvers).isdisjoint(
        caller.subject.groups
    )
