"""A SAML login was refused, or its code."""

from __future__ import annotations

from counterfoil.errors.identity import IdentityError


class SamlRefused(IdentityError):
    """The identity provider's answer breaks a rule; which one is in the log alone.

    `saml_rule` is its number in `identity/saml.py`; nothing of the document is in the detail.
    """

    code = "identity.saml_refused"
    title = "The identity provider's answer was not accepted"
    solution = (
        "Log in again, from the start. If it happens again, the operator finds the broken rule in"
        " the service's log, by the request id."
    )

    def __init__(self, saml_rule: str = "", text: str = "") -> None:
        super().__init__(f"SAML rule {saml_rule}: {text}" if saml_rule else "")
        self.saml_rule = saml_rule


class UnknownKey(SamlRefused):
    """In order but for its key, which is none of the provider's that are known now."""


class EncryptedAssertion(SamlRefused):
    """Something in the answer is encrypted, and this service holds no key for it."""

    code = "identity.saml_encrypted"
    title = "The identity provider encrypted its answer"
    solution = (
        "The operator of the identity provider switches encryption off for this service, as TLS"
        " protects answers on their way; or the service's operator configures a"
        " decryption_key_file, with which whole assertions can be encrypted."
    )


class SamlRequestUnknown(SamlRefused):
    """The login started too long ago, was answered before, or did not start here."""

    code = "identity.saml_request_unknown"
    title = "The login is not one that waits for an answer"
    solution = (
        "Start again with `counterfoil login --saml`; a login starts here, never at the provider."
    )


class SamlCodeRefused(IdentityError):
    """The code of a SAML login is unknown, spent or expired, or its verifier is another."""
