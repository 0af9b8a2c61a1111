"""Where settings come from: the TOML file, the development defaults, and `COUNTERFOIL_*`.

Values stay plain data here; `config_findings.py` judges them. A later source wins:
defaults < development.toml < file < environment.
"""

from __future__ import annotations

import difflib
import itertools
import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from counterfoil.errors import ConfigError

PREFIX = "COUNTERFOIL_"
# Kubernetes sets these for a Service named `counterfoil` in every pod of its namespace;
# they are nobody's setting.
_SERVICE_LINK = re.compile(
    r"COUNTERFOIL_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_\d+_[A-Z]+(_[A-Z]+)?)?)"
)
# Credentials of callers (the hook, `counterfoil approvals`), beside which a service may start.
_CREDENTIALS = frozenset(
    f"COUNTERFOIL_{name}" for name in ("TOKEN", "TOKEN_FILE", "DPOP_KEY", "DPOP_KEY_FILE")
)
_INTEGER = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_INDEX = re.compile(r"[0-9]{1,4}", re.ASCII)
_BOOLEANS = {"true": True, "false": False}

Settings = dict[str, Any]
Place = tuple[str | int, ...]
Template = tuple[str, ...]


def read_toml(path: Path) -> Settings:
    """Read a TOML file.

    Raises:
        ConfigError: missing, unreadable, or not TOML.
    """
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read ({error.strerror}). Name an existing file with --config."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}. Correct it at that place.") from error


def merge(base: Settings, over: Settings, *, keys: Mapping[str, tuple[str, ...]]) -> Settings:
    """Lay `over` on `base`: tables join, values replace, entries with the same key replace.

    Args:
        base: the lower layer.
        over: the upper layer; wins.
        keys: for each array of tables, the members that identify an entry.
    """
    merged = dict(base)
    for name, value in over.items():
        lower = base.get(name)
        if isinstance(lower, dict) and isinstance(value, dict):
            merged[name] = merge(lower, value, keys=keys)
        elif isinstance(lower, list) and isinstance(value, list) and name in keys:
            merged[name] = _merge_entries(lower, value, keys[name])
        else:
            merged[name] = value
    return merged


def apply_environment(
    settings: Settings, environ: Mapping[str, str], schema: Mapping[str, Any]
) -> list[str]:
    """Lay `COUNTERFOIL_*` variables over `settings`, in place; returns what is wrong."""
    known = dict(leaves(schema))
    findings: list[str] = []
    variables = {
        _path_of(name): name
        for name in environ
        if name.startswith(PREFIX)
        and name not in _CREDENTIALS
        and not _SERVICE_LINK.fullmatch(name)
    }
    for path in sorted(variables, key=lambda item: [(type(p) is str, p) for p in item]):
        name = variables[path]
        leaf = known.get(_template(path))
        if leaf is None:
            near = suggestion(name, [_variable(template) for template in known])
            findings.append(f"{name}: there is no such setting.{near}")
            continue
        try:
            _set(settings, path, _parse(environ[name], leaf))
        except ValueError as error:
            findings.append(f"{name}: {error} {leaf['description']}")
    return findings


def leaves(schema: Mapping[str, Any], at: Template = ()) -> Iterator[tuple[Template, Any]]:
    """Every single setting of the schema; `*` stands for an index."""
    if "properties" in schema:
        for name, below in schema["properties"].items():
            yield from leaves(below, (*at, name))
    elif "properties" in schema.get("items", {}):
        yield from leaves(schema["items"], (*at, "*"))
    else:
        yield at, schema


def dotted(path: Place) -> str:
    """`identity.oidc[0].issuer`, as a person would write it."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def suggestion(word: str, words: Iterable[str]) -> str:
    """Return ` Did you mean X?`, or nothing where no word is near."""
    near = difflib.get_close_matches(word, list(words), n=1, cutoff=0.6)
    return f" Did you mean {near[0]}?" if near else ""


def _merge_entries(lower: list[Any], upper: list[Any], members: tuple[str, ...]) -> list[Any]:
    def key(entry: Any) -> tuple[Any, ...]:
        return tuple(entry.get(m) for m in members) if isinstance(entry, dict) else (id(entry),)

    replaced = [key(entry) for entry in upper]
    return [entry for entry in lower if key(entry) not in replaced] + upper


def _path_of(name: str) -> Place:
    parts = name.removeprefix(PREFIX).lower().split("__")
    return tuple(int(part) if _INDEX.fullmatch(part) else part for part in parts)


def _template(path: Place) -> Template:
    return tuple("*" if isinstance(part, int) else part for part in path)


def _variable(template: Template) -> str:
    return PREFIX + "__".join("0" if part == "*" else part.upper() for part in template)


def _set(settings: Settings, path: Place, value: Any) -> None:
    node: Any = settings
    for part, following in itertools.pairwise(path):
        empty: Any = [] if isinstance(following, int) else {}
        if isinstance(part, int):
            if part > len(node):
                raise ValueError(f"entry {part} without entry {part - 1}; number from 0.")
            if part == len(node):
                node.append(empty)
            node = node[part]
        else:
            node = node.setdefault(part, empty)
        if type(node) is not type(empty):
            raise ValueError("the file has a single value in the place of this table.")
    node[path[-1]] = value


def _parse(text: str, leaf: Mapping[str, Any]) -> Any:
    kind = leaf["type"]
    if kind == "integer":
        if not _INTEGER.fullmatch(text):
            raise ValueError("is not a whole number.")
        return int(text)
    if kind == "boolean":
        if text not in _BOOLEANS:
            raise ValueError("is neither true nor false.")
        return _BOOLEANS[text]
    if kind == "object" or (kind == "array" and text.startswith("[")):
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError("is not JSON.") from error
    if kind == "array":
        return [item.strip() for item in text.split(",")]
    return text
