"""Reads what stands beside a table and is its owner's alone: extended statistics, row policies.

Tried on PostgreSQL 18 and 15: CREATE STATISTICS needs the table's owner and CREATE on the
schema it is made in, without USAGE of that; CREATE and ALTER POLICY the owner. A policy's
conditions run with every later query on the table, so they may name its own columns and plain
built-ins, no query.
"""

from __future__ import annotations

from typing import Final

from counterfoil.core.actions.database.changes import ChangeReader
from counterfoil.core.actions.database.effects import OWNER, Need, Span, Thing
from counterfoil.core.actions.database.lexer import places
from counterfoil.core.actions.database.scopes import Level, Source
from counterfoil.core.actions.database.source import checked_name
from counterfoil.core.actions.database.statements.owned import owned
from counterfoil.core.actions.database.tree import (
    Node,
    as_node,
    closed,
    location,
    nodes,
    strings,
    unwrap,
    word,
)
from counterfoil.core.model import JsonValue

_STATISTICS: Final = frozenset({"defnames", "stat_types", "exprs", "relations"})
_ELEMENT: Final = frozenset({"name", "expr"})
_KINDS: Final = frozenset({"ndistinct", "dependencies", "mcv"})
_POLICY: Final = frozenset(
    {"policy_name", "table", "cmd_name", "permissive", "roles", "qual", "with_check"}
)
_ALTERED: Final = frozenset({"policy_name", "table", "roles", "qual", "with_check"})
_ROLE: Final = frozenset({"roletype", "rolename", "location"})
_ROLES: Final = {"ROLESPEC_CSTRING": "", "ROLESPEC_PUBLIC": "public"}


def create_statistics(reader: ChangeReader, fields: Node, span: Span) -> None:
    """Read a CreateStatsStmt with a name, on one table.

    Raises:
        Unreadable: no name, a bare one, or an expression that is not on the lists.
    """
    closed("CREATE STATISTICS", fields, _STATISTICS)
    path = strings(nodes(fields, "defnames"))
    relations = [unwrap(item, "RangeVar") for item in nodes(fields, "relations")]
    if len(path) != 2 or len(relations) != 1:  # noqa: PLR2004 -- schema and name
        raise reader.refusal("uncertain.sql_unqualified_name", ".".join(path), span)
    if not _KINDS.issuperset(strings(nodes(fields, "stat_types"))):
        raise reader.refusal("uncertain.sql_construct", "a kind of statistics", span)
    schema, name = map(checked_name, path)
    reader.check_schema(schema, span)
    table = reader.table(relations[0])
    level = _level(reader, table)
    columns: set[str] = set()
    for item in nodes(fields, "exprs"):
        element = unwrap(item, "StatsElem")
        closed("statistics element", element, _ELEMENT)
        if "expr" in element:
            reader.expression(element["expr"], level)
        else:
            columns.add(checked_name(word(element, "name")))
    _no_queries(reader, relations[0])
    (place,) = places(reader.text, *span, [path])
    shown = span if place is None else (place.start, place.end)
    thing = Thing("statistics", schema, name, span=shown, identity={"table": table.name})
    reader.things["statistics", schema, name, table.name] = thing
    use = thing.use("create", location(relations[0]))
    use.columns = columns
    use.needs = [
        Need("schema", (schema,), "create"),
        Need("schema", (table.schema,), "usage"),
    ]
    if not table.own:
        use.needs.append(Need("table", table.path, OWNER))


def create_policy(reader: ChangeReader, fields: Node) -> None:
    """Read a CreatePolicyStmt.

    Raises:
        Unreadable: a subquery or a function that is not on the lists, a role by its session.
    """
    closed("CREATE POLICY", fields, _POLICY)
    _policy(
        reader,
        fields,
        form="create_policy",
        command=word(fields, "cmd_name"),
        permissive=bool(fields.get("permissive")),
    )


def alter_policy(reader: ChangeReader, fields: Node) -> None:
    """Read an AlterPolicyStmt.

    Raises:
        Unreadable: as `create_policy`.
    """
    closed("ALTER POLICY", fields, _ALTERED)
    _policy(reader, fields, form="alter_policy")


def _policy(reader: ChangeReader, fields: Node, **change: JsonValue) -> None:
    relation = as_node(fields.get("table"))
    thing, use = owned(reader, relation, "table", "alter")
    level = _level(reader, thing)
    for name in ("qual", "with_check"):
        reader.optional(fields, name, level)
    _no_queries(reader, relation)
    name = checked_name(word(fields, "policy_name"))
    roles: list[JsonValue] = [_role(reader, item) for item in nodes(fields, "roles")]
    use.note(changes=[{**change, "name": name, **({"roles": roles} if roles else {})}])
    reader.altered.add((thing.schema, thing.name))


def _role(reader: ChangeReader, item: Node) -> str:
    role = unwrap(item, "RoleSpec")
    closed("role", role, _ROLE)
    kind = word(role, "roletype")
    if kind not in _ROLES:  # CURRENT_USER and such mean whoever runs it
        raise reader.doubt("uncertain.sql_grant", kind.removeprefix("ROLESPEC_"), location(role))
    return _ROLES[kind] or checked_name(word(role, "rolename"))


def _level(reader: ChangeReader, table: Thing) -> Level:
    """No other table can own a name here; without a catalogue its columns are not known."""
    return Level(None, {}, [Source(table.name, columns=reader.table_columns(table))])


def _no_queries(reader: ChangeReader, relation: Node) -> None:
    if reader.queries:
        raise reader.doubt("uncertain.sql_construct", "subquery", location(relation))
