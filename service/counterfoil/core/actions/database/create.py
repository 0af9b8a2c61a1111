"""Reads CREATE TABLE: CREATE on the schema, REFERENCES on the tables that it points to.

What copies or joins another table (LIKE, INHERITS, PARTITION OF, OF type, AS query) and
whatever makes an index by operator class (EXCLUDE) is `uncertain`.
"""

from __future__ import annotations

from typing import Final

from counterfoil.core.actions.database.changes import ChangeReader
from counterfoil.core.actions.database.expressions import collation
from counterfoil.core.actions.database.names import Level, Source, Table
from counterfoil.core.actions.database.source import checked_name
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

_CREATE: Final = frozenset({"relation", "tableElts", "oncommit", "if_not_exists"})
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
    "CONSTR_IDENTITY": _COMMON | {"generated_when"},
    "CONSTR_PRIMARY": _COMMON | _DEFERRABLE | {"keys"},
    "CONSTR_UNIQUE": _COMMON | _DEFERRABLE | {"keys", "nulls_not_distinct"},
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
    },
    "CONSTR_ATTR_DEFERRABLE": _COMMON,
    "CONSTR_ATTR_NOT_DEFERRABLE": _COMMON,
    "CONSTR_ATTR_DEFERRED": _COMMON,
    "CONSTR_ATTR_IMMEDIATE": _COMMON,
}
_BY_NAME: Final = frozenset({"CONSTR_IDENTITY", "CONSTR_PRIMARY", "CONSTR_UNIQUE"})
"""Constraints whose sequence or index the server makes by the schema's name, which needs
USAGE of it; a plain CREATE TABLE s.t needs none (tried on PostgreSQL 18)."""


class CreateReader(ChangeReader):
    """Reads CREATE TABLE, and the columns and constraints that ALTER TABLE adds."""

    def __init__(self, text: str, database: str) -> None:
        super().__init__(text, database)
        self.created: Table | None = None
        self.uses_schema = False

    def create_table(self, fields: Node) -> None:
        """Read a CreateStmt.

        Raises:
            Unreadable: anything that is not on the lists.
        """
        closed("CREATE TABLE", fields, _CREATE)
        relation = as_node(fields.get("relation"))
        if word(fields, "oncommit") != "ONCOMMIT_NOOP":
            raise self.doubt("uncertain.sql_temporary", "ON COMMIT", location(relation))
        self.created = table = self.table(relation)
        table.use("create", location(relation)).whole = True
        columns: list[str] = []
        constraints: list[Node] = []
        for item in nodes(fields, "tableElts"):
            kind, element = kind_of(item)
            if kind == "ColumnDef":
                columns.append(self.column_definition(element, constraints))
            elif kind == "Constraint":
                constraints.append(element)
            else:
                raise self.doubt("uncertain.sql_construct", kind, location(element))
        own = Source(table.name, columns=frozenset(columns))
        level = Level(None, {}, [own])
        for constraint in constraints:
            self.constraint(constraint, level)

    def column_definition(self, fields: Node, constraints: list[Node]) -> str:
        """Read a ColumnDef and return its name; its constraints are for the caller to read.

        Raises:
            Unreadable: anything that is not on the lists.
        """
        closed("column", fields, _COLUMN)
        if self.type_name(fields.get("typeName"), serial=True):
            self.uses_schema = True  # the sequence is made by the schema's name
        collate = fields.get("collClause")
        if collate is not None:
            collation(self, as_node(collate))
        constraints += [unwrap(item, "Constraint") for item in nodes(fields, "constraints")]
        return checked_name(word(fields, "colname"))

    def constraint(self, fields: Node, level: Level) -> None:
        """Read a Constraint of a table whose columns are those of `level`.

        Raises:
            Unreadable: anything that is not on the lists.
        """
        kind = word(fields, "contype")
        known = _CONSTRAINTS.get(kind)
        if known is None:
            raise self.doubt("uncertain.sql_construct", kind, location(fields))
        closed(kind, fields, known)
        if kind in _BY_NAME:
            self.uses_schema = True
        elif kind == "CONSTR_FOREIGN":
            self._foreign_key(fields)
        else:
            # Of the new table alone: CHECK, DEFAULT and generated columns read nothing else.
            self.optional(fields, "raw_expr", level)

    def _foreign_key(self, fields: Node) -> None:
        relation = as_node(fields.get("pktable"))
        table = self.table(relation)
        self.uses_schema = True
        if table is self.created:
            return  # its owner needs no grant on it
        # Without a list: the primary key. Only a catalogue tells, so the table.
        names = strings(nodes(fields, "pk_attrs"))
        use = table.use("references", location(relation))
        use.columns.update(checked_name(name) for name in names)
