"""Reads TRUNCATE, LOCK, COPY with the client, EXPLAIN, ANALYZE, VACUUM, REINDEX and SHOW."""

from __future__ import annotations

from typing import Final

from counterfoil.core.actions.database.changes import ChangeReader
from counterfoil.core.actions.database.effects import Need, Span, Thing
from counterfoil.core.actions.database.scopes import Level
from counterfoil.core.actions.database.source import checked_name
from counterfoil.core.actions.database.statements.options import (
    COPY,
    EXPLAIN,
    VACUUM,
    options,
)
from counterfoil.core.actions.database.statements.owned import owned
from counterfoil.core.actions.database.tree import (
    Node,
    as_node,
    closed,
    kind_of,
    location,
    nodes,
    strings,
    unwrap,
    word,
)

_TRUNCATE: Final = frozenset({"relations", "restart_seqs", "behavior"})
_LOCK: Final = frozenset({"relations", "mode", "nowait"})
_COPY: Final = frozenset({"relation", "query", "attlist", "is_from", "options", "whereClause"})
_EXPLAIN: Final = frozenset({"query", "options"})
_VACUUM: Final = frozenset({"options", "rels", "is_vacuumcmd"})
_VACUUM_TABLE: Final = frozenset({"relation", "va_cols"})
_REINDEX: Final = frozenset({"kind", "relation", "params"})
_REINDEXED: Final = {"REINDEX_OBJECT_TABLE": "table", "REINDEX_OBJECT_INDEX": "index"}
_MODES: Final = {
    1: ("access share", "select"),
    2: ("row share", "update"),
    3: ("row exclusive", "insert"),
    4: ("share update exclusive", "update"),
    5: ("share", "update"),
    6: ("share row exclusive", "update"),
    7: ("exclusive", "update"),
    8: ("access exclusive", "update"),
}
"""Lock mode → its name and a right on the whole table that is enough for it on every version;
15 wants UPDATE, DELETE or TRUNCATE for ROW SHARE, 16 and later also take INSERT."""
_SHOWN: Final = frozenset(
    {
        "server_version",
        "server_version_num",
        "server_encoding",
        "client_encoding",
        "standard_conforming_strings",
        "search_path",
        "timezone",
        "datestyle",
        "intervalstyle",
        "transaction_isolation",
        "default_transaction_isolation",
        "transaction_read_only",
        "integer_datetimes",
        "max_identifier_length",
        "lc_collate",
        "lc_ctype",
        "statement_timeout",
        "lock_timeout",
    }
)
"""Settings that everybody may read and that hold no secret."""


def truncate(reader: ChangeReader, fields: Node) -> None:
    """Read a TruncateStmt.

    Raises:
        Unreadable: RESTART IDENTITY or CASCADE, which reach what the text does not name, where
            no catalogue names it.
    """
    closed("TRUNCATE", fields, _TRUNCATE)
    relations = [unwrap(item, "RangeVar") for item in nodes(fields, "relations")]
    things = []
    for relation in relations:
        thing = reader.table(relation)
        thing.use("truncate", location(relation)).whole = True
        things.append(thing)
    at = location(relations[0]) if relations else -1
    if word(fields, "behavior") != "DROP_RESTRICT":
        _cascade(reader, things, at)
    if fields.get("restart_seqs"):
        for thing in things:
            _restart(reader, thing, at)


def _cascade(reader: ChangeReader, things: list[Thing], at: int) -> None:
    """All tables that point to these by a foreign key, and those that point to them."""
    pending = list(things)
    while pending:
        thing = pending.pop()
        if thing.own:
            continue
        known = reader.relation(thing)
        if known is None:
            raise reader.doubt("uncertain.sql_cascade", thing.name, at)
        for schema, name in {key.source for key in known.referenced_by}:
            if (schema, name) in reader.things:
                continue
            reached = reader.thing(schema, name, at)
            use = reached.use("truncate", at)
            use.whole = True
            use.note(through="cascade")
            use.needs = [Need("table", reached.path, "truncate")]
            pending.append(reached)


def _restart(reader: ChangeReader, thing: Thing, at: int) -> None:
    known = reader.relation(thing)
    if thing.own:
        return
    if known is None:
        raise reader.doubt("uncertain.sql_restart_identity", thing.name, at)
    if any(column.source in {"sequence", "identity"} for column in known.columns.values()):
        # A sequence that a column owns has the table's owner, and cannot have another.
        use = thing.use("truncate")
        use.note(restart_identity=True)
        use.needs = [
            Need("table", thing.path, "owner"),
            Need("schema", (thing.schema,), "usage"),
        ]


