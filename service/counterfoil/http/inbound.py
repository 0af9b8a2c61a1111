"""What may be taken from a request: body, credential, idempotency key, ids of tracing.

Everything here is still unverified text; it is only bounded and of the right form.
"""

from __future__ import annotations

import re
from typing import Final

from counterfoil.core.grant import FORM
from counterfoil.errors import (
    BodyTooLarge,
    FormExpected,
    IdentityError,
    MalformedBody,
    MalformedHeader,
    NotFound,
    UnsupportedMediaType,
)
from counterfoil.http.exchange import JSON, Environ

MAX_TOKEN_CHARACTERS = 16_384  # signed tokens with many groups reach 8 KiB; nothing sane more
_READ_STEP = 65_536

# RFC 6750 §2.1; scheme names are case-insensitive (RFC 9110 §11.1)
_BEARER: Final = re.compile(r"bearer +([A-Za-z0-9\-._~+/]+=*)", re.IGNORECASE | re.ASCII)
# A structured-field String (RFC 9651 §3.3.3), or the bare token that many clients send
_KEY_STRING: Final = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\]){1,255})"')
_KEY_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~:/]{1,255}")
_ID: Final = re.compile(r"[0-9A-Za-z]{26}")  # after the prefix, `system.RandomIds`
_COUNT: Final = re.compile(r"[0-9]{1,6}", re.ASCII)
_CHARSET: Final = re.compile(r"charset[ \t]*=[ \t]*\"?([^\";, \t]*)", re.IGNORECASE | re.ASCII)


def json_body(environ: Environ, *, max_bytes: int) -> bytes:
    """Return the whole body, never reading much more than `max_bytes`.

    Raises:
        UnsupportedMediaType: not `application/json` in UTF-8, or compressed.
        BodyTooLarge: declared or found larger than `max_bytes`.
        MalformedBody: without an honest length, or cut short.
    """
    media_type = environ.get("CONTENT_TYPE") or ""
    if media_type != JSON and not _is(JSON, media_type):
        raise UnsupportedMediaType
    return _body(environ, max_bytes)


def form_body(environ: Environ, *, max_bytes: int) -> bytes:
    """Return the whole body of a form (RFC 6749 §3.2), as `json_body` does.

    Raises:
        FormExpected: not `application/x-www-form-urlencoded` in UTF-8.
        UnsupportedMediaType: compressed.
        BodyTooLarge: declared or found larger than `max_bytes`.
        MalformedBody: without an honest length, or cut short.
    """
    if not _is(FORM, environ.get("CONTENT_TYPE") or ""):
        raise FormExpected
    return _body(environ, max_bytes)


def _body(environ: Environ, max_bytes: int) -> bytes:
    # A compressed body would be bounded only after inflating it
    if environ.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity":
        raise UnsupportedMediaType("Content-Encoding is not supported")
    try:
        if environ.get("HTTP_TRANSFER_ENCODING"):
            return _chunked(environ, max_bytes)
        return _sized(environ, max_bytes)
    except OSError as error:  # a reset connection; cut and malformed chunks end in the worker
        raise MalformedBody("the body could not be read to its end") from error


def _is(wanted: str, media_type: str) -> bool:
    name, _, parameters = media_type.partition(";")
    charset = _CHARSET.search(parameters)
    return name.strip(" \t").lower() == wanted and (
        charset is None or charset[1].lower() in {"utf-8", "utf8"}
    )


def _sized(environ: Environ, max_bytes: int) -> bytes:
    text = environ.get("CONTENT_LENGTH") or "0"
    if not (text.isascii() and text.isdigit()):  # int() also reads "+1", "1_0" and "٣"
        raise MalformedBody("Content-Length is not a number")
    if len(text) > len(str(max_bytes)) or int(text) > max_bytes:
        raise _too_large(max_bytes)
    length = int(text)
    body: bytes = environ["wsgi.input"].read(length) if length else b""
    if len(body) != length:
        raise MalformedBody("the body is shorter than its Content-Length")
    return body


def _chunked(environ: Environ, max_bytes: int) -> bytes:
    # PEP 3333 gives no end of input without a length; gunicorn says when it does
    if not environ.get("wsgi.input_terminated") or environ.get("CONTENT_LENGTH"):
        raise MalformedBody("send a Content-Length, or chunks and nothing else")
    stream, parts, total = environ["wsgi.input"], [], 0
    while part := stream.read(min(_READ_STEP, max_bytes + 1 - total)):
        parts.append(part)
        total += len(part)
        if total > max_bytes:
            raise _too_large(max_bytes)
    return b"".join(parts)


def _too_large(max_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(f"at most {max_bytes} bytes")


def bearer_token(environ: Environ) -> str | None:
    """Return the bearer token's text, None where no `Authorization` was sent.

    Two headers arrive joined by a comma and are refused: which one counts would be a guess.

    Raises:
        IdentityError: another scheme, or not one token in RFC 6750's form.
    """
    header = environ.get("HTTP_AUTHORIZATION")
    if header is None:
        return None
    match = _BEARER.fullmatch(header) if len(header) <= MAX_TOKEN_CHARACTERS else None
    if match is None:
        raise IdentityError
    return match[1]


def idempotency_key(environ: Environ) -> str | None:
    """Return the key of `Idempotency-Key`, None where it was not sent.

    Raises:
        MalformedHeader: neither a structured-field String nor a token of 1 to 255 characters.
    """
    header = environ.get("HTTP_IDEMPOTENCY_KEY")
    if header is None:
        return None
    header = header.strip(" \t")
    if match := _KEY_STRING.fullmatch(header):
        return re.sub(r"\\(.)", r"\1", match[1])
    if _KEY_TOKEN.fullmatch(header):
        return str(header)
    raise MalformedHeader('Idempotency-Key must be one "string" of 1 to 255 characters')


def unrecorded_calls(environ: Environ) -> int:
    """Return the hook's count of calls that ran unrecorded before this one, 0 without it.

    Raises:
        MalformedHeader: `Counterfoil-Unrecorded` is not a number of at most six digits.
    """
    header = environ.get("HTTP_COUNTERFOIL_UNRECORDED")
    if header is None:
        return 0
    text = str(header).strip(" \t")
    if not _COUNT.fullmatch(text):
        raise MalformedHeader("Counterfoil-Unrecorded must be a number of at most six digits")
    return int(text)


def known_id(prefix: str, text: str) -> str:
    """Return an id of our own form: only those reach a query, any other cannot exist.

    Raises:
        NotFound: another prefix, length or alphabet.
    """
    name, _, rest = text.partition("_")
    if name != prefix or not _ID.fullmatch(rest):
        raise NotFound
    return text
