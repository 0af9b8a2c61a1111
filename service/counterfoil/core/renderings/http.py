"""`http` permissions → the requests that a gateway may let through, each once.

An API that knows no scoped credentials is called through a gateway that holds the standing one
(docs/issuers/http_proxy.md). So the rendering is the request itself: method, URL byte for byte,
and the SHA-256 of its body where it has one. Not expressible, so refused: several methods, a
pattern, a URL with anything in it that is not what is sent.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from counterfoil.core.model import JsonObject, JsonValue, Permission
from counterfoil.core.renderings.contract import (
    NotRenderable,
    only_location,
    only_members,
    text,
    texts,
)

_MEMBERS: Final = frozenset(
    {"type", "locations", "identifier", "actions", "body_sha256", "operations"}
)
_REQUEST: Final = frozenset({"method", "url", "body_sha256"})
_ORIGIN: Final = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[1-9][0-9]{0,4})?", re.ASCII)
_TARGET: Final = re.compile(r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-F]{2}){0,8191}", re.ASCII)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


class Right(NamedTuple):
    """One request; `body_sha256` is None where it has no body."""

    origin: str
    method: str
    target: str
    body_sha256: str | None


def rights(permission: Permission) -> frozenset[Hashable]:
    """The one request of a permission.

    Raises:
        NotRenderable: it is none, or more than one.
    """
    only_members(permission, _MEMBERS)
    origin = only_location(texts(permission.get("locations")), "a request goes to one origin")
    method = only_location(texts(permission.get("actions")), "a request has one method")
    target = text(permission.get("identifier"))
    digest = permission.get("body_sha256")
    whole = _ORIGIN.fullmatch(origin) and _TARGET.fullmatch(target) and method in _METHODS
    if not whole or not (digest is None or _is_sha256(digest)):
        raise NotRenderable("it is not one request that can be sent as it stands")
    return frozenset({Right(origin, method, target, None if digest is None else text(digest))})


def render(permissions: Sequence[Permission]) -> JsonObject:
    """The requests, sorted.

    Raises:
        NotRenderable: one of them is none.
    """
    found = frozenset[Hashable]().union(*(rights(item) for item in permissions))
    requests: list[JsonValue] = []
    for right in sorted((one for one in found if isinstance(one, Right)), key=_order):
        request: dict[str, JsonValue] = {
            "method": right.method,
            "url": f"{right.origin}{right.target}",
        }
        if right.body_sha256 is not None:
            request["body_sha256"] = right.body_sha256
        requests.append(request)
    return {"requests": requests}


def parse_back(rendering: JsonObject) -> frozenset[Hashable]:
    """Read the requests again, their URLs by another reader than wrote them.

    Raises:
        NotRenderable: there is something that is no request.
    """
    requests = only_members(rendering, frozenset({"requests"})).get("requests")
    if not isinstance(requests, list):
        raise NotRenderable("there are no requests")
    return frozenset(_read(only_members(request, _REQUEST)) for request in requests)


def _order(right: Right) -> tuple[str, ...]:
    return (right.origin, right.target, right.method, right.body_sha256 or "")


def _read(request: JsonObject) -> Right:
    url, digest = text(request.get("url")), request.get("body_sha256")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise NotRenderable("a URL does not read back") from error
    origin = f"{parts.scheme}://{parts.netloc}"
    if not url.startswith(f"{origin}/") or "#" in url or "@" in parts.netloc:
        raise NotRenderable("a URL does not read back")
    if not (digest is None or _is_sha256(digest)):
        raise NotRenderable("a body does not read back")
    body = None if digest is None else text(digest)
    return Right(origin, text(request.get("method")), url.removeprefix(origin), body)


def _is_sha256(value: JsonValue) -> bool:
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None
