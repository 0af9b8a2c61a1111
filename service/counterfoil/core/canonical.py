"""Canonical bytes, and the one action digest of the product (docs/action-digest.md).

Keys sorted by code point, no white space, shortest escapes, integers exact. RFC 8785
(JCS) sorts by UTF-16 code unit and rounds integers over 2^53, which would make 2^60 and
2^60+1 one action; so this is its own form, with published vectors.
"""

from __future__ import annotations

import hashlib
import json
import math
from binascii import b2a_base64
from contextlib import suppress

import orjson

from counterfoil.core.model import Actor, JsonObject, JsonValue, Resource, Subject

ACTION_DOMAIN = b"counterfoil/action/v1\n"
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
_encode = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
).encode


class NotCanonical(ValueError):
    """The value has no canonical form (a float, NaN, or a lone surrogate)."""


def canonical_bytes(value: JsonValue, *, floats: bool = False) -> bytes:
    """Return the canonical UTF-8 form of `value`.

    Args:
        value: JSON data; object keys are text.
        floats: whether numbers with a fraction are allowed (only where a tool's schema
            declares them); they are written in their shortest round-trip form.

    Raises:
        NotCanonical: for a float without `floats`, NaN, infinity, or a lone surrogate.
    """
    if not has_float(value):
        # orjson writes the same bytes 14 times faster, but for fractions, which it spells
        # differently (and NaN, which it turns into null). What it refuses, such as integers
        # beyond 64 bits, the reference below judges.
        with suppress(TypeError):
            return orjson.dumps(value, option=_OPTIONS)
    elif not floats:
        raise NotCanonical("numbers must be integers unless the tool's schema says otherwise")
    return reference_bytes(value)


def reference_bytes(value: JsonValue) -> bytes:
    """The form itself, by the standard library; `canonical_bytes` is only faster.

    Raises:
        NotCanonical: NaN, infinity, or a lone surrogate.
    """
    try:
        return _encode(value).encode("utf-8")
    except (ValueError, UnicodeEncodeError, TypeError, RecursionError) as error:
        raise NotCanonical(str(error)) from error


def b64url(data: bytes) -> str:
    """Base64url without padding (RFC 7515 §2)."""
    return b2a_base64(data, newline=False).translate(_URL_SAFE).rstrip(b"=").decode("ascii")


def digest(data: bytes) -> str:
    """Base64url without padding of SHA-256."""
    return b64url(hashlib.sha256(data).digest())


def judged_action(
    *,
    tenant: str,
    subject: Subject,
    actor: Actor | None,
    name: str,
    family: str,
    resource: Resource | None,
) -> JsonObject:
    """What the digest covers beside the arguments, as the answer shows it (`judged`)."""
    return {
        "tenant": tenant,
        "subject": {"iss": subject.issuer, "sub": subject.sub},
        "actor": None if actor is None else {"iss": actor.issuer, "sub": actor.sub},
        "action": {"name": name, "family": family},
        "resource": None
        if resource is None
        else {"type": resource.type, "id": resource.id, "location": resource.location},
    }


def action_digest(judged: JsonObject, arguments: JsonObject, *, floats: bool = False) -> str:
    """The digest that binds grant, approval, hook and issuer to exactly this action.

    `arguments` are `execute.arguments` where the interpreter made them, else the
    validated ones; the originals are never in it.

    Raises:
        NotCanonical: see `canonical_bytes`.
    """
    value: JsonObject = {**judged, "arguments": arguments}
    return digest(ACTION_DOMAIN + canonical_bytes(value, floats=floats))


def has_float(value: JsonValue) -> bool:
    """Whether a number with a fraction or exponent stands anywhere in `value`."""
    found: list[JsonValue] = [value]
    for item in found:  # grows while it is walked; exact types first: this is the hot path
        kind = type(item)
        if kind is str or kind is int:
            continue
        if isinstance(item, dict):
            found += item.values()
        elif isinstance(item, (list, tuple)):
            found += item
        elif isinstance(item, float):
            return True
    return False


def is_finite_number(value: JsonValue) -> bool:
    """True for a finite int or float that is not a bool (JSON's `true` is not a number)."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
