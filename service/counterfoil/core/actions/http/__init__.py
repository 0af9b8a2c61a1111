"""The `http` family: one request, read so that it is the same for every client.

    1. method, headers and body by closed lists       here
    2. the URL by a strict grammar and a second parser url.py, hosts.py
    3. the named operation of a registered API       ../apis.py
    4. operations, permission, and what runs           here

A request is certain with redirects off alone: each hop is a request of its own. What a name
resolves to, and a proxy on the way, are not knowable here (docs/actions/http.md).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from urllib.parse import unquote_to_bytes

from counterfoil.core.actions.apis import called
from counterfoil.core.actions.contract import Limits, Unreadable, check_size, command_text
from counterfoil.core.actions.http.hosts import power_of
from counterfoil.core.actions.http.url import Url, read_url
from counterfoil.core.model import (
    Command,
    Execute,
    Interpretation,
    JsonObject,
    JsonValue,
    Operation,
    Permission,
    Registered,
    Resource,
)

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SESSION: Final[JsonObject] = {"follow_redirects": False}
HEADERS: Final = frozenset(
    {"accept", "accept-charset", "accept-encoding", "accept-language", "cache-control"}
    | {"content-type", "content-language", "if-match", "if-none-match", "if-modified-since"}
    | {"if-unmodified-since", "idempotency-key", "prefer", "range", "user-agent", "traceparent"}
    | {"tracestate", "x-request-id", "x-correlation-id", "x-requested-with", "x-github-api-version"}
    | {"origin", "referer", "date", "dnt", "pragma", "api-version", "x-api-version"}
    | {"notion-version", "stripe-version", "anthropic-version", "openai-beta", "x-client-version"}
)
"""Headers that do not change what is asked of whom. Any other is uncertain."""
CREDENTIALS: Final = frozenset(
    {"authorization", "cookie", "x-api-key", "api-key", "x-auth-token", "private-token"}
    | {"x-gitlab-token", "x-vault-token", "x-access-token", "x-csrf-token", "apikey"}
)
"""Headers by which somebody says who they are: a power of its own."""
_BODILESS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_NAME: Final = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_VALUE: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?", re.ASCII)
_ARGUMENTS: Final = frozenset({"method", "headers", "body"})
_FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request of which nothing is left open. `headers` by lower-case name."""

    method: str
    url: Url
    headers: Mapping[str, str]
    body: bytes | None


def interpret(command: Command, limits: Limits) -> Interpretation:
    """Read the request that a tool would send.

    Raises:
        Unreadable: clients or servers may differ about it.
    """
    name = command.command_argument or ""
    text = command_text(command)
    unknown = command.arguments.keys() - _ARGUMENTS - {name}
    if unknown:
        raise Unreadable("uncertain.http_argument", ", ".join(sorted(unknown)))
    request = read_request(
        str(command.arguments.get("method", "GET")),
        text,
        command.arguments.get("headers", {}),
        command.arguments.get("body"),
        limits,
    )
    resource = located(command.resource, command.registered, request.url)
    operations, permission = judged(request, command.registered, resource, (0, len(text)))
    return Interpretation(
        operations=operations,
        required=(permission,),
        execute=Execute(arguments={**command.arguments, name: request.url.text}, session=SESSION),
        resource=resource,
    )


def read_request(
    method: str, url: str, headers: JsonValue, body: JsonValue, limits: Limits
) -> Request:
    """Read the parts of a request.

    Raises:
        Unreadable: one of them is not on its list.
    """
    if method not in METHODS:
        raise Unreadable("uncertain.http_method", method[:32])
    read = _headers(headers)
    content = _body(method, body, read, limits)
    return Request(method=method, url=read_url(url), headers=read, body=content)


def located(resource: Resource | None, registered: Registered, url: Url) -> Resource | None:
    """The registered API that a URL belongs to; None where there is none.

    Raises:
        Unreadable: the tool is for another one.
    """
    if resource is None:
        return registered.places.get(("http", url.origin))
    if resource.type != "http":
        raise Unreadable("uncertain.resource_type", "a registered http API is needed")
    if resource.location != url.origin:
        raise Unreadable("uncertain.resource_location", f"{url.origin} is not {resource.id}")
    return resource


