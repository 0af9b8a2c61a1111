"""What this service says to an identity provider: the AuthnRequest, and its own metadata.

The request is written in exclusive canonical form from the start, every attribute in its
place, so that a signature needs no XML library in the worker (ADR 1: a worker maps no
parser). It is signed where a key is configured: over the query for HTTP-Redirect (Bindings
§3.4.4.1), enveloped in the document for HTTP-POST.
"""

from __future__ import annotations

import zlib
from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from counterfoil.core.saml import POST, REDIRECT
from counterfoil.core.times import rfc3339_second
from counterfoil.errors import ConfigError
from counterfoil.keys import read_private
from counterfoil.ports_saml import SignOn

_SAMLP: Final = "urn:oasis:names:tc:SAML:2.0:protocol"
_SAML: Final = "urn:oasis:names:tc:SAML:2.0:assertion"
_MD: Final = "urn:oasis:names:tc:SAML:2.0:metadata"
_DS: Final = "http://www.w3.org/2000/09/xmldsig#"
_EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
_ENVELOPED: Final = f"{_DS}enveloped-signature"
_SHA256: Final = "http://www.w3.org/2001/04/xmlenc#sha256"
_RSA_SHA256: Final = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
_ECDSA_SHA256: Final = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
_MIN_RSA_BITS = 2_048
_MAX_CERTIFICATE_BYTES = 65_536
_KEY_REMEDY = "Write a PEM key that this account can read."
# What `reading/saml_sealed.py` reads, the better first: a provider chooses from it.
_METHODS: Final = "".join(
    f'<md:EncryptionMethod Algorithm="http://www.w3.org/{name}"></md:EncryptionMethod>'
    for name in (
        "2009/xmlenc11#aes256-gcm",
        "2009/xmlenc11#aes128-gcm",
        "2009/xmlenc11#rsa-oaep",
        "2001/04/xmlenc#rsa-oaep-mgf1p",
    )
)
_HALF = 32  # bytes of r and of s on P-256


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestKey:
    """The key that signs requests, and the certificate by which the provider knows it."""

    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    certificate: bytes

    @property
    def algorithm(self) -> str:
        """The signature method's URI."""
        return _RSA_SHA256 if isinstance(self.key, rsa.RSAPrivateKey) else _ECDSA_SHA256

    def sign(self, data: bytes) -> str:
        """The signature in base64, in the form of XML signatures (RFC 6931 §2.3.6)."""
        if isinstance(self.key, rsa.RSAPrivateKey):
            return b64encode(self.key.sign(data, padding.PKCS1v15(), SHA256())).decode()
        r, s = decode_dss_signature(self.key.sign(data, ec.ECDSA(SHA256())))
        return b64encode(r.to_bytes(_HALF) + s.to_bytes(_HALF)).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthnRequest:
    """One request to one address."""

    id: str
    issued_at: float
    entity_id: str
    acs_url: str
    destination: str
    name_id_format: str | None = None

    def text(self, signature: str = "") -> str:
        """The document in exclusive canonical form."""
        policy = _attribute("Format", self.name_id_format) if self.name_id_format else ""
        return (
            f'<samlp:AuthnRequest xmlns:samlp="{_SAMLP}"'
            f"{_attribute('AssertionConsumerServiceURL', self.acs_url)}"
            f"{_attribute('Destination', self.destination)}"
            f"{_attribute('ID', self.id)}"
            f"{_attribute('IssueInstant', rfc3339_second(self.issued_at))}"
            f"{_attribute('ProtocolBinding', POST)}"
            ' Version="2.0">'
            f'<saml:Issuer xmlns:saml="{_SAML}">{_escaped(self.entity_id)}</saml:Issuer>'
            f"{signature}"
            f'<samlp:NameIDPolicy AllowCreate="true"{policy}></samlp:NameIDPolicy>'
            "</samlp:AuthnRequest>"
        )

    def signed_text(self, key: RequestKey) -> str:
        """The document with an enveloped signature."""
        digest = b64encode(sha256(self.text().encode()).digest()).decode()

        def information(namespace: str) -> str:
            return (
                f"<ds:SignedInfo{namespace}>"
                f'<ds:CanonicalizationMethod Algorithm="{_EXCLUSIVE}"></ds:CanonicalizationMethod>'
                f'<ds:SignatureMethod Algorithm="{key.algorithm}"></ds:SignatureMethod>'
                f'<ds:Reference URI="#{self.id}"><ds:Transforms>'
                f'<ds:Transform Algorithm="{_ENVELOPED}"></ds:Transform>'
                f'<ds:Transform Algorithm="{_EXCLUSIVE}"></ds:Transform></ds:Transforms>'
                f'<ds:DigestMethod Algorithm="{_SHA256}"></ds:DigestMethod>'
                f"<ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>"
            )

        value = key.sign(information(f' xmlns:ds="{_DS}"').encode())
        return self.text(
            f'<ds:Signature xmlns:ds="{_DS}">{information("")}'
            f"<ds:SignatureValue>{value}</ds:SignatureValue>"
            f"{_key_information(key.certificate)}</ds:Signature>"
        )

    def sign_on(self, binding: str, relay_state: str, key: RequestKey | None) -> SignOn:
        """How the browser takes it there."""
        if binding == REDIRECT:
            query = self._query(relay_state, key)
            joint = "&" if "?" in self.destination else "?"
            return SignOn(location=f"{self.destination}{joint}{query}")
        text = self.text() if key is None else self.signed_text(key)
        fields = {"SAMLRequest": b64encode(text.encode()).decode(), "RelayState": relay_state}
        return SignOn(location=self.destination, fields=fields)

    def _query(self, relay_state: str, key: RequestKey | None) -> str:
        compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)  # DEFLATE without a header
        deflated = compressor.compress(self.text().encode()) + compressor.flush()
        values = {"SAMLRequest": b64encode(deflated).decode(), "RelayState": relay_state}
        if key is None:
            return urlencode(values)
        signed = urlencode({**values, "SigAlg": key.algorithm})
        return f"{signed}&{urlencode({'Signature': key.sign(signed.encode())})}"


