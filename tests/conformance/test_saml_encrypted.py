"""Encrypted assertions: opened where there is a key, by the rules that hold for any other.

The documents go through the real verifier and its supervised child. Each hostile one comes
with its control: an honest encrypted answer to the same request is accepted.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from lxml import etree

from counterfoil.errors import ConfigError, EncryptedAssertion, IdentityError, SamlRequestUnknown
from counterfoil.identity import saml_decryption
from counterfoil.identity.saml_decryption import load_decryption_key
from saml_cases import encrypted
from saml_cases.encrypted import decryption_lines, ours, sealed
from saml_cases.workshop import ALICE, Workshop
from saml_door import Door, open_door
from simulators.saml_encryption import assertion_of, holding
from simulators.saml_idp import IDP, SamlIdp
from simulators.saml_signing import MORE, Make, Signing

FRESH = Signing.rsa()


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    folder = tmp_path_factory.mktemp("saml")
    with open_door(folder, SamlIdp(), more=decryption_lines(folder)) as opened:
        yield opened


@pytest.fixture
def open_request(door: Door) -> tuple[Workshop, str]:
    return door.workshop(door.start())


def accepted(door: Door, document: str | bytes, relay: str) -> None:
    subject = door.verify(document, relay).source.subject
    assert (subject.issuer, subject.sub) == (IDP, ALICE)
    assert subject.groups == ("developers", "on call")


@pytest.mark.parametrize("name", encrypted.HONEST)
def test_an_honest_encrypted_answer_is_accepted(
    door: Door, open_request: tuple[Workshop, str], name: str
) -> None:
    workshop, relay = open_request
    accepted(door, encrypted.HONEST[name](workshop), relay)


@pytest.mark.parametrize("name", encrypted.DOCUMENTS)
def test_a_hostile_encrypted_answer_is_refused(
    door: Door, open_request: tuple[Workshop, str], name: str
) -> None:
    workshop, relay = open_request
    rule, recipe = encrypted.DOCUMENTS[name]
    with pytest.raises(IdentityError) as refusal:
        door.verify(recipe(workshop), relay)
    assert refusal.value.detail.startswith(f"SAML rule {rule}: "), refusal.value.detail
    assert not isinstance(refusal.value, EncryptedAssertion)  # its own code would be an oracle
    assert isinstance(refusal.value, SamlRequestUnknown) == (rule == "4d")
    accepted(door, sealed(workshop), relay)  # control


def test_plain_answers_are_read_as_before_and_a_lone_encrypted_name_says_what_it_is(
    door: Door, open_request: tuple[Workshop, str]
) -> None:
    workshop, relay = open_request
    accepted(door, workshop.honest(), relay)
    with pytest.raises(EncryptedAssertion):
        door.verify(encrypted.PLAIN_BUT_ENCRYPTED_NAME(workshop), relay)


def test_without_a_key_an_encrypted_answer_is_refused_by_its_own_code(tmp_path: Path) -> None:
    with open_door(tmp_path, SamlIdp()) as door:
        workshop, relay = door.workshop(door.start())
        for recipe in encrypted.HONEST.values():
            with pytest.raises(EncryptedAssertion):
                door.verify(recipe(workshop), relay)
        accepted(door, workshop.honest(), relay)  # control


def test_every_kind_of_signing_key_signs_inside(tmp_path: Path) -> None:
    signing = Signing.ec(ec.SECP384R1())
    with open_door(tmp_path, SamlIdp(published=[signing]), more=decryption_lines(tmp_path)) as door:
        workshop, relay = door.workshop(door.start())
        answer, method = workshop.answer(), Make(method=f"{MORE}ecdsa-sha384")
        inside = assertion_of(answer, workshop.idp, by=signing, make=method)
        accepted(door, holding(answer, encrypted.make().assertion(inside)), relay)


def test_a_key_that_cannot_be_unwrapped_costs_the_same_work(
    door: Door, open_request: tuple[Workshop, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else time tells whether a captured key was well padded (Manger's attack on RSA-OAEP)."""
    workshop, relay = open_request
    keys: list[bytes] = []

    def counted(key: bytes) -> AESGCM:
        keys.append(key)
        return AESGCM(key)

    monkeypatch.setattr(saml_decryption, "AESGCM", counted)
    for name in ("changed_key", "no_key_at_all", "short_key", "for_another_key", "changed_tag"):
        before = len(keys)
        with pytest.raises(IdentityError) as refusal:
            door.verify(encrypted.DOCUMENTS[name][1](workshop), relay)
        assert len(keys) == before + 1, name
        assert refusal.value.detail == "SAML rule 6: the assertion cannot be decrypted"
    assert len(set(keys)) == len(keys)  # and no fixed key, which anybody could encrypt for


