"""What of an API's answer the holder gets: its status, some headers, and a body within bounds.

The standing credential never comes back: an answer that holds it is withheld, an answer that
cannot be looked through (compressed) too. Cookies stay here: one would be a credential.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from multidict import CIMultiDict, CIMultiDictProxy

PASSED: Final = frozenset(
    {"content-type", "content-language", "content-disposition", "content-range", "accept-ranges"}
    | {"cache-control", "expires", "age", "last-modified", "etag", "vary", "date", "allow"}
    | {"location", "link", "retry-after", "deprecation", "sunset", "preference-applied"}
    | {"x-request-id", "x-correlation-id", "x-total-count", "x-next-page", "x-page", "x-per-page"}
    | {"ratelimit", "ratelimit-policy", "ratelimit-limit", "ratelimit-remaining"}
    | {"ratelimit-reset", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"}
)
"""Headers of an answer that a holder gets; `Set-Cookie` and whatever else is new are not."""
_TEXT: Final = re.compile(r"[\t\x20-\x7e]*", re.ASCII)
MIN_SECRET: Final = 8  # of a shorter one every answer would hold a copy by chance


class Withheld(Exception):
    """The answer, or its rest, is not for the holder; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def secrets_of(value: str) -> tuple[bytes, ...]:
    """The texts by which a header's value could come back: it, its token, Basic's password."""
    scheme, _, token = value.partition(" ")
    found = {value, token.strip()}
    if scheme.lower() == "basic":
        try:
            pair = base64.b64decode(token, validate=True).decode("utf-8")
        except (binascii.Error, ValueError):
            pair = ""
        found |= {pair, pair.partition(":")[2]}
    return tuple(sorted(one.encode() for one in found if len(one) >= MIN_SECRET))


def passed_headers(headers: CIMultiDictProxy[str], secrets: tuple[bytes, ...]) -> CIMultiDict[str]:
    """Those that go on.

    Raises:
        Withheld: one holds the credential, or the body is compressed.
    """
    if any(value.lower() != "identity" for value in headers.getall("Content-Encoding", [])):
        raise Withheld("answer_compressed")
    passed = CIMultiDict[str]()
    for name, value in headers.items():
        if name.lower() in PASSED and _TEXT.fullmatch(value):
            passed.add(name, value)
            if any(secret in value.encode("ascii") for secret in secrets):
                raise Withheld("answer_holds_the_credential")
    return passed


class Sieve:
    """Lets a body through piece by piece, without what might be the beginning of a secret."""

    def __init__(self, secrets: tuple[bytes, ...], max_bytes: int) -> None:
        self._secrets, self._left = secrets, max_bytes
        self._held = b""
        self._keep = max(map(len, secrets), default=1) - 1

    def feed(self, piece: bytes) -> bytes:
        """What of the body so far may go on.

        Raises:
            Withheld: the credential is in it, or it is too long.
        """
        self._left -= len(piece)
        if self._left < 0:
            raise Withheld("answer_too_long")
        text = self._held + piece
        if any(secret in text for secret in self._secrets):
            raise Withheld("answer_holds_the_credential")
        cut = max(len(text) - self._keep, 0)
        self._held = text[cut:]
        return text[:cut]

    def end(self) -> bytes:
        """The rest."""
        rest, self._held = self._held, b""
        return rest
