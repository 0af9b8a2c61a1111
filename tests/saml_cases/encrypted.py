"""Encrypted assertions: what a provider may send, and what somebody else encrypts for us.

Whoever has our metadata can encrypt: what is inside counts by its own signature alone.
"""

# fmt: off

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from saml_cases.workshop import ADMIN, Hostile, Recipe, Workshop, said
from saml_cases.wrapping import xsw_3_behind, xsw_4, xsw_6, xsw_8, xsw_8_same_id
from simulators.saml_encryption import (
    AES_128_CBC,
    AES_128_GCM,
    AES_192_GCM,
    AES_256_CBC,
    OAEP_MGF1P,
    RSA_1_5,
    SHA_1,
    SHA_256,
    SHA_384,
    SHA_512,
    XENC,
    XENC11,
    Encryption,
    alone,
    assertion_of,
    holding,
    unsigned_assertion_of,
)
from simulators.saml_idp import Answer
from simulators.saml_signing import DS, SAML, Signing, sign

EVIL = "https://evil.example"


@cache
def ours() -> Signing:
    """The key that opens what is encrypted for the service, with its certificate."""
    return Signing.rsa()


def decryption_lines(folder: Path) -> str:
    """The lines of an entry that has it, its files in a folder."""
    key, certificate = ours().write(folder, "ours")
    return f'decryption_key_file = "{key}"\ndecryption_certificate_file = "{certificate}"\n'


def make(**changes: Any) -> Encryption:
    return Encryption(**{"to": ours(), **changes})


def sealed(w: Workshop, answer: Answer | None = None, *, response: bool = False, **changes: Any) -> str:
    """An answer whose signed assertion is encrypted, the response signed behind that or not."""
    answer = answer or w.answer()
    xml = holding(answer, make(**changes).assertion(assertion_of(answer, w.idp)))
    return sign(xml, "Response", w.idp.signing) if response else xml


def by(**changes: Any) -> Recipe:
    """Encrypted in another way."""
    return lambda w: sealed(w, **changes)


def inside(change: Callable[[str], str | bytes]) -> Recipe:
    """What is encrypted is the signed assertion, changed."""
    def recipe(w: Workshop) -> str:
        answer = w.answer()
        return holding(answer, make().assertion(change(assertion_of(answer, w.idp))))

    return recipe


def around(pattern: str, new: str, **changes: Any) -> Recipe:
    """What stands around the ciphertext, changed at one place."""
    def recipe(w: Workshop) -> str:
        text, count = re.subn(pattern, new, sealed(w, **changes), count=1, flags=re.DOTALL)
        assert count == 1, pattern
        return text

    return recipe


def speaking(**changes: Any) -> Recipe:
    """An encrypted assertion that the provider really signed, saying something else."""
    def recipe(w: Workshop) -> str:
        base = w.answer()
        values = {name: v(base) if callable(v) else v for name, v in changes.items()}
        return sealed(w, replace(base, **values))

    return recipe


def wrapped_inside(wrap: Callable[[str], str]) -> Recipe:
    """A wrapping attack on a whole answer, what it makes of the assertion being encrypted."""
    def recipe(w: Workshop) -> str:
        answer = w.answer()
        return holding(answer, make().assertion(alone(wrap(w.idp.signed(answer)))))

    return recipe


def twice(w: Workshop) -> str:
    answer = w.answer()
    one = make().assertion(assertion_of(answer, w.idp))
    return holding(answer, one + one)


def beside_a_plain_one(w: Workshop) -> str:
    answer = w.answer()
    plain = unsigned_assertion_of(replace(answer, name_id=ADMIN, assertion_id="_evil"))
    return holding(answer, make().assertion(assertion_of(answer, w.idp)) + plain)


def in_extensions(w: Workshop) -> str:
    """A signed plain assertion, and an encrypted one where no assertion belongs."""
    hidden = make().assertion(assertion_of(w.answer(name_id=ADMIN), w.idp))
    return w.idp.signed(w.answer(before_assertion=f"<p:Extensions>{hidden}</p:Extensions>"))


def unsigned(w: Workshop, *, response: bool = False) -> str:
    answer = w.answer(name_id=ADMIN)
    xml = holding(answer, make().assertion(unsigned_assertion_of(answer)))
    return sign(xml, "Response", w.idp.signing) if response else xml


def by_a_stranger(w: Workshop) -> str:
    answer = w.answer(name_id=ADMIN)
    return holding(answer, make().assertion(assertion_of(answer, w.idp, by=w.stranger)))


def changed_behind_the_signature(w: Workshop) -> str:
    """The response was signed over another ciphertext."""
    signed = sealed(w, response=True)
    other = make().assertion(assertion_of(w.answer(), w.idp))
    return re.sub(r"<a:EncryptedAssertion.*</a:EncryptedAssertion>", other, signed, flags=re.DOTALL)


def of_another_login(w: Workshop) -> str:
    """A captured assertion in an envelope that fits the attacker's own login."""
    captured = make().assertion(assertion_of(w.answer(request_id="_another"), w.idp))
    return holding(w.answer(), captured)


