"""Columns and constraints, as CREATE TABLE lists them and ALTER TABLE adds them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from counterfoil.core.actions.database.changes import ChangeReader
from counterfoil.core.actions.database.effects import RELATION, Need, Thing, Use
from counterfoil.core.actions.database.expressions import collation
from counterfoil.core.actions.database.scopes import Level
from counterfoil.core.actions.database.source import checked_name
from counterfoil.core.actions.database.statements.elements import index_element
from counterfoil.core.actions.database.statements.options import sequence_options
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

_COLUMN: Final = frozenset(
    {"colname", "typeName", "is_local", "collClause", "constraints", "location"}
)
_COMMON: Final = frozenset({"contype", "conname", "location"})
_DEFERRABLE: Final = frozenset({"deferrable", "initdeferred"})
_CONSTRAINTS: Final = {
    "CONSTR_NULL": _COMMON,
    "CONSTR_NOTNULL": _COMMON,
    "CONSTR_DEFAULT": _COMMON | {"raw_expr"},
    "CONSTR_CHECK": _COMMON | {"raw_expr", "initially_valid", "is_no_inherit", "skip_validation"},
    "CONSTR_GENERATED": _COMMON | {"raw_expr", "generated_when"},
    "CONSTR_IDENTITY": _COMMON | {"generated_when", "options"},
    "CONSTR_PRIMARY": _COMMON | _DEFERRABLE | {"keys", "including", "indexname"},
    "CONSTR_UNIQUE": _COMMON
    | _DEFERRABLE
    | {"keys", "including", "indexname", "nulls_not_distinct"},
    "CONSTR_EXCLUSION": _COMMON | _DEFERRABLE | {"exclusions", "access_method", "where_clause"},
    "CONSTR_FOREIGN": _COMMON
    | _DEFERRABLE
    | {
        "pktable",
        "fk_attrs",
        "pk_attrs",
        "fk_matchtype",
        "fk_upd_action",
        "fk_del_action",
        "fk_del_set_cols",
        "initially_valid",
        "skip_validation",
    },
    "CONSTR_ATTR_DEFERRABLE": _COMMON,
    "CONSTR_ATTR_NOT_DEFERRABLE": _COMMON,
    "CONSTR_ATTR_DEFERRED": _COMMON,
    "CONSTR_ATTR_IMMEDIATE": _COMMON,
}
_BY_NAME: Final = frozenset(
    {"CONSTR_IDENTITY", "CONSTR_PRIMARY", "CONSTR_UNIQUE", "CONSTR_EXCLUSION"}
)
"""Constraints whose sequence or index the server makes by the schema's name, which needs
USAGE of it; a plain CREATE TABLE s.t needs none (tried on PostgreSQL 18)."""
_EXCLUSION_METHODS: Final = frozenset({"btree", "hash", "gist", "spgist"})


@dataclass(slots=True, eq=False)
class Making:
    """A table that columns and constraints are made for.

    `makes` says that an index or a sequence is made in its schema, `by_name` that the schema
    is looked up by its name.
    """

    thing: Thing
    use: Use
    level: Level
    by_name: bool = False
    makes: bool = False
    sequences: list[str] = field(default_factory=list)  # columns that get one of their own


def column_definition(
    reader: ChangeReader, fields: Node, making: Making, constraints: list[Node]
) -> str:
    """Read a ColumnDef and return its name; its constraints are for the caller to read.

    Raises:
        Unreadable: anything that is not on the lists.
    """
    closed("column", fields, _COLUMN)
    name = checked_name(word(fields, "colname"))
    if reader.type_name(fields.get("typeName"), column=True):
        making.by_name = making.makes = True  # the sequence is made by the schema's name
        making.sequences.append(name)
    collate = fields.get("collClause")
    if collate is not None:
        collation(reader, as_node(collate))
    for item in nodes(fields, "constraints"):
        own = unwrap(item, "Constraint")
        if own.get("contype") == "CONSTR_IDENTITY":
            making.sequences.append(name)
        constraints.append(own)
    return name


def constraint(reader: ChangeReader, fields: Node, making: Making) -> None:
    """Read a Constraint of a table whose columns are those of `making.level`.

    Raises:
        Unreadable: anything that is not on the lists.
    """
    kind = word(fields, "contype")
    known = _CONSTRAINTS.get(kind)
    if known is None:
        raise reader.doubt("uncertain.sql_construct", kind, location(fields))
    closed(kind, fields, known)
    if kind in _BY_NAME:
        making.by_name = making.makes = True
    if kind == "CONSTR_FOREIGN":
        _foreign_key(reader, fields, making)
    elif kind == "CONSTR_EXCLUSION":
        _exclusion(reader, fields, making)
    elif kind == "CONSTR_IDENTITY":
        sequence_options(reader, nodes(fields, "options"))
    elif fields.get("indexname"):
        raise reader.doubt("uncertain.sql_construct", "USING INDEX", location(fields))
    else:
        # Of the new table alone: CHECK, DEFAULT and generated columns read nothing else.
        stored_expression(reader, fields, making.level)


def stored_expression(
    reader: ChangeReader, fields: Node, level: Level, name: str = "raw_expr"
) -> None:
    """An expression that is kept, not run: of a sequence in it only the name is looked up."""
    before = {key: set(thing.uses) for key, thing in reader.things.items()}
    reader.optional(fields, name, level)
    for key, thing in reader.things.items():
        for verb in thing.uses.keys() - before.get(key, set()):
            if thing.kind == "sequence":
                thing.uses[verb].needs = [Need("schema", (thing.schema,), "usage")]


def _foreign_key(reader: ChangeReader, fields: Node, making: Making) -> None:
    relation = as_node(fields.get("pktable"))
    thing = reader.table(relation)
    making.by_name = True
    if thing is making.thing:
        return  # its owner needs no grant on it
    names = strings(nodes(fields, "pk_attrs"))
    use = thing.use("references", location(relation))
    known = reader.relation(thing)
    if not names and known is not None:
        names = list(known.key)
    if not names:
        use.whole = True  # the primary key: only a catalogue tells
    use.columns.update(checked_name(name) for name in names)


def _exclusion(reader: ChangeReader, fields: Node, making: Making) -> None:
    method = word(fields, "access_method") or "btree"
    if method not in _EXCLUSION_METHODS:
        raise reader.doubt("uncertain.sql_construct", method, location(fields))
    for item in nodes(fields, "exclusions"):
        element, names = nodes(unwrap(item, "List"), "items")
        index_element(reader, unwrap(element, "IndexElem"), making.level)
        reader.operator(strings(nodes(unwrap(names, "List"), "items")), location(fields))
    reader.optional(fields, "where_clause", making.level)


def made_keys(making: Making) -> list[tuple[str, str, str]]:
    """The name that the table takes."""
    return [(RELATION, making.thing.schema, making.thing.name)]
