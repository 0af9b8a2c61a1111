"""`counterfoil issuer postgresql`: a role for each job, with exactly its grants, in one database.

target.py      the `Target`: what is asked of it, in which order
server.py      connections, and catalogue changes one after the other
making.py      the role, its grants and the objects that it owns while it lives
leaving.py     its end: what was decided is handed over, everything else is dropped
owned.py       what a role owns, and which of it was decided
parts.py       what hangs on a table: grants, triggers, rules, policies, defaults …
"""

from __future__ import annotations

from collections.abc import Mapping

from counterfoil.core.model import JsonValue
from counterfoil_issuers.postgresql.server import Place, Server
from counterfoil_issuers.postgresql.target import PostgresqlTarget


def build(settings: Mapping[str, JsonValue]) -> PostgresqlTarget:
    """The target of `schemas/issuer_postgresql.json`.

    Raises:
        ConfigError: the password's file cannot be read.
    """
    place = Place.of(settings)
    return PostgresqlTarget(Server(place), place)
