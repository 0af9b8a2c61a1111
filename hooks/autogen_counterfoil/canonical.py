"""Canonical bytes and the action digest, as the service publishes them.

Keys sorted by code point, no white space, shortest escapes, integers exact. A second
implementation on purpose: it shares vectors with the service and no code.
"""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import TypeAlias, cast

JsonValue: TypeAlias = (
    "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
)
JsonObject: TypeAlias = Mapping[str, JsonValue]

ACTION_DOMAIN = b"counterfoil/action/v1\n"
_encode = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
).encode


def canonical(value: object) -> bytes:
    """Return the canonical UTF-8 form.

    Raises:
        ValueError: not JSON data (NaN, a lone surrogate, a foreign type, a cycle).
    """
    try:
        return _encode(value).encode("utf-8")
    except (TypeError, RecursionError) as error:
        raise ValueError(str(error)) from error


def parsed(frozen: bytes) -> dict[str, JsonValue]:
    """Return a fresh copy of a frozen object: nobody else holds a reference into it.

    Raises:
        ValueError: not a JSON object.
    """
    value = json.loads(frozen)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 -- one error for all bad JSON
    return cast("dict[str, JsonValue]", value)


def frozen_object(value: Mapping[str, object]) -> bytes:
    """Freeze an object: later changes to `value`, by anybody, change nothing.

    Raises:
        ValueError: not JSON data, or names that are not text.
    """
    frozen = canonical(dict(value))
    if parsed(frozen) != value:  # json turns 1 into "1" as a name, and tuples into lists
        raise ValueError("the arguments are not plain JSON data")
    return frozen


def digest(data: bytes) -> str:
    """Base64url without padding of SHA-256."""
    return urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode("ascii")


def action_digest(judged: JsonObject, arguments: JsonObject) -> str:
    """The digest of exactly this action.

    Args:
        judged: `tenant`, `subject`, `actor`, `action` and `resource` as the service saw them.
        arguments: what will run.
    """
    members = {
        name: judged.get(name) for name in ("tenant", "subject", "actor", "action", "resource")
    }
    return digest(ACTION_DOMAIN + canonical({**members, "arguments": arguments}))
