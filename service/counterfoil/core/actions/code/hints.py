"""What a text of Python names. For a person who approves; never a permission, never a denial."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from typing import Final

from counterfoil.core.model import JsonObject, JsonValue

MAX_HINTS: Final = 32
_MAX_TEXT: Final = 128
_URL: Final = re.compile(r"[a-z][a-z0-9+.-]{1,15}://[^\s\"'<>]{1,200}", re.ASCII | re.IGNORECASE)
_NOTHING: Final[JsonObject] = {}


def hints(language: str, text: str) -> JsonObject:
    """Imports, called names and URLs of a text; empty where it cannot be parsed. Never raises."""
    if language != "python":
        return _listed({"urls": set(_URL.findall(text))})
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an odd escape: whose text it is, is not us
            tree = ast.parse(text)
        return _listed(_found(tree))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _NOTHING


def _found(tree: ast.AST) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {"imports": set(), "calls": set(), "urls": set()}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found["imports"].update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found["imports"].add("." * node.level + (node.module or ""))
        elif isinstance(node, ast.Call):
            found["calls"].update(_called(node.func))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found["urls"].update(_URL.findall(node.value))
    return found


def _called(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Attribute):
        yield node.attr


def _listed(found: dict[str, set[str]]) -> JsonObject:
    listed: dict[str, JsonValue] = {}
    for name, values in found.items():
        if values:
            kept = sorted(value[:_MAX_TEXT] for value in values)
            listed[name] = list(kept[:MAX_HINTS])
    return listed