def flipped(at: int) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        changed = bytearray(data)
        changed[at] ^= 1
        return bytes(changed)

    return change


def borrowed_prefix(text: str) -> str:
    """A namespace that only the envelope around it declares."""
    return text.replace(f' xmlns:a="{SAML}"', "", 1)


HONEST: Mapping[str, Recipe] = {
    "as_providers_do": sealed,
    "response_signed_too": lambda w: sealed(w, response=True),
    "aes_128": by(cipher=AES_128_GCM),
    "first_version_with_its_defaults": by(transport=OAEP_MGF1P, digest=None, mask=None),
    "first_version_with_sha_256": by(transport=OAEP_MGF1P, digest=SHA_256, mask=None),
    "sha_1": by(digest=SHA_1, mask=f"{XENC11}mgf1sha1"),
    "sha_384_and_sha_512": by(digest=SHA_384, mask=f"{XENC11}mgf1sha512"),
    "sha_512": by(digest=SHA_512, mask=f"{XENC11}mgf1sha384"),
    "no_parameters": by(digest=None, mask=None),
    "key_beside": by(key_beside=True),
    "key_beside_and_pointed_at": by(key_beside=True, pointer="#_key"),
    "key_with_a_recipient": around("</e:EncryptedKey>", '<e:ReferenceList><e:DataReference URI="#_data"/></e:ReferenceList><e:CarriedKeyName>x</e:CarriedKeyName></e:EncryptedKey>'),
    "key_with_a_certificate": around(r"(</e:EncryptionMethod>)(<e:CipherData>)", r"\1<ds:KeyInfo><ds:KeyName>ours</ds:KeyName></ds:KeyInfo>\2"),
    "without_a_type": around(f' Type="{XENC}Element"', ""),
    "without_a_prefix": lambda w: re.sub(r"(</?)e:", r"\1", sealed(w)).replace("<EncryptedData ", f'<EncryptedData xmlns="{XENC}" '),
}

_CAPTURED_KEY = secrets.token_bytes(32)

