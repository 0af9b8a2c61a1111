"""Compact JWS text to bytes, without two spellings of one token (rules 1 and 4).

Both readers of signed text use this: tokens (`oidc.py`) and proofs (`dpop.py`).
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final, NamedTuple

from counterfoil.core.model import JsonObject
from counterfoil.core.strict_json import parse
from counterfoil.errors import InvalidSignature, RequestError, Rule

MAX_JSON_DEPTH: Final = 16  # Keycloak's resource_access needs 4
MEDIA_TYPE_PREFIX: Final = "application/"
_SEGMENT: Final = re.compile(rb"[A-Za-z0-9_-]+")


class Segments(NamedTuple):
    """What was signed, and the three segments decoded; all of it unverified."""

    signed: bytes
    header: bytes
    payload: bytes
    signature: bytes


def split(text: str, max_chars: int) -> Segments:
    """Take the text apart.

    Canonical: two spellings of one token would be two cache entries, two log lines, and a
    way round a block list (CVE-2026-102269).

    Raises:
        InvalidSignature: rule 1.
    """
    if len(text) > max_chars or not text.isascii():
        raise InvalidSignature("too long, or not ASCII", rule=Rule.FORM)
    segments = text.encode("ascii").split(b".")
    if len(segments) != 3:  # noqa: PLR2004 -- RFC 7515 §3.1
        raise InvalidSignature("not three segments", rule=Rule.FORM)
    header, payload, signature = (_decoded(segment) for segment in segments)
    return Segments(b".".join(segments[:2]), header, payload, signature)


def strict_json(data: bytes, max_bytes: int, rule: Rule) -> JsonObject:
    """Read one segment.

    Raises:
        InvalidSignature: rule 4. `from None`: a JSON error quotes the document, and that is
            the token's.
    """
    try:
        return parse(data, max_bytes=max_bytes, max_depth=MAX_JSON_DEPTH)
    except RequestError:
        raise InvalidSignature("not one strict JSON object", rule=rule) from None


def _decoded(segment: bytes) -> bytes:
    if not _SEGMENT.fullmatch(segment) or len(segment) % 4 == 1:
        raise InvalidSignature("a segment is not base64url", rule=Rule.FORM)
    data = urlsafe_b64decode(segment + b"=" * (-len(segment) % 4))
    if urlsafe_b64encode(data).rstrip(b"=") != segment:
        raise InvalidSignature("a segment is not canonical", rule=Rule.FORM)
    return data
