"""What a person's own identity provider vouched for, whatever the protocol.

`POST /token` turns one into a delegation token, which can only be narrower and shorter.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from counterfoil.core.canonical import canonical_bytes, digest
from counterfoil.core.model import Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedSource:
    """A person, proven by their provider. Only `identity/` makes one.

    `subject.issuer` is the provider's `subject_namespace` where its entry has one, else
    `provider` (the OIDC issuer or the SAML entity id). Times are seconds since the epoch:
    nothing made from this lives past `expires_at`; what has no `issued_at` counts as older
    than any revocation. `session` is the provider's own (`sid`, SessionIndex), by which it
    ends it; `source_id` is the token's `jti` or the assertion's ID; `key_thumbprint` is the
    RFC 7638 thumbprint of the key whose proof came with it.
    """

    tenant: str
    provider: str
    subject: Subject
    expires_at: float
    authenticated_at: float | None = None
    session: str | None = None
    source_id: str | None = None
    key_thumbprint: str | None = None
    issued_at: float | None = None


def source_bytes(source: VerifiedSource) -> bytes:
    """A source as it is stored until it is taken, or recorded; fields are only ever added."""
    return canonical_bytes(asdict(source), floats=True)


def stored_source(data: bytes) -> VerifiedSource:
    """What `source_bytes` wrote. Only for bytes that nobody else could have written."""
    value = json.loads(data)
    subject = value.pop("subject")
    subject["groups"] = tuple(subject["groups"])
    return VerifiedSource(subject=Subject(**subject), **value)


def session_name(provider: str, session: str) -> str:
    """The name of a provider's session in our tokens: it tells neither of the two."""
    return digest(canonical_bytes(["session", provider, session]))
