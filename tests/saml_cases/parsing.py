"""Documents that must not even be parsed, or whose structure refuses: rules 0 and 1."""

# fmt: off

from __future__ import annotations

import re
from dataclasses import replace

from saml_cases.workshop import ADMIN, ALICE, Hostile, Recipe, Workshop, edited, said
from simulators.saml_idp import SP
from simulators.saml_signing import new_id, sign

DTD = '<!DOCTYPE r [<!ENTITY e "admin">]>'
LAUGHS = '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {chr(98 + i)} "{("&" + chr(97 + i) + ";") * 10}">' for i in range(9)
) + "]>"
LONG = f'<a:AttributeStatement><a:Attribute Name="x"><a:AttributeValue>{"x" * 200_000}</a:AttributeValue></a:Attribute></a:AttributeStatement>'


def declared(encoding: str, codec: str = "utf-8") -> Recipe:
    return lambda w: f'<?xml version="1.0" encoding="{encoding}"?>{w.honest()}'.encode(codec)


def no_assertion(workshop: Workshop) -> str:
    xml = re.sub(r"<a:Assertion.*</a:Assertion>", "", workshop.answer().xml(), flags=re.DOTALL)
    return sign(xml, "Response", workshop.idp.signing)


def assertion_elsewhere(workshop: Workshop) -> str:
    """The only assertion, honest and signed, but not as child of the Response."""
    signed = workshop.honest()
    start, end = signed.index("<a:Assertion"), signed.index("</a:Assertion>") + len("</a:Assertion>")
    return signed[:start] + f"<p:Extensions>{signed[start:end]}</p:Extensions>" + signed[end:]


def second_assertion(workshop: Workshop) -> str:
    other = sign(workshop.answer(name_id=ADMIN).assertion_xml(), "Assertion", workshop.idp.signing)
    return workshop.honest(after_assertion=other)


