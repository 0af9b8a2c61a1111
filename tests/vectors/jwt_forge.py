"""Keys and signatures for the hostile tokens of `make_jwt.py`: fixed, made up, worthless."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

HERE = Path(__file__).parent
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
Sign = Callable[[bytes], bytes]


def b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int) -> str:
    return b64(value.to_bytes((value.bit_length() + 7) // 8))


def dumps(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def ec_key(seed: str, curve: ec.EllipticCurve | None = None) -> ec.EllipticCurvePrivateKey:
    scalar = int.from_bytes(hashlib.sha256(seed.encode()).digest()) % (P256_ORDER - 1) + 1
    return ec.derive_private_key(scalar, curve or ec.SECP256R1())


def ed_key(seed: str) -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.from_private_bytes(hashlib.sha256(seed.encode()).digest())


def rsa_key(name: str) -> rsa.RSAPrivateKey:
    primes = json.loads((HERE / "jwt_rsa_primes.json").read_text())[name]
    p, q, e = int(primes["p"], 16), int(primes["q"], 16), 65537
    d = pow(e, -1, (p - 1) * (q - 1))
    return rsa.RSAPrivateNumbers(
        p, q, d, d % (p - 1), d % (q - 1), rsa.rsa_crt_iqmp(p, q), rsa.RSAPublicNumbers(e, p * q)
    ).private_key()


def jwk(kid: str | None, key: Any, **more: Any) -> dict[str, Any]:
    public = key.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        members = {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)}
    elif isinstance(public, ec.EllipticCurvePublicKey):
        point, size = public.public_numbers(), (public.curve.key_size + 7) // 8
        curve = {"secp256r1": "P-256", "secp384r1": "P-384"}[public.curve.name]
        members = {"kty": "EC", "crv": curve}
        members |= {"x": b64(point.x.to_bytes(size)), "y": b64(point.y.to_bytes(size))}
    else:
        raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        members = {"kty": "OKP", "crv": "Ed25519", "x": b64(raw)}
    return {**({} if kid is None else {"kid": kid}), **members, **more}


def es(key: ec.EllipticCurvePrivateKey, digest: HashAlgorithm | None = None) -> Sign:
    algorithm = ec.ECDSA(digest or SHA256(), deterministic_signing=True)
    size = (key.curve.key_size + 7) // 8

    def sign(data: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(data, algorithm))
        return r.to_bytes(size) + s.to_bytes(size)

    return sign


def rs(key: rsa.RSAPrivateKey, digest: HashAlgorithm | None = None) -> Sign:
    return lambda data: key.sign(data, padding.PKCS1v15(), digest or SHA256())


def ps(key: rsa.RSAPrivateKey, digest: HashAlgorithm | None = None) -> Sign:
    algorithm = digest or SHA256()
    pss = padding.PSS(padding.MGF1(algorithm), algorithm.digest_size)
    return lambda data: key.sign(data, pss, algorithm)


def hs(secret: bytes, name: str = "sha256") -> Sign:
    return lambda data: hmac.digest(secret, data, name)


def token(header: Mapping[str, Any] | bytes, payload: Any, sign: Sign) -> str:
    """A compact JWS; bytes are taken as they are, everything else is written as JSON."""
    first, second = (
        b64(item if isinstance(item, bytes) else dumps(item)) for item in (header, payload)
    )
    signed = f"{first}.{second}"
    return f"{signed}.{b64(sign(signed.encode()))}"


DIGESTS: dict[str, HashAlgorithm] = {
    "sha1": SHA1(),  # noqa: S303 -- forged signatures use it
    "sha384": SHA384(),
    "sha512": SHA512(),
}
