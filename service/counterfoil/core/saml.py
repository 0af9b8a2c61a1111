"""What SAML documents say, as plain values, after their signature was checked.

`reading/saml_*.py` makes them in the supervised child; `identity/saml.py` judges them. Texts
are whole and exact as signed, times still the text of the document.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
UNSPECIFIED = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"

# SAML core §1.3.3: UTC without a time zone of its own. A second 60 has no place in time.
_INSTANT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,12}))?"
    r"(?:Z|\+00:00)",
    re.ASCII,
)


def parse_instant(text: str | None) -> float | None:
    """Seconds since the epoch of an `xs:dateTime` in UTC; None for anything else."""
    match = _INSTANT.fullmatch(text or "")
    if match is None:
        return None
    *parts, fraction = match.groups()
    year, month, day, hour, minute, second = map(int, parts)
    try:
        whole = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return whole.timestamp() + float(f"0.{fraction or 0}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """The `Response` around the assertion; from its own signature where it has one."""

    issuer: str
    statuses: tuple[str, ...]
    destination: str | None
    in_response_to: str | None
    issue_instant: str
    signed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NameId:
    """The `NameID` of the subject."""

    text: str
    format: str
    name_qualifier: str | None = None
    sp_name_qualifier: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """One `SubjectConfirmation` with the attributes of its data."""

    method: str
    identified: bool  # it names somebody else who may confirm
    recipient: str | None = None
    in_response_to: str | None = None
    not_before: str | None = None
    not_on_or_after: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """`Conditions`; `audiences` has one entry for each restriction, which all must hold."""

    not_before: str | None
    not_on_or_after: str | None
    audiences: tuple[tuple[str, ...], ...]
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthnStatement:
    """One `AuthnStatement`."""

    instant: str
    session_index: str | None = None
    session_not_on_or_after: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """The one assertion, as signed. An attribute value that is not plain text is None."""

    id: str
    issuer: str
    issue_instant: str
    name_id: NameId | None
    confirmations: tuple[Confirmation, ...]
    conditions: Conditions | None
    statements: tuple[AuthnStatement, ...]
    attributes: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SamlAnswer:
    """A whole answer of an identity provider."""

    envelope: Envelope
    assertion: Assertion


class ContentCipher(StrEnum):
    """How an assertion may be encrypted: with a tag that tells whether it was changed."""

    AES_128_GCM = "aes128-gcm"
    AES_256_GCM = "aes256-gcm"


class OaepHash(StrEnum):
    """A hash of RSA-OAEP; of SHA-1 nothing is asked here that it cannot give."""

    SHA_1 = "sha1"
    SHA_256 = "sha256"
    SHA_384 = "sha384"
    SHA_512 = "sha512"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """An encrypted assertion (XML Encryption 1.1): AES-GCM under a key wrapped by RSA-OAEP.

    `content` is the nonce of 12 bytes, the ciphertext and the tag of 16 (§5.2.4).
    """

    cipher: ContentCipher
    digest: OaepHash
    mask: OaepHash  # of MGF1
    wrapped_key: bytes
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedAnswer:
    """An answer whose assertion has still to be decrypted, and then verified by itself."""

    envelope: Envelope
    sealed: Sealed


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOnService:
    """Where a request goes: the binding's URI and the address."""

    binding: str
    location: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IdpMetadata:
    """One identity provider's metadata: DER certificates of its signing keys, addresses."""

    entity_id: str
    certificates: tuple[bytes, ...]
    services: tuple[SignOnService, ...]
    wants_signed_requests: bool
    valid_until: float | None = None
