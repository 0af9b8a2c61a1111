"""`/openapi.json`: the hand-written document with the published schemas bundled into it.

`schemas/openapi/openapi.json` refers to `../<name>.json`, and schemas to each other by `$id`.
Bundling moves each into `components/schemas` and rewrites the references; nothing is
generated and nothing is described twice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from flask import Blueprint

from counterfoil.errors import ConfigError
from counterfoil.http.exchange import Environ, Reply, hang
from counterfoil.http.wellknown import CACHE_CONTROL

SCHEMA_ID = "urn:counterfoil:schema:"
_COMPONENT = "#/components/schemas/"
_FILE = "../"


def bundle(source: Mapping[str, Any], schemas: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return `source` with every schema it needs, directly or not, under `components`.

    Raises:
        ConfigError: a reference to a schema that is not there.
    """
    used: dict[str, Any] = {}
    pending: list[str] = []
    document: dict[str, Any] = _rewritten(source, "", pending)
    while pending:
        name = pending.pop()
        if name in used:
            continue
        if name not in schemas:
            raise ConfigError(f"openapi.json needs schemas/{name}.json, which is not there")
        own = {key: item for key, item in schemas[name].items() if key not in {"$schema", "$id"}}
        used[name] = _rewritten(own, name, pending)
    components = document.setdefault("components", {})
    components["schemas"] = {**components.get("schemas", {}), **dict(sorted(used.items()))}
    return document


def load_source(path: Path) -> dict[str, Any]:
    """Read the hand-written document.

    Raises:
        ConfigError: it is missing or not JSON.
    """
    try:
        document: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    return document


def openapi_blueprint(document: Mapping[str, Any]) -> Blueprint:
    """Serve a bundled document."""
    blueprint = Blueprint("openapi", __name__)
    reply = Reply(200, orjson.dumps(document), cache_control=CACHE_CONTROL)

    def read(_environ: Environ) -> Reply:
        return reply

    hang(blueprint, "/openapi.json", "read", read, method="GET")
    return blueprint


def _rewritten(value: Any, home: str, pending: list[str]) -> Any:
    """Copy `value`, pointing each `$ref` into `components/schemas`; note what it needs."""
    if isinstance(value, Mapping):
        return {
            key: _reference(item, home, pending)
            if key == "$ref" and isinstance(item, str)
            else _rewritten(item, home, pending)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_rewritten(item, home, pending) for item in value]
    return value


def _reference(reference: str, home: str, pending: list[str]) -> str:
    if reference.startswith("#"):
        return reference if not home else _COMPONENT + home + reference[1:]
    target, _, fragment = reference.partition("#")
    name = target.removeprefix(SCHEMA_ID).removeprefix(_FILE).removesuffix(".json")
    pending.append(name)
    return _COMPONENT + name + fragment
