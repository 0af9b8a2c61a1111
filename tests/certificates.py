"""Authorities and certificates for tests: made on the spot, worth nothing."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

_DAY = dt.timedelta(days=1)
_BEGAN = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Authority:
    """Vouches for servers on 127.0.0.1."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    file: Path

    @classmethod
    def make(cls, folder: Path, name: str) -> Authority:
        """A new one; `file` holds its certificate."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder(name, name, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .sign(key, SHA256())
        )
        file = folder / f"{name}.pem"
        file.write_bytes(certificate.public_bytes(Encoding.PEM))
        return cls(key, certificate, file)

    def server(self, folder: Path, host: str = "127.0.0.1") -> ssl.SSLContext:
        """What a server for one address listens with."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))])
        certificate = (
            _builder("server", self.file.stem, key.public_key())
            .add_extension(names, critical=False)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .sign(self.key, SHA256())
        )
        file = folder / f"server-{host}.pem"
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file.write_bytes(private + certificate.public_bytes(Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """What a client shows in TLS: a certificate that its own key has signed."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def make(
        cls,
        name: str = "desk",
        *,
        key: ec.EllipticCurvePrivateKey | None = None,
        begins: dt.datetime = _BEGAN,
        lasts: dt.timedelta = 36_500 * _DAY,
    ) -> ClientCertificate:
        """A new one."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        builder = _builder(name, name, key.public_key(), begins=begins, lasts=lasts)
        return cls(key, builder.sign(key, SHA256()))

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def header(self) -> str:
        """As a proxy tells of it (RFC 9440 §2.1)."""
        return f":{b64encode(self.der).decode()}:"

    def context(self, folder: Path, authority: Authority) -> ssl.SSLContext:
        """What the client connects with."""
        file = folder / "client.pem"
        private = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file.write_bytes(private + self.pem)
        context = ssl.create_default_context(cafile=str(authority.file))
        context.load_cert_chain(file)
        return context


def _builder(
    subject: str,
    issuer: str,
    public_key: ec.EllipticCurvePublicKey,
    *,
    begins: dt.datetime = _BEGAN,
    lasts: dt.timedelta = 36_500 * _DAY,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + lasts)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
