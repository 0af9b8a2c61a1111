"""Answers that must be accepted: what real providers do in different ways."""

# fmt: off

from __future__ import annotations

import re
from collections.abc import Mapping

from saml_cases.workshop import ALICE, Recipe, said
from simulators.saml_idp import SP
from simulators.saml_signing import MORE, PSS_SHA256

PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
XS = 'xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="xs:string"'


def pretty(xml: str) -> str:
    """White space between elements, as some providers print before they sign."""
    return re.sub(r"(<a:(?:Subject|Conditions|AuthnStatement|AttributeStatement)[ >])", r"\n  \1", xml)


DOCUMENTS: Mapping[str, Recipe] = {
    "assertion_signed": lambda w: w.honest(),
    "response_signed": lambda w: w.idp.signed(w.answer(), assertion=False, response=True),
    "both_signed": lambda w: w.idp.signed(w.answer(), response=True),
    "sha_512": lambda w: w.made(method=f"{MORE}rsa-sha512", digest="http://www.w3.org/2001/04/xmlenc#sha512"),
    "sha_384": lambda w: w.made(method=f"{MORE}rsa-sha384", digest=f"{MORE}sha384"),
    "rsa_pss": lambda w: w.made(method=PSS_SHA256),
    "without_key_info": lambda w: w.made(key_info=""),
    "with_a_key_name": lambda w: w.made(key_info="<ds:KeyInfo><ds:KeyName>signing-1</ds:KeyName></ds:KeyInfo>"),
    "with_a_prefix_list": lambda w: w.made(prefixes="xs xsi"),
    "declaration": lambda w: '<?xml version="1.0" encoding="UTF-8"?>\n' + w.honest(),
    "declaration_in_single_quotes": lambda w: "<?xml version='1.0' encoding='utf-8' standalone='no' ?>" + w.honest(),
    "byte_order_mark": lambda w: b"\xef\xbb\xbf" + w.honest().encode(),
    "line_end_behind": lambda w: w.honest() + "\n",
    "typed_values": said(attributes=f'<a:AttributeStatement><a:Attribute Name="groups"><a:AttributeValue {XS}>developers</a:AttributeValue><a:AttributeValue {XS}>on call</a:AttributeValue></a:Attribute></a:AttributeStatement>'),
    "attribute_repeated": said(attributes=lambda a: f"<a:AttributeStatement>{a.attribute('groups', 'developers')}{a.attribute('groups', 'on call')}</a:AttributeStatement>"),
    "other_attributes_of_any_kind": said(attributes=lambda a: a.attributes_xml().replace("</a:AttributeStatement>", '<a:Attribute Name="id"><a:AttributeValue><a:NameID>x</a:NameID></a:AttributeValue></a:Attribute></a:AttributeStatement>')),
    "two_statements_of_attributes": said(attributes=lambda a: f"<a:AttributeStatement>{a.attribute('mail', ALICE)}</a:AttributeStatement><a:AttributeStatement>{a.attribute('groups', 'developers', 'on call')}</a:AttributeStatement>"),
    "persistent_qualified": said(name_id_attributes=lambda a: f'Format="{PERSISTENT}" NameQualifier="{a.issuer}" SPNameQualifier="{SP}"'),
    "name_id_without_a_format": said(name_id_attributes=""),
    "two_audiences": said(conditions_inner=lambda a: a.restriction("https://other.example", SP)),
    "two_restrictions": said(conditions_inner=lambda a: a.restriction(SP) + a.restriction(SP, "https://other.example")),
    "one_time_use": said(conditions_inner=lambda a: a.restriction(SP) + "<a:OneTimeUse/>"),
    "second_confirmation_of_another_kind": said(confirmations=lambda a: a.confirmation(Method="urn:oasis:names:tc:SAML:2.0:cm:sender-vouches") + a.confirmation()),
    "second_confirmation_elsewhere": said(confirmations=lambda a: a.confirmation(Recipient="https://other.example/acs") + a.confirmation()),
    "confirmation_with_an_address": said(confirmations=lambda a: a.confirmation(Address="192.0.2.1")),
    "session_end": said(session_end=1800),
    "two_statements_of_authentication": said(authn=lambda a: a.authn_xml() * 2),
    "statement_with_locality": said(authn=lambda a: a.authn_xml().replace("<a:AuthnContext>", '<a:SubjectLocality Address="192.0.2.1"/><a:AuthnContext>')),
    "at_the_edge_of_the_skew": said(conditions=lambda a: f'<a:Conditions NotBefore="{a.at(60)}" NotOnOrAfter="{a.at(300)}">{a.restriction(SP)}</a:Conditions>'),
    "within_the_skew_after_the_end": said(conditions=lambda a: f'<a:Conditions NotBefore="{a.at(-300)}" NotOnOrAfter="{a.at(-59)}">{a.restriction(SP)}</a:Conditions>'),
    "fractions_of_seconds": said(conditions=lambda a: a.conditions_xml().replace('Z"', '.123456789Z"')),
    "offset_of_zero": said(conditions=lambda a: a.conditions_xml().replace('Z"', '+00:00"')),
    "extensions": lambda w: w.idp.signed(w.answer(before_assertion='<p:Extensions><x xmlns="urn:x"/></p:Extensions>'), response=True),
    "status_message": said(status=lambda a: a.status.replace("</p:Status>", "<p:StatusMessage>ok</p:StatusMessage></p:Status>")),
    "issuer_with_a_format": said(issuers=lambda a: (f'<a:Issuer Format="urn:oasis:names:tc:SAML:2.0:nameid-format:entity">{a.issuer}</a:Issuer>', f"<a:Issuer>{a.issuer}</a:Issuer>")),
    "white_space_between_elements": said(subject=lambda a: pretty(a.subject_xml()), conditions=lambda a: pretty(a.conditions_xml())),
    "consent_and_other_attributes": said(response_attributes=lambda a: a.response_head() + ' Consent="urn:oasis:names:tc:SAML:2.0:consent:unspecified"'),
}
