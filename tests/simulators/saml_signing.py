"""XML signatures as a provider makes them, or an attacker: every parameter can be turned.

Made with lxml's canonical form and cryptography, and not by the library that checks them.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import secrets
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from lxml import etree

SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
DS = "http://www.w3.org/2000/09/xmldsig#"
MORE = "http://www.w3.org/2001/04/xmldsig-more#"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
INCLUSIVE = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
ENVELOPED = f"{DS}enveloped-signature"
SHA256_DIGEST = "http://www.w3.org/2001/04/xmlenc#sha256"
DIGESTS = {
    SHA256_DIGEST: "sha256",
    "http://www.w3.org/2001/04/xmlenc#sha512": "sha512",
    f"{MORE}sha384": "sha384",
    f"{DS}sha1": "sha1",
    f"{MORE}md5": "md5",
}
HASHES: dict[str, HashAlgorithm] = {
    f"{MORE}rsa-sha256": SHA256(),
    f"{MORE}rsa-sha384": SHA384(),
    f"{MORE}rsa-sha512": SHA512(),
    f"{MORE}ecdsa-sha256": SHA256(),
    f"{MORE}ecdsa-sha384": SHA384(),
    f"{MORE}ecdsa-sha512": SHA512(),
    f"{DS}rsa-sha1": SHA1(),  # noqa: S303 -- an attack
    f"{MORE}ecdsa-sha1": SHA1(),  # noqa: S303 -- an attack
}
RSA_SHA256 = f"{MORE}rsa-sha256"
PSS_SHA256 = "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1"
HMAC_SHA256 = f"{MORE}hmac-sha256"
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def new_id() -> str:
    """A fresh ID."""
    return f"_{secrets.token_hex(16)}"


@dataclass(frozen=True, slots=True)
class Signing:
    """A key with its certificate."""

    key: Key
    certificate: x509.Certificate

    @classmethod
    def rsa(cls, bits: int = 2048) -> Signing:
        return cls.of(rsa.generate_private_key(65_537, bits))

    @classmethod
    def ec(cls, curve: ec.EllipticCurve | None = None) -> Signing:
        return cls.of(ec.generate_private_key(curve or ec.SECP256R1()))

    @classmethod
    def of(cls, key: Key, *, days: tuple[int, int] = (-1, 365)) -> Signing:
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "idp.example.test")])
        now = dt.datetime.now(dt.UTC)  # noqa: TID251 -- a simulator
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name)
        builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now + dt.timedelta(days=days[0]))
        builder = builder.not_valid_after(now + dt.timedelta(days=days[1]))
        algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else SHA256()
        return cls(key, builder.sign(key, algorithm))

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def write(
        self,
        folder: Path,
        name: str = "key",
        *,
        protection: KeySerializationEncryption | None = None,
    ) -> tuple[Path, Path]:
        """The key, for its account alone, and its certificate, as files."""
        key, certificate = folder / f"{name}.pem", folder / f"{name}-certificate.pem"
        key.touch()
        key.chmod(0o600)
        protection = protection or NoEncryption()
        key.write_bytes(self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection))
        certificate.write_text(self.pem)
        return key, certificate

    @property
    def text(self) -> str:
        """The certificate as it stands in XML."""
        return b64encode(self.der).decode()

    def sign(self, data: bytes, method: str) -> bytes:
        if method == HMAC_SHA256:  # key confusion: the public certificate as the secret
            return hmac.digest(self.pem.encode(), data, "sha256")
        if method == PSS_SHA256:
            assert isinstance(self.key, rsa.RSAPrivateKey)
            return self.key.sign(data, padding.PSS(padding.MGF1(SHA256()), 32), SHA256())
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(data, padding.PKCS1v15(), HASHES[method])
        assert isinstance(self.key, ec.EllipticCurvePrivateKey)
        r, s = decode_dss_signature(self.key.sign(data, ec.ECDSA(HASHES[method])))
        size = (self.key.curve.key_size + 7) // 8
        return r.to_bytes(size) + s.to_bytes(size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Make:
    """How a signature is made; the defaults are what every provider does."""

    method: str = RSA_SHA256
    digest: str = SHA256_DIGEST
    canonical: str = EXCLUSIVE
    transforms: Sequence[str] = (ENVELOPED, EXCLUSIVE)
    prefixes: str | None = None
    uri: str | None = None
    key_info: str | None = None
    method_inner: str = ""
    reference_again: bool = False
    extra: str = ""
    digest_inner: str = ""


def sign(xml: str, element: str, signing: Signing, make: Make | None = None) -> str:
    """Sign the first element of that local name, the signature behind its Issuer."""
    make = make or Make()
    root = etree.fromstring(xml.encode())
    target = next(item for item in root.iter() if etree.QName(item).localname == element)
    signature = signature_xml(target, signing, make)
    issuer = next((c for c in target if etree.QName(c).localname == "Issuer"), None)
    target.insert(0 if issuer is None else target.index(issuer) + 1, etree.fromstring(signature))
    return etree.tostring(root, encoding="unicode")


def signature_xml(target: etree._Element, signing: Signing, make: Make) -> str:
    """A `ds:Signature` over an element as it stands."""
    exclusive = make.transforms[-1:] == [EXCLUSIVE] or EXCLUSIVE in make.transforms
    prefixes = make.prefixes.split() if make.prefixes else None
    covered = etree.tostring(
        target, method="c14n", exclusive=exclusive, inclusive_ns_prefixes=prefixes, with_tail=False
    )
    digest = b64encode(hashlib.new(DIGESTS[make.digest], covered).digest()).decode()
    return signature_over(make.uri or f"#{target.get('ID')}", digest, signing, make)


def signature_over(uri: str, digest: str, signing: Signing, make: Make) -> str:
    """A `ds:Signature` that says a digest of a URI."""
    inner = (
        f'<ec:InclusiveNamespaces xmlns:ec="{EXCLUSIVE}" PrefixList="{make.prefixes}"/>'
        if make.prefixes
        else ""
    )
    steps = "".join(
        f'<ds:Transform Algorithm="{name}">{inner if name == EXCLUSIVE else ""}</ds:Transform>'
        for name in make.transforms
    )
    reference = (
        f'<ds:Reference URI="{uri}"><ds:Transforms>{steps}</ds:Transforms>'
        f'<ds:DigestMethod Algorithm="{make.digest}">{make.digest_inner}</ds:DigestMethod>'
        f"<ds:DigestValue>{digest}</ds:DigestValue></ds:Reference>"
    ) * (2 if make.reference_again else 1)
    information = (
        f'<ds:SignedInfo xmlns:ds="{DS}">'
        f'<ds:CanonicalizationMethod Algorithm="{make.canonical}"></ds:CanonicalizationMethod>'
        f'<ds:SignatureMethod Algorithm="{make.method}">{make.method_inner}</ds:SignatureMethod>'
        f"{reference}</ds:SignedInfo>"
    )
    canonical = etree.tostring(
        etree.fromstring(information), method="c14n", exclusive=make.canonical == EXCLUSIVE
    )
    value = b64encode(signing.sign(canonical, make.method)).decode()
    key_info = make.key_info
    if key_info is None:
        key_info = x509_key_info(signing)
    return (
        f'<ds:Signature xmlns:ds="{DS}">{information}<ds:SignatureValue>{value}</ds:SignatureValue>'
        f"{key_info}{make.extra}</ds:Signature>"
    )


def x509_key_info(signing: Signing) -> str:
    """The usual KeyInfo."""
    return (
        f"<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{signing.text}</ds:X509Certificate>"
        "</ds:X509Data></ds:KeyInfo>"
    )
