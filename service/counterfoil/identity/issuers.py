"""Authenticates credential issuers: by an assertion as launchers sign them, or mutual TLS.

An issuer calls with `Authorization: Bearer <assertion>`; one that shows a certificate (RFC 8705
§2.2) sends no header. Both are registered in its `[[issuer]]` entry and nowhere else, so that
what proves an issuer proves nothing to any other path, and no other token proves one.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from counterfoil.config_model import CredentialIssuer
from counterfoil.core.issuing import Issuer
from counterfoil.errors import InvalidLauncher, IssuerRefused, MissingCredential
from counterfoil.identity.assertions import Assertions, AssertionTerms
from counterfoil.identity.certificates import registered


class IssuerAuthenticator:
    """Implements `ports_issuers.Issuers`. Thread safe; one per worker.

    Args:
        entries: the `[[issuer]]` tables.
        terms: what an assertion is held to.
    """

    def __init__(self, entries: Sequence[CredentialIssuer], *, terms: AssertionTerms) -> None:
        self._leeway_seconds = terms.leeway_seconds
        self._issuers = {item.name: Issuer(name=item.name, tenant=item.tenant) for item in entries}
        self._certificates = [
            (self._issuers[item.name], item.certificate_file)
            for item in entries
            if item.certificate_file is not None
        ]
        self._assertions = Assertions(
            (
                (item.name, item.jwks_file, item.algorithms)
                for item in entries
                if item.jwks_file is not None
            ),
            scope="issuer_assertion",
            terms=terms,
        )

    def authenticate(
        self, unverified_assertion: str | None, *, certificate: bytes | None, now: float
    ) -> Issuer:
        """Return the issuer that the assertion proves, or without one the certificate (DER).

        A certificate counts for nothing beside an assertion: a proxy may ask all of its
        clients for one.

        Raises:
            MissingCredential: neither came.
            IssuerRefused: it proves none; one answer for every cause.
            LedgerError: the assertion could not be spent.
            IdentityUnavailable: the issuer's keys or certificates cannot be read.
        """
        if unverified_assertion is not None:
            try:
                name = self._assertions.verify(unverified_assertion, expected=None, now=now)
            except InvalidLauncher as error:
                raise IssuerRefused(error.detail) from error
            return self._issuers[name]
        if certificate is None:
            raise MissingCredential
        return self._by_certificate(certificate, now)

    def _by_certificate(self, certificate: bytes, now: float) -> Issuer:
        shown = sha256(certificate).digest()
        found = [
            issuer
            for issuer, file in self._certificates
            if (lasts := registered(file).get(shown)) is not None
            and lasts.holds(now, leeway_seconds=self._leeway_seconds)
        ]
        if len(found) != 1:  # registered for two, it would name neither
            raise IssuerRefused("the certificate is not that of one issuer")
        return found[0]
