"""Reads DROP TABLE and the daily forms of ALTER TABLE: what only a table's owner may do.

No GRANT gives these, so each needs the permission `owner` on exactly that table. What
makes something in the schema by its name (an index, a sequence, the table's new name)
needs CREATE on it too; both need USAGE, always (tried on PostgreSQL 18).

CASCADE reaches what the text does not name; FOREIGN KEY, triggers, OWNER TO, SET SCHEMA,
storage and every other form are `uncertain`.
"""

from __future__ import annotations

import re
from typing import Final

from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.actions.database.create import CreateReader
from counterfoil.core.actions.database.expressions import collation
from counterfoil.core.actions.database.names import Level, Source, Table
from counterfoil.core.actions.database.source import NAME, checked_name
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
from counterfoil.core.model import JsonObject, JsonValue

_DROP: Final = frozenset({"objects", "removeType", "behavior", "missing_ok"})
_ALTER: Final = frozenset({"relation", "cmds", "objtype", "missing_ok"})
_RENAME: Final = frozenset(
    {
        "renameType",
        "relationType",
        "relation",
        "subname",
        "newname",
        "behavior",
        "missing_ok",
    }
)
_COMMAND: Final = frozenset({"subtype", "name", "def", "behavior", "missing_ok"})
_NEW_TYPE: Final = frozenset({"typeName", "raw_default", "collClause", "location"})
_BY_COLUMN_NAME: Final = {
    "AT_DropColumn": "drop_column",
    "AT_SetNotNull": "set_not_null",
    "AT_DropNotNull": "drop_not_null",
    "AT_DropConstraint": "drop_constraint",
}
"""Commands that hold nothing but a name."""
_ADDED: Final = frozenset({"CONSTR_CHECK", "CONSTR_UNIQUE", "CONSTR_PRIMARY"})
_MAX_PATH: Final = 3  # database.schema.table

_DROP_WORDS: Final = re.compile(r"[;\s]*DROP\s+TABLE\s+(?:IF\s+EXISTS\s+)?", re.IGNORECASE)
_COMMA: Final = re.compile(r"\s*,\s*")


