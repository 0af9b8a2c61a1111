"""An OpenAPI document as a table of operations, and requests found in it.

The operator registers the document with the resource (`[[resource]] api = "orders.json"`). It
is compiled once, at the start, by `compile_api`; a request is then one named operation with
typed parameters, or uncertain. What the document does not declare is not guessed: an unknown
path, method or query parameter, a parameter twice, a value of another type.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple, cast
from urllib.parse import unquote_to_bytes, urlsplit

from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.model import JsonObject, JsonValue

METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch")
MAX_OPERATIONS: Final = 4_096
_TEMPLATE: Final = re.compile(r"\{([A-Za-z0-9_.-]+)\}", re.ASCII)
_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})", re.ASCII)
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,18})?", re.ASCII)
_TYPES: Final = frozenset({"string", "integer", "number", "boolean", "array"})
_MAX_REFERENCES: Final = 8


class NotAnApi(ValueError):
    """The document is none that requests can be read by; the text says why."""


class Called(NamedTuple):
    """The operation that a request is, and its parameters by name."""

    operation: str
    parameters: dict[str, JsonValue]


def compile_api(document: JsonObject, location: str) -> JsonObject:
    """The table of an OpenAPI 3 document for the server at `location`.

    Raises:
        NotAnApi: it is none, or two of its operations could be the same request.
    """
    version = document.get("openapi")
    paths = document.get("paths")
    if not isinstance(version, str) or not version.startswith("3.") or not isinstance(paths, dict):
        raise NotAnApi("it is no OpenAPI 3 document with paths")
    base = urlsplit(location).path.rstrip("/")
    routes: dict[str, list[JsonValue]] = {}
    names: set[str] = set()
    for template, item in paths.items():
        for route in _routes(document, f"{base}{template}", item):
            if route["operation"] in names:
                raise NotAnApi(f"operation {route['operation']!r} stands twice")
            names.add(str(route["operation"]))
            segments = cast("list[JsonValue]", route["segments"])
            routes.setdefault(_shelf(str(route["method"]), len(segments)), []).append(route)
    if not 0 < len(names) <= MAX_OPERATIONS:
        raise NotAnApi(f"it has none, or more than {MAX_OPERATIONS} operations")
    return {"routes": routes}


def _shelf(method: str, segments: int) -> str:
    """Where routes that could be the same request lie."""
    return f"{method} {segments}"


def _routes(document: JsonObject, template: str, item: JsonValue) -> Iterator[dict[str, JsonValue]]:
    path = _resolved(document, item)
    if not template.startswith("/"):
        raise NotAnApi(f"path {template!r} does not begin with /")
    segments = [_segment(part) for part in template.split("/")[1:]]
    for method in METHODS:
        if method not in path:
            continue
        entry = _resolved(document, path[method])
        declared = [*_list(path.get("parameters")), *_list(entry.get("parameters"))]
        parameters = {}
        for one in declared:  # the operation's own come last, and replace the path's
            parameter = _resolved(document, one)
            key = f"{parameter.get('in')}:{parameter.get('name')}"
            parameters[key] = _parameter(document, parameter)
        yield {
            "method": method.upper(),
            "segments": segments,
            "operation": str(entry.get("operationId") or f"{method.upper()} {template}"),
            "parameters": parameters,
            "body": "requestBody" in entry,
        }


def _segment(text: str) -> JsonValue:
    """Fixed text, or the name of the one parameter that a whole segment is."""
    found = _TEMPLATE.fullmatch(text)
    if found:
        return [found[1]]
    if "{" in text or "}" in text:
        raise NotAnApi(f"{text!r} is not one whole parameter")
    return text


def _parameter(document: JsonObject, parameter: Mapping[str, JsonValue]) -> JsonObject:
    schema = _resolved(document, parameter.get("schema", {}))
    kind = schema.get("type", "string")
    if kind not in _TYPES:
        kind = "unread"  # an object, or several types: a request that sends it is uncertain
    items = _resolved(document, schema.get("items", {})) if kind == "array" else {}
    scalar = items if kind == "array" else schema
    return {
        "type": kind,
        "items": items.get("type", "string") if kind == "array" else None,
        "enum": scalar.get("enum"),
        "required": parameter.get("required") is True,
        "joined": kind == "array" and parameter.get("explode") is False,
    }


def _resolved(document: JsonObject, value: JsonValue) -> Mapping[str, JsonValue]:
    """Follow `#/…` references within the document, and no other."""
    for _ in range(_MAX_REFERENCES):
        if not isinstance(value, Mapping):
            break
        reference = value.get("$ref")
        if reference is None:
            return value
        if not isinstance(reference, str) or not reference.startswith("#/"):
            raise NotAnApi(f"reference {reference!r} leaves the document")
        value = document
        for part in reference[2:].split("/"):
            name = part.replace("~1", "/").replace("~0", "~")
            value = value.get(name) if isinstance(value, Mapping) else None
    raise NotAnApi("a reference leads to no object")


def _list(value: JsonValue) -> Sequence[JsonValue]:
    return value if isinstance(value, list) else ()


def called(api: JsonObject, method: str, path: str, query: str | None, *, body: bool) -> Called:
    """The one operation that a request is; path and query as they are on the wire.

    Raises:
        Unreadable: it is none, could be two, or a parameter is not the declared one.
    """
    segments = [_text(part, "uncertain.http_path") for part in path.split("/")[1:]]
    routes = cast("Mapping[str, list[Mapping[str, JsonValue]]]", api["routes"])
    near = routes.get(_shelf(method, len(segments)), [])
    found = [item for item in near if _fits(item, segments)]
    if len(found) > 1:  # OpenAPI: what is concrete goes before what is templated
        fewest = min(_variables(item) for item in found)
        found = [item for item in found if _variables(item) == fewest]
    if len(found) != 1:
        raise Unreadable("uncertain.http_operation", f"{method} {path}")
    (route,) = found
    if body and not route["body"]:
        raise Unreadable("uncertain.http_body", "the operation declares none")
    declared = cast("Mapping[str, Mapping[str, JsonValue]]", route["parameters"])
    parameters: dict[str, JsonValue] = {}
    for part, text in zip(cast("list[JsonValue]", route["segments"]), segments, strict=True):
        if isinstance(part, list):
            name = str(part[0])
            parameters[name] = _value(name, declared.get(f"path:{name}", _ANY), [text])
    _read_query(declared, query, parameters)
    return Called(str(route["operation"]), parameters)


_ANY: Final[Mapping[str, JsonValue]] = {"type": "string", "enum": None, "joined": False}


def _fits(route: Mapping[str, JsonValue], segments: Sequence[str]) -> bool:
    return all(
        bool(text) if isinstance(part, list) else part == text
        for part, text in zip(cast("list[JsonValue]", route["segments"]), segments, strict=True)
    )


def _variables(route: Mapping[str, JsonValue]) -> int:
    return sum(isinstance(part, list) for part in cast("list[JsonValue]", route["segments"]))


def _read_query(
    declared: Mapping[str, Mapping[str, JsonValue]],
    query: str | None,
    parameters: dict[str, JsonValue],
) -> None:
    given: dict[str, list[str]] = {}
    for pair in query.split("&") if query else ():
        name, _, value = pair.partition("=")
        given.setdefault(_form_text(name), []).append(_form_text(value))
    for name, values in given.items():
        rule = declared.get(f"query:{name}")
        if rule is None or name in parameters:
            raise Unreadable("uncertain.http_parameter", f"{name}: not declared")
        parameters[name] = _value(name, rule, values)
    for key, rule in declared.items():
        place, _, name = key.partition(":")
        if place == "query" and rule["required"] and name not in given:
            raise Unreadable("uncertain.http_parameter", f"{name}: missing")


def _value(name: str, rule: Mapping[str, JsonValue], texts: list[str]) -> JsonValue:
    kind = rule["type"]
    if kind == "array":
        items = texts[0].split(",") if rule["joined"] and len(texts) == 1 else texts
        return [_scalar(name, str(rule["items"]), rule["enum"], text) for text in items]
    if len(texts) > 1:
        raise Unreadable("uncertain.http_parameter", f"{name}: more than once")
    return _scalar(name, str(kind), rule["enum"], texts[0])


def _scalar(name: str, kind: str, allowed: JsonValue, text: str) -> JsonValue:
    value: JsonValue = text
    if kind == "integer":
        value = int(text) if _INTEGER.fullmatch(text) else None
    elif kind == "number":
        # The exact text: a number with a fraction has no canonical form in a record.
        value = text if _NUMBER.fullmatch(text) else None
    elif kind == "boolean":
        value = {"true": True, "false": False}.get(text)
    elif kind != "string":
        value = None
    if value is None or (isinstance(allowed, list) and value not in allowed):
        raise Unreadable("uncertain.http_parameter", f"{name}: not {kind} as declared")
    return value


def _text(escaped: str, code: str) -> str:
    try:
        text = unquote_to_bytes(escaped).decode("utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable(code, "not UTF-8") from error
    return text


def _form_text(escaped: str) -> str:
    return _text(escaped.replace("+", " "), "uncertain.http_query")
