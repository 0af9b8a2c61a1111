"""What can go wrong in the hook itself. A refusal by policy is a value (`refusal.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar


class Again(Enum):
    """Whether asking again can help; the text is what the model reads."""

    NEVER_SAME = "no. The same call will get the same answer; change it as said above, or stop."
    CORRECTED = "yes, after correcting the call as said above."
    LATER = "yes, later: nothing was decided against this call."
    NOT_IN_THIS_RUN = "no, not in this run. Tell the person who started it."
    WITH_APPROVAL = "yes, once a person has approved exactly this call."


class HookError(Exception):
    """Base of every error of the hook."""


@dataclass(frozen=True, slots=True)
class Surface:
    """One thing in a team that could act without being judged."""

    where: str
    name: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.where}: {self.name}. {self.remedy}"


class UnguardedSurfaceError(HookError):
    """The team holds something that acts by itself, so it must not start."""

    def __init__(self, surfaces: Sequence[Surface]) -> None:
        lines = "\n".join(f"  - {surface}" for surface in surfaces)
        super().__init__(f"the team cannot be guarded as it is:\n{lines}")
        self.surfaces = tuple(surfaces)


class CredentialError(HookError):
    """No delegation token could be had, or what was given is not one."""


class CredentialNotIssuedError(HookError):
    """No credential for the call: its issuer refused, did not answer, or the call is over."""

    code: ClassVar[str] = "hook.credential_not_issued"

    def __init__(self, detail: str, *, code: str = "") -> None:
        super().__init__(f"no credential was issued for this call: {detail}")
        self.reason_code = code or self.code


class GuardedComponentError(HookError, TypeError):
    """A guarded component was to be dumped or loaded, which would lose its guard."""


class NoDecisionError(HookError):
    """There is no decision to act on, so nothing may run.

    `unreached` is true only where the service was down or refused the credential: the two
    cases in which observe mode runs the call and counts it. `unsure` is true where the service
    may have decided and only its answer is missing.
    """

    code: ClassVar[str] = "hook.no_decision"
    title: ClassVar[str] = "No decision could be had"
    solution: ClassVar[str] = "Tell the person who started this run."
    again: ClassVar[Again] = Again.LATER
    unreached: ClassVar[bool] = False
    retryable: ClassVar[bool] = False
    unsure: bool = False

    def __init__(self, detail: str = "", *, code: str = "", solution: str = "") -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.reason_code = code or self.code
        self.remedy = solution or self.solution


class ServiceUnreachableError(NoDecisionError):
    """Down, late, cut off, or unable to decide (5xx)."""

    code = "hook.service_unreachable"
    title = "The authorization service could not decide in time"
    solution = "Wait and ask again; if it lasts, tell the operator of the service."
    unreached = True
    retryable = True


class CredentialRejectedError(NoDecisionError):
    """401: the service does not accept the token, or the hook did not even send it."""

    code = "hook.credential_rejected"
    title = "The credential of this run was not accepted"
    solution = "The person who started this run must start it again with a fresh token."
    again = Again.NOT_IN_THIS_RUN
    unreached = True


class RequestRefusedError(NoDecisionError):
    """4xx: the service does not take the request as it is."""

    code = "hook.request_refused"
    title = "The authorization service does not take this call"
    solution = "Correct the arguments of the call."
    again = Again.CORRECTED


class BusyError(RequestRefusedError):
    """409 while the first try still runs, or 429: the same request may succeed shortly."""

    code = "hook.busy"
    title = "The authorization service is busy with this caller"
    solution = "Wait a moment and ask again."
    again = Again.LATER
    retryable = True


class AnswerNotTrustedError(NoDecisionError):
    """An answer that is not of the published shape, or not for this action."""

    code = "hook.answer_not_trusted"
    title = "The answer of the authorization service cannot be relied on"
    solution = "Tell the operator: hook and service may be of different versions."
    again = Again.NOT_IN_THIS_RUN