class StatementReader(CreateReader):
    """Reads one statement of any kind that is read at all."""

    def __init__(self, text: str, database: str) -> None:
        super().__init__(text, database)
        self.changes: list[JsonObject] = []

    def drop_tables(self, fields: Node) -> None:
        """Read a DropStmt.

        Raises:
            Unreadable: something else than tables, CASCADE, or a name without schema.
        """
        kind = word(fields, "removeType")
        if kind != "OBJECT_TABLE":
            raise self.doubt("uncertain.sql_drop_kind", _kind(kind), 0)
        closed("DROP TABLE", fields, _DROP)
        self._restricted(fields, 0)
        objects = nodes(fields, "objects")
        places = _places(self.text, len(objects))
        for item, at in zip(objects, places, strict=True):
            path = strings(nodes(unwrap(item, "List"), "items"))
            if len(path) > _MAX_PATH:
                raise self.doubt("uncertain.sql_unknown_name", ".".join(path), at)
            self.enter()
            self.table(_relation(path, at)).use("drop", at).whole = True
            self.depth -= 1

    def alter_table(self, fields: Node) -> None:
        """Read an AlterTableStmt.

        Raises:
            Unreadable: another object, another form, CASCADE, or anything not on the lists.
        """
        table = self._altered(fields, word(fields, "objtype"))
        closed("ALTER TABLE", fields, _ALTER)
        # Its columns only a catalogue tells, but no other table can own a name here.
        level = Level(None, {}, [Source(table.name)])
        for item in nodes(fields, "cmds"):
            command = unwrap(item, "AlterTableCmd")
            self.enter()
            self._restricted(command, location(as_node(fields.get("relation"))))
            self._command(command, level)
            self.depth -= 1
        if list(self.tables.values()) != [table] or table.uses.keys() != {"alter"}:
            # The server takes no subquery in any of these expressions.
            raise self._form("subquery")

    def rename(self, fields: Node) -> None:
        """Read a RenameStmt: of a table, or of one of its columns.

        Raises:
            Unreadable: it renames anything else.
        """
        kind = word(fields, "renameType")
        column = kind == "OBJECT_COLUMN"
        self._altered(fields, word(fields, "relationType") if column else kind)
        closed("RENAME", fields, _RENAME)
        new = checked_name(word(fields, "newname"))
        if column:
            self._change("rename_column", name=checked_name(word(fields, "subname")), to=new)
        else:
            self.uses_schema = True  # the new name is made in it
            self._change("rename", to=new)

    def _altered(self, fields: Node, kind: str) -> Table:
        if kind != "OBJECT_TABLE":
            raise self._form(_kind(kind))
        relation = as_node(fields.get("relation"))
        table = self.table(relation)
        table.use("alter", location(relation)).whole = True
        return table

    def _command(self, command: Node, level: Level) -> None:
        subtype = word(command, "subtype")
        definition = command.get("def")
        if subtype == "AT_AddColumn":
            self._add_column(as_node(definition), level)
        elif subtype == "AT_AddConstraint":
            self._add_constraint(unwrap(as_node(definition), "Constraint"), level)
        elif subtype == "AT_AlterColumnType":
            self._retype(command, unwrap(as_node(definition), "ColumnDef"), level)
        elif subtype == "AT_ColumnDefault":
            self.optional(command, "def", level)
            form = "drop_default" if definition is None else "set_default"
            self._change(form, name=checked_name(word(command, "name")))
        elif subtype in _BY_COLUMN_NAME and definition is None:
            self._change(_BY_COLUMN_NAME[subtype], name=checked_name(word(command, "name")))
        else:
            raise self._form(subtype.removeprefix("AT_"))
        closed(subtype, command, _COMMAND)

    def _add_column(self, definition: Node, level: Level) -> None:
        constraints: list[Node] = []
        name = self.column_definition(unwrap(definition, "ColumnDef"), constraints)
        for constraint in constraints:
            if word(constraint, "contype") == "CONSTR_FOREIGN":
                raise self._form("FOREIGN KEY", location(constraint))
            self.constraint(constraint, level)
        self._change("add_column", name=name)

    def _add_constraint(self, constraint: Node, level: Level) -> None:
        kind = word(constraint, "contype")
        if kind not in _ADDED:
            raise self._form(kind.removeprefix("CONSTR_"), location(constraint))
        self.constraint(constraint, level)
        name = word(constraint, "conname")
        self._change("add_constraint", **({"name": checked_name(name)} if name else {}))

    def _retype(self, command: Node, definition: Node, level: Level) -> None:
        closed("TYPE", definition, _NEW_TYPE)
        self.type_name(definition.get("typeName"))
        collate = definition.get("collClause")
        if collate is not None:
            collation(self, as_node(collate))
        self.optional(definition, "raw_default", level)
        self._change("set_type", name=checked_name(word(command, "name")))

    def _change(self, form: str, **names: JsonValue) -> None:
        self.changes.append({"form": form, **names})

    def _restricted(self, fields: Node, at: int) -> None:
        if word(fields, "behavior") != "DROP_RESTRICT":
            raise self.doubt("uncertain.sql_cascade", "", at)

    def _form(self, detail: str, at: int = 0) -> Unreadable:
        return self.doubt("uncertain.sql_alter_form", detail, at)


def _kind(name: str) -> str:
    return name.removeprefix("OBJECT_")


def _relation(path: list[str], at: int) -> Node:
    """A name list as the RangeVar that the grammar makes of it elsewhere."""
    fields: dict[str, JsonValue] = {"relpersistence": "p", "location": at}
    members = ("relname", "schemaname", "catalogname")
    fields.update(zip(members, reversed(path), strict=False))
    return fields


def _places(text: str, count: int) -> list[int]:
    """The byte offset of each name of a DROP TABLE, which the parser leaves out.

    -1 where comments, which only a real lexer can leave out, or quotes make it doubtful:
    a span that pointed at another name would mislead whoever approves.
    """
    found: list[int] = []
    words = _DROP_WORDS.match(text)
    at = words.end() if words else len(text)
    while "--" not in text and "/*" not in text:
        name = NAME.match(text, at)
        if name is None:
            break
        found.append(len(text[:at].encode()))
        comma = _COMMA.match(text, name.end())
        if comma is None:
            break
        at = comma.end()
    return found if len(found) == count else [-1] * count
