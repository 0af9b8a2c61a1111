"""Documents whose signature is missing, broken, somebody else's or of another make: rule 2."""

# fmt: off

from __future__ import annotations

import re

from cryptography.hazmat.primitives.asymmetric import ec

from saml_cases.workshop import ADMIN, ALICE, Hostile, Recipe, Workshop, edited, key_value, said
from simulators.saml_idp import SP
from simulators.saml_signing import (
    DS,
    ENVELOPED,
    EXCLUSIVE,
    HMAC_SHA256,
    INCLUSIVE,
    MORE,
    Make,
    Signing,
    sign,
    x509_key_info,
)

ALGORITHM = re.escape(f"{MORE}rsa-sha256")
XSLT = "http://www.w3.org/TR/1999/REC-xslt-19991116"
XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"


def reference(form: str) -> Recipe:
    """A signature whose reference is written in another form; the digest is right."""

    def make(workshop: Workshop) -> str:
        answer = workshop.answer()
        uri = form.format(assertion=answer.assertion_id, response=answer.id)
        return workshop.idp.signed(answer, make=Make(uri=uri))

    return make


def strangers_assertion_in_a_signed_response(workshop: Workshop) -> str:
    inner = sign(workshop.answer().xml(), "Assertion", workshop.stranger)
    return sign(inner, "Response", workshop.idp.signing)


def response_without_an_id(workshop: Workshop) -> str:
    head = workshop.answer().response_head().split(" ", 1)[1]
    return sign(workshop.answer(response_attributes=head).xml(), "Response", workshop.idp.signing)


def signature_of_another_answer(workshop: Workshop) -> str:
    one, two = (re.search(r"<ds:Signature .*</ds:Signature>", w, re.DOTALL) for w in (workshop.honest(), workshop.honest()))
    assert one is not None
    assert two is not None
    return two.string.replace(two[0], one[0])


