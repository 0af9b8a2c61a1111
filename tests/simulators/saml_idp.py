"""A SAML identity provider with knobs: fresh keys, honest answers, and every part of one to turn."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from simulators.saml_signing import DS, SAML, SAMLP, Make, Signing, new_id, sign, x509_key_info

IDP = "https://idp.example.test/saml"
SP = "https://counterfoil.example.com"
SSO = "https://idp.example.test/sso"
EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"


def instant(seconds: float) -> str:
    """An `xs:dateTime` in UTC."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(slots=True, kw_only=True)
class Answer:
    """An honest answer, every part of which can be turned; `xml()` is it without signature."""

    request_id: str
    now: float
    acs_url: str
    id: str = field(default_factory=new_id)
    assertion_id: str = field(default_factory=new_id)
    issuer: str = IDP
    assertion_issuer: str = IDP
    audience: str = SP
    name_id: str = "alice@example.test"
    name_id_attributes: str = f'Format="{EMAIL}"'
    groups: Sequence[str] = ("developers", "on call")
    status: str = f'<p:Status><p:StatusCode Value="{SUCCESS}"/></p:Status>'
    response_attributes: str | None = None
    assertion_attributes: str | None = None
    issuers: tuple[str, str] | None = None
    subject: str | None = None
    name_id_xml: str | None = None
    confirmations: str | None = None
    conditions: str | None = None
    conditions_inner: str | None = None
    authn: str | None = None
    session_end: float | None = None
    attributes: str | None = None
    before_assertion: str = ""
    after_assertion: str = ""
    in_assertion: str = ""

    def at(self, seconds: float) -> str:
        return instant(self.now + seconds)

    def response_head(self) -> str:
        if self.response_attributes is not None:
            return self.response_attributes
        return (
            f'ID="{self.id}" Version="2.0" IssueInstant="{self.at(0)}"'
            f' Destination="{self.acs_url}" InResponseTo="{self.request_id}"'
        )

    def confirmation(self, **changes: str | None) -> str:
        """One SubjectConfirmation; a change to None leaves the attribute out."""
        method = changes.pop("Method", BEARER)
        values: dict[str, str | None] = {
            "InResponseTo": self.request_id,
            "NotOnOrAfter": self.at(300),
            "Recipient": self.acs_url,
            **changes,
        }
        data = " ".join(f"{k}={quoteattr(v)}" for k, v in values.items() if v is not None)
        return (
            f'<a:SubjectConfirmation Method="{method}">'
            f"<a:SubjectConfirmationData {data}/></a:SubjectConfirmation>"
        )

    def subject_xml(self) -> str:
        if self.subject is not None:
            return self.subject
        name = self.name_id_xml
        if name is None:
            name = f"<a:NameID {self.name_id_attributes}>{escape(self.name_id)}</a:NameID>"
        confirmations = self.confirmation() if self.confirmations is None else self.confirmations
        return f"<a:Subject>{name}{confirmations}</a:Subject>"

    def restriction(self, *audiences: str) -> str:
        inner = "".join(f"<a:Audience>{escape(item)}</a:Audience>" for item in audiences)
        return f"<a:AudienceRestriction>{inner}</a:AudienceRestriction>"

    def conditions_xml(self) -> str:
        if self.conditions is not None:
            return self.conditions
        inner = self.conditions_inner
        inner = self.restriction(self.audience) if inner is None else inner
        return (
            f'<a:Conditions NotBefore="{self.at(-60)}" NotOnOrAfter="{self.at(300)}">'
            f"{inner}</a:Conditions>"
        )

    def authn_xml(self) -> str:
        if self.authn is not None:
            return self.authn
        end = (
            ""
            if self.session_end is None
            else f' SessionNotOnOrAfter="{self.at(self.session_end)}"'
        )
        return (
            f'<a:AuthnStatement AuthnInstant="{self.at(-5)}" SessionIndex="_session"{end}>'
            f"<a:AuthnContext><a:AuthnContextClassRef>{PASSWORD}</a:AuthnContextClassRef>"
            "</a:AuthnContext></a:AuthnStatement>"
        )

    def attribute(self, name: str, *values: str) -> str:
        inner = "".join(f"<a:AttributeValue>{escape(v)}</a:AttributeValue>" for v in values)
        return f'<a:Attribute Name="{name}">{inner}</a:Attribute>'

    def attributes_xml(self) -> str:
        if self.attributes is not None:
            return self.attributes
        return (
            f"<a:AttributeStatement>{self.attribute('groups', *self.groups)}"
            f"{self.attribute('mail', self.name_id)}</a:AttributeStatement>"
        )

    def assertion_xml(self) -> str:
        head = self.assertion_attributes
        if head is None:
            head = f'ID="{self.assertion_id}" Version="2.0" IssueInstant="{self.at(0)}"'
        issuer = f"<a:Issuer>{escape(self.assertion_issuer)}</a:Issuer>"
        if self.issuers is not None:
            issuer = self.issuers[1]
        return (
            f'<a:Assertion xmlns:a="{SAML}" {head}>{issuer}{self.subject_xml()}'
            f"{self.conditions_xml()}{self.authn_xml()}{self.attributes_xml()}"
            f"{self.in_assertion}</a:Assertion>"
        )

    def xml(self) -> str:
        issuer = f'<a:Issuer xmlns:a="{SAML}">{escape(self.issuer)}</a:Issuer>'
        if self.issuers is not None:
            issuer = self.issuers[0]
        return (
            f'<p:Response xmlns:p="{SAMLP}" xmlns:a="{SAML}" {self.response_head()}>'
            f"{issuer}{self.status}{self.before_assertion}{self.assertion_xml()}"
            f"{self.after_assertion}</p:Response>"
        )


@dataclass(slots=True)
class SamlIdp:
    """The provider: its keys (several during a rotation), its metadata, its signed answers."""

    signing: Signing = field(default_factory=Signing.rsa)
    entity_id: str = IDP
    published: list[Signing] = field(default_factory=list)

    def answer(self, **changes: Any) -> Answer:
        return Answer(issuer=self.entity_id, assertion_issuer=self.entity_id, **changes)

    def signed(
        self,
        answer: Answer,
        *,
        assertion: bool = True,
        response: bool = False,
        make: Make | None = None,
    ) -> str:
        """An answer with the signatures that are wanted, the assertion's first."""
        xml = answer.xml()
        if assertion:
            xml = sign(xml, "Assertion", self.signing, make)
        if response:
            xml = sign(xml, "Response", self.signing, make)
        return xml

    def metadata(
        self,
        *signings: Signing,
        attributes: str = "",
        services: Sequence[tuple[str, str]] = (("HTTP-Redirect", SSO), ("HTTP-POST", SSO)),
        keys: str | None = None,
    ) -> str:
        """The metadata that names these keys, its own without any."""
        bindings = "urn:oasis:names:tc:SAML:2.0:bindings:"
        if keys is None:
            keys = "".join(
                f'<md:KeyDescriptor use="signing">{x509_key_info(item)}</md:KeyDescriptor>'
                for item in signings or (self.signing, *self.published)
            )
        sso = "".join(
            f'<md:SingleSignOnService Binding="{bindings}{name}" Location="{escape(location)}"/>'
            for name, location in services
        )
        return (
            '<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"'
            f' xmlns:ds="{DS}" ID="{new_id()}" entityID="{self.entity_id}" {attributes}>'
            f'<md:IDPSSODescriptor protocolSupportEnumeration="{SAMLP}">{keys}{sso}'
            "</md:IDPSSODescriptor></md:EntityDescriptor>"
        )
