"""The keys of one issuer, from a file (a JWK Set, RFC 7517), read strictly.

Rule 5 of `oidc.py` is decided here: what is in a `KeySet` may verify, nothing else.
A set is refused whole where it cannot be meant (not JSON, a name or `kid` twice, a secret
or private key in it); a single key that may not verify is left out. The file is looked at
again when it changed, at most once per interval. While it cannot be read, the last good
set stays: an attacker who can only break the file gains nothing, and a careless edit does
not lock everybody out.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import get_default_algorithms
from jwt.exceptions import InvalidKeyError

from counterfoil.core.canonical import canonical_bytes, digest
from counterfoil.core.model import JsonObject, JsonValue
from counterfoil.core.strict_json import parse
from counterfoil.errors import IdentityUnavailable, RequestError

MAX_JWKS_BYTES = 262_144
MAX_KEYS = 100
MAX_KID_CHARS = 256
MIN_RSA_BITS = 2_048  # RFC 7518 §3.3
MAX_RSA_BITS = 8_192  # a larger one only makes each verification slow
MAX_RSA_EXPONENT = 2**32  # the same; 65537 is usual
RELOAD_INTERVAL_SECONDS = 2.0

# RFC 7518 §6.2.2, §6.3.2, §6.4.1; RFC 8037 §2: members that only a secret key has.
_SECRET_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_ALGORITHMS: Final = {
    name: algorithm
    for name, algorithm in get_default_algorithms().items()
    if name in {"ES256", "RS256", "PS256", "EdDSA"}
}
_KEY_TYPES: Final = {
    "ES256": EllipticCurvePublicKey,
    "RS256": RSAPublicKey,
    "PS256": RSAPublicKey,
    "EdDSA": Ed25519PublicKey,
}
# One reader per kind of key, whatever the algorithm it will be used with.
_READERS: Final = {("EC", "P-256"): "ES256", ("RSA", None): "RS256", ("OKP", "Ed25519"): "EdDSA"}
_ENCODED_MEMBERS: Final = {"EC": ("x", "y"), "RSA": ("n", "e"), "OKP": ("x",)}
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]{1,2048}", re.ASCII)
_log = logging.getLogger(__name__)


class MalformedKeySet(ValueError):
    """The file is no key set that could be meant."""


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """One public key that may verify, and the only algorithm it is for, if it says one."""

    key: Any
    algorithm: str | None

    def fits(self, algorithm: str) -> bool:
        """Whether it may verify under `algorithm`."""
        # Rule 5: the kind of key belongs to the algorithm (no key confusion, CVE-2022-29217)
        # and a JWK's own `alg` is binding.
        return self.algorithm in {None, algorithm} and isinstance(self.key, _KEY_TYPES[algorithm])

    def verifies(self, algorithm: str, signed: bytes, signature: bytes) -> bool:
        """Whether `signature` over `signed` is this key's under exactly `algorithm`."""
        return self.fits(algorithm) and bool(
            _ALGORITHMS[algorithm].verify(signed, self.key, signature)
        )


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys of one state of the file, by `kid`."""

    keys: Mapping[str, VerifyingKey]


def read_key_set(data: bytes) -> KeySet:
    """Read a JWK Set.

    Raises:
        MalformedKeySet: see the module; or no key in it may verify.
    """
    try:
        document = parse(data, max_bytes=MAX_JWKS_BYTES)
    except RequestError as error:
        raise MalformedKeySet("not strict JSON") from error
    members = document.get("keys")
    if not isinstance(members, list) or len(members) > MAX_KEYS:
        raise MalformedKeySet("`keys` is missing or too long")
    keys: dict[str, VerifyingKey] = {}
    seen: set[str] = set()
    for jwk in members:
        if not isinstance(jwk, dict):
            raise MalformedKeySet("a key is not an object")
        _refuse_secrets(jwk)
        kid = jwk.get("kid")
        if not isinstance(kid, str):
            continue  # rule 5: keys are found by exact kid, never by trial
        if kid in seen:
            raise MalformedKeySet("a kid occurs twice")
        seen.add(kid)
        key = _verifying_key(jwk)
        if key is not None and 1 <= len(kid) <= MAX_KID_CHARS:
            keys[kid] = key
    if not keys:
        raise MalformedKeySet("no key in it may verify")
    return KeySet(keys)


def read_lone_key(jwk: JsonValue) -> VerifyingKey:
    """Read a public key that stands alone, as in a proof's header (RFC 9449 §4.2).

    Raises:
        MalformedKeySet: no key that may verify, or a secret or private one.
    """
    if not isinstance(jwk, dict):
        raise MalformedKeySet("the key is not an object")
    _refuse_secrets(jwk)
    key = _verifying_key(jwk)
    if key is None:
        raise MalformedKeySet("the key may not verify")
    return key


def thumbprint(jwk: JsonObject) -> str:
    """The RFC 7638 thumbprint of a key that `read_lone_key` reads."""
    kind = jwk.get("kty")
    names = ("kty", *_ENCODED_MEMBERS[kind], "crv") if isinstance(kind, str) else ()
    return digest(canonical_bytes({name: jwk[name] for name in names if name in jwk}))


def _refuse_secrets(jwk: JsonObject) -> None:
    # Rule 5: a set that mixes secret and public keys is refused whole; never HMAC from one.
    if jwk.get("kty") == "oct" or not _SECRET_MEMBERS.isdisjoint(jwk):
        raise MalformedKeySet("it holds a secret or private key")


def _verifying_key(jwk: JsonObject) -> VerifyingKey | None:
    algorithm = jwk.get("alg")
    if jwk.get("use", "sig") != "sig" or not _may_verify(jwk.get("key_ops", ["verify"])):
        return None
    if algorithm is not None and not isinstance(algorithm, str):
        return None
    kind, curve = jwk.get("kty"), jwk.get("crv")
    if not isinstance(kind, str) or not (curve is None or isinstance(curve, str)):
        return None
    reader = _READERS.get((kind, curve))
    if reader is None or not all(_encoded(jwk.get(name)) for name in _ENCODED_MEMBERS[kind]):
        return None
    try:
        key: Any = _ALGORITHMS[reader].from_jwk(dict(jwk))
    except (InvalidKeyError, ValueError):
        return None
    return VerifyingKey(key, algorithm) if _is_strong(key) else None


def _may_verify(operations: JsonValue) -> bool:
    return isinstance(operations, list) and "verify" in operations


def _encoded(value: JsonValue) -> bool:
    return isinstance(value, str) and _BASE64URL.fullmatch(value) is not None


def _is_strong(key: object) -> bool:
    if isinstance(key, RSAPublicKey):
        strong = MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS
        return strong and key.public_numbers().e <= MAX_RSA_EXPONENT
    if isinstance(key, EllipticCurvePublicKey):
        return isinstance(key.curve, SECP256R1)
    return isinstance(key, Ed25519PublicKey)


class KeyFile:
    """The key set of one file, followed as the file changes. Thread safe.

    `current` hands out the same object until the file's content changes, so identity of
    the object is the generation of the keys.

    Args:
        path: the file.
        max_age_seconds: how long after the file was last written its keys count; None for
            ever. A file that a fetch renews says by its age how long nobody could fetch.
    """

    def __init__(self, path: Path, *, max_age_seconds: float | None = None) -> None:
        self._path = path
        self._max_age_seconds = max_age_seconds
        self._lock = threading.Lock()
        self._set: KeySet | None = None  # guarded by _lock, like all below
        self._state: tuple[int, ...] | None = None
        self._written_at = 0.0
        self._looked_at: float | None = None
        self._data = b""
        self._failing = False

    def current(self, now: float) -> KeySet:
        """Return the keys, having looked at the file within the last interval.

        Raises:
            IdentityUnavailable: no good set was ever read, or it is too old.
        """
        looked_at = self._looked_at
        if (
            looked_at is None
            or self._set is None  # the first keys count at once on every worker
            or not 0 <= now - looked_at < RELOAD_INTERVAL_SECONDS
        ):
            self.look(now)
        key_set = self._set
        if key_set is None:
            raise IdentityUnavailable("no key set was ever read")
        age = now - self._written_at
        if self._max_age_seconds is not None and age > self._max_age_seconds:
            raise IdentityUnavailable("the last key set is too old")
        return key_set

    def renewed(self, now: float) -> KeySet:
        """Return the keys after one could not be found; here those of the last look."""
        return self.current(now)

    def look(self, now: float) -> None:
        """Look at the file now."""
        with self._lock:
            self._look(now)

    def _look(self, now: float) -> None:
        try:
            state = _state_of(self._path)
            if state != self._state:
                data = _read(self._path)
                if self._set is None or data != self._data:
                    self._set, self._data = read_key_set(data), data
                self._state = state
                self._written_at = state[0] / 1e9
            self._failing = False
        except (OSError, MalformedKeySet) as error:
            if not self._failing:
                _log.error("%s cannot be used, the last good keys stay: %s", self._path, error)
            self._failing = True
        self._looked_at = now


def _state_of(path: Path) -> tuple[int, ...]:
    status = path.stat()
    return (status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev, status.st_size)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_JWKS_BYTES + 1)
