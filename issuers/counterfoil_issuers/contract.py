"""What all issuers share: a job to make a credential for, and the target it is made at.

    verified request ──redeem──▶ Job ──Target.make──▶ Made ──reported──▶ the holder
                                  └────────Target.end at the deadline, the outcome, a revocation

A kind of issuer is a `Target`. It knows its system and nothing of tokens, time or the service;
who verified, redeemed, bound, reported and ends is the same for all of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from counterfoil.core.credential import CREDENTIAL_NAME, credential_name
from counterfoil.core.model import JsonObject, Permission

__all__ = [
    "CREDENTIAL_NAME",
    "Ended",
    "Finding",
    "Job",
    "Made",
    "Target",
    "TargetError",
    "credential_name",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a verified request says, and what the service added when it was redeemed.

    `permissions` and `ambient` are the signed request's `authorization_details` and
    `ambient_details`. `operations` are those of the decision (`{family, verb, object, …}`),
    `session` is its `execute.session`: both from the redeem's answer. `deadline` is the last
    moment (Unix seconds) at which the credential may work.
    """

    jti: str
    decision_id: str
    action_digest: str
    permissions: tuple[Permission, ...]
    ambient: tuple[Permission, ...]
    deadline: int
    operations: tuple[JsonObject, ...] = ()
    session: JsonObject = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The credential's name."""
        return credential_name(self.jti)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A credential. `secret` goes to the holder once and nowhere else; `public` may be recorded.

    `expires_at` is when the target itself ends it (Unix seconds), None where the target cannot.
    """

    secret: Mapping[str, str] = field(repr=False)
    public: JsonObject = field(default_factory=dict)
    expires_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What an end found that the decision did not name: `code` as `snake_name`, and on what."""

    code: str
    object: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What an end has done; no finding means that nothing but the decided was left."""

    handed_over: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


class TargetError(Exception):
    """The target did not do it; the text is for the operator's log and holds no secret."""


class Target(Protocol):
    """One real system at which credentials are made. Thread safe.

    `make` and `end` may be killed at any moment: whatever `make` had done by then, `end` with
    the same job undoes, and where the job was lost, `end_name` does.
    """

    types: frozenset[str]

    def check(self, job: Job) -> None:
        """Refuse what the target cannot express exactly; before anything is redeemed, no I/O.

        Raises:
            NotRenderable: `counterfoil.core.renderings` says why.
        """

    def make(self, job: Job) -> Made:
        """Make the credential with exactly the job's permissions.

        Raises:
            TargetError: it is not there; the caller ends the job.
        """

    def end(self, job: Job) -> Ended:
        """Make it work no more, and leave nothing but what was decided. May be repeated.

        Raises:
            TargetError: it may still work; the caller tries again.
        """

    def end_name(self, name: str) -> Ended:
        """As `end`, of a credential of which only the name is known: nothing is handed over.

        Raises:
            TargetError: as `end`.
        """

    def names(self) -> Collection[str]:
        """The names of all credentials of this issuer that are at the target.

        Raises:
            TargetError: it cannot be told.
        """
