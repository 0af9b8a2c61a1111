"""Reads GRANT and REVOKE on objects: seen for what they are, so that policy can refuse them.

Granting needs the ownership of the object (or a grant option, which a job never has). Rights
on everything in a schema, default rights and membership in roles are `uncertain`.
"""

from __future__ import annotations

from typing import Final

from counterfoil.core.actions.database.changes import ChangeReader
from counterfoil.core.actions.database.effects import Span
from counterfoil.core.actions.database.source import checked_name
from counterfoil.core.actions.database.statements.owned import owned, schema_use
from counterfoil.core.actions.database.tree import (
    Node,
    closed,
    nodes,
    strings,
    unwrap,
    word,
)
from counterfoil.core.model import JsonValue

_GRANT: Final = frozenset(
    {
        "is_grant",
        "targtype",
        "objtype",
        "objects",
        "privileges",
        "grantees",
        "grant_option",
        "behavior",
    }
)
_PRIVILEGE: Final = frozenset({"priv_name", "cols"})
_KINDS: Final = {"OBJECT_TABLE": "table", "OBJECT_SEQUENCE": "sequence"}


def grant(reader: ChangeReader, fields: Node, span: Span) -> None:
    """Read a GrantStmt on tables, sequences or schemas.

    Raises:
        Unreadable: another kind of object, all of a schema, or CASCADE.
    """
    closed("GRANT", fields, _GRANT)
    if word(fields, "targtype") != "ACL_TARGET_OBJECT":
        raise reader.refusal("uncertain.sql_grant", "all objects of a schema", span)
    if word(fields, "behavior") != "DROP_RESTRICT":
        raise reader.refusal("uncertain.sql_cascade", "", span)
    verb = "grant" if fields.get("is_grant") else "revoke"
    details = _details(reader, fields, span)
    kind = word(fields, "objtype")
    for item in nodes(fields, "objects"):
        if kind in _KINDS:
            _, use = owned(reader, unwrap(item, "RangeVar"), _KINDS[kind], verb)
        elif kind == "OBJECT_SCHEMA":
            use = schema_use(reader, word(unwrap(item, "String"), "sval"), verb, span)
        else:
            raise reader.refusal("uncertain.sql_grant", kind.removeprefix("OBJECT_"), span)
        use.note(**details)


def _details(reader: ChangeReader, fields: Node, span: Span) -> dict[str, JsonValue]:
    privileges: list[JsonValue] = []
    for item in nodes(fields, "privileges"):
        privilege = unwrap(item, "AccessPriv")
        closed("privilege", privilege, _PRIVILEGE)
        columns: list[JsonValue] = [
            checked_name(name) for name in strings(nodes(privilege, "cols"))
        ]
        name = word(privilege, "priv_name") or "all"
        privileges.append({"name": name, "columns": columns} if columns else {"name": name})
    grantees: list[JsonValue] = []
    for item in nodes(fields, "grantees"):
        role = unwrap(item, "RoleSpec")
        kind = word(role, "roletype")
        if kind == "ROLESPEC_PUBLIC":
            grantees.append({"public": True})
        elif kind == "ROLESPEC_CSTRING":
            grantees.append({"role": checked_name(word(role, "rolename"))})
        else:
            raise reader.refusal("uncertain.sql_grant", kind, span)
    details: dict[str, JsonValue] = {
        "privileges": privileges or [{"name": "all"}],
        "grantees": grantees,
    }
    if fields.get("grant_option"):
        details["grant_option"] = True
    return details
