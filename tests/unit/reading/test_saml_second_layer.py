"""What our own rules refuse before, or behind, a library that would refuse it as well.

Each rule holds by itself: whoever changes the library, or its settings, loses none of them.
"""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from lxml import etree

from counterfoil.core.saml import SamlAnswer
from counterfoil.core.saml_rules import Expected, read_login
from counterfoil.errors import SamlRefused
from counterfoil.reading import saml_document
from counterfoil.reading.saml_answer import read_answer, read_assertion
from counterfoil.reading.saml_document import DS, MAX_DOCUMENT_BYTES, Refused, parse_document
from counterfoil.reading.saml_signature import verified
from saml_cases.workshop import Workshop
from simulators.saml_encryption import assertion_of
from simulators.saml_idp import EMAIL, IDP, SP, SUCCESS, SamlIdp
from simulators.saml_signing import SAMLP, Make, Signing, sign

PROVIDER = SamlIdp(Signing.rsa())
WORKSHOP = Workshop(idp=PROVIDER, request_id="_r", now=1_800_000_000.0, acs_url="https://us/acs")
KEYS = {IDP: [PROVIDER.signing.der]}


def read(document: str) -> SamlAnswer:
    found = read_answer(document.encode(), KEYS)
    assert isinstance(found, SamlAnswer)
    return found


def edited(pattern: str, new: str) -> str:
    text, count = re.subn(pattern, new, WORKSHOP.honest(), count=1, flags=re.DOTALL)
    assert count == 1
    return text


def test_the_control_is_read() -> None:
    assert read(WORKSHOP.honest()).assertion.issuer == IDP


def test_a_document_of_one_byte_more_than_the_bound_is_not_parsed() -> None:
    fill = b"<x>" + b" " * (MAX_DOCUMENT_BYTES - 7) + b"</x>"
    assert parse_document(fill).tag == "x"  # control
    with pytest.raises(Refused, match="too large"):
        parse_document(b" " + fill)


def test_a_null_is_refused_before_a_parser_meets_it() -> None:
    with pytest.raises(Refused, match="not UTF-8"):
        parse_document(b"<x>\0</x>")


@pytest.mark.parametrize("text", ["<x><!--c--></x>", "<x><?p i?></x>"])
def test_the_tree_is_searched_again_for_what_the_bytes_forbid(text: str) -> None:
    with pytest.raises(Refused, match="comment"):
        saml_document._bound(etree.fromstring(text))


@pytest.mark.parametrize("text", ["<!--c--><x/>", "<x/><!--c-->", "<?p i?><x/>"])
def test_nothing_stands_beside_the_root(text: str) -> None:
    with pytest.raises(Refused, match="beside the root"):
        saml_document._bound(etree.fromstring(text))


MAKES = {
    "parameters of the method": (Make(method_inner="<ds:X/>"), "parameters"),
    "a digest with parameters": (Make(digest_inner="<ds:X/>"), "parameters"),
    "a reference to another": (Make(uri="#_another"), "not to the signature's parent"),
    "a reference to everything": (Make(uri="#"), "not to the signature's parent"),
}


@pytest.mark.parametrize("kind", MAKES)
def test_a_signature_of_another_make_is_refused_for_its_make(kind: str) -> None:
    make, why = MAKES[kind]
    with pytest.raises(Refused, match=why):
        read(PROVIDER.signed(WORKSHOP.answer(), make=make))


EDITS = {
    "a transform with parameters": (
        r'(<ds:Transform Algorithm="[^"]*enveloped-signature")/>',
        r"\1><ds:XPath>x</ds:XPath></ds:Transform>",
        "parameters",
    ),
    "a canonical form with parameters": (
        r"(<ds:CanonicalizationMethod [^>]*)/>",
        r"\1><ds:X/></ds:CanonicalizationMethod>",
        "prefix list",
    ),
    "an element in the value": (
        r"(<ds:SignatureValue>[^<]*)",
        r"\1<ds:X/>",
        "plain text",
    ),
    "no value": (r"<ds:SignatureValue>[^<]*", "<ds:SignatureValue> ", "plain text"),
    "an element in the digest": (r"<ds:DigestValue>", "<ds:DigestValue><ds:X/>", "plain text"),
}


@pytest.mark.parametrize("kind", EDITS)
def test_a_signature_that_was_edited_is_refused_for_its_make(kind: str) -> None:
    pattern, new, why = EDITS[kind]
    with pytest.raises(Refused, match=why):
        read(edited(pattern, new))


@pytest.mark.parametrize(("identifier", "uri"), [("", "#"), (None, "#None")])
def test_an_element_without_an_id_has_no_signature(identifier: str | None, uri: str) -> None:
    signed = PROVIDER.signed(WORKSHOP.answer(), make=Make(uri=uri))
    named = "" if identifier is None else f' ID="{identifier}"'
    document, count = re.subn(r'(<a:Assertion[^>]*?) ID="[^"]*"', rf"\1{named}", signed, count=1)
    assert count == 1
    with pytest.raises(Refused, match="not to the signature's parent"):
        read(document)