DOCUMENTS: Hostile = {
    "unsigned": ("2", lambda w: w.answer().xml()),
    "signature_stripped": ("2", edited(r"<ds:Signature .*</ds:Signature>", "")),
    "empty_signature": ("2", edited(r"<ds:Signature .*</ds:Signature>", f'<ds:Signature xmlns:ds="{DS}"/>')),
    "signature_in_another_namespace": ("2", lambda w: w.honest().replace(DS, "urn:evil#")),
    "signature_of_another_answer": ("2", signature_of_another_answer),
    "edited_name": ("2", edited(ALICE, ADMIN)),
    "edited_group": ("2", edited("developers", "admins")),
    "edited_audience": ("2", edited(re.escape(SP), f"{SP}/x")),
    "edited_digest": ("2", edited(r"<ds:DigestValue>.{8}", "<ds:DigestValue>AAAAAAAA")),
    "edited_signature_value": ("2", edited(r"<ds:SignatureValue>.{8}", "<ds:SignatureValue>AAAAAAAA")),
    "empty_signature_value": ("2", edited(r"<ds:SignatureValue>[^<]*", "<ds:SignatureValue>")),
    "empty_digest": ("2", edited(r"<ds:DigestValue>[^<]*", "<ds:DigestValue>")),
    "added_element": ("2", edited("</a:AttributeStatement>", '<a:Attribute Name="x"/></a:AttributeStatement>')),
    "added_white_space": ("2", edited("<a:Subject>", "<a:Subject> ")),
    "stranger_with_a_certificate": ("2", lambda w: w.by(w.stranger)),
    "stranger_with_the_providers_certificate": ("2", lambda w: w.by(w.stranger, key_info=x509_key_info(w.idp.signing))),
    "stranger_with_a_key_value": ("2", lambda w: w.by(w.stranger, key_info=key_value(w.stranger))),
    "stranger_with_the_providers_name": ("2", lambda w: w.by(w.stranger, key_info=f"<ds:KeyInfo><ds:KeyName>{w.idp.entity_id}</ds:KeyName></ds:KeyInfo>")),
    "stranger_with_a_retrieval_method": ("2", lambda w: w.by(w.stranger, key_info='<ds:KeyInfo><ds:RetrievalMethod URI="http://127.0.0.1:9/key"/></ds:KeyInfo>')),
    "stranger_on_a_curve": ("2", lambda w: w.by(Signing.ec(), method=f"{MORE}ecdsa-sha256")),
    "stranger_on_a_weak_curve": ("2", lambda w: w.by(Signing.ec(ec.SECP192R1()), method=f"{MORE}ecdsa-sha256")),
    "sha_1_signature": ("2", lambda w: w.made(method=f"{DS}rsa-sha1")),
    "sha_1_digest": ("2", lambda w: w.made(digest=f"{DS}sha1")),
    "md5_digest": ("2", lambda w: w.made(digest=f"{MORE}md5")),
    "hmac_with_the_certificate": ("2", lambda w: w.made(method=HMAC_SHA256)),
    "hmac_cut_to_a_byte": ("2", lambda w: w.made(method=HMAC_SHA256, method_inner="<ds:HMACOutputLength>8</ds:HMACOutputLength>")),
    "unknown_method": ("2", edited(ALGORITHM, "urn:evil:none")),
    "method_of_another_kind_of_key": ("2", edited(ALGORITHM, f"{MORE}ecdsa-sha256")),
    "two_references": ("2", lambda w: w.made(reference_again=True)),
    "no_reference": ("2", edited(r"<ds:Reference .*</ds:Reference>", "")),
    "reference_to_the_whole_document": ("2", edited(r'URI="#[^"]*"', 'URI=""')),
    "reference_without_uri": ("2", edited(r' URI="#[^"]*"', "")),
    "reference_to_the_response": ("2", reference("#{response}")),
    "reference_by_xpointer": ("2", reference("#xpointer(id('{assertion}'))")),
    "reference_with_two_signs": ("2", reference("##{assertion}")),
    "reference_to_the_net": ("2", reference("http://127.0.0.1:9/evil.xml")),
    "double_signed_info": ("2", edited(r"(<ds:SignedInfo.*</ds:SignedInfo>)", r"\1\1")),
    "signed_info_in_an_object": ("2", edited(r"(<ds:SignedInfo.*?</ds:SignedInfo>)(.*?)</ds:Signature>", r"\1\2<ds:Object>\1</ds:Object></ds:Signature>")),
    "object_in_the_signature": ("2", lambda w: w.made(extra="<ds:Object>x</ds:Object>")),
    "xslt_transform": ("2", lambda w: w.made(transforms=(ENVELOPED, XSLT, EXCLUSIVE))),
    "xpath_transform": ("2", lambda w: w.made(transforms=(XPATH, EXCLUSIVE))),
    "base64_transform": ("2", lambda w: w.made(transforms=(ENVELOPED, f"{DS}base64", EXCLUSIVE))),
    "transforms_in_the_other_order": ("2", lambda w: w.made(transforms=(EXCLUSIVE, ENVELOPED))),
    "same_transform_twice": ("2", lambda w: w.made(transforms=(ENVELOPED, EXCLUSIVE, EXCLUSIVE))),
    "inclusive_canonical_form": ("2", lambda w: w.made(transforms=(ENVELOPED, INCLUSIVE))),
    "signed_info_in_inclusive_form": ("2", lambda w: w.made(canonical=INCLUSIVE)),
    "signed_info_with_comments": ("2", lambda w: w.made(canonical=f"{EXCLUSIVE}WithComments")),
    "no_transforms": ("2", edited(r"<ds:Transforms>.*</ds:Transforms>", "")),
    "element_in_the_digest": ("2", edited(r"<ds:DigestValue>([^<]*)", r"<ds:DigestValue>\1<ds:X/>")),
    "element_in_the_digest_method": ("2", lambda w: w.made(digest_inner="<ds:X/>")),
    "response_signature_of_a_stranger": ("2", lambda w: sign(w.honest(), "Response", w.stranger)),
    "response_signature_broken": ("2", lambda w: w.idp.signed(w.answer(), response=True).replace("Success", "success", 1)),
    "strangers_assertion_in_a_signed_response": ("2", strangers_assertion_in_a_signed_response),
    "response_without_an_id": ("2", response_without_an_id),
    "assertion_without_an_id": ("2", said(assertion_attributes=lambda a: f'Version="2.0" IssueInstant="{a.at(0)}"')),
}
