"""Who calls, as of now: a verified credential that nobody has ended (DESIGN §2, step 2)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from counterfoil.core.model import Caller
from counterfoil.core.revocation import Standing
from counterfoil.errors import (
    AgentNotAllowed,
    ExpiredCredential,
    RevokedCredential,
    RoleRequired,
)
from counterfoil.ports import IdentityVerifier, Proof
from counterfoil.ports_tokens import Revocations

ADMINISTRATOR = "administrator"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveCallers:
    """Implements `ports.IdentityVerifier` over another and what was revoked.

    Every flow gets its callers here, so that no path can forget to ask.
    """

    identity: IdentityVerifier
    revocations: Revocations

    def verify(
        self,
        unverified_token: str,
        *,
        now: float,
        grace_seconds: float = 0.0,
        proof: Proof | None = None,
    ) -> Caller:
        """Verify the credential of a request (`ports.IdentityVerifier`).

        With `grace_seconds` one that was revoked says who reports as well, and is marked.

        Raises:
            RevokedCredential: it was ended before its time.
            IdentityError: any other refusal.
            LedgerError: nobody knows what was revoked, so it counts for nothing.
        """
        caller = self.identity.verify(
            unverified_token, now=now, grace_seconds=grace_seconds, proof=proof
        )
        if not self.revocations.covers(Standing.of_caller(caller)):
            return caller
        if grace_seconds:
            return replace(caller, revoked=True)
        raise RevokedCredential


def check_still(caller: Caller, revocations: Revocations, *, now: float) -> None:
    """Whether a caller who was verified before is one now, for work that took a while.

    Raises:
        ExpiredCredential, RevokedCredential: not any more.
        LedgerError: nobody knows.
    """
    if caller.expires_at <= now:
        raise ExpiredCredential("exp has passed")
    if revocations.covers(Standing.of_caller(caller)):
        raise RevokedCredential


def administrator(caller: Caller) -> Caller:
    """The caller, if a person with that role.

    Raises:
        AgentNotAllowed: the credential is an agent's.
        RoleRequired: the person is no administrator of their tenant.
    """
    if caller.actor is not None:
        raise AgentNotAllowed
    if ADMINISTRATOR not in caller.roles:
        raise RoleRequired
    return caller
