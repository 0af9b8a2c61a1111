"""Answers that the provider really signed, and that must not be accepted: rules 4 and 6."""

# fmt: off

from __future__ import annotations

from dataclasses import replace
from html import escape

from saml_cases.workshop import ADMIN, ALICE, Hostile, Recipe, Workshop, said
from simulators.saml_idp import SP, SUCCESS, Answer
from simulators.saml_signing import DS, sign

EVIL = "https://evil.example"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
HOLDER = "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"
LINK = "http://schemas.microsoft.com/claims/groups.link"
ENC = 'xmlns:e="http://www.w3.org/2001/04/xmlenc#"'


def head(old: str, new: str) -> Recipe:
    """The Response's own attributes, changed."""
    return said(response_attributes=lambda a: a.response_head().replace(old.format(a=a), new.format(a=a)))


def confirmed(**changes: str | None) -> Recipe:
    return said(confirmations=lambda a: a.confirmation(**{k: v.format(a=a) if v else v for k, v in changes.items()}))


def conditions(before: float | None, after: float | None) -> Recipe:
    def make(a: Answer) -> str:
        start = "" if before is None else f' NotBefore="{a.at(before)}"'
        end = "" if after is None else f' NotOnOrAfter="{a.at(after)}"'
        return f"<a:Conditions{start}{end}>{a.restriction(a.audience)}</a:Conditions>"

    return said(conditions=make)


def inside(xml: str) -> Recipe:
    """Conditions that hold our audience and something else."""
    return said(conditions_inner=lambda a: a.restriction(a.audience) + xml)


def status(code: str, inner: str = "") -> Recipe:
    return said(status=f'<p:Status><p:StatusCode Value="{code}">{inner}</p:StatusCode></p:Status>')


def unsigned_envelope(workshop: Workshop) -> str:
    """The assertion is signed and honest, the envelope is an attacker's for another place."""
    return workshop.honest().replace(f'Destination="{workshop.acs_url}"', f'Destination="{EVIL}/acs"', 1)


def status_in_an_unsigned_envelope(workshop: Workshop) -> str:
    return workshop.honest().replace(SUCCESS, "urn:oasis:names:tc:SAML:2.0:status:Responder", 1)


def encrypted(workshop: Workshop) -> str:
    answer = workshop.answer()
    xml = answer.xml().replace(answer.assertion_xml(), f"<a:EncryptedAssertion><e:EncryptedData {ENC}/></a:EncryptedAssertion>")
    return sign(xml, "Response", workshop.idp.signing)


def at(seconds: float) -> Recipe:
    """An IssueInstant so far from now."""
    return said(assertion_attributes=lambda a: f'ID="{a.assertion_id}" Version="2.0" IssueInstant="{a.at(seconds)}"')