DOCUMENTS: Hostile = {
    "internal_dtd": ("0", lambda w: DTD + w.honest()),
    "entity_in_name": ("0", lambda w: DTD + w.honest().replace(ALICE, "&e;", 1)),
    "external_dtd": ("0", lambda w: '<!DOCTYPE r SYSTEM "file:///etc/passwd">' + w.honest()),
    "external_entity": ("0", lambda w: '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + w.honest().replace(ALICE, "&x;", 1)),
    "parameter_entity": ("0", lambda w: '<!DOCTYPE r [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x"> %p;]>' + w.honest()),
    "billion_laughs": ("0", lambda w: LAUGHS + w.honest().replace(ALICE, "&j;", 1)),
    "undefined_entity": ("0", lambda w: w.honest().replace(ALICE, "&who;", 1)),
    "dtd_behind_a_comment": ("0", lambda w: "<!-- -->" + DTD + w.honest()),
    "dtd_in_lower_case": ("0", lambda w: "<!doctype r>" + w.honest()),
    "utf_16": ("0", declared("UTF-16", "utf-16")),
    "utf_16_without_a_mark": ("0", lambda w: w.honest().encode("utf-16-le")),
    "utf_32": ("0", lambda w: w.honest().encode("utf-32")),
    "utf_7": ("0", declared("UTF-7")),
    "latin_1": ("0", declared("ISO-8859-1")),
    "ebcdic": ("0", declared("cp037", "cp037")),
    "overlong_utf_8": ("0", lambda w: w.honest().encode().replace(b"alice", b"\xc1\xa1lice", 1)),
    "surrogates_in_utf_8": ("0", lambda w: w.honest().encode().replace(b"alice", b"\xed\xa0\x80lice", 1)),
    "nul": ("0", lambda w: w.honest().replace(ALICE, "alice\x00@example.test", 1)),
    "xml_1_1": ("0", lambda w: '<?xml version="1.1"?>' + w.honest()),
    "not_well_formed": ("0", lambda w: w.honest().replace("</a:Subject>", "</a:Subject", 1)),
    "cut_in_the_middle": ("0", lambda w: w.honest()[:-200]),
    "two_roots": ("0", lambda w: w.honest() * 2),
    "empty": ("0", lambda _: b""),
    "json": ("0", lambda _: b'{"Response": {}}'),
    "undeclared_prefix": ("0", lambda w: w.honest().replace("<a:Subject>", "<z:Subject>", 1).replace("</a:Subject>", "</z:Subject>", 1)),
    "attribute_twice": ("0", lambda w: w.honest().replace(' Version="2.0"', ' Version="2.0" Version="2.0"', 1)),
    "comment_in_name": ("0", edited(ALICE, "admin@example.test<!-- -->.evil.test")),
    "comment_in_signed_name": ("0", lambda w: w.honest(name_id=f"{ADMIN}.evil.test").replace(f"{ADMIN}.evil.test", f"{ADMIN}<!---->.evil.test")),
    "comment_in_digest": ("0", edited(r"<ds:DigestValue>", "<ds:DigestValue><!-- other -->")),
    "comment_in_signature_value": ("0", edited(r"<ds:SignatureValue>", "<ds:SignatureValue><!-- -->")),
    "comment_in_audience": ("0", edited(f"{re.escape(SP)}<", f"{SP}<!-- -->.evil.test<")),
    "comment_before_the_root": ("0", lambda w: "<!-- x -->" + w.honest()),
    "comment_behind_the_root": ("0", lambda w: w.honest() + "<!-- x -->"),
    "processing_instruction_in_name": ("0", edited(ALICE, "admin@example.test<?x y?>.evil.test")),
    "style_sheet": ("0", lambda w: '<?xml-stylesheet href="x.xsl"?>' + w.honest()),
    "cdata_in_name": ("0", edited(ALICE, "<![CDATA[alice@example.test]]>")),
    "too_large": ("0", lambda w: w.honest(attributes=LONG)),
    "deeper_than_the_parser": ("0", lambda w: w.honest().replace("</p:Response>", "<x>" * 2_000 + "</x>" * 2_000 + "</p:Response>")),
    "deep_tree": ("1", lambda w: w.honest(after_assertion="<p:Extensions>" * 60 + "</p:Extensions>" * 60)),
    "wide_tree": ("1", lambda w: w.honest(after_assertion="<p:Extensions/>" * 9_000)),
    "many_attributes": ("1", lambda w: w.honest(after_assertion="<p:Extensions " + " ".join(f'a{i}="x"' for i in range(100)) + "/>")),
    "xml_id": ("1", lambda w: w.honest(after_assertion='<p:Extensions xml:id="x"/>')),
    "xml_id_of_the_assertion": ("1", said(after_assertion=lambda a: f'<p:Extensions xml:id="{a.assertion_id}"/>')),
    "duplicate_id": ("1", said(assertion_id=lambda a: a.id)),
    "duplicate_id_in_other_case": ("1", said(after_assertion=lambda a: f'<p:Extensions Id="{a.assertion_id}"/>')),
    "duplicate_id_in_a_namespace": ("1", said(after_assertion=lambda a: f'<p:Extensions xmlns:w="urn:w" w:ID="{a.assertion_id}"/>')),
    "version_1_1": ("1", said(response_attributes=lambda a: a.response_head().replace('"2.0"', '"1.1"'))),
    "assertion_version_1_1": ("1", said(assertion_attributes=lambda a: f'ID="{new_id()}" Version="1.1" IssueInstant="{a.at(0)}"')),
    "bare_assertion": ("1", lambda w: sign(w.answer().assertion_xml(), "Assertion", w.idp.signing)),
    "logout_response": ("1", lambda w: w.honest().replace("p:Response", "p:LogoutResponse")),
    "response_of_saml_1": ("1", lambda w: w.honest().replace("urn:oasis:names:tc:SAML:2.0:protocol", "urn:oasis:names:tc:SAML:1.0:protocol")),
    "no_assertion": ("1", no_assertion),
    "assertion_elsewhere": ("1", assertion_elsewhere),
    "two_signed_assertions": ("1", second_assertion),
    "two_name_ids": ("1", said(name_id_xml=f"<a:NameID>{ALICE}</a:NameID><a:NameID>{ADMIN}</a:NameID>")),
    "two_subjects": ("1", said(subject=lambda a: replace(a, name_id=ADMIN).subject_xml() + a.subject_xml())),
    "two_conditions": ("1", said(conditions=lambda a: a.conditions_xml() * 2)),
    "no_subject": ("1", said(subject="")),
    "no_issuer_of_the_response": ("1", said(issuers=lambda a: ("", f"<a:Issuer>{a.issuer}</a:Issuer>"))),
    "no_issuer_of_the_assertion": ("1", said(issuers=lambda a: (f"<a:Issuer>{a.issuer}</a:Issuer>", ""))),
    "two_issuers": ("1", said(issuers=lambda a: (f"<a:Issuer>{a.issuer}</a:Issuer>", f"<a:Issuer>{a.issuer}</a:Issuer>" * 2))),
    "two_statuses": ("1", said(status=lambda a: a.status * 2)),
    "no_status": ("1", said(status="")),
}