def service_metadata(
    *,
    entity_id: str,
    acs_url: str,
    name_id_formats: tuple[str, ...],
    key: RequestKey | None,
    encryption_certificate: bytes | None = None,
) -> str:
    """This service's own metadata, for the provider's administrator (SAML metadata §2.4.4)."""
    descriptors = "" if key is None else _descriptor("signing", key.certificate)
    if encryption_certificate is not None:
        descriptors += _descriptor("encryption", encryption_certificate, _METHODS)
    formats = "".join(f"<md:NameIDFormat>{name}</md:NameIDFormat>" for name in name_id_formats)
    namespaces = f'xmlns:md="{_MD}" xmlns:ds="{_DS}"'
    return (
        f"<md:EntityDescriptor {namespaces}{_attribute('entityID', entity_id)}>"
        f'<md:SPSSODescriptor AuthnRequestsSigned="{"false" if key is None else "true"}"'
        f' WantAssertionsSigned="true" protocolSupportEnumeration="{_SAMLP}">'
        f"{descriptors}{formats}"
        f'<md:AssertionConsumerService Binding="{POST}"{_attribute("Location", acs_url)}'
        ' index="0" isDefault="true"/></md:SPSSODescriptor></md:EntityDescriptor>\n'
    )


def _descriptor(use: str, certificate: bytes, methods: str = "") -> str:
    inner = f"{_key_information(certificate)}{methods}"
    return f'<md:KeyDescriptor use="{use}">{inner}</md:KeyDescriptor>'


def load_request_key(key_file: Path, certificate_file: Path) -> RequestKey:
    """Read the key that signs requests and its certificate.

    Raises:
        ConfigError: unreadable, readable by others, another kind of key, or the two do not
            belong together.
    """
    key, certificate = read_key_pair(key_file, certificate_file)
    strong = isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _MIN_RSA_BITS
    curve = isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1)
    if not isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)) or not (
        strong or curve
    ):
        raise ConfigError(f"{key_file} is neither RSA of 2048 bits or more nor P-256.")
    return RequestKey(key=key, certificate=certificate.public_bytes(Encoding.DER))


def read_key(file: Path) -> PrivateKeyTypes:
    """Read a private key, which only its account can read.

    Raises:
        ConfigError: unreadable, readable by others, or no key without a password.
    """
    pem = read_private(file, "identity.saml", remedy=_KEY_REMEDY)
    try:
        return load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigError(f"{file} is not a PEM key. Write one without a password.") from error


def read_key_pair(
    key_file: Path, certificate_file: Path
) -> tuple[PrivateKeyTypes, x509.Certificate]:
    """Read a private key, which only its account can read, and the certificate of it.

    Raises:
        ConfigError: unreadable, readable by others, or the two do not belong together.
    """
    key = read_key(key_file)
    try:
        with certificate_file.open("rb") as file:
            certificate = x509.load_pem_x509_certificate(file.read(_MAX_CERTIFICATE_BYTES))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{certificate_file} is not a PEM certificate.") from error
    if certificate.public_key() != key.public_key():
        raise ConfigError(f"{certificate_file} is not the certificate of {key_file}.")
    return key, certificate


def _key_information(certificate: bytes) -> str:
    text = b64encode(certificate).decode()
    inner = f"<ds:X509Data><ds:X509Certificate>{text}</ds:X509Certificate></ds:X509Data>"
    return f"<ds:KeyInfo>{inner}</ds:KeyInfo>"


def _attribute(name: str, value: str) -> str:
    return f' {name}="{_escaped(value, quote=True)}"'


def _escaped(text: str, *, quote: bool = False) -> str:
    """As canonical XML writes text (§2.3); nothing here holds a line end or a tab."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;")
    return escaped.replace('"', "&quot;") if quote else escaped.replace(">", "&gt;")
