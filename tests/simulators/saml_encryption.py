"""XML Encryption as a provider does it, or an attacker: every parameter can be turned.

Made with cryptography, and not by the code that decrypts.
"""

from __future__ import annotations

import secrets
from base64 import encodebytes
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives import padding as blocks
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512, HashAlgorithm
from lxml import etree

from simulators.saml_idp import Answer, SamlIdp
from simulators.saml_signing import DS, MORE, SAML, Make, Signing, sign

XENC = "http://www.w3.org/2001/04/xmlenc#"
XENC11 = "http://www.w3.org/2009/xmlenc11#"
AES_128_GCM, AES_192_GCM, AES_256_GCM = (f"{XENC11}aes{bits}-gcm" for bits in (128, 192, 256))
AES_128_CBC, AES_256_CBC = f"{XENC}aes128-cbc", f"{XENC}aes256-cbc"
OAEP, OAEP_MGF1P, RSA_1_5 = f"{XENC11}rsa-oaep", f"{XENC}rsa-oaep-mgf1p", f"{XENC}rsa-1_5"
SHA_1, SHA_256, SHA_384, SHA_512 = (
    f"{DS}sha1", f"{XENC}sha256", f"{MORE}sha384", f"{XENC}sha512",
)  # fmt: skip
HASHES: dict[str, HashAlgorithm] = {
    SHA_1: SHA1(),  # noqa: S303 -- what the first version of XML Encryption fixes
    SHA_256: SHA256(),
    SHA_384: SHA384(),
    SHA_512: SHA512(),
    f"{XENC11}mgf1sha1": SHA1(),  # noqa: S303 -- the same
    f"{XENC11}mgf1sha256": SHA256(),
    f"{XENC11}mgf1sha384": SHA384(),
    f"{XENC11}mgf1sha512": SHA512(),
}
Change = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Encryption:
    """How something is encrypted; the defaults are what providers do now."""

    to: Signing
    cipher: str = AES_256_GCM
    transport: str = OAEP
    digest: str | None = SHA_256
    mask: str | None = f"{XENC11}mgf1sha256"
    key: bytes | None = None
    key_beside: bool = False
    pointer: str | None = None
    wrapped_change: Change = bytes
    content_change: Change = bytes

    def assertion(self, plain: str | bytes) -> str:
        """An `EncryptedAssertion` that holds it."""
        data = plain.encode() if isinstance(plain, str) else plain
        key = self.key
        if key is None:
            key = secrets.token_bytes(
                int("".join(c for c in self.cipher[-10:] if c.isdigit())) // 8
            )
        encrypted_key = self._key(self.wrapped_change(self._wrapped(key)))
        content = self.content_change(self._content(key, data))
        pointer = "" if self.pointer is None else f'<ds:RetrievalMethod URI="{self.pointer}"/>'
        inside = pointer + ("" if self.key_beside else encrypted_key)
        information = f"<ds:KeyInfo>{inside}</ds:KeyInfo>" if inside else ""
        return (
            f'<a:EncryptedAssertion xmlns:a="{SAML}" xmlns:e="{XENC}" xmlns:n="{XENC11}"'
            f' xmlns:ds="{DS}"><e:EncryptedData Type="{XENC}Element">'
            f'<e:EncryptionMethod Algorithm="{self.cipher}"/>{information}'
            f"{_value(content)}</e:EncryptedData>{encrypted_key if self.key_beside else ''}"
            "</a:EncryptedAssertion>"
        )

    def _wrapped(self, key: bytes) -> bytes:
        public = self.to.key.public_key()
        assert isinstance(public, rsa.RSAPublicKey)
        if self.transport == RSA_1_5:
            return public.encrypt(key, padding.PKCS1v15())
        digest, mask = HASHES[self.digest or SHA_1], HASHES[self.mask or f"{XENC11}mgf1sha1"]
        return public.encrypt(key, padding.OAEP(padding.MGF1(mask), digest, None))

    def _content(self, key: bytes, data: bytes) -> bytes:
        if self.cipher in {AES_128_CBC, AES_256_CBC}:
            pad, vector = blocks.PKCS7(128).padder(), secrets.token_bytes(16)
            encryptor = Cipher(AES(key), CBC(vector)).encryptor()
            return vector + encryptor.update(pad.update(data) + pad.finalize())
        nonce = secrets.token_bytes(12)
        return nonce + AESGCM(key).encrypt(nonce, data, None)

    def _key(self, wrapped: bytes) -> str:
        digest = "" if self.digest is None else f'<ds:DigestMethod Algorithm="{self.digest}"/>'
        mask = "" if self.mask is None else f'<n:MGF Algorithm="{self.mask}"/>'
        return (
            '<e:EncryptedKey Id="_key">'
            f'<e:EncryptionMethod Algorithm="{self.transport}">{digest}{mask}</e:EncryptionMethod>'
            f"{_value(wrapped)}</e:EncryptedKey>"
        )


def assertion_of(
    answer: Answer, idp: SamlIdp, *, by: Signing | None = None, make: Make | None = None
) -> str:
    """An answer's assertion as a document of its own, signed by the provider."""
    return alone(sign(answer.xml(), "Assertion", by or idp.signing, make))


def unsigned_assertion_of(answer: Answer) -> str:
    """The same without a signature."""
    return alone(answer.xml())


def alone(xml: str) -> str:
    """The assertions of an answer as documents of their own, one behind the other."""
    found = [item for item in etree.fromstring(xml.encode()) if item.tag == f"{{{SAML}}}Assertion"]
    return "".join(etree.tostring(i, method="c14n", exclusive=True).decode() for i in found)


def holding(answer: Answer, encrypted: str) -> str:
    """The answer with something else in the place of its assertion."""
    return answer.xml().replace(answer.assertion_xml(), encrypted)


def _value(data: bytes) -> str:
    text = encodebytes(data).decode()  # in lines, as providers write it
    return f"<e:CipherData><e:CipherValue>{text}</e:CipherValue></e:CipherData>"
