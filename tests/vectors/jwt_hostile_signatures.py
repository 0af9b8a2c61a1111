"""The attacks on signatures themselves: forms that a lenient verifier would take."""

from __future__ import annotations

from collections.abc import Iterator

from vectors import jwt_forge as f
from vectors.jwt_issuers import ED1, HEADER, IDP, NOW, RSA1, SIGN, claims, der, honest

Case = tuple[str, str, str, str]
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493


def cases() -> Iterator[Case]:
    yield from signatures()
    yield from other_signatures()


def signatures() -> Iterator[Case]:
    good = honest()
    signed, _, last = good.rpartition(".")
    raw = SIGN[IDP](signed.encode())
    r, s = raw[:32], raw[32:]
    zero, order = bytes(32), f.P256_ORDER.to_bytes(32)
    forms = {
        "der": der(int.from_bytes(r), int.from_bytes(s)),
        "psychic": zero + zero,  # CVE-2022-21449
        "r-zero": zero + s,
        "s-zero": r + zero,
        "r-is-order": order + s,
        "s-is-order": r + order,
        "orders": order + order,
        "swapped": s + r,
        "63-bytes": raw[:-1],
        "65-bytes": raw + b"\0",
        "led-by-zero": b"\0" + raw,
        "wide-halves": b"\0" * 16 + r + b"\0" * 16 + s,
        "all-ones": b"\xff" * 64,
        "bit-flipped": raw[:40] + bytes([raw[40] ^ 1]) + raw[41:],
        "of-other-payload": SIGN[IDP](b"other"),
        "of-payload-only": SIGN[IDP](signed.split(".")[1].encode()),
        "twice": raw + raw,
    }
    for name, signature in forms.items():
        yield "5", "es256", f"sig-{name}", f"{signed}.{f.b64(signature)}"
    header, payload, _ = good.split(".")
    yield (
        "5",
        "es256",
        "sig-payload-changed",
        f"{header}.{f.b64(f.dumps(claims(sub='root')))}.{last}",
    )
    changed = f.b64(f.dumps({**HEADER, "typ": "JWT"}))
    yield "5", "es256", "sig-header-changed", f"{changed}.{payload}.{last}"


def other_signatures() -> Iterator[Case]:
    rsa_header = {**HEADER, "alg": "RS256", "kid": "rsa"}
    yield (
        "5",
        "rs256",
        "sig-rs256-sha1",
        f.token(rsa_header, claims(), f.rs(RSA1, f.DIGESTS["sha1"])),
    )
    yield "5", "rs256", "sig-rs256-is-pss", f.token(rsa_header, claims(), f.ps(RSA1))
    yield "5", "rs256", "sig-rs256-zero", f.token(rsa_header, claims(), lambda _: bytes(256))
    yield (
        "5",
        "rs256",
        "sig-rs256-long",
        f.token(rsa_header, claims(), lambda d: b"\0" + f.rs(RSA1)(d)),
    )
    pss = {**rsa_header, "alg": "PS256"}
    yield "5", "ps256", "sig-ps256-is-pkcs1", f.token(pss, claims(), f.rs(RSA1))

    def malleable(data: bytes) -> bytes:  # RFC 8032 §5.1.7: S must be below the order
        signature = ED1.sign(data)
        s = int.from_bytes(signature[32:], "little") + ED25519_ORDER
        return signature[:32] + s.to_bytes(32, "little")

    header = {**HEADER, "alg": "EdDSA", "kid": "ed"}
    yield "5", "eddsa", "sig-eddsa-malleable", f.token(header, claims(), malleable)
    yield "5", "eddsa", "sig-eddsa-zero", f.token(header, claims(), lambda _: bytes(64))
    yield "5", "eddsa", "sig-eddsa-short", f.token(header, claims(), lambda d: ED1.sign(d)[:63])
    yield (
        "5",
        "eddsa",
        "sig-eddsa-time",
        f.token(header, claims(iat=NOW), lambda d: ED1.sign(d[:-1])),
    )
