"""`[[identity.saml]]`: what is read, and what stops the start."""

from __future__ import annotations

from pathlib import Path

import pytest

from counterfoil.config import load_config
from counterfoil.core.saml import EMAIL, PERSISTENT, TRANSIENT, UNSPECIFIED
from counterfoil.errors import ConfigError

ENTRY = '[[identity.saml]]\nentity_id = "https://counterfoil.example.com"\n'
FILE = 'metadata_file = "idp.xml"\n'
OIDC = (
    '[[identity.oidc]]\nissuer = "https://idp.example.com"\naudience = "counterfoil"\n'
    'jwks_file = "keys.json"\n'
)


def config(folder: Path, text: str) -> Path:
    path = folder / "counterfoil.toml"
    path.write_text(text)
    return path


def test_an_entry_needs_its_entity_id_and_metadata_alone(tmp_path: Path) -> None:
    identity = load_config(config(tmp_path, ENTRY + FILE), {}).identity
    (entry,) = identity.saml
    assert entry.metadata_file == tmp_path / "idp.xml"
    assert entry.name_id_formats == (PERSISTENT, EMAIL, UNSPECIFIED)
    assert (entry.tenant, entry.groups_attribute) == ("default", "groups")
    assert (entry.subject_namespace, entry.subject_attribute, entry.issuer) == (None, None, None)
    assert (entry.request_binding, entry.refresh_seconds) == ("auto", 3600)
    assert identity.saml_session_seconds == 3600


def test_everything_of_an_entry_can_be_said(tmp_path: Path) -> None:
    text = (
        "[identity]\nsaml_session_seconds = 28800\n"
        + ENTRY
        + 'issuer = "https://idp.example.com"\n'
        'metadata_url = "https://idp.example.com/metadata"\nrefresh_seconds = 60\n'
        'metadata_certificate_file = "federation.pem"\ntenant = "acme"\n'
        'subject_namespace = "urn:acme:people"\nsubject_attribute = "uid"\n'
        'groups_attribute = "memberOf"\nname_id_formats = ["transient"]\n'
        'request_binding = "post"\nsigning_key_file = "key.pem"\n'
        'signing_certificate_file = "certificate.pem"\n'
        'decryption_key_file = "new.pem"\ndecryption_certificate_file = "new.crt"\n'
        'earlier_decryption_key_file = "old.pem"\nca_file = "ca.pem"\n'
    )
    identity = load_config(config(tmp_path, text), {}).identity
    (entry,) = identity.saml
    assert identity.saml_session_seconds == 28_800
    assert (entry.issuer, entry.tenant) == ("https://idp.example.com", "acme")
    assert entry.name_id_formats == (TRANSIENT,)
    assert entry.signing_key_file == tmp_path / "key.pem"
    assert entry.decryption_key_file == tmp_path / "new.pem"
    assert entry.earlier_decryption_key_file == tmp_path / "old.pem"
    assert entry.ca_file == tmp_path / "ca.pem"


WRONG = {
    "no_entity_id": ("[[identity.saml]]\n" + FILE, "identity.saml[0].entity_id"),
    "no_metadata": (ENTRY, "identity.saml[0].metadata_file"),
    "two_metadata": (
        ENTRY + FILE + 'metadata_url = "https://idp.example.com/m"\nissuer = "urn:x"\n',
        "identity.saml[0].metadata_file",
    ),
    "an_address_without_a_name": (
        ENTRY + 'metadata_url = "https://idp.example.com/m"\n',
        "identity.saml[0].issuer",
    ),
    "plain_http": (
        ENTRY + 'metadata_url = "http://idp.example.com/m"\nissuer = "urn:x"\n',
        "identity.saml[0].metadata_url",
    ),
    "a_key_alone": (
        ENTRY + FILE + 'signing_key_file = "key.pem"\n',
        "identity.saml[0].signing_key_file",
    ),
    "a_certificate_alone": (
        ENTRY + FILE + 'signing_certificate_file = "key.pem"\n',
        "identity.saml[0].signing_key_file",
    ),
    "an_earlier_key_alone": (
        ENTRY + FILE + 'earlier_decryption_key_file = "old.pem"\n',
        "identity.saml[0].earlier_decryption_key_file",
    ),
    "authorities_of_a_file": (ENTRY + FILE + 'ca_file = "ca.pem"\n', "identity.saml[0].ca_file"),
    "a_name_that_changes": (
        ENTRY + FILE + 'name_id_formats = ["transient"]\n',
        "identity.saml[0].name_id_formats",
    ),
    "an_unknown_format": (
        ENTRY + FILE + 'name_id_formats = ["kerberos"]\n',
        "identity.saml[0].name_id_formats[0]",
    ),
    "no_format": (ENTRY + FILE + "name_id_formats = []\n", "identity.saml[0].name_id_formats"),
    "an_unknown_setting": (ENTRY + FILE + "encrypt = true\n", "identity.saml[0].encrypt"),
    "a_long_session": (
        "[identity]\nsaml_session_seconds = 28801\n",
        "identity.saml_session_seconds",
    ),
    "one_provider_twice": (
        (ENTRY + FILE + 'issuer = "urn:x"\n') * 2,
        "identity.saml[1].issuer",
    ),
    "the_name_of_an_oidc_issuer": (
        OIDC + ENTRY + FILE + 'issuer = "https://idp.example.com"\n',
        "identity.saml[0].subject_namespace",
    ),
    "a_namespace_of_an_oidc_issuer": (
        OIDC.replace("https://idp.example.com", "urn:people")
        + ENTRY
        + FILE
        + 'subject_namespace = "urn:people"\n',
        "identity.saml[0].subject_namespace",
    ),
    "the_name_of_an_oidc_namespace": (
        OIDC + 'subject_namespace = "urn:people"\n' + ENTRY + FILE + 'issuer = "urn:people"\n',
        "identity.saml[0].subject_namespace",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_entry_stops_the_start_with_its_place(tmp_path: Path, name: str) -> None:
    text, place = WRONG[name]
    with pytest.raises(ConfigError) as error:
        load_config(config(tmp_path, text), {})
    assert error.value.pointer == place, error.value.detail
    load_config(config(tmp_path, ENTRY + FILE), {})  # control


def test_one_person_of_two_providers_is_said_on_both(tmp_path: Path) -> None:
    namespace = 'subject_namespace = "urn:acme:people"\n'
    issuer = 'issuer = "https://idp.example.com"\n'
    text = OIDC + namespace + ENTRY + FILE + issuer + namespace
    identity = load_config(config(tmp_path, text), {}).identity
    assert identity.oidc[0].entry.subject_issuer == identity.saml[0].subject_namespace


def test_saml_stands_beside_no_development_issuer(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--dev stands beside no other"):
        load_config(config(tmp_path, ENTRY + FILE), {}, dev=True)
