"""What SAML logins need from outside, as contracts beside those of `ports.py`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from counterfoil.core.saml import Assertion, IdpMetadata, SamlAnswer, SealedAnswer
from counterfoil.core.saml_login import PendingLogin
from counterfoil.core.sources import VerifiedSource
from counterfoil.ports import Once


class OneTimeAnswers(Protocol):
    """Answers that an event's `once` stored, each handed out a single time."""

    def take(self, once: Once, *, deadline: float) -> bytes | None:
        """Hand out an answer and destroy it.

        None where there is none under that scope and body, where it expired, or was taken.

        Raises:
            LedgerError: not known in time; it may be taken all the same.
        """


class SamlReader(Protocol):
    """Reads SAML documents in the supervised child (DESIGN §5), signatures checked."""

    def answer(
        self,
        data: bytes,
        keys: Mapping[str, Sequence[bytes]],
        *,
        opens: Collection[str] = (),
        deadline: float,
    ) -> SamlAnswer | SealedAnswer:
        """What an identity provider signed, or its envelope and what has to be decrypted.

        Args:
            data: the document as it was posted.
            keys: by provider, the DER certificates of its signing keys.
            opens: the providers whose assertions the caller can decrypt.
            deadline: a reading of `Clock.monotonic()`.

        Raises:
            SamlRefused: a rule is broken, or the child died of the document.
            IdentityUnavailable: it could not be read in time.
        """

    def assertion(
        self, data: bytes, certificates: Sequence[bytes], *, deadline: float
    ) -> Assertion:
        """What was decrypted, which one of these DER certificates must have signed.

        Raises:
            SamlRefused, IdentityUnavailable: as `answer`.
        """

    def metadata(
        self, data: bytes, *, entity_id: str | None, trusted: Sequence[bytes], deadline: float
    ) -> IdpMetadata:
        """What metadata says of a provider, None being the only one in it.

        `trusted` are DER certificates, one of which must have signed it where there are any.

        Raises:
            SamlRefused, IdentityUnavailable: as `answer`.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOn:
    """How a browser takes a request to the provider: a redirect, or a form where `fields`."""

    location: str
    fields: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SamlLogin:
    """A verified login: who, for which start, and the names that it spends until `spent_until`."""

    source: VerifiedSource
    pending: PendingLogin
    spends: Sequence[Sequence[str]]
    spent_until: float


class SamlIdentity(Protocol):
    """The service provider: makes requests, and judges answers by all rules but single use."""

    def start(self, pending: PendingLogin, *, provider: str | None) -> SignOn:
        """The request to a provider's entity id; None is the only one.

        Raises:
            NotFound: no such provider.
            IdentityUnavailable: its metadata cannot be had.
        """

    def verify(
        self, unverified_answer: str, unverified_relay: str, *, now: float, deadline: float
    ) -> SamlLogin:
        """Verify an answer as it was posted (base64) with its RelayState.

        Raises:
            IdentityError: any refusal; its `detail` is for the log alone.
        """

    def metadata(self, provider: str | None) -> str:
        """This service's own metadata for a provider.

        Raises:
            NotFound: no such provider.
        """