DOCUMENTS: Hostile = {
    "unsigned": ("2", unsigned),
    "unsigned_in_a_signed_response": ("2", lambda w: unsigned(w, response=True)),
    "signed_by_a_stranger": ("2", by_a_stranger),
    "edited_before_it_was_encrypted": ("2", inside(lambda t: t.replace("alice@", "admin@"))),
    "changed_behind_the_response_signature": ("2", changed_behind_the_signature),
    "signature_beside_it": ("2", around("</a:EncryptedAssertion>", "<ds:Signature/></a:EncryptedAssertion>")),
    "signature_in_its_key_info": ("2", around("<ds:KeyInfo>", "<ds:KeyInfo><ds:Signature/>")),
    "signature_elsewhere_inside": ("2", speaking(in_assertion=f'<a:Advice><ds:Signature xmlns:ds="{DS}"/></a:Advice>')),
    "for_another_key": ("6", lambda w: sealed(w, to=w.stranger)),
    "aes_128_cbc": ("6", by(cipher=AES_128_CBC)),
    "aes_256_cbc": ("6", by(cipher=AES_256_CBC)),
    "aes_192": ("6", by(cipher=AES_192_GCM)),
    "gcm_that_says_cbc": ("6", around(re.escape(f"{XENC11}aes256-gcm"), AES_256_CBC)),
    "no_cipher_named": ("6", around(f' Algorithm="{XENC11}aes256-gcm"', "")),
    "rsa_1_5": ("6", by(transport=RSA_1_5, digest=None, mask=None)),
    "oaep_that_says_rsa_1_5": ("6", around(re.escape(f"{XENC11}rsa-oaep"), RSA_1_5)),
    "a_mask_in_the_first_version": ("6", by(transport=OAEP_MGF1P)),
    "md5": ("6", around(re.escape(f'<ds:DigestMethod Algorithm="{SHA_256}"/>'), '<ds:DigestMethod Algorithm="urn:md5"/>')),
    "two_digests": ("6", around("<ds:DigestMethod", '<ds:DigestMethod Algorithm="x"/><ds:DigestMethod')),
    "a_label": ("6", around("<ds:DigestMethod", "<e:OAEPparams>AAAA</e:OAEPparams><ds:DigestMethod")),
    "another_hash_than_said": ("6", around(re.escape("mgf1sha256"), "mgf1sha512")),
    "changed_tag": ("6", by(content_change=flipped(-1))),
    "changed_nonce": ("6", by(content_change=flipped(0))),
    "changed_content": ("6", by(content_change=flipped(40))),
    "cut": ("6", by(content_change=lambda d: d[:-16])),
    "no_content": ("6", by(content_change=lambda _: b"")),
    "a_nonce_alone": ("6", by(content_change=lambda d: d[:12])),
    "changed_key": ("6", by(wrapped_change=flipped(100))),
    "key_with_another_first_byte": ("6", by(wrapped_change=flipped(0))),
    "short_key": ("6", by(key=secrets.token_bytes(16))),
    "no_key_at_all": ("6", by(wrapped_change=lambda _: b"")),
    "key_cut": ("6", by(wrapped_change=lambda d: d[:-1])),
    "long_key": ("6", by(wrapped_change=lambda d: d * 5)),
    "captured_key_on_content_of_another": ("6", by(key=_CAPTURED_KEY, content_change=lambda d: d[:12] + secrets.token_bytes(len(d) - 12))),
    "base64_with_something_in_it": ("6", around("<e:CipherValue>", "<e:CipherValue>%")),
    "element_in_the_value": ("6", around("<e:CipherValue>", "<e:CipherValue><x/>")),
    "a_reference_in_the_place_of_the_value": ("6", around("<e:CipherValue>.*?</e:CipherValue>", f'<e:CipherReference URI="{EVIL}"/>')),
    "two_keys": ("6", around('<e:EncryptedKey Id="_key">(.*?</e:EncryptedKey>)', r"<e:EncryptedKey>\1<e:EncryptedKey>\1")),
    "two_keys_in_two_places": ("6", around("</a:EncryptedAssertion>", "<e:EncryptedKey/></a:EncryptedAssertion>")),
    "no_key": ("6", around("<ds:KeyInfo>.*?</ds:KeyInfo>", "")),
    "pointer_elsewhere": ("6", by(key_beside=True, pointer=f"{EVIL}/key")),
    "pointer_with_transforms": ("6", around('<ds:RetrievalMethod URI="#_key"/>', '<ds:RetrievalMethod URI="#_key"><ds:Transforms/></ds:RetrievalMethod>', key_beside=True, pointer="#_key")),
    "content_in_the_place_of_an_element": ("6", around(f'Type="{XENC}Element"', f'Type="{XENC}Content"')),
    "nothing_encrypted": ("6", around("<e:EncryptedData.*</e:EncryptedData>", "")),
    "properties": ("6", around("</e:EncryptedData>", "<e:EncryptionProperties/></e:EncryptedData>")),
    "twice": ("1", twice),
    "beside_a_plain_one": ("1", beside_a_plain_one),
    "in_extensions": ("1", in_extensions),
    "evil_one_around_the_original": ("1", wrapped_inside(xsw_4)),
    "original_in_the_signature": ("1", wrapped_inside(xsw_6)),
    "original_in_an_object": ("1", wrapped_inside(xsw_8)),
    "original_in_an_object_with_the_same_id": ("1", wrapped_inside(xsw_8_same_id)),
    "not_well_formed_inside": ("0", inside(lambda t: t.replace("</a:Assertion>", "", 1))),
    "evil_one_behind_the_original": ("0", wrapped_inside(xsw_3_behind)),
    "a_whole_response": ("1", lambda w: holding(w.answer(), make().assertion(w.honest()))),
    "an_assertion_of_another_namespace": ("1", inside(lambda t: t.replace(SAML, "urn:evil"))),
    "encrypted_again": ("1", lambda w: holding(w.answer(), make().assertion(make().assertion(assertion_of(w.answer(), w.idp))))),
    "encrypted_one_inside": ("6", speaking(in_assertion="<a:Advice><a:EncryptedAssertion/></a:Advice>")),
    "encrypted_name_id": ("6", speaking(name_id_xml="<a:EncryptedID/>")),
    "encrypted_attribute": ("6", speaking(attributes="<a:AttributeStatement><a:EncryptedAttribute/></a:AttributeStatement>")),
    "borrowed_prefix": ("0", inside(borrowed_prefix)),
    "dtd_inside": ("0", inside(lambda t: '<!DOCTYPE x [<!ENTITY e "admin">]>' + t)),
    "comment_inside": ("0", inside(lambda t: t.replace("alice@", "admin@<!---->alice@"))),
    "not_utf_8_inside": ("0", inside(lambda t: t.encode("utf-16"))),
    "rubbish_inside": ("0", inside(lambda _: b"\x00" * 64)),
    "nothing_inside": ("0", inside(lambda _: b"")),
    "deep_inside": ("1", inside(lambda t: t.replace("</a:Assertion>", "<x>" * 40 + "</x>" * 40 + "</a:Assertion>"))),
    "wide_inside": ("1", inside(lambda t: t.replace("</a:Assertion>", "<x/>" * 9_000 + "</a:Assertion>"))),
    "huge": ("0", inside(lambda t: t + " " * 200_000)),
    "audience_of_another_service": ("4f", speaking(audience=EVIL)),
    "recipient_of_another_service": ("4c", speaking(confirmations=lambda a: a.confirmation(Recipient=f"{EVIL}/saml/acs"))),
    "of_another_login": ("4d", of_another_login),
    "expired": ("4e", speaking(conditions=lambda a: a.conditions_xml().replace(a.at(300), a.at(-61)))),
    "of_another_provider": ("4a", speaking(assertion_issuer=EVIL)),
    "empty_name_id": ("6", speaking(name_id_xml="<a:NameID></a:NameID>")),
}

PLAIN_BUT_ENCRYPTED_NAME: Recipe = said(name_id_xml="<a:EncryptedID/>")