@pytest.fixture(scope="module")
def turning(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A service whose new key takes over from the one that the other tests encrypt for."""
    folder = tmp_path_factory.mktemp("turning")
    key, certificate = FRESH.write(folder, "fresh")
    earlier, _ = ours().write(folder, "ours")
    more = (
        f'decryption_key_file = "{key}"\ndecryption_certificate_file = "{certificate}"\n'
        f'earlier_decryption_key_file = "{earlier}"\n'
    )
    with open_door(folder, SamlIdp(), more=more) as opened:
        yield opened


def test_while_a_key_takes_over_from_another_both_open_and_no_third_does(turning: Door) -> None:
    workshop, relay = turning.workshop(turning.start())
    accepted(turning, sealed(workshop), relay)
    accepted(turning, sealed(workshop, to=FRESH), relay)
    with pytest.raises(IdentityError) as refusal:
        turning.verify(sealed(workshop, to=Signing.rsa()), relay)
    assert refusal.value.detail == "SAML rule 6: the assertion cannot be decrypted"


@pytest.mark.parametrize("name", ["changed_key", "no_key_at_all", "changed_tag", "short_key"])
def test_a_hostile_answer_is_refused_while_two_keys_open(turning: Door, name: str) -> None:
    workshop, relay = turning.workshop(turning.start())
    with pytest.raises(IdentityError) as refusal:
        turning.verify(encrypted.DOCUMENTS[name][1](workshop), relay)
    assert refusal.value.detail == "SAML rule 6: the assertion cannot be decrypted"
    accepted(turning, sealed(workshop), relay)  # control


def test_two_keys_do_the_same_work_whichever_opens_it(
    turning: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop, relay = turning.workshop(turning.start())
    keys: list[bytes] = []

    def counted(key: bytes) -> AESGCM:
        keys.append(key)
        return AESGCM(key)

    monkeypatch.setattr(saml_decryption, "AESGCM", counted)
    hostile = encrypted.DOCUMENTS["changed_key"][1](workshop)
    for document in (sealed(workshop), sealed(workshop, to=FRESH), hostile):
        before = len(keys)
        with suppress(IdentityError):
            turning.verify(document, relay)
        assert len(keys) == before + 2
    assert len(set(keys)) == len(keys)


def test_the_metadata_name_the_new_key_alone(turning: Door) -> None:
    root = etree.fromstring(turning.provider.metadata(None).encode())
    (descriptor,) = root.findall(".//{*}KeyDescriptor[@use='encryption']")
    assert b64decode(descriptor.findtext(".//{*}X509Certificate") or "") == FRESH.der


def test_our_metadata_says_which_key_and_what_may_be_used(door: Door) -> None:
    root = etree.fromstring(door.provider.metadata(None).encode())
    descriptor = root.find(".//{*}KeyDescriptor[@use='encryption']")
    assert descriptor is not None
    assert b64decode(descriptor.findtext(".//{*}X509Certificate") or "") == ours().der
    methods = [str(item.get("Algorithm")) for item in descriptor.iter("{*}EncryptionMethod")]
    assert methods[0].endswith("aes256-gcm")
    assert not [name for name in methods if "cbc" in name or "rsa-1_5" in name]


def test_the_decryption_key_is_of_its_account_alone_and_strong(tmp_path: Path) -> None:
    files = ours().write(tmp_path)
    assert load_decryption_key(*files).certificate == ours().der  # control
    for mode in (0o644, 0o660, 0o604):
        files[0].chmod(mode)
        with pytest.raises(ConfigError, match="others may use"):
            load_decryption_key(*files)
    for name, weak in (("short", Signing.rsa(1024)), ("ec", Signing.ec())):
        with pytest.raises(ConfigError, match="no RSA key"):
            load_decryption_key(*weak.write(tmp_path, name))
    files[0].chmod(0o600)
    for name, weak in (("short", Signing.rsa(1024)), ("ec", Signing.ec())):
        with pytest.raises(ConfigError, match="no RSA key") as refused:
            load_decryption_key(*files, weak.write(tmp_path, name)[0])
        assert refused.value.pointer == "identity.saml.earlier_decryption_key_file"
    key, _ = Signing.rsa().write(tmp_path, "other")
    key.chmod(0o644)
    with pytest.raises(ConfigError, match="others may use"):
        load_decryption_key(*files, key)
    key.chmod(0o600)
    with pytest.raises(ConfigError, match="not the certificate"):
        load_decryption_key(key, files[1])