DOCUMENTS: Hostile = {
    "issuer_of_the_response_is_another": ("4", said(issuer=EVIL)),
    "issuer_of_the_assertion_is_another": ("4a", said(assertion_issuer=EVIL)),
    "issuer_with_a_slash": ("4", said(issuer=lambda a: a.issuer + "/")),
    "status_of_a_failure": ("4b", status("urn:oasis:names:tc:SAML:2.0:status:Responder")),
    "status_of_a_failure_inside_success": ("4b", status(SUCCESS, '<p:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:AuthnFailed"/>')),
    "status_success_inside_a_failure": ("4b", status("urn:oasis:names:tc:SAML:2.0:status:Responder", f'<p:StatusCode Value="{SUCCESS}"/>')),
    "status_without_a_code": ("4b", said(status="<p:Status/>")),
    "status_in_an_unsigned_envelope": ("4b", status_in_an_unsigned_envelope),
    "destination_of_another_service": ("4c", head('Destination="{a.acs_url}"', f'Destination="{EVIL}/saml/acs"')),
    "destination_missing": ("4c", head(' Destination="{a.acs_url}"', "")),
    "destination_with_a_query": ("4c", head("{a.acs_url}", "{a.acs_url}?x")),
    "destination_in_an_unsigned_envelope": ("4c", unsigned_envelope),
    "recipient_of_another_service": ("4c", confirmed(Recipient=f"{EVIL}/saml/acs")),
    "recipient_missing": ("4c", confirmed(Recipient=None)),
    "request_of_another_login": ("4d", head('InResponseTo="{a.request_id}"', 'InResponseTo="_other"')),
    "unsolicited": ("4d", head(' InResponseTo="{a.request_id}"', "")),
    "unsolicited_confirmation": ("4d", confirmed(InResponseTo=None)),
    "confirmation_of_another_login": ("4d", confirmed(InResponseTo="_other")),
    "no_conditions": ("4e", said(conditions="")),
    "expired": ("4e", conditions(-900, -61)),
    "not_yet_valid": ("4e", conditions(61.0, 900)),
    "conditions_without_a_start": ("4e", conditions(None, 300)),
    "conditions_without_an_end": ("4e", conditions(-60, None)),
    "issued_in_the_future": ("4e", at(61.5)),
    "issue_instant_missing": ("4e", said(assertion_attributes=lambda a: f'ID="{a.assertion_id}" Version="2.0"')),
    "time_with_an_offset": ("4e", said(conditions=lambda a: a.conditions_xml().replace('Z" NotOn', '+14:00" NotOn'))),
    "time_that_is_no_date": ("4e", said(conditions=lambda a: a.conditions_xml().replace(a.at(300), "2026-02-30T00:00:00Z"))),
    "response_issued_in_the_future": ("4e", said(response_attributes=lambda a: a.response_head().replace(a.at(0), a.at(61.5)))),
    "no_audience_restriction": ("4f", said(conditions_inner="")),
    "empty_audience_restriction": ("4f", said(conditions_inner="<a:AudienceRestriction/>")),
    "audience_of_another_service": ("4f", said(audience=EVIL)),
    "audience_with_a_slash": ("4f", said(audience=SP + "/")),
    "audience_in_other_case": ("4f", said(audience=SP.upper())),
    "second_restriction_without_us": ("4f", said(conditions_inner=lambda a: a.restriction(SP) + a.restriction(EVIL))),
    "unknown_condition": ("4f", inside('<a:Condition xmlns:x="http://www.w3.org/2001/XMLSchema-instance" x:type="evil"/>')),
    "proxy_restriction": ("4f", inside('<a:ProxyRestriction Count="0"/>')),
    "foreign_condition": ("4f", inside('<x:Only xmlns:x="urn:evil"/>')),
    "no_confirmation": ("4g", said(confirmations="")),
    "holder_of_key": ("4g", confirmed(Method=HOLDER)),
    "confirmation_expired": ("4g", said(confirmations=lambda a: a.confirmation(NotOnOrAfter=a.at(-61)))),
    "confirmation_without_an_end": ("4g", confirmed(NotOnOrAfter=None)),
    "confirmation_with_a_start": ("4g", said(confirmations=lambda a: a.confirmation(NotBefore=a.at(-60)))),
    "confirmation_of_somebody_else": ("4g", said(confirmations=lambda a: a.confirmation().replace("<a:SubjectConfirmationData", f"<a:NameID>{ADMIN}</a:NameID><a:SubjectConfirmationData"))),
    "confirmation_without_data": ("4c", said(confirmations='<a:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"/>')),
    "no_authn_statement": ("4h", said(authn="")),
    "session_ended": ("4h", said(session_end=0)),
    "one_of_two_sessions_ended": ("4h", said(authn=lambda a: replace(a, session_end=600).authn_xml() + replace(a, session_end=-1).authn_xml())),
    "authenticated_in_the_future": ("4h", said(authn=lambda a: a.authn_xml().replace(a.at(-5), a.at(61.5)))),
    "session_end_that_is_no_time": ("4h", said(authn=lambda a: a.authn_xml().replace("SessionIndex", 'SessionNotOnOrAfter="never" SessionIndex'))),
    "session_index_too_long": ("4h", said(authn=lambda a: a.authn_xml().replace("_session", "s" * 2_000))),
    "id_too_long": ("5", said(assertion_id="_" + "a" * 2_000)),
    "too_many_audiences": ("4f", said(conditions_inner=lambda a: a.restriction(SP, *[EVIL] * 2_000))),
    "no_name_id": ("6", said(name_id_xml="")),
    "empty_name_id": ("6", said(name_id_xml="<a:NameID></a:NameID>")),
    "element_in_the_name_id": ("6", said(name_id_xml=f"<a:NameID>{ADMIN}<x/>.evil.test</a:NameID>")),
    "name_id_of_white_space": ("6", said(name_id_xml="<a:NameID> \n </a:NameID>")),
    "name_id_with_white_space_around": ("6", said(name_id=f" {ALICE}")),
    "name_id_with_a_line_end": ("6", said(name_id="alice&#10;admin".replace("&#10;", "\n"))),
    "name_id_too_long": ("6", said(name_id="a" * 257)),
    "transient_name_id": ("6", said(name_id_attributes=f'Format="{TRANSIENT}"')),
    "unknown_format": ("6", said(name_id_attributes='Format="urn:evil:format"')),
    "name_id_for_another_service": ("6", said(name_id_attributes=f'Format="{PERSISTENT}" SPNameQualifier="{EVIL}"')),
    "name_id_of_another_provider": ("6", said(name_id_attributes=f'Format="{PERSISTENT}" NameQualifier="{EVIL}"')),
    "encrypted_assertion": ("6", encrypted),
    "encrypted_name_id": ("6", said(name_id_xml=f"<a:EncryptedID><e:EncryptedData {ENC}/></a:EncryptedID>")),
    "encrypted_attribute": ("6", said(attributes=lambda a: a.attributes_xml().replace("</a:AttributeStatement>", f"<a:EncryptedAttribute><e:EncryptedData {ENC}/></a:EncryptedAttribute></a:AttributeStatement>"))),
    "element_in_a_group": ("6", said(attributes='<a:AttributeStatement><a:Attribute Name="groups"><a:AttributeValue>adm<x/>ins</a:AttributeValue></a:Attribute></a:AttributeStatement>')),
    "empty_group": ("6", said(groups=("developers", ""))),
    "too_many_groups": ("6", said(groups=[f"group {i}" for i in range(201)])),
    "link_in_the_place_of_groups": ("6", said(attributes=lambda a: f"<a:AttributeStatement>{a.attribute(LINK, escape('https://graph.example/groups'))}</a:AttributeStatement>")),
    "signature_element_in_an_attribute": ("2", said(attributes=f'<a:AttributeStatement><a:Attribute Name="x"><a:AttributeValue><ds:Signature xmlns:ds="{DS}"/></a:AttributeValue></a:Attribute></a:AttributeStatement>')),
}
