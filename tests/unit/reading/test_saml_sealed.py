"""What is encrypted in another way is refused for that, before any key is used on it."""

from __future__ import annotations

import re

import pytest

from counterfoil.core.saml import SealedAnswer
from counterfoil.reading.saml_answer import read_answer
from counterfoil.reading.saml_document import Refused
from saml_cases import encrypted
from saml_cases.workshop import Recipe, Workshop
from simulators.saml_encryption import XENC11
from simulators.saml_idp import IDP, SamlIdp
from simulators.saml_signing import Signing

PROVIDER = SamlIdp(Signing.rsa())
WORKSHOP = Workshop(idp=PROVIDER, request_id="_r", now=1_800_000_000.0, acs_url="https://us/acs")

ONE_KEY, CHILDREN = "exactly one EncryptedKey", "other children"
CIPHER, TRANSPORT = "another algorithm than AES-GCM", "another algorithm than RSA-OAEP"
REASONS = {
    "aes_128_cbc": CIPHER,
    "aes_256_cbc": CIPHER,
    "aes_192": CIPHER,
    "gcm_that_says_cbc": CIPHER,
    "no_cipher_named": CIPHER,
    "rsa_1_5": TRANSPORT,
    "oaep_that_says_rsa_1_5": TRANSPORT,
    "a_mask_in_the_first_version": "other parameters",
    "two_digests": "other parameters",
    "a_label": "other parameters",
    "md5": "unknown hash",
    "long_key": "too long",
    "two_keys": ONE_KEY,
    "two_keys_in_two_places": ONE_KEY,
    "no_key": ONE_KEY,
    "pointer_elsewhere": "points elsewhere",
    "pointer_with_transforms": "points elsewhere",
    "properties": CHILDREN,
    "a_reference_in_the_place_of_the_value": "one CipherValue",
    "element_in_the_value": "one CipherValue",
    "base64_with_something_in_it": "not base64",
    "content_in_the_place_of_an_element": "no element",
    "nothing_encrypted": "does not begin with",
    "signature_beside_it": "beside what is encrypted",
}
_GCM = re.escape(f'Algorithm="{XENC11}aes256-gcm"/>')
MORE: dict[str, tuple[Recipe, str]] = {
    "a key size beside the cipher": (
        encrypted.around(
            _GCM, f'Algorithm="{XENC11}aes256-gcm"><e:KeySize>8</e:KeySize></e:EncryptionMethod>'
        ),
        CIPHER,
    ),
    "two pointers to one key": (
        encrypted.around(
            "<ds:RetrievalMethod", '<ds:RetrievalMethod URI="#_key"/><ds:RetrievalMethod',
            key_beside=True, pointer="#_key",
        ),
        ONE_KEY,
    ),
    "a key by name beside the key": (
        encrypted.around("<ds:KeyInfo>", "<ds:KeyInfo><ds:KeyName>x</ds:KeyName>"),
        ONE_KEY,
    ),
    "an element in a digest": (
        encrypted.around(r"(<ds:DigestMethod [^>]*)/>", r"\1><x/></ds:DigestMethod>"),
        "other parameters",
    ),
    "a pointer to a key that is not there": (
        encrypted.around(
            r"(<ds:RetrievalMethod[^>]*>)(.*)<e:EncryptedKey.*</e:EncryptedKey>",
            r"<ds:KeyName>x</ds:KeyName>\1\2",
            key_beside=True, pointer="#_key",
        ),
        ONE_KEY,
    ),
    "a pointer to a key without a name": (
        encrypted.around(' Id="_key"', "", key_beside=True, pointer="#None"), "points elsewhere",
    ),
    "an unknown mask": (encrypted.around("mgf1sha256", "mgf1md5"), "unknown hash"),
}  # fmt: skip


def read(document: str | bytes) -> object:
    data = document if isinstance(document, bytes) else document.encode()
    return read_answer(data, {IDP: [PROVIDER.signing.der]}, {IDP})


@pytest.mark.parametrize("name", REASONS)
def test_another_way_is_refused_for_what_it_is(name: str) -> None:
    with pytest.raises(Refused, match=REASONS[name]):
        read(encrypted.DOCUMENTS[name][1](WORKSHOP))


@pytest.mark.parametrize("name", MORE)
def test_more_than_must_be_there_is_refused(name: str) -> None:
    recipe, reason = MORE[name]
    with pytest.raises(Refused, match=reason):
        read(recipe(WORKSHOP))


@pytest.mark.parametrize("name", encrypted.HONEST)
def test_the_controls_are_handed_out_to_be_decrypted(name: str) -> None:
    assert isinstance(read(encrypted.HONEST[name](WORKSHOP)), SealedAnswer)
