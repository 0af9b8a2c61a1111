"""Authenticates launchers: `private_key_jwt`, mutual TLS, or a secret in development.

Assertions are those of `assertions.py`. A certificate (RFC 8705 §2.2) was shown in TLS to the
proxy, whose own door says so (`http/certificates.py`).
"""

from __future__ import annotations

import hmac
from collections.abc import Collection, Sequence
from hashlib import sha256

from counterfoil.config_model import LauncherEntry
from counterfoil.core.agents import Launcher
from counterfoil.core.token_request import LauncherCredential
from counterfoil.errors import InvalidLauncher
from counterfoil.identity.assertions import Assertions, AssertionTerms
from counterfoil.identity.certificates import registered
from counterfoil.keys import load_secret
from counterfoil.ports import Clock
from counterfoil.ports_tokens import SingleUse


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
        self._leeway_seconds = leeway_seconds
        self._launchers = {item.id: Launcher(id=item.id, tenant=item.tenant) for item in entries}
        self._assertions = Assertions(
            (
                (entry.id, entry.jwks_file, entry.algorithms)
                for entry in entries
                if entry.jwks_file is not None
            ),
            scope="client_assertion",
            terms=AssertionTerms(
                audiences=frozenset(audiences),
                spent=spent,
                clock=clock,
                leeway_seconds=leeway_seconds,
                timeout_seconds=timeout_seconds,
            ),
        )
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
            name = self._assertions.verify(
                credential.unverified_assertion, expected=credential.unverified_id, now=now
            )
            return self._launchers[name]
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

    def _by_secret(self, credential: LauncherCredential) -> Launcher:
        launcher = self._launchers.get(credential.unverified_id or "")
        expected = None if launcher is None else self._secrets.get(launcher.id)
        given = (credential.unverified_secret or "").encode()
        # Compared even where there is none: the answer's time tells no launcher's id.
        same = hmac.compare_digest(given, expected or b"\0")
        if launcher is None or expected is None or not same:
            raise InvalidLauncher
        return launcher
