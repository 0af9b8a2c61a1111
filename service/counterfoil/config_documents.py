"""`[[resource]]`: the entries as values, and the API documents that stand beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from counterfoil.config_findings import finding
from counterfoil.config_source import Place
from counterfoil.core.actions.apis import NotAnApi, compile_api
from counterfoil.core.model import JsonObject, Resource
from counterfoil.core.strict_json import parse
from counterfoil.errors import RequestError

# RFC 3986 §4.3 absolute-URI without userinfo; scheme and host in lower case, because
# locations are compared byte by byte in digests and permissions. `*` would be a wildcard
# to some targets.
_LOCATION: Final = re.compile(
    r"[a-z][a-z0-9+.-]*:"
    r"(?://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?(?=[/?]|\Z)|(?!//))"
    r"(?:[A-Za-z0-9._~!$&'()+,;=:@/?-]|%[0-9A-F]{2})*",
    re.ASCII,
)
MAX_DOCUMENT_BYTES: Final = 16 * 1024 * 1024
_MAX_DEPTH: Final = 64


def registered(
    entries: Sequence[Mapping[str, Any]], base: Path
) -> tuple[list[Resource], Mapping[str, JsonObject], list[str]]:
    """The resources, the compiled API of each that has one by id, and what is wrong."""
    resources, documents, findings = [], {}, []
    for i, entry in enumerate(entries):
        resource = Resource(**{name: value for name, value in entry.items() if name != "api"})
        resources.append(resource)
        if "api" not in entry:
            continue
        place: Place = ("resource", i, "api")
        try:
            documents[resource.id] = _api(base / entry["api"], resource)
        except (OSError, RequestError, NotAnApi) as error:
            remedy = "Name the file of an OpenAPI 3 document in JSON."
            findings.append(finding(place, f"cannot be used: {error}.", remedy))
    return resources, documents, [*_locations(resources), *findings]


def _api(path: Path, resource: Resource) -> JsonObject:
    if resource.type != "http":
        raise NotAnApi(f"{resource.id} is of type {resource.type}, not http")
    document = parse(path.read_bytes(), max_bytes=MAX_DOCUMENT_BYTES, max_depth=_MAX_DEPTH)
    return compile_api(document, resource.location)


def _locations(resources: list[Resource]) -> Iterator[str]:
    for i, resource in enumerate(resources):
        if not _LOCATION.fullmatch(resource.location):
            remedy = (
                "Write an absolute URI, scheme and host in lower case, without credentials, "
                "fragment, white space or *."
            )
            yield finding(("resource", i, "location"), "is not accepted.", remedy)
