"""Authenticates launchers: `private_key_jwt`, mutual TLS, or a secret in development.

An assertion (RFC 7523) is checked like any JWT (`oidc.py`, rules 1 to 7, under the launcher's
own keys), its claims by `core/client_assertion.py`, and its `jti` is spent in the ledger, so
that it counts once on all workers and replicas and after a crash. A certificate (RFC 8705 §2.2)
was shown in TLS to the proxy, whose own door says so (`http/certificates.py`).
"""

from __future__ import annotations

import hmac
from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256
from typing import Final

from counterfoil.config_model import LauncherEntry
from counterfoil.core.agents import Launcher
from counterfoil.core.claims import IssuerEntry
from counterfoil.core.client_assertion import read_assertion
from counterfoil.core.token_request import LauncherCredential
from counterfoil.errors import IdentityError, IdentityUnavailable, InvalidLauncher
from counterfoil.identity.certificates import registered
from counterfoil.identity.jwks import KeyFile
from counterfoil.identity.oidc import TrustedIssuer, verify_token
from counterfoil.keys import load_secret
from counterfoil.ports import Clock
from counterfoil.ports_tokens import SingleUse

ASSERTION_TYPES: Final = frozenset({"jwt", "client-authentication+jwt"})


class LauncherAuthenticator:
    """Implements `ports.Launchers`. Thread safe; one per worker.

    Args:
        entries: the `[[identity.launcher]]` tables.
        audiences: the names of this service that an assertion's `aud` may hold.
        spent: where an assertion's `jti` is spent.
        clock: for the deadline of that.
        leeway_seconds: how far a launcher's clock may be ahead.
        timeout_seconds: of the ledger.

    Raises:
        ConfigError: a secret's file cannot be used.
    """

    def __init__(
        self,
        entries: Sequence[LauncherEntry],
        *,
        audiences: Collection[str],
        spent: SingleUse,
        clock: Clock,
        leeway_seconds: int,
        timeout_seconds: float,
    ) -> None:
        self._audiences, self._spent, self._clock = frozenset(audiences), spent, clock
        self._leeway_seconds, self._timeout_seconds = leeway_seconds, timeout_seconds
        self._launchers = {item.id: Launcher(id=item.id, tenant=item.tenant) for item in entries}
        self._keys: Mapping[str, TrustedIssuer] = {
            entry.id: TrustedIssuer(
                IssuerEntry(issuer=entry.id, audience=""),
                frozenset(entry.algorithms),
                KeyFile(entry.jwks_file),
            )
            for entry in entries
            if entry.jwks_file is not None
        }
        self._secrets = {
            entry.id: load_secret(entry.secret_file)
            for entry in entries
            if entry.secret_file is not None
        }
        self._certificates = {
            entry.id: entry.certificate_file
            for entry in entries
            if entry.certificate_file is not None
        }

    def authenticate(
        self, credential: LauncherCredential, *, certificate: bytes | None, now: float
    ) -> Launcher:
        """Return the launcher that the credential proves, or the certificate (DER) beside it.

        The form says by which method (RFC 6749 §2.3: one). A certificate counts for nothing
        beside an assertion or a secret: a proxy may ask all of its clients for one.

        Raises:
            InvalidLauncher: it proves none; one answer for every cause.
            LedgerError: an assertion could not be spent.
            IdentityUnavailable: the launcher's keys or certificates cannot be read.
        """
        if credential.unverified_assertion is not None:
            return self._by_assertion(credential.unverified_assertion, credential, now=now)
        if credential.unverified_secret is not None:
            return self._by_secret(credential)
        return self._by_certificate(credential, certificate, now=now)

    def _by_certificate(
        self, credential: LauncherCredential, certificate: bytes | None, *, now: float
    ) -> Launcher:
        # RFC 8705 §2.2: TLS has proven the key, and the registered certificate says whose it is.
        launcher = self._launchers.get(credential.unverified_id or "")
        file = None if launcher is None else self._certificates.get(launcher.id)
        if launcher is None or file is None or certificate is None:
            raise InvalidLauncher
        lasts = registered(file).get(sha256(certificate).digest())
        if lasts is None or not lasts.holds(now, leeway_seconds=self._leeway_seconds):
            raise InvalidLauncher
        return launcher

    def _by_assertion(
        self, unverified_assertion: str, credential: LauncherCredential, *, now: float
    ) -> Launcher:
        try:
            claims, entry, _ = verify_token(
                unverified_assertion, self._keys, now=now, types=ASSERTION_TYPES
            )
        except IdentityUnavailable:
            raise
        except IdentityError as error:
            raise InvalidLauncher from error
        launcher = self._launchers[entry.entry.issuer]
        if credential.unverified_id not in {None, launcher.id}:  # RFC 7521 §4.2
            raise InvalidLauncher
        token_id, expires_at = read_assertion(
            claims,
            launcher=launcher.id,
            audiences=self._audiences,
            now=now,
            leeway_seconds=self._leeway_seconds,
        )
        fresh = self._spent.spend(
            ("client_assertion", launcher.id, token_id),
            expires_at=expires_at,
            deadline=self._clock.monotonic() + self._timeout_seconds,
        )
        if not fresh:
            raise InvalidLauncher("the assertion was used before")
        return launcher

    def _by_secret(self, credential: LauncherCredential) -> Launcher:
        launcher = self._launchers.get(credential.unverified_id or "")
        expected = None if launcher is None else self._secrets.get(launcher.id)
        given = (credential.unverified_secret or "").encode()
        # Compared even where there is none: the answer's time tells no launcher's id.
        same = hmac.compare_digest(given, expected or b"\0")
        if launcher is None or expected is None or not same:
            raise InvalidLauncher
        return launcher
