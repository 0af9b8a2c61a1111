"""A login between `GET /saml/login` and `POST /saml/acs`: carried by the browser, kept nowhere.

Anybody may start a login, so starting one costs no memory and no row: all that is needed at
the end travels as RelayState, and the request's ID is the keyed hash of it, the provider and
this service's name. The provider signs that ID (`InResponseTo`) into its answer. So an answer
counts only for a request that this service made, for that provider, with exactly that PKCE
challenge, redirect URI, state and time; and its ID is spent when it is answered.

Bindings §3.4.3 bounds RelayState to 80 bytes, and some providers hold to that: a root path
and up to 19 characters of state fit.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode, urlsplit

from counterfoil.core.canonical import b64url, canonical_bytes
from counterfoil.errors import SchemaViolation

REQUEST_SECONDS: Final = 600
"""From the start to the provider's answer: a person finds a phone for the second factor."""
MAX_STATE_CHARS: Final = 512
MAX_PATH_CHARS: Final = 128
MAX_RELAY_CHARS: Final = 1_024

CONSOLE: Final = "counterfoil:console"
"""The redirect URI of this service's own console: no launcher's, and never a parameter."""

_VERSION: Final = 1
_HOSTS: Final = ("127.0.0.1", "[::1]")
_CONSOLE_HOST: Final = len(_HOSTS)
_CONSOLE_PATH: Final = "/console/signin/saml"
_FIXED_BYTES: Final = 41  # version and host 1, time 5, port 2, challenge 32, length of path 1
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]", re.ASCII)
# RFC 8252 §7.3: a loopback address (not `localhost`, §8.3) and a port; no user, query, fragment.
_REDIRECT: Final = re.compile(
    r"http://(127\.0\.0\.1|\[::1\]):([1-9][0-9]{0,4})((?:/[A-Za-z0-9._~-]*)*)", re.ASCII
)
_STATE: Final = re.compile(r"[!-~]+", re.ASCII)
_RELAY: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_MAX_PORT: Final = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingLogin:
    """What a launcher bound to its login; `code_challenge` is S256 (RFC 7636 §4.2)."""

    code_challenge: str
    redirect_uri: str
    state: str
    started_at: int

    def check(self) -> None:
        """See that all of it is of the published form.

        Raises:
            SchemaViolation: one is not; `pointer` names it.
        """
        if not _CHALLENGE.fullmatch(self.code_challenge):
            raise SchemaViolation("an S256 challenge has 43 characters", pointer="#/code_challenge")
        match = _REDIRECT.fullmatch(self.redirect_uri)
        if self.redirect_uri == CONSOLE:
            pass
        elif match is None or int(match[2]) > _MAX_PORT or len(match[3]) > MAX_PATH_CHARS:
            detail = "write http://127.0.0.1:PORT/ or http://[::1]:PORT/, and a short path"
            raise SchemaViolation(detail, pointer="#/redirect_uri")
        if not _STATE.fullmatch(self.state) or len(self.state) > MAX_STATE_CHARS:
            detail = f"1 to {MAX_STATE_CHARS} printable ASCII characters"
            raise SchemaViolation(detail, pointer="#/state")

    def relay_state(self) -> str:
        """The login as the browser carries it."""
        parts = urlsplit("" if self.redirect_uri == CONSOLE else self.redirect_uri)
        name = parts.netloc.rpartition(":")[0]
        host = _CONSOLE_HOST if self.redirect_uri == CONSOLE else _HOSTS.index(name)
        path = parts.path.encode("ascii")
        return b64url(
            bytes([_VERSION << 4 | host])
            + self.started_at.to_bytes(5)
            + (parts.port or 0).to_bytes(2)
            + urlsafe_b64decode(self.code_challenge + "=")
            + bytes([len(path)])
            + path
            + self.state.encode("ascii")
        )

    def answered(self, *, code: str, issuer: str) -> str:
        """The launcher's redirect URI with the code, its state and who gives it (RFC 9207)."""
        query = urlencode({"code": code, "state": self.state, "iss": issuer})
        where = issuer + _CONSOLE_PATH if self.redirect_uri == CONSOLE else self.redirect_uri
        return f"{where}?{query}"


def read_relay_state(unverified: str) -> PendingLogin | None:
    """The login in a RelayState, None where it is none; not ours until its request's ID is."""
    if len(unverified) > MAX_RELAY_CHARS or not _RELAY.fullmatch(unverified):
        return None
    try:
        data = urlsafe_b64decode(unverified + "=" * (-len(unverified) % 4))
    except Base64Error:
        return None
    if len(data) <= _FIXED_BYTES or data[0] >> 4 != _VERSION or data[0] & 15 > _CONSOLE_HOST:
        return None
    end = _FIXED_BYTES + data[40]
    try:
        path, state = data[_FIXED_BYTES:end].decode("ascii"), data[end:].decode("ascii")
        login = PendingLogin(
            code_challenge=b64url(data[8:40]),
            redirect_uri=_redirect_uri(data[0] & 15, int.from_bytes(data[6:8]), path),
            state=state,
            started_at=int.from_bytes(data[1:6]),
        )
        login.check()
    except (UnicodeDecodeError, SchemaViolation):
        return None
    return login if login.relay_state() == unverified else None


def _redirect_uri(host: int, port: int, path: str) -> str:
    return CONSOLE if host == _CONSOLE_HOST else f"http://{_HOSTS[host]}:{port}{path}"


def request_id(key: bytes, *, provider: str, entity_id: str, relay_state: str) -> str:
    """The ID of the one request to `provider` that goes with a RelayState."""
    bound = canonical_bytes([provider, entity_id, relay_state])
    return "_" + b64url(hmac.digest(key, b"counterfoil/saml-request/v1\n" + bound, "sha256"))
