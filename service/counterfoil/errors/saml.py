"""A SAML login was refused, or its code."""

from __future__ import annotations

from counterfoil.errors.identity import IdentityError


class SamlCodeRefused(IdentityError):
    """The code of a SAML login is unknown, spent or expired, or its verifier is another."""
