"""What counts in a provider's metadata, and what refuses the document."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from counterfoil.reading.saml_document import Refused
from counterfoil.reading.saml_metadata import read_metadata
from counterfoil.reading.saml_signature import MAX_CERTIFICATES
from simulators.saml_idp import IDP, SSO, SamlIdp
from simulators.saml_signing import SAMLP, Signing, sign, x509_key_info

OLD, NEW = Signing.rsa(), Signing.ec()
PROVIDER = SamlIdp(OLD)
PLAIN = PROVIDER.metadata()


def read(document: str, **more: object) -> tuple[bytes, ...]:
    found = read_metadata(document.encode(), entity_id=None, **more)  # type: ignore[arg-type]
    assert found.entity_id == IDP
    return found.certificates


def test_several_signing_keys_count_as_in_a_rotation() -> None:
    assert read(PROVIDER.metadata(OLD, NEW, OLD)) == (OLD.der, NEW.der)


def test_a_key_without_a_use_counts_and_one_for_encryption_does_not() -> None:
    keys = (
        f"<md:KeyDescriptor>{x509_key_info(OLD)}</md:KeyDescriptor>"
        f'<md:KeyDescriptor use="encryption">{x509_key_info(NEW)}</md:KeyDescriptor>'
    )
    assert read(PROVIDER.metadata(keys=keys)) == (OLD.der,)


@pytest.mark.parametrize(
    "weak", [Signing.rsa(1024), Signing.ec(ec.SECP192R1()), Signing.ec(ec.SECP256K1())]
)
def test_a_weak_key_is_left_out(weak: Signing) -> None:
    assert read(PROVIDER.metadata(weak, OLD)) == (OLD.der,)
    with pytest.raises(Refused, match="no key"):
        read(PROVIDER.metadata(weak))


def test_more_keys_than_a_rotation_needs_are_refused() -> None:
    keys = [Signing.ec() for _ in range(MAX_CERTIFICATES)]
    assert len(read(PROVIDER.metadata(*keys))) == MAX_CERTIFICATES  # control
    with pytest.raises(Refused, match="too many keys"):
        read(PROVIDER.metadata(*keys, OLD))


def test_a_provider_inside_another_document_is_none() -> None:
    with pytest.raises(Refused, match="is not SAML"):
        read(f"<x>{PLAIN}</x>")


def test_a_key_of_another_kind_is_left_out() -> None:
    other = Signing.of(ed25519.Ed25519PrivateKey.generate())
    assert read(PROVIDER.metadata(other, OLD)) == (OLD.der,)


def test_the_certificate_of_an_authority_behind_the_key_is_not_a_key() -> None:
    chain = x509_key_info(OLD).replace(
        "</ds:X509Data>",
        f"<ds:X509Certificate>{NEW.text}</ds:X509Certificate></ds:X509Data>",
    )
    keys = f'<md:KeyDescriptor use="signing">{chain}</md:KeyDescriptor>'
    assert read(PROVIDER.metadata(keys=keys)) == (OLD.der,)


@pytest.mark.parametrize(
    "document",
    [
        "",
        "<x/>",
        PLAIN[:-20],
        PLAIN.replace("IDPSSODescriptor", "SPSSODescriptor"),
        PLAIN.replace(SAMLP, "urn:oasis:names:tc:SAML:1.1:protocol"),
        PLAIN.replace(OLD.text, "AAAA"),
        PROVIDER.metadata(keys=""),
        PROVIDER.metadata(services=()),
        PROVIDER.metadata(services=(("HTTP-Redirect", "http://idp.example.test/sso"),)),
        PROVIDER.metadata(services=(("HTTP-Redirect", "javascript:alert(1)"),)),
        PROVIDER.metadata(services=(("SOAP", SSO),)),
        PROVIDER.metadata(attributes='validUntil="tomorrow"'),
        PLAIN.replace(f'entityID="{IDP}"', 'entityID=""'),
        f"<!DOCTYPE x>{PLAIN}",
        f'<!DOCTYPE x [<!ENTITY e "x">]>{PLAIN}',
        f"<?xml-stylesheet href='x'?>{PLAIN}",
        PLAIN + "<!--" + "x" * 1_048_576 + "-->",
        f'<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata">{PLAIN}{PLAIN.replace("_", "_2")}</md:EntitiesDescriptor>',
    ],
)
def test_a_document_that_is_no_usable_metadata_is_refused(document: str) -> None:
    with pytest.raises(Refused):
        read_metadata(document.encode(), entity_id=None)
    assert read(PLAIN) == (OLD.der,)  # control


def test_comments_are_no_part_of_metadata() -> None:
    commented = PLAIN.replace(
        "<md:IDP", "<!-- keys - of -- this -->".replace(" -- ", " - ") + "<md:IDP"
    )
    assert "<!--" in commented
    assert read(commented) == (OLD.der,)
    hidden = PLAIN.replace("<md:KeyDescriptor", "<!--<md:KeyDescriptor").replace(
        "</md:KeyDescriptor>", "</md:KeyDescriptor>-->"
    )
    with pytest.raises(Refused, match="no key"):
        read(hidden)


def federation(*documents: str) -> str:
    inner = "".join(documents)
    return (
        '<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" ID="_federation">'
        f"{inner}</md:EntitiesDescriptor>"
    )


def test_of_a_federation_only_the_wanted_provider_counts() -> None:
    evil = SamlIdp(NEW, "https://evil.example")
    document = federation(evil.metadata(), PLAIN)
    found = read_metadata(document.encode(), entity_id=IDP)
    assert found.certificates == (OLD.der,)
    for wanted in (None, "https://other.example"):
        with pytest.raises(Refused, match="exactly one provider"):
            read_metadata(document.encode(), entity_id=wanted)


FEDERATION_KEY = Signing.rsa()
SIGNED = sign(PLAIN, "EntityDescriptor", FEDERATION_KEY)


def test_signed_metadata_counts_by_the_certificate_that_was_given() -> None:
    assert read(SIGNED, trusted=[FEDERATION_KEY.der]) == (OLD.der,)
    whole = sign(federation(PLAIN), "EntitiesDescriptor", FEDERATION_KEY)
    found = read_metadata(whole.encode(), entity_id=IDP, trusted=[FEDERATION_KEY.der])
    assert found.certificates == (OLD.der,)


@pytest.mark.parametrize(
    "document",
    [
        PLAIN,
        sign(PLAIN, "EntityDescriptor", NEW_RSA := Signing.rsa()),
        SIGNED.replace(OLD.text, NEW_RSA.text),
        SIGNED.replace(SSO, "https://evil.example/sso"),
        federation(SIGNED),
        federation(
            SIGNED.replace("<ds:Signature", "<ds:Signature", 1), PLAIN.replace(IDP, "urn:x")
        ),
        SIGNED.replace(
            "</md:EntityDescriptor>",
            f"{PLAIN.replace(OLD.text, NEW_RSA.text)}</md:EntityDescriptor>",
        ),
    ],
)
def test_metadata_that_the_certificates_key_did_not_sign_is_refused(document: str) -> None:
    with pytest.raises(Refused):
        read_metadata(document.encode(), entity_id=IDP, trusted=[FEDERATION_KEY.der])
    assert read(SIGNED, trusted=[FEDERATION_KEY.der])  # control
