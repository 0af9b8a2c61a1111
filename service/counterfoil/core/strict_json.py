"""Bytes to one JSON object, or a refusal: the only reader of request bodies.

Two readers that disagree about one document are an attack (duplicate names, NaN, unpaired
surrogates, rounded integers: Bishop Fox 2021, RFC 7493). So everything that any later reader
(OPA, the ledger, a hook) could see differently is refused here:

1. at most `max_bytes` bytes, valid UTF-8, no byte order mark (RFC 8259 §8.1);
2. one object and nothing after it;
3. no name twice in an object (RFC 7493 §2.3);
4. no NaN, no infinity, no number that overflows to one (RFC 8259 §6);
5. integers within 64 signed bits: OPA, SQL and MessagePack keep those exactly, nothing more;
6. no unpaired surrogate, raw or escaped (RFC 7493 §2.1);
7. at most `max_depth` objects and arrays inside each other.
"""

from __future__ import annotations

import json
import math
from typing import NoReturn

from counterfoil.core.model import JsonObject, JsonValue
from counterfoil.errors import BodyTooLarge, MalformedBody

DEFAULT_MAX_DEPTH = 32  # a Deployment manifest needs about 12; each level costs stack downstream
MAX_INTEGER = 2**63 - 1
MIN_INTEGER = -(2**63)
_MAX_NUMBER_CHARACTERS = 64  # a double needs 25 at most; long digits only cost time
_BOM = b"\xef\xbb\xbf"


def parse(body: bytes, *, max_bytes: int, max_depth: int = DEFAULT_MAX_DEPTH) -> JsonObject:
    """Return the one JSON object that `body` is, by the rules of the module.

    Raises:
        BodyTooLarge: more than `max_bytes`, or deeper than `max_depth`.
        MalformedBody: anything else that breaks a rule.
    """
    if len(body) > max_bytes:
        raise BodyTooLarge(f"at most {max_bytes} bytes")
    if body.startswith(_BOM):
        raise MalformedBody("a byte order mark is not allowed")
    try:
        value = _decode(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise MalformedBody(f"byte {error.start} is not valid UTF-8") from error
    except json.JSONDecodeError as error:
        raise MalformedBody(f"not JSON at character {error.pos}") from error
    except RecursionError as error:  # the C scanner's own bound, far above max_depth
        raise BodyTooLarge(f"at most {max_depth} levels") from error
    if not isinstance(value, dict):
        raise MalformedBody("the body must be one JSON object")
    # The usual request has few brackets and no escape: it cannot break rules 6 and 7.
    if b"\\u" in body or body.count(b"{") + body.count(b"[") > max_depth:
        _check_tree(value, max_depth)
    return value


def _object(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise MalformedBody("a name occurs twice in one object")
    return value


def _integer(text: str) -> int:
    if len(text) <= _MAX_NUMBER_CHARACTERS:
        value = int(text)
        if MIN_INTEGER <= value <= MAX_INTEGER:
            return value
    raise MalformedBody("an integer does not fit in 64 bits")


def _float(text: str) -> float:
    if len(text) <= _MAX_NUMBER_CHARACTERS:
        value = float(text)
        if math.isfinite(value):
            return value
    raise MalformedBody("a number is too long or too large")


def _constant(_name: str) -> NoReturn:
    raise MalformedBody("NaN and Infinity are not JSON")


_decode = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=_integer,
    parse_float=_float,
    parse_constant=_constant,
).decode


def _check_tree(value: JsonValue, max_depth: int) -> None:
    """Rules 6 and 7, without recursion."""
    level: list[JsonValue] = [value]
    depth = 0
    while level:
        depth += 1
        deeper: list[JsonValue] = []
        for item in level:
            if isinstance(item, str):
                _check_text(item)
            elif isinstance(item, dict):
                for name in item:
                    _check_text(name)
                deeper.extend(item.values())
            elif isinstance(item, list):
                deeper.extend(item)
        if depth > max_depth and any(isinstance(item, dict | list) for item in level):
            raise BodyTooLarge(f"at most {max_depth} levels")
        level = deeper


def _check_text(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise MalformedBody("a string holds an unpaired surrogate") from error
