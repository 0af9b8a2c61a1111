"""An approval cannot be answered or withdrawn like this."""

from __future__ import annotations

from counterfoil.errors.base import CounterfoilError


class ApprovalError(CounterfoilError):
    """An approval cannot be answered or withdrawn like this; nothing changed."""

    code = "approval.not_possible"
    title = "The approval cannot be changed like this"
    status = 409
    solution = "Read the approval again (GET /approvals/{id}) and answer what it shows."


class NotAnApprover(ApprovalError):
    """The person is in none of the groups that may answer."""

    code = "approval.not_an_approver"
    title = "This person may not answer this approval"
    status = 403
    solution = "Let another person, of one of the approval's groups, answer."


class SelfApproval(NotAnApprover):
    """The one who asked, as person or as agent, would answer: four eyes are wanted."""

    code = "approval.self_approval"
    title = "Nobody approves an action of their own"


class SignInTooOld(ApprovalError):
    """The person signed in longer ago than this approval, or the service, accepts."""

    code = "approval.sign_in_too_old"
    title = "The sign-in is too old to approve with"
    status = 403
    solution = "Sign in at your identity provider again, with a new token, and answer then."


class AlreadyAnswered(ApprovalError):
    """Answered before: by this person, or enough people, or used since."""

    code = "approval.already_answered"
    title = "The approval was answered already"


class ApprovalExpired(ApprovalError):
    """Its time is over."""

    code = "approval.expired"
    title = "The approval has expired"
    solution = "Let the agent send the action again; that opens a new approval."


class ApprovalCancelled(ApprovalError):
    """Withdrawn by who asked."""

    code = "approval.cancelled"
    title = "The approval was withdrawn"


class TemplateUnusable(ApprovalError):
    """Similar actions cannot be approved like this in advance; nothing was answered."""

    code = "approval.template_unusable"
    title = "Similar actions cannot be approved in advance like this"
    status = 422
    solution = (
        "Answer for this one action, or name whole words of its arguments, within policy's bounds."
    )


class TemplateOver(ApprovalError):
    """Nothing was approved in advance with this approval, or nothing is left of it."""

    code = "approval.template_over"
    title = "There is nothing left that was approved in advance"


class DigestMismatch(ApprovalError):
    """The answer names another action than the one that waits."""

    code = "approval.digest_mismatch"
    title = "The answer is about another action than the approval"


class ApprovalPolicyChanged(ApprovalError):
    """Policy would not ask this person for this approval any more."""

    code = "approval.policy_changed"
    title = "Policy has changed since the approval was asked for"
    solution = "Let the agent send the action again; policy then decides anew."
