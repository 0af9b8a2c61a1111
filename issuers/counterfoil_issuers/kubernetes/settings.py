"""The `[target]` table of a Kubernetes issuer, read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast

from counterfoil.core.model import JsonValue
from counterfoil.errors import ConfigError

IN_FORCE_SECONDS: Final = 30
"""How long a role and a policy may take until every server has them; half a second is usual."""
POLICIES: Final = 16
"""How many admission policies may be in force together: so many names the issuer may write."""

Right = tuple[str, str, str | None, str]
"""API group, resource (with its subresource), name or None for any, verb."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an operator says of the cluster.

    `location` is the registered resource's; `server` is where holders reach it; `endpoints` are
    all API servers behind it: each is asked by itself, since each learns of a change by itself.
    """

    name: str
    location: str
    server: str
    endpoints: tuple[str, ...]
    namespaces: tuple[str, ...]
    ca_file: str | None
    token_file: str | None
    certificate_file: str | None
    policies: int
    in_force_seconds: int
    beside: frozenset[Right]


def read_settings(table: Mapping[str, JsonValue]) -> Settings:
    """Read a table that `schemas/issuer_kubernetes.json` has judged.

    Raises:
        ConfigError: the issuer would prove itself in no way, or in two.
    """
    if ("token_file" in table) is ("certificate_file" in table):
        raise ConfigError(
            "the issuer's own account is not certain. Name token_file or certificate_file, one"
            " of them.",
            pointer="target.token_file",
        )
    location = str(table["location"])
    server = str(table.get("server", location))
    return Settings(
        name=str(table["name"]),
        location=location,
        server=server,
        endpoints=tuple(cast("list[str]", table.get("endpoints", [server]))),
        namespaces=tuple(cast("list[str]", table["namespaces"])),
        ca_file=cast("str | None", table.get("ca_file")),
        token_file=cast("str | None", table.get("token_file")),
        certificate_file=cast("str | None", table.get("certificate_file")),
        policies=int(cast("int", table.get("policies", POLICIES))),
        in_force_seconds=int(cast("int", table.get("in_force_seconds", IN_FORCE_SECONDS))),
        beside=frozenset(
            (rule["api_group"], rule["resource"], None, rule["verb"])
            for rule in cast("list[dict[str, str]]", table.get("beside", []))
        ),
    )
