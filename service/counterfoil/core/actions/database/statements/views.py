"""Reads CREATE VIEW, CREATE TABLE AS, SELECT INTO, CREATE and REFRESH MATERIALIZED VIEW.

Making a view checks no SELECT: whoever owns it later reads through it. So what its query
reads stands among the operations, for policy to judge, although the job needs no right on it.
"""

from __future__ import annotations

from typing import Final

from counterfoil.core.actions.database.changes import ChangeReader
from counterfoil.core.actions.database.effects import OWNER, RELATION, TEMPORARY, Need
from counterfoil.core.actions.database.scopes import Level
from counterfoil.core.actions.database.statements.columns import Making
from counterfoil.core.actions.database.statements.options import STORAGE, VIEW, options
from counterfoil.core.actions.database.statements.tables import created, new_relation
from counterfoil.core.actions.database.tree import (
    Node,
    as_node,
    closed,
    kind_of,
    location,
    nodes,
    unwrap,
    word,
)

_VIEW: Final = frozenset({"view", "aliases", "query", "replace", "options", "withCheckOption"})
_TABLE_AS: Final = frozenset({"query", "into", "objtype", "is_select_into", "if_not_exists"})
_INTO: Final = frozenset({"rel", "colNames", "options", "onCommit", "skipData", "accessMethod"})
_REFRESH: Final = frozenset({"concurrent", "skipData", "relation"})


def create_view(reader: ChangeReader, fields: Node) -> None:
    """Read a ViewStmt.

    Raises:
        Unreadable: OR REPLACE of what only a catalogue tells, or anything not on the lists.
    """
    closed("CREATE VIEW", fields, _VIEW)
    relation = as_node(fields.get("view"))
    options(reader, nodes(fields, "options"), VIEW)
    reader.select(unwrap(as_node(fields.get("query")), "SelectStmt"), {}, None)
    _stored(reader, "view")
    thing = new_relation(reader, relation, "view")
    if any(key[0] == TEMPORARY for key in reader.things) and thing.schema != TEMPORARY:
        raise reader.doubt("uncertain.sql_temporary", "a view of one", location(relation))
    use = thing.uses["create"]
    if fields.get("replace"):
        _replaced(reader, fields, thing.schema, thing.name)
        use.note(replace=True)
        if reader.relation(thing) is not None and use.needs is not None:
            use.needs.append(Need("table", thing.path, OWNER))
    created(reader, Making(thing, use, Level(None, {})), surely=True)


def _replaced(reader: ChangeReader, fields: Node, schema: str, name: str) -> None:
    """OR REPLACE needs the ownership of a view that is there: is one?"""
    if (RELATION, schema, name) in reader.batch.own or reader.catalogue is not None:
        return
    at = location(as_node(fields.get("view")))
    raise reader.doubt("uncertain.sql_or_replace", name, at)


def create_table_as(reader: ChangeReader, fields: Node) -> None:
    """Read a CreateTableAsStmt: a table or a materialized view.

    Raises:
        Unreadable: anything that is not on the lists.
    """
    closed("CREATE TABLE AS", fields, _TABLE_AS)
    kind, query = kind_of(as_node(fields.get("query")))
    if kind != "SelectStmt":
        raise reader.doubt("uncertain.sql_prepared", kind)
    view = word(fields, "objtype") == "OBJECT_MATVIEW"
    _made_from(
        reader,
        query,
        as_node(fields.get("into")),
        kind="materialized_view" if view else "table",
        surely=not fields.get("if_not_exists"),
    )


def select_into(reader: ChangeReader, fields: Node) -> None:
    """Read a SelectStmt with INTO at its top.

    Raises:
        Unreadable: anything that is not on the lists.
    """
    query = {name: value for name, value in fields.items() if name != "intoClause"}
    _made_from(reader, query, as_node(fields["intoClause"]), kind="table", surely=True)


def _made_from(reader: ChangeReader, query: Node, into: Node, *, kind: str, surely: bool) -> None:
    closed("INTO", into, _INTO)
    options(reader, nodes(into, "options"), STORAGE)
    if word(into, "accessMethod") not in {"", "heap"}:
        raise reader.doubt("uncertain.sql_construct", "USING")
    reader.select(query, {}, None)
    if into.get("skipData"):
        _stored(reader, kind)
    elif kind == "materialized_view":
        for thing in reader.things.values():
            if "select" in thing.uses:
                thing.uses["select"].note(through=kind)
    relation = as_node(into.get("rel"))
    thing = new_relation(reader, relation, kind, commit=word(into, "onCommit"))
    created(reader, Making(thing, thing.uses["create"], Level(None, {})), surely=surely)


def _stored(reader: ChangeReader, kind: str) -> None:
    """What the query reads, later: nothing but USAGE of the schemas is checked now."""
    for thing in reader.things.values():
        for verb, use in thing.uses.items():
            if verb == "lock":
                raise reader.doubt("uncertain.sql_construct", "FOR UPDATE in a view", use.location)
            use.needs = [Need("schema", (thing.schema,), "usage")]
            use.note(through=kind)


def refresh(reader: ChangeReader, fields: Node) -> None:
    """Read a RefreshMatViewStmt: its owner, who reads what its query reads.

    Raises:
        Unreadable: without a catalogue nobody knows what the query reads.
    """
    closed("REFRESH", fields, _REFRESH)
    relation = as_node(fields.get("relation"))
    thing = reader.table(relation)
    known = reader.relation(thing)
    use = thing.use("refresh", location(relation))
    use.whole = True
    if not thing.own:
        if known is None or known.kind != "materialized_view":
            raise reader.doubt("uncertain.sql_refresh", thing.name, location(relation))
        thing.kind = known.kind
        use.needs = [
            Need("table", thing.path, OWNER),
            Need("schema", (thing.schema,), "usage"),
        ]
        for (schema, name), columns in known.reads.items():
            read = reader.things.get((schema, name)) or reader.thing(schema, name, thing.location)
            reading = read.use("select")
            reading.columns.update(columns)
            reading.note(through="materialized_view")
            # The query was bound to what it reads when it was made: no name is looked up.
            reading.needs = [Need("table", read.path, "select", frozenset(columns))]
    else:
        use.needs = [Need("schema", (thing.schema,), "usage")]


__all__ = ["create_table_as", "create_view", "refresh", "select_into"]
