"""*Policy*: who may do what, as the tenant's own policy data says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from flask import Blueprint
from markupsafe import escape

from counterfoil.core.canonical import canonical_bytes
from counterfoil.core.model import JsonValue
from counterfoil.core.rights import (
    Reach,
    agents_of,
    effect_in_words,
    groups_of,
    reach,
    roles_of_agents_named,
    roles_of_person,
)
from counterfoil.core.visible import Piece
from counterfoil.errors import RoleRequired
from counterfoil.flows.access import AUDITOR
from counterfoil.http.console.door import ConsoleDoor, Visit
from counterfoil.http.console.words import line
from counterfoil.http.exchange import Reply, hang
from counterfoil.http.saml import query_of

PATH: Final = "/console/policy"
POLICY_READER: Final = "policy_reader"
PART_BYTES: Final = 25_000  # three parts, and the page stays under 100 kB
ROW_BYTES: Final = 120
HIDDEN_BYTES: Final = 120
CELL: Final = 120  # characters of one cell: names are the customer's, the page has a size


class ReadsAccess(Protocol):
    """What knows `data.access` of the bundle that this service serves."""

    def __call__(self, tenant: str) -> Mapping[str, JsonValue]:
        """One tenant's data, empty where it has none; raises `CounterfoilError`."""


def policy_blueprint(door: ConsoleDoor, *, access: ReadsAccess) -> Blueprint:
    """Hang the page."""
    blueprint = Blueprint("console_policy", __name__)

    def policy(visit: Visit) -> Reply:
        if visit.caller.roles.isdisjoint({POLICY_READER, AUDITOR}):
            raise RoleRequired("the role policy_reader or auditor")
        values = within(access(visit.caller.tenant), query_of(visit.environ))
        return door.pages.render("policy.html", {**visit.base, **values})

    hang(blueprint, PATH, "policy", door.page(policy), method="GET")
    return blueprint


def within(access: Mapping[str, JsonValue], asked: Mapping[str, str]) -> dict[str, Any]:
    """What the page says of a group and an agent; `found` is None where neither was asked for.

    Args:
        access: the tenant's `data.access`.
        asked: `group` and `agent`, as the form sends them; an agent's name is that of any issuer.
    """
    group, agent = asked.get("group", "").strip(), asked.get("agent", "").strip()
    groups, agents = groups_of(access), agents_of(access)
    person = roles_of_person(access, (group,))
    usable = roles_of_agents_named(access, agent)
    found = reach(access, person, usable) if group or agent else None
    rows = None if found is None else [_row(one, access) for one in found]
    shown_groups = _fitting([{"name": _cell(name)} for name in groups])
    shown_agents = _fitting([{"name": _cell(f"{name} of {issuer}")} for issuer, name in agents])
    shown_rows = None if rows is None else _fitting(rows)
    whole = (len(groups), len(agents), len(rows or ()))
    return {
        "group": group[:CELL],
        "agent": agent[:CELL],
        "groups": [one["name"] for one in shown_groups],
        "agents": [one["name"] for one in shown_agents],
        "left_off": whole != (len(shown_groups), len(shown_agents), len(shown_rows or ())),
        "found": shown_rows,
    }


def _fitting(rows: Sequence[dict[str, list[Piece]]]) -> list[dict[str, list[Piece]]]:
    """The first rows, as many as one part of the page has room for."""
    room, kept = PART_BYTES, []
    for row in rows:
        parts = [part for cell in row.values() for part in cell]
        room -= ROW_BYTES + sum(
            HIDDEN_BYTES if part.hidden else len(escape(part.text).encode()) for part in parts
        )
        if room < 0:
            break
        kept.append(row)
    return kept


def _row(one: Reach, access: Mapping[str, JsonValue]) -> dict[str, list[Piece]]:
    return {
        "family": _cell(one.family),
        "path": _cell(" / ".join(one.path)),
        "effect": _cell(_effect(one, access)),
        "roles": _cell(f"{one.role}, {one.ceiling}"),
    }


def _effect(one: Reach, access: Mapping[str, JsonValue]) -> str:
    limits = (canonical_bytes(dict(limit)).decode() for limit in one.limits)
    return "; ".join([effect_in_words(one, access), *(f"within {limit}" for limit in limits)])


def _cell(text: str) -> list[Piece]:
    """Characters that hide are shown; what is too long says that it goes on."""
    return line(text if len(text) <= CELL else f"{text[: CELL - 1]}…")
