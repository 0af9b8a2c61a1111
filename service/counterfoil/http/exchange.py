"""A request's WSGI environment in, a `Reply` out: all that a view of ours is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import orjson
from flask import Blueprint

from counterfoil.core.model import JsonValue

Environ: TypeAlias = dict[str, Any]
"""PEP 3333's environ; its values are text but for the `wsgi.*` keys."""

Headers: TypeAlias = tuple[tuple[str, str], ...]

JSON = "application/json"
NO_STORE = "no-store"


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer. `code` is the problem's code, for counting."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: Headers = ()
    cache_control: str = NO_STORE
    code: str = ""


View: TypeAlias = Callable[..., Reply]
"""Called with the environ and the variables of its path; raises `CounterfoilError`."""


def json_reply(value: JsonValue, *, status: int = 200, content_type: str = JSON) -> Reply:
    """Serialise once; `no-store`, because answers belong to one caller."""
    return Reply(status, orjson.dumps(value), content_type)


def hang(blueprint: Blueprint, rule: str, endpoint: str, view: View, *, method: str) -> None:
    """Add a rule whose view speaks `Reply`; only `http.lean.LeanFlask` can call it."""
    blueprint.add_url_rule(rule, endpoint, cast("Any", view), methods=[method])