def judged(
    request: Request, registered: Registered, resource: Resource | None, span: tuple[int, int]
) -> tuple[tuple[Operation, ...], Permission]:
    """The operations of a request, and the permission that they need.

    The request first, then a power for where it goes and one for the credential it carries:
    whoever may call an API may not therefore reach this network, or be somebody else there.

    Raises:
        Unreadable: the registered API has no such operation.
    """
    url = request.url
    powers = [
        *_power("reach", power_of(url.host), url),
        *(_power("authenticate", "credential", url) if _credential(request.headers) else ()),
    ]
    operations = (
        Operation(
            family="http",
            verb=request.method.lower(),
            object=_object(request, registered, resource),
            span=span,
            details=_details(request),
        ),
        *(Operation(**{**power, "span": span}) for power in powers),
    )
    permission: dict[str, JsonValue] = {
        "type": "http",
        "locations": [url.origin],
        "identifier": url.target,
        "actions": [request.method],
        "operations": list(range(len(operations))),
    }
    if request.body is not None:
        permission["body_sha256"] = sha256(request.body).hexdigest()
    return operations, permission


def _object(
    request: Request, registered: Registered, resource: Resource | None
) -> dict[str, JsonValue]:
    url = request.url
    target: dict[str, JsonValue] = {
        "kind": "endpoint",
        "origin": url.origin,
        "segments": [unquote_to_bytes(part).decode("utf-8") for part in _segments(url)],
        "query": _names(url),
    }
    api = None if resource is None else registered.documents.get(resource.id)
    if api is not None:
        found = called(api, request.method, url.path, url.query, body=request.body is not None)
        target |= {"kind": "operation", "name": found.operation, "parameters": found.parameters}
    return target


def _segments(url: Url) -> list[str]:
    return url.path.split("/")[1:]


def _names(url: Url) -> JsonValue:
    pairs = url.query.split("&") if url.query else []
    names = {unquote_to_bytes(pair.partition("=")[0]) for pair in pairs}
    return [name.decode("utf-8") for name in sorted(names)]


def _details(request: Request) -> JsonObject:
    details: dict[str, JsonValue] = {"headers": sorted(request.headers)}
    if request.body is not None:
        details["body"] = {
            "sha256": sha256(request.body).hexdigest(),
            "bytes": len(request.body),
            "media_type": request.headers.get("content-type", ""),
        }
    return details


def _power(verb: str, power: str | None, url: Url) -> list[dict[str, JsonValue]]:
    if power is None:
        return []
    target = {"kind": "origin", "origin": url.origin}
    return [{"family": "http", "verb": verb, "object": target, "details": {"powers": [power]}}]


def _credential(headers: Mapping[str, str]) -> bool:
    return not CREDENTIALS.isdisjoint(headers)


def _headers(headers: JsonValue) -> dict[str, str]:
    if not isinstance(headers, Mapping):
        raise Unreadable("uncertain.http_header", "not names with values")
    read: dict[str, str] = {}
    for name, value in headers.items():
        low = name.lower()
        if not _NAME.fullmatch(name) or (low not in HEADERS and low not in CREDENTIALS):
            raise Unreadable("uncertain.http_header", ascii(name)[1:65])
        if low in read:
            raise Unreadable("uncertain.http_header", f"{low} twice")
        if not isinstance(value, str) or not _VALUE.fullmatch(value):
            raise Unreadable("uncertain.http_header", f"the value of {low}")
        read[low] = value
    return read


def _body(method: str, body: JsonValue, headers: Mapping[str, str], limits: Limits) -> bytes | None:
    if body is None:
        return None
    if not isinstance(body, str) or (body and method in _BODILESS):
        raise Unreadable("uncertain.http_body", f"{method} with a body")
    check_size(body, limits.body_bytes)
    try:
        content = body.encode("utf-8")
    except UnicodeEncodeError as error:
        raise Unreadable("uncertain.http_body", "half a character") from error
    kind = headers.get("content-type", _FORM).partition(";")[0].strip().lower()
    if kind == _FORM and b"_method" in unquote_to_bytes(content.lower()):
        raise Unreadable("uncertain.http_body", "_method")
    return content
