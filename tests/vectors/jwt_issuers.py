"""The issuers that the tokens of `make_jwt.py` meet, and how an honest token looks."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from vectors import jwt_forge as f

NOW = 1_800_000_000
IDP, STRICT, AGENTS, CLIENTS, MAPPED = (
    f"https://{name}.example.com" for name in ("idp", "strict", "agents", "clients", "mapped")
)
EC1, EC2, EC3, EC4, EC5 = (f.ec_key(f"ec-{i}") for i in range(1, 6))
ECENC, ECOPS, ECALG, EC384 = (
    f.ec_key("enc"),
    f.ec_key("ops"),
    f.ec_key("alg"),
    f.ec_key("384", ec.SECP384R1()),
)
ED1, RSA1, WEAK, EVIL = (
    f.ed_key("ed"),
    f.rsa_key("rsa-2048"),
    f.rsa_key("rsa-1024"),
    f.ec_key("evil"),
)
NOKID = f.ec_key("nokid")

ISSUERS: list[dict[str, Any]] = [
    {
        "issuer": IDP,
        "algorithms": ["ES256", "RS256", "PS256", "EdDSA"],
        "keys": [
            f.jwk("ec", EC1, use="sig", alg="ES256", key_ops=["verify"]),
            f.jwk("rsa", RSA1),
            f.jwk("rsa-rs", RSA1, alg="RS256"),
            f.jwk("ed", ED1, use="sig"),
            f.jwk("enc", ECENC, use="enc"),
            f.jwk("ops", ECOPS, key_ops=["sign"]),
            f.jwk("alg", ECALG, alg="ES384"),
            f.jwk("p384", EC384),
            f.jwk("weak", WEAK),
            f.jwk(None, NOKID),
        ],
    },
    {"issuer": STRICT, "algorithms": ["ES256"], "keys": [f.jwk("ec", EC2), f.jwk("rsa", RSA1)]},
    {
        "issuer": AGENTS,
        "algorithms": ["ES256"],
        "may_assert_actor": True,
        "keys": [f.jwk("ec", EC3)],
    },
    {
        "issuer": CLIENTS,
        "algorithms": ["ES256"],
        "clients": ["launcher", "console"],
        "max_age_seconds": 600,
        "keys": [f.jwk("ec", EC4)],
    },
    {
        "issuer": MAPPED,
        "algorithms": ["ES256"],
        "subject_claim": "oid",
        "groups_claim": "realm_access.roles",
        "groups_separator": ",",
        "tenant_claim": "org.id",
        "tenants": {"o-1": "default", "o-2": "other"},
        "keys": [f.jwk("ec", EC5)],
    },
]
SIGN = {
    IDP: f.es(EC1),
    STRICT: f.es(EC2),
    AGENTS: f.es(EC3),
    CLIENTS: f.es(EC4),
    MAPPED: f.es(EC5),
}
HEADER = {"alg": "ES256", "kid": "ec", "typ": "at+jwt"}
MISSING = object()


def claims(iss: Any = IDP, **more: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "iss": iss,
        "sub": "alice",
        "aud": "counterfoil",
        "iat": NOW - 10,
        "nbf": NOW - 10,
        "exp": NOW + 600,
        "groups": ["developers"],
    }
    if iss == AGENTS:
        base |= {"act": {"iss": AGENTS, "sub": "coder"}, "run": "run_1", "prompt_digest": "A" * 43}
    if iss == CLIENTS:
        base |= {"client_id": "launcher"}
    if iss == MAPPED:
        base |= {"oid": "o-alice", "realm_access": {"roles": ["developers"]}, "org": {"id": "o-1"}}
    return {name: value for name, value in {**base, **more}.items() if value is not MISSING}


def honest(iss: str = IDP, **more: Any) -> str:
    return f.token(HEADER, claims(iss, **more), SIGN[iss])


def headed(**more: Any) -> str:
    header = {k: v for k, v in {**HEADER, **more}.items() if v is not MISSING}
    return f.token(header, claims(), SIGN[IDP])


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth - 1):
        value = [value]
    return value


def big(*, extra: int) -> str:
    """The largest honest token of at most 16,384 characters, or some over."""
    pad = 12_000
    while len(honest(pad="p" * (pad + 1))) <= 16_384:
        pad += 1
    return honest(pad="p" * (pad + extra))


def public_forms(key: Any) -> dict[str, bytes]:
    """Every text an HMAC confusion could use as its secret (CVE-2016-10555, CVE-2022-29217)."""
    public = key.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return {
        "pem": pem,
        "pem-stripped": pem.strip(),
        "der": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "ssh": public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        "jwk": f.dumps(f.jwk("rsa", key)),
    }


def der(r: int, s: int) -> bytes:
    return encode_dss_signature(r, s)
