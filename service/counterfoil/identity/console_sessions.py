"""Console sessions as the browser holds them: sealed, so that it can neither read nor make one.

The cookie is AES-256-GCM over the session under a key of its own, derived from the sealing
master: every replica opens it, nothing is kept in memory, and no other credential of the
service has that form. What ends a session early is a revocation in the ledger.
"""

from __future__ import annotations

import hmac
import os
import zlib
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from counterfoil.core.canonical import b64url
from counterfoil.core.claims import RoleEntry, roles_of
from counterfoil.core.console_session import ConsoleSession, read_session, session_bytes
from counterfoil.core.model import Caller
from counterfoil.errors import (
    ExpiredCredential,
    InvalidProof,
    InvalidSignature,
    MissingCredential,
    SessionTooLarge,
)
from counterfoil.ports import Proof

MAX_COOKIE_CHARACTERS: Final = 3_800  # RFC 6265 §6.1: browsers keep 4096 bytes, name included
_NONCE_BYTES: Final = 12
_SESSION: Final = b"counterfoil/console-session/v1"
_PENDING: Final = b"counterfoil/console-signin/v1"


class ConsoleSessions:
    """Implements `ports.IdentityVerifier` for sessions, and for nothing else. Thread safe."""

    def __init__(
        self, key: bytes, csrf_key: bytes, roles: Sequence[RoleEntry], *, idle_seconds: float
    ) -> None:
        self._aead, self._csrf_key = AESGCM(key), csrf_key
        self._roles, self._idle_seconds = roles, idle_seconds

    def verify(
        self,
        unverified_token: str,
        *,
        now: float,
        grace_seconds: float = 0.0,  # noqa: ARG002 -- outcomes are agents' business
        proof: Proof | None = None,
    ) -> Caller:
        """Return whose session it is (`ports.IdentityVerifier`).

        Raises:
            MissingCredential: none came.
            IdentityError: it is none of ours, or its time is over.
        """
        if proof is not None:
            raise InvalidProof("a session is bound to no key")
        session = self.open(unverified_token, now=now)
        roles = roles_of(session.subject, session.tenant, session.provider, self._roles)
        return session.caller(roles, idle_seconds=self._idle_seconds)

    def open(self, unverified: str, *, now: float) -> ConsoleSession:
        """Open a session whose time is not over.

        Raises:
            MissingCredential, InvalidSignature, ExpiredCredential: as `verify`.
        """
        if not unverified:
            raise MissingCredential
        try:
            session = read_session(self._opened(unverified, _SESSION))
        except (KeyError, TypeError) as error:  # another release's, with other members
            raise InvalidSignature("a session has other members") from error
        if session.is_over(now, idle_seconds=self._idle_seconds):
            raise ExpiredCredential("the session is over")
        return session

    def seal(self, session: ConsoleSession) -> str:
        """The session as a cookie's value.

        Raises:
            SessionTooLarge: it would not fit into a cookie.
        """
        return self._sealed(session_bytes(session), _SESSION)

    def seal_pending(self, data: bytes) -> str:
        """A sign-in that is on its way; it opens as no session."""
        return self._sealed(data, _PENDING)

    def open_pending(self, unverified: str) -> bytes:
        """What `seal_pending` sealed.

        Raises:
            InvalidSignature: it is none of ours.
        """
        return self._opened(unverified, _PENDING)

    def change_token(self, session_id: str) -> str:
        """What a form of this session must bring back (CSRF); of no other session."""
        return b64url(hmac.digest(self._csrf_key, session_id.encode(), "sha256"))

    def _sealed(self, data: bytes, purpose: bytes) -> str:
        nonce = os.urandom(_NONCE_BYTES)
        # Nothing of an attacker's choice is compressed beside a secret: group names only.
        text = b64url(nonce + self._aead.encrypt(nonce, zlib.compress(data, 9), purpose))
        if len(text) > MAX_COOKIE_CHARACTERS:
            raise SessionTooLarge
        return text

    def _opened(self, unverified: str, purpose: bytes) -> bytes:
        if len(unverified) > MAX_COOKIE_CHARACTERS or not unverified.isascii():
            raise InvalidSignature("a session has another form")
        try:
            data = urlsafe_b64decode(unverified + "=" * (-len(unverified) % 4))
            sealed = self._aead.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], purpose)
        except (ValueError, InvalidTag) as error:
            raise InvalidSignature("no session of this service") from error
        return zlib.decompress(sealed)
