"""`application/x-www-form-urlencoded` bytes to parameters, or a refusal.

1. at most `max_bytes` bytes, all of them ASCII;
2. at most `MAX_PARAMETERS` parameters, each a name, `=` and a value;
3. `%` begins two hexadecimal digits; what they and the rest spell is UTF-8 without NUL;
4. no name twice (RFC 6749 §3.2). RFC 8693 §2.1 lets `resource` and `audience` repeat; a
   token of ours is for one service, so nothing repeats here;
5. no name that is not known. RFC 6749 §3.2 would have it ignored: then a misspelt `prompt`
   would open a run without one.

A parameter without a value counts as left out (RFC 6749 §3.2).
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from counterfoil.errors import BodyTooLarge, TokenError

MAX_PARAMETERS = 32  # all known ones are 16
_NAME = re.compile(r"[a-z_]{1,64}", re.ASCII)
_VALUE = re.compile(rb"(?:[!-$'-~]++|%[0-9A-Fa-f]{2})*+", re.ASCII)  # never steps back


def read_form(body: bytes, *, known: frozenset[str], max_bytes: int) -> dict[str, str]:
    """Return the parameters that have a value.

    Raises:
        BodyTooLarge: rule 1.
        TokenError: any other rule; nothing of a value is in it.
    """
    if len(body) > max_bytes:
        raise BodyTooLarge(f"at most {max_bytes} bytes")
    pairs = body.split(b"&") if body else []
    if len(pairs) > MAX_PARAMETERS:
        raise TokenError(f"at most {MAX_PARAMETERS} parameters")
    found: dict[str, str] = {}
    for pair in pairs:
        name_bytes, equals, value = pair.partition(b"=")
        name = name_bytes.decode("latin-1")
        if not equals or not _NAME.fullmatch(name):
            raise TokenError("the body is not a form of name=value pairs")
        if name not in known:
            raise TokenError(f"there is no parameter {name}")
        if name in found:
            raise TokenError(f"{name} occurs twice")
        found[name] = _decoded(name, value)
    return {name: value for name, value in found.items() if value}


def _decoded(name: str, value: bytes) -> str:
    if not _VALUE.fullmatch(value):
        raise TokenError(f"{name} is not percent-encoded")
    try:
        text = unquote_to_bytes(value.replace(b"+", b" ")).decode("utf-8")
    except UnicodeDecodeError as error:
        raise TokenError(f"{name} is not UTF-8") from error
    if "\0" in text:
        raise TokenError(f"{name} holds a NUL")
    return text
