"""What `/token`, revocation and logout need from outside (see `ports.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from counterfoil.core.agents import Launcher
from counterfoil.core.logout import VerifiedLogout
from counterfoil.core.model import Caller, JsonObject
from counterfoil.core.revocation import Standing
from counterfoil.core.sources import VerifiedSource
from counterfoil.core.token_request import LauncherCredential
from counterfoil.ports import Proof


class Delegations(Protocol):
    """Tells our own delegation tokens from others, before anything is verified."""

    def issued_here(self, unverified_token: str) -> bool:
        """Whether it says that it is one of ours; what it is, `IdentityVerifier` finds out."""


class SubjectTokens(Protocol):
    """Verifies delegation tokens of ours that come in a form, to be renewed or handed on."""

    def verify_subject(
        self, unverified_token: str, *, now: float, proof: Proof | None = None
    ) -> Caller:
        """Return who it is about; `key_thumbprint` is the key that the proof is by.

        Raises:
            IdentityError: for every refusal; a token that is bound wants its key's proof.
            LedgerError: a proof could not be spent.
        """


class Proofs(Protocol):
    """Verifies proofs of possession that come without a token that is bound (RFC 9449 §5)."""

    def prove(self, proof: Proof, *, now: float) -> str:
        """Return the RFC 7638 thumbprint of the key that it is by.

        Raises:
            InvalidProof: it does not hold.
            LedgerError: it could not be spent.
        """


class LogoutTokens(Protocol):
    """Verifies what a provider sends when a session has ended."""

    def verify_logout(self, unverified_token: str, *, now: float) -> VerifiedLogout:
        """Return what it ended.

        Raises:
            IdentityError: for every refusal (one subclass a cause, one public text).
        """


class Launchers(Protocol):
    """Authenticates launchers at `POST /token`."""

    def authenticate(
        self, credential: LauncherCredential, *, certificate: bytes | None, now: float
    ) -> Launcher:
        """Return the launcher that the credential proves, or the certificate (DER) beside it.

        Raises:
            InvalidLauncher: it proves none; one answer for every cause.
            LedgerError: a single-use credential could not be spent.
            IdentityUnavailable: the launcher's keys were never readable.
        """


class Revocations(Protocol):
    """What was ended before its time; at most a second behind the ledger."""

    def covers(self, standing: Standing) -> bool:
        """Whether a credential, a run or an approval of that standing was ended.

        Raises:
            LedgerError: nobody knows now, so it must count as ended.
        """

    def name(self, tenant: str, by: str, parts: tuple[str, ...]) -> str:
        """The keyed name under which an event ends a thing (`core.revocation.Name`)."""


class DelegationSigner(Protocol):
    """Holds the ES256 delegation key."""

    def sign(self, claims: JsonObject) -> str:
        """A compact JWS with `typ: at+jwt` (RFC 9068 §2.1)."""


class SingleUse(Protocol):
    """Durable single use of what others issue: assertions, proofs, codes."""

    def spend(self, scope: Sequence[str], *, expires_at: float, deadline: float) -> bool:
        """Spend the thing that `scope` names; False where it was spent before.

        Of many workers, replicas and lives of the service, one gets True. The ledger keeps
        a keyed hash of the scope, until `expires_at`: when the thing is worth nothing itself.

        Raises:
            LedgerError: not durable in time; it may be spent all the same.
        """


class SamlCodes(Protocol):
    """The single-use codes behind which SAML logins wait for `POST /token`."""

    def take(self, unverified_code: str, unverified_verifier: str, *, now: float) -> VerifiedSource:
        """Spend a code and return who logged in.

        Args:
            unverified_code: as the browser brought it to the launcher.
            unverified_verifier: of RFC 7636; its S256 challenge was bound at `/saml/login`.
            now: seconds since the epoch.

        Raises:
            SamlCodeRefused: unknown, spent, expired, or another verifier: not told apart.
            LedgerError: that cannot be known now; the code may be spent.
        """
