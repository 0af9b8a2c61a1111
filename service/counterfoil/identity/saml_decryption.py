"""Decrypts assertions: the one place where the decryption key is used.

The key stays in this process: the child that parses what strangers send never has it. Whatever
fails ends in one refusal, after the same work: a content key that could not be unwrapped is
replaced by a random one, so that nobody learns from time or text at which step it was (RFC 3218
§2.3.2, for RSA-OAEP against "A Chosen Ciphertext Attack on RSA-OAEP", CRYPTO 2001). While a new
key takes over from an earlier one both are tried, each time, whichever of them opens it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from counterfoil.core.saml import ContentCipher, OaepHash, Sealed
from counterfoil.errors import ConfigError, SamlRefused
from counterfoil.identity.saml_request import read_key, read_key_pair

MIN_RSA_BITS, MAX_RSA_BITS = 2_048, 8_192
_KEY_BYTES: Final = {ContentCipher.AES_128_GCM: 16, ContentCipher.AES_256_GCM: 32}
_NONCE_BYTES: Final = 12  # XML Encryption 1.1 §5.2.4
_HASHES: Final[dict[OaepHash, HashAlgorithm]] = {
    OaepHash.SHA_1: SHA1(),  # noqa: S303 -- OAEP asks no collision resistance of it (RFC 8017 B.1)
    OaepHash.SHA_256: SHA256(),
    OaepHash.SHA_384: SHA384(),
    OaepHash.SHA_512: SHA512(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DecryptionKey:
    """The key that opens assertions, and the certificate by which the provider knows it.

    `earlier` is what providers may go on encrypting for until they know that certificate.
    """

    key: rsa.RSAPrivateKey
    certificate: bytes
    earlier: rsa.RSAPrivateKey | None = None

    def open(self, sealed: Sealed) -> bytes:
        """Decrypt an assertion; who wrote it is not known by that.

        Raises:
            SamlRefused: it was not made with such a key, or was changed since.
        """
        keys = (self.key,) if self.earlier is None else (self.key, self.earlier)
        found = [_opened(key, sealed) for key in keys]
        for assertion in found:
            if assertion is not None:
                return assertion
        raise SamlRefused("6", "the assertion cannot be decrypted")


def _opened(key: rsa.RSAPrivateKey, sealed: Sealed) -> bytes | None:
    size = _KEY_BYTES[sealed.cipher]
    padding = OAEP(MGF1(_HASHES[sealed.mask]), _HASHES[sealed.digest], None)
    content_key = secrets.token_bytes(size)
    try:
        unwrapped = key.decrypt(sealed.wrapped_key, padding)
    except ValueError:
        unwrapped = b""
    if len(unwrapped) == size:
        content_key = unwrapped
    nonce, content = sealed.content[:_NONCE_BYTES], sealed.content[_NONCE_BYTES:]
    try:
        return AESGCM(content_key).decrypt(nonce, content, None)
    except (InvalidTag, ValueError):
        return None


def load_decryption_key(
    key_file: Path, certificate_file: Path, earlier_file: Path | None = None
) -> DecryptionKey:
    """Read the decryption key, which only its account can read, its certificate, an earlier key.

    Raises:
        ConfigError: unreadable, readable by others, no RSA key of 2048 to 8192 bits, or key and
            certificate do not belong together.
    """
    key, certificate = read_key_pair(key_file, certificate_file)
    earlier = None if earlier_file is None else read_key(earlier_file)
    return DecryptionKey(
        key=_strong(key, key_file, "decryption_key_file"),
        certificate=_der(certificate),
        earlier=None
        if earlier is None or earlier_file is None
        else _strong(earlier, earlier_file, "earlier_decryption_key_file"),
    )


def _strong(key: PrivateKeyTypes, file: Path, setting: str) -> rsa.RSAPrivateKey:
    if isinstance(key, rsa.RSAPrivateKey) and MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
        return key
    raise ConfigError(
        f"{file} is no RSA key of 2048 to 8192 bits. RSA-OAEP needs one.",
        pointer=f"identity.saml.{setting}",
    )


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)