def lock(reader: ChangeReader, fields: Node) -> None:
    """Read a LockStmt: a right on the whole table, by the mode."""
    closed("LOCK", fields, _LOCK)
    mode = fields.get("mode")
    name, right = _MODES[mode if isinstance(mode, int) else 8]
    for item in nodes(fields, "relations"):
        relation = unwrap(item, "RangeVar")
        thing = reader.table(relation)
        use = thing.use("lock", location(relation))
        use.whole = True
        use.needs = [
            Need("table", thing.path, right),
            Need("schema", (thing.schema,), "usage"),
        ]
        use.note(mode=name)


def copy(reader: ChangeReader, fields: Node, span: Span) -> None:
    """Read a CopyStmt from or to the client.

    Raises:
        Unreadable: a file or a program of the server, or an option that is not on the list.
    """
    if "filename" in fields or "is_program" in fields:
        raise reader.refusal("uncertain.sql_copy", "a file or program of the server", span)
    closed("COPY", fields, _COPY)
    options(reader, nodes(fields, "options"), COPY, lists=True)
    if "query" in fields:
        kind, query = kind_of(as_node(fields["query"]))
        _query(reader, kind, query)
        return
    relation = as_node(fields.get("relation"))
    source = reader.source(relation)
    thing = reader.table(relation)
    verb = "insert" if fields.get("is_from") else "select"
    use = thing.use(verb, location(relation))
    use.note(copy=True)
    listed = strings(nodes(fields, "attlist"))
    known = reader.relation(thing)
    if listed:
        use.columns.update(checked_name(name) for name in listed)
    elif known is None:
        use.whole = True
    else:
        listed = [name for name, item in known.columns.items() if item.source != "generated"]
        use.columns.update(listed)
    if known is not None and verb == "insert":
        reader.check_columns(listed, known, location(relation))
        reader.defaults(listed, known, location(relation))
    reader.optional(fields, "whereClause", Level(None, {}, [source]))


def _query(reader: ChangeReader, kind: str, query: Node) -> None:
    if kind == "SelectStmt":
        reader.select(query, {}, None)
    else:
        reader.change(kind, query, {}, None)


def explain(reader: ChangeReader, fields: Node) -> None:
    """Read an ExplainStmt as if its query ran: the same rights are checked without ANALYZE.

    Raises:
        Unreadable: a query of another kind than SELECT, INSERT, UPDATE, DELETE, MERGE.
    """
    closed("EXPLAIN", fields, _EXPLAIN)
    options(reader, nodes(fields, "options"), EXPLAIN)
    kind, query = kind_of(as_node(fields.get("query")))
    _query(reader, kind, query)
    for thing in reader.things.values():
        for use in thing.uses.values():
            use.note(explain=True)


def vacuum(reader: ChangeReader, fields: Node, span: Span) -> None:
    """Read a VacuumStmt (ANALYZE too) of named tables.

    Raises:
        Unreadable: it names none, and so reaches every table.
    """
    closed("VACUUM", fields, _VACUUM)
    options(reader, nodes(fields, "options"), VACUUM)
    verb = "vacuum" if fields.get("is_vacuumcmd") else "analyze"
    tables = nodes(fields, "rels")
    if not tables:
        raise reader.refusal("uncertain.sql_statement_kind", f"{verb} of every table", span)
    for item in tables:
        entry = unwrap(item, "VacuumRelation")
        closed("VACUUM", entry, _VACUUM_TABLE)
        _, use = owned(reader, as_node(entry.get("relation")), "table", verb)
        columns = strings(nodes(entry, "va_cols"))
        if columns:
            use.whole = False
            use.columns.update(checked_name(name) for name in columns)


def reindex(reader: ChangeReader, fields: Node, span: Span) -> None:
    """Read a ReindexStmt of one table or index.

    Raises:
        Unreadable: a whole schema, database or the system.
    """
    closed("REINDEX", fields, _REINDEX)
    kind = _REINDEXED.get(word(fields, "kind"))
    if kind is None:
        raise reader.refusal("uncertain.sql_statement_kind", "REINDEX of many", span)
    options(reader, nodes(fields, "params"), frozenset({"concurrently", "verbose"}))
    owned(reader, as_node(fields.get("relation")), kind, "reindex")


def set_constraints(reader: ChangeReader, fields: Node, span: Span) -> None:
    """Read SET CONSTRAINTS ALL: when the deferrable ones are checked in this transaction.

    Raises:
        Unreadable: it names some.
    """
    closed("SET CONSTRAINTS", fields, frozenset({"constraints", "deferred"}))
    if nodes(fields, "constraints"):
        raise reader.refusal("uncertain.sql_session", "SET CONSTRAINTS of some", span)


def show(reader: ChangeReader, fields: Node, span: Span) -> None:
    """Read a VariableShowStmt of a setting on the list.

    Raises:
        Unreadable: another setting, or all.
    """
    closed("SHOW", fields, frozenset({"name"}))
    name = word(fields, "name").lower()
    if name not in _SHOWN:
        raise reader.refusal("uncertain.sql_session", f"SHOW {name}", span)
