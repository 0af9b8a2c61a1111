"""Whether a request on the wire is the decided one, and which of its headers go on.

    1. method and target are the decided bytes; nothing is decoded or resolved before
    2. each header once, of the closed list by which requests are read; the rest refuses
    3. body by its digest, framed by one Content-Length

Nothing that was sent is passed on as bytes: what goes out is made anew from what was read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from typing import Final

from counterfoil.core.actions.contract import DEFAULT_LIMITS, Unreadable
from counterfoil.core.actions.http import HEADERS, Request, read_request
from counterfoil.core.renderings.http import Right

MAX_BODY_BYTES: Final = DEFAULT_LIMITS.body_bytes
_OURS: Final = frozenset({"host", "authorization", "content-length", "connection"})
"""About this connection: read here, never passed on."""
_MADE_ANEW: Final = frozenset({"accept-encoding"})  # an answer is looked through
_CONNECTION: Final = frozenset({"keep-alive", "close"})


class Refused(Exception):
    """Nothing is sent. `code` is stable; the text holds nothing that the holder sent."""

    def __init__(self, status: HTTPStatus, code: str, solution: str) -> None:
        super().__init__(code)
        self.status, self.code, self.solution = status, code, solution


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A request but its body."""

    candidates: frozenset[Right]
    headers: dict[str, str]


def read_head(
    decided: Iterable[Right], method: str, target: str, headers: Sequence[tuple[bytes, bytes]]
) -> Head:
    """Find which of the decided requests this may be.

    Args:
        decided: those of the pass.
        method: as sent.
        target: the request's target as sent.
        headers: names and values as sent.

    Raises:
        Refused: it is none of them, or its headers could change what it is.
    """
    candidates = frozenset(one for one in decided if (one.method, one.target) == (method, target))
    if not candidates:
        raise Refused(
            HTTPStatus.FORBIDDEN,
            "request_not_decided",
            "send the decided method and the decided path and query, byte for byte",
        )
    found: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        allowed = name in HEADERS or name in _OURS
        if name in found or not allowed or (name == "connection" and not _plain(value)):
            raise _header()
        found[name] = value
    return Head(candidates=candidates, headers=found)


def read_whole(head: Head, body: bytes) -> tuple[Right, Request]:
    """The decided request that this is, and what goes out.

    Raises:
        Refused: the body is another one, or means something else beside these headers.
    """
    digest = sha256(body).hexdigest()
    right = next((one for one in head.candidates if one.body_sha256 == digest), None)
    if right is None and not body:
        right = next((one for one in head.candidates if one.body_sha256 is None), None)
    if right is None:
        raise Refused(HTTPStatus.FORBIDDEN, "body_not_decided", "send the decided body")
    dropped = _OURS | _MADE_ANEW
    passed = {name: value for name, value in head.headers.items() if name not in dropped}
    text = None if right.body_sha256 is None else body.decode("utf-8", "strict")
    try:
        # The URL is the service's signed one, so no hostile text reaches a parser here.
        url = right.origin + right.target
        return right, read_request(right.method, url, dict(passed), text, DEFAULT_LIMITS)
    except Unreadable as doubt:
        raise _header() from doubt


def _plain(connection: str) -> bool:
    """No header is named as one of this connection's: that would have it dropped on the way."""
    return connection.lower() in _CONNECTION


def _header() -> Refused:
    solution = "send only headers that docs/actions/http.md lists, each once, and no credential"
    return Refused(HTTPStatus.BAD_REQUEST, "header_not_allowed", solution)
