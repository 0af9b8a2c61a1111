"""One HTTP exchange without the I/O: what is sent, how a status is read, when to try again.

Shared by the asynchronous and the synchronous client, so that the two cannot differ.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from autogen_counterfoil.credentials import DelegationToken
from autogen_counterfoil.errors import (
    AnswerNotTrustedError,
    BusyError,
    CredentialRejectedError,
    NoDecisionError,
    RequestRefusedError,
    ServiceUnreachableError,
)
from autogen_counterfoil.wire import read_json

MAX_ANSWER_BYTES = 1_048_576  # a decision is a few kilobytes; a flood must not fill memory
PAUSES_SECONDS = (0.05, 0.2, 0.5)  # between tries of one idempotent exchange
_OK, _REDIRECT, _UNAUTHORIZED, _CONFLICT, _BUSY, _SERVER = 200, 300, 401, 409, 429, 500
IN_PROGRESS = "request.idempotency_conflict"
_NONCE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,512}")  # RFC 9449 §8.1, bounded
_NONCE_WANTED = 'error="use_dpop_nonce"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request. All of ours are idempotent: by key, by content or by method."""

    method: str
    path: str
    token: DelegationToken
    body: bytes | None = None
    idempotency_key: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    waits: bool = False
    """Whether the service holds the answer back until something changes."""

    def header_fields(self, base_url: str, nonce: str | None = None) -> dict[str, str]:
        """All header fields of one try, with a proof of its own where the token is bound.

        Args:
            base_url: of the service, as it names itself: the proof is for this URL (`htu`).
            nonce: what the service wants in the proof.
        """
        fields = {
            **self._authorization(base_url, nonce),
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            **dict(self.headers),
        }
        if self.body is not None:
            fields["Content-Type"] = "application/json"
        if self.idempotency_key is not None:
            fields["Idempotency-Key"] = f'"{self.idempotency_key}"'
            fields["X-Request-ID"] = self.idempotency_key
        return fields

    def _authorization(self, base_url: str, nonce: str | None) -> dict[str, str]:
        token, key = self.token.value, self.token.key
        if key is None:
            return {"Authorization": f"Bearer {token}"}
        # A proof counts once (RFC 9449 §11.1), so each try has its own.
        proof = key.proof(self.method, base_url + self.path, token=token, nonce=nonce)
        return {"Authorization": f"DPoP {token}", "DPoP": proof}


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """What came back, complete."""

    status: int
    media_type: str
    body: bytes
    challenge: str = ""
    """Its `WWW-Authenticate`."""
    nonce: str | None = None
    """Its `DPoP-Nonce`: what the next proof must say."""


@dataclass(slots=True)
class Nonce:
    """The last nonce of one service (RFC 9449 §8.2); None until it sends one."""

    value: str | None = None

    def learned(self, raw: Raw) -> bool:
        """Keep what came; whether the try is to be repeated with it (RFC 9449 §9)."""
        fresh = raw.nonce if raw.nonce and _NONCE.fullmatch(raw.nonce) else None
        changed = fresh is not None and fresh != self.value
        self.value = fresh or self.value
        asked = raw.status == _UNAUTHORIZED and _NONCE_WANTED in raw.challenge
        return changed and asked


@dataclass(slots=True)
class Tries:
    """The tries of one exchange: how often, and what they leave open."""

    made: int = 0
    unsure: bool = False

    def pause_after(self, error: NoDecisionError) -> float:
        """Return how long to wait before the next try.

        Raises:
            NoDecisionError: this was the last one; unsure if one of them was.
        """
        self.unsure = error.unsure = self.unsure or error.unsure
        if not error.retryable or self.made >= len(PAUSES_SECONDS):
            raise error
        self.made += 1
        return PAUSES_SECONDS[self.made - 1]


def unreachable(detail: str, *, unsure: bool) -> ServiceUnreachableError:
    """Make the error of an exchange that brought no answer."""
    error = ServiceUnreachableError(detail)
    error.unsure = unsure
    return error


def accepted(raw: Raw) -> bytes:
    """Return the body of a complete 200 in JSON.

    Raises:
        NoDecisionError: anything else, each in its kind.
    """
    if raw.status == _OK:
        if raw.media_type.partition(";")[0].strip().lower() != "application/json":
            raise AnswerNotTrustedError(f"its media type is {raw.media_type or 'missing'}")
        return raw.body
    if raw.status < _OK or _OK < raw.status < _REDIRECT + 100:
        raise AnswerNotTrustedError(f"HTTP {raw.status}")
    raise _problem(raw)


def _problem(raw: Raw) -> NoDecisionError:
    """Read an RFC 9457 problem, if it is one."""
    code = detail = solution = ""
    try:
        problem = read_json(raw.body)
        code = str(problem.get("code") or "")[:128]
        detail = str(problem.get("detail") or problem.get("title") or "")[:500]
        solution = str(problem.get("solution") or "")[:500]
    except AnswerNotTrustedError:
        detail = f"HTTP {raw.status}"
    kind: type[NoDecisionError] = RequestRefusedError
    if raw.status >= _SERVER:
        kind = ServiceUnreachableError
    elif raw.status == _UNAUTHORIZED:
        kind = CredentialRejectedError
    elif raw.status == _BUSY or (raw.status == _CONFLICT and code == IN_PROGRESS):
        kind = BusyError
    error = kind(detail, code=code, solution=solution)
    if kind is ServiceUnreachableError:
        # Without policy nothing was decided. A ledger that was late may yet have recorded.
        error.unsure = not code.startswith("policy.")
    elif kind is BusyError:
        error.unsure = raw.status == _CONFLICT  # the first try is still being decided
    return error


def checked_url(url: str, *, insecure_http: bool) -> str:
    """Return the service's base URL.

    Raises:
        ValueError: not an HTTP URL, or plain HTTP to another machine: the token would
            cross the network readable.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
        raise ValueError(f"not the URL of a service: {url!r}")
    if parts.scheme == "http" and not insecure_http and not _is_loopback(parts.hostname):
        raise ValueError("plain http to another machine shows the token; use https")
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