def test_a_prefix_list_holds_nothing() -> None:
    made = PROVIDER.signed(WORKSHOP.answer(), make=Make(prefixes="xs"))
    assert read(made).assertion.issuer == IDP  # control
    inner = re.sub(r"(<ec:InclusiveNamespaces[^>]*)/>", r"\1><x/></ec:InclusiveNamespaces>", made)
    assert inner != made
    with pytest.raises(Refused, match="prefix list"):
        read(inner)


def test_what_is_read_is_what_was_signed_and_no_part_of_the_document() -> None:
    """Rule 3: an element that stays in the document may lie beside what an attacker wrote."""
    root = parse_document(WORKSHOP.honest().encode())
    signature = next(root.iter(f"{DS}Signature"))
    parent = signature.getparent()
    assert parent is not None
    location = "./{urn:oasis:names:tc:SAML:2.0:assertion}Assertion/"
    signed = verified(root, signature, KEYS[IDP], location=location)
    assert signed.get("ID") == parent.get("ID")
    assert signed.getparent() is None
    assert signed.getroottree().getroot() is not root
    assert signed.find(f"{DS}Signature") is None  # as the transform leaves it


def test_a_response_in_a_response_is_refused() -> None:
    inner = f'<p:Extensions><p:Response xmlns:p="{SAMLP}"/></p:Extensions>'
    with pytest.raises(Refused, match="second Response"):
        read(PROVIDER.signed(WORKSHOP.answer(before_assertion=inner), response=True))


def test_a_lone_assertion_of_another_namespace_is_none() -> None:
    document = WORKSHOP.answer().xml()
    xml = re.sub(r'<a:Assertion xmlns:a="[^"]*"', '<a:Assertion xmlns:a="urn:evil"', document)
    with pytest.raises(Refused, match="exactly one Assertion"):
        read(sign(xml, "Response", PROVIDER.signing))


def test_a_signature_of_another_namespace_is_refused_as_one() -> None:
    xml = WORKSHOP.answer(before_assertion='<Signature xmlns="urn:evil"/>').xml()
    with pytest.raises(Refused, match="another kind"):
        read(sign(xml, "Assertion", PROVIDER.signing))


def test_statuses_are_not_nested_without_end() -> None:
    def status(depth: int) -> str:
        code = f'<p:StatusCode Value="{SUCCESS}">'
        return f"<p:Status>{code * depth}{'</p:StatusCode>' * depth}</p:Status>"

    assert len(read(PROVIDER.signed(WORKSHOP.answer(status=status(4)))).envelope.statuses) == 4
    with pytest.raises(Refused, match="nested too deeply"):
        read(PROVIDER.signed(WORKSHOP.answer(status=status(5))))


def test_an_issuer_without_text_is_none() -> None:
    inner = ("<a:Issuer></a:Issuer>", f"<a:Issuer>{IDP}</a:Issuer>")
    with pytest.raises(Refused, match="not plain text"):
        read(PROVIDER.signed(WORKSHOP.answer(issuers=inner)))


EXPECTED = Expected(
    provider=IDP,
    entity_id=SP,
    acs_url=WORKSHOP.acs_url,
    request_id=WORKSHOP.request_id,
    name_id_formats=(EMAIL,),
    tenant="acme",
    subject_namespace=None,
    subject_attribute=None,
    groups_attribute="groups",
    leeway_seconds=60,
    session_seconds=3_600,
)


def test_both_issuers_are_the_provider_whoever_chose_the_keys() -> None:
    answer = read(WORKSHOP.honest())
    source, _ = read_login(answer, EXPECTED, now=WORKSHOP.now)
    assert source.subject.issuer == IDP  # control
    envelope = replace(answer.envelope, issuer="https://evil.example")
    with pytest.raises(SamlRefused, match="4a"):
        read_login(replace(answer, envelope=envelope), EXPECTED, now=WORKSHOP.now)


def test_the_person_is_the_one_value_of_the_configured_attribute() -> None:
    expected = replace(EXPECTED, subject_attribute="uid")

    def person(*values: str) -> str:
        answer = WORKSHOP.answer()
        inner = answer.attribute("uid", *values) if values else answer.attribute("mail", "x")
        answer.attributes = f"<a:AttributeStatement>{inner}</a:AttributeStatement>"
        found = read(PROVIDER.signed(answer))
        return read_login(found, expected, now=WORKSHOP.now)[0].subject.sub

    assert person("alice-1") == "alice-1"  # control
    for values in ((), ("alice-1", "admin"), ("alice-1", "alice-1"), ("",), (" alice-1",)):
        with pytest.raises(SamlRefused, match="rule 6"):
            person(*values)


def test_an_encrypted_assertion_of_saml_1_1_is_refused() -> None:
    answer = WORKSHOP.answer()
    good = assertion_of(answer, PROVIDER)
    assert read_assertion(good.encode(), KEYS[IDP]).issuer == IDP  # control
    answer.assertion_attributes = f'ID="_a" Version="1.1" IssueInstant="{answer.at(0)}"'
    with pytest.raises(Refused, match=r"SAML 2\.0"):
        read_assertion(assertion_of(answer, PROVIDER).encode(), KEYS[IDP])
