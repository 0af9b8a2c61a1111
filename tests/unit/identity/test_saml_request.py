"""What we say to a provider: requests that verify, and metadata that it can use."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    NoEncryption,
)
from lxml import etree
from signxml.verifier import SignatureConfiguration, VerifyResult, XMLVerifier

from counterfoil.core.saml import POST, REDIRECT
from counterfoil.errors import ConfigError
from counterfoil.identity.saml_request import (
    AuthnRequest,
    RequestKey,
    load_request_key,
    service_metadata,
)
from counterfoil.ports_saml import SignOn
from saml_door import open_door, request_of
from simulators.saml_idp import EMAIL, IDP, SP, SSO, SamlIdp
from simulators.saml_signing import SAML, SAMLP, Signing

ACS = "https://counterfoil.example.com/saml/acs"
KEYS = {"rsa": Signing.rsa(), "p-256": Signing.ec()}
RELAY = "relay-state_of-a-login"


def request(**changes: str) -> AuthnRequest:
    values = {
        "id": "_request",
        "entity_id": SP,
        "acs_url": ACS,
        "destination": SSO,
        **changes,
    }
    return AuthnRequest(issued_at=1_800_000_000.5, **values)


def key_of(signing: Signing) -> RequestKey:
    assert not isinstance(signing.key, ed25519.Ed25519PrivateKey)
    return RequestKey(key=signing.key, certificate=signing.der)


def test_a_request_says_who_asks_what_of_whom() -> None:
    root = etree.fromstring(request().text().encode())
    assert root.tag == f"{{{SAMLP}}}AuthnRequest"
    assert {str(k): str(v) for k, v in root.attrib.items()} == {
        "AssertionConsumerServiceURL": ACS,
        "Destination": SSO,
        "ID": "_request",
        "IssueInstant": "2027-01-15T08:00:00Z",
        "ProtocolBinding": POST,
        "Version": "2.0",
    }
    assert root.findtext(f"{{{SAML}}}Issuer") == SP
    policy = root.find(f"{{{SAMLP}}}NameIDPolicy")
    assert policy is not None
    assert policy.items() == [("AllowCreate", "true")]


def test_names_with_special_characters_stay_what_they_are() -> None:
    odd = "https://x.example/?a=1&b=\"<>'"
    root = etree.fromstring(request(entity_id=odd, destination=odd).text().encode())
    assert root.get("Destination") == root.findtext(f"{{{SAML}}}Issuer") == odd


def test_a_request_is_written_in_canonical_form() -> None:
    text = request(entity_id='a&b<c>"d', destination='https://x/?a&b="<>', name_id_format=EMAIL)
    made = text.text().encode()
    assert etree.tostring(etree.fromstring(made), method="c14n", exclusive=True) == made


def test_an_unsigned_redirect_carries_request_and_relay_state() -> None:
    sign_on = request().sign_on(REDIRECT, RELAY, None)
    parts = urlsplit(sign_on.location)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == SSO
    assert {name for name, _ in parse_qsl(parts.query)} == {"SAMLRequest", "RelayState"}
    assert request_of(sign_on) == (request().text(), RELAY)


def test_a_destination_keeps_its_own_query() -> None:
    sign_on = request(destination=f"{SSO}?tenant=a").sign_on(REDIRECT, RELAY, None)
    assert sign_on.location.startswith(f"{SSO}?tenant=a&SAMLRequest=")


@pytest.mark.parametrize("kind", KEYS)
def test_a_signed_redirect_verifies_over_its_query(kind: str) -> None:
    signing = KEYS[kind]
    query = urlsplit(request().sign_on(REDIRECT, RELAY, key_of(signing)).location).query
    signed, _, signature = query.partition("&Signature=")
    assert [part.partition("=")[0] for part in signed.split("&")] == [
        "SAMLRequest",
        "RelayState",
        "SigAlg",
    ]
    raw, data = b64decode(unquote(signature)), signed.encode()
    public = signing.key.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        public.verify(raw, data, padding.PKCS1v15(), SHA256())
    else:
        assert isinstance(public, ec.EllipticCurvePublicKey)
        der = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
        public.verify(der, data, ec.ECDSA(SHA256()))


@pytest.mark.parametrize("kind", KEYS)
def test_a_signed_form_verifies_as_a_document(kind: str) -> None:
    signing = KEYS[kind]
    odd = request(entity_id="https://x.example/?a=1&b=2", name_id_format=EMAIL)
    sign_on = odd.sign_on(POST, RELAY, key_of(signing))
    text, relay = request_of(sign_on)
    assert (sign_on.location, relay) == (SSO, RELAY)
    result = XMLVerifier().verify(
        text.encode(),
        x509_cert=signing.certificate,
        id_attribute="ID",
        expect_config=SignatureConfiguration(location="./"),
    )
    assert isinstance(result, VerifyResult)
    assert result.signed_data == odd.text().encode()
    children = [etree.QName(child).localname for child in etree.fromstring(text.encode())]
    assert children == ["Issuer", "Signature", "NameIDPolicy"]  # the order of the schema


def test_our_metadata_names_key_formats_and_address() -> None:
    signing = KEYS["rsa"]
    for key in (None, key_of(signing)):
        text = service_metadata(
            entity_id=f"{SP}/?a&b", acs_url=ACS, name_id_formats=(EMAIL,), key=key
        )
        root = etree.fromstring(text.encode())
        assert root.get("entityID") == f"{SP}/?a&b"
        (role,) = root
        assert role.get("WantAssertionsSigned") == "true"
        assert role.get("AuthnRequestsSigned") == ("false" if key is None else "true")
        found = [item.text for item in root.iter("{*}X509Certificate")]
        assert found == ([] if key is None else [signing.text])
        assert [item.text for item in root.iter("{*}NameIDFormat")] == [EMAIL]


def written(folder: Path, signing: Signing, *, password: bytes | None = None) -> tuple[Path, Path]:
    protection = NoEncryption() if password is None else BestAvailableEncryption(password)
    return signing.write(folder, protection=protection)


def test_a_key_and_its_certificate_are_read(tmp_path: Path) -> None:
    for signing in KEYS.values():
        assert load_request_key(*written(tmp_path, signing)).certificate == signing.der


@pytest.mark.parametrize(
    "signing", [Signing.rsa(1024), Signing.ec(ec.SECP384R1())], ids=["rsa_1024", "p_384"]
)
def test_a_weak_or_other_key_signs_no_requests(tmp_path: Path, signing: Signing) -> None:
    with pytest.raises(ConfigError, match="neither RSA"):
        load_request_key(*written(tmp_path, signing))


def test_a_certificate_of_another_key_is_refused(tmp_path: Path) -> None:
    key, certificate = written(tmp_path, KEYS["rsa"])
    certificate.write_text(KEYS["p-256"].pem)
    with pytest.raises(ConfigError, match="not the certificate"):
        load_request_key(key, certificate)
    certificate.chmod(0o600)
    with pytest.raises(ConfigError, match="not a PEM key"):
        load_request_key(certificate, key)
    with pytest.raises(ConfigError):
        load_request_key(tmp_path / "missing.pem", certificate)
    key.chmod(0o644)
    with pytest.raises(ConfigError, match="others may use"):
        load_request_key(key, certificate)
    with pytest.raises(ConfigError, match="password"):
        load_request_key(*written(tmp_path, KEYS["rsa"], password=b"x"))


@pytest.mark.parametrize(
    ("services", "binding", "form"),
    [
        ((("HTTP-POST", SSO), ("HTTP-Redirect", SSO)), "auto", False),
        ((("HTTP-POST", SSO),), "auto", True),
        ((("HTTP-POST", SSO), ("HTTP-Redirect", SSO)), "post", True),
        ((("HTTP-Redirect", SSO),), "redirect", False),
    ],
)
def test_the_binding_is_the_configured_one_that_the_provider_has(
    tmp_path: Path, services: tuple[tuple[str, str], ...], binding: str, *, form: bool
) -> None:
    idp = SamlIdp(KEYS["rsa"])
    with open_door(tmp_path, idp, more=f'request_binding = "{binding}"') as door:
        (tmp_path / "idp.xml").write_text(idp.metadata(services=services))
        sign_on = door.start()
        assert (sign_on.fields is not None) == form
        workshop, relay = door.workshop(sign_on)
        assert door.verify(workshop.honest(), relay).source.provider == IDP


def test_a_format_that_alone_is_allowed_is_asked_for(tmp_path: Path) -> None:
    with open_door(
        tmp_path, SamlIdp(KEYS["rsa"]), more='name_id_formats = ["emailAddress"]'
    ) as door:
        assert f'Format="{EMAIL}"' in request_of(door.start())[0]


def test_a_request_is_bound_to_its_provider_and_everything_that_was_asked(tmp_path: Path) -> None:
    with open_door(tmp_path, SamlIdp(KEYS["rsa"])) as door:
        first = door.workshop(door.start())[0].request_id
        others = [
            door.workshop(door.start(state="another-state-of-it"))[0].request_id,
            door.workshop(door.start(now=door.now + 1))[0].request_id,
        ]
        door.provider._request_key = b"another" * 4
        others.append(door.workshop(door.start())[0].request_id)
        assert len({first, *others}) == 4


def test_requests_are_signed_where_a_key_is_configured(tmp_path: Path) -> None:
    written(tmp_path, KEYS["p-256"])
    lines = 'signing_key_file = "key.pem"\nsigning_certificate_file = "key-certificate.pem"'
    with open_door(tmp_path, SamlIdp(KEYS["rsa"]), more=lines) as door:
        sign_on: SignOn = door.start()
        assert "&Signature=" in sign_on.location
        root = etree.fromstring(door.provider.metadata(None).encode())
        certificate = root.findtext(".//{*}X509Certificate")
        assert certificate is not None
        assert b64decode(certificate) == KEYS["p-256"].der
