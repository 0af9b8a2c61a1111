"""Reads RENAME, SET SCHEMA and COMMENT.

A name that was moved means something else in what follows: later statements of the same text
that use it are `uncertain`.
"""

from __future__ import annotations

from typing import Final

from counterfoil.core.actions.database.changes import ChangeReader
from counterfoil.core.actions.database.effects import (
    RELATION,
    SCHEMA,
    TYPE,
    Need,
    Span,
    Thing,
)
from counterfoil.core.actions.database.lexer import places
from counterfoil.core.actions.database.source import checked_name
from counterfoil.core.actions.database.statements.alter import makes_in_schema
from counterfoil.core.actions.database.statements.owned import (
    KINDS,
    named,
    owned,
    owned_use,
    schema_use,
)
from counterfoil.core.actions.database.tree import (
    Node,
    as_node,
    closed,
    nodes,
    strings,
    unwrap,
    word,
)

_RENAME: Final = frozenset(
    {
        "renameType",
        "relationType",
        "relation",
        "object",
        "subname",
        "newname",
        "behavior",
        "missing_ok",
    }
)
_SET_SCHEMA: Final = frozenset({"objectType", "relation", "object", "newschema", "missing_ok"})
_COMMENT: Final = frozenset({"objtype", "object", "comment"})
_WITHIN: Final = {
    "OBJECT_COLUMN": "rename_column",
    "OBJECT_TABCONSTRAINT": "rename_constraint",
    "OBJECT_TRIGGER": "rename_trigger",
    "OBJECT_POLICY": "rename_policy",
}
"""What has its name within a relation."""
_COMMENTED_WITHIN: Final = {
    "OBJECT_TABCONSTRAINT": "constraint",
    "OBJECT_TRIGGER": "trigger",
    "OBJECT_POLICY": "policy",
    "OBJECT_RULE": "rule",
}
_ONE: Final = 1


def rename(reader: ChangeReader, fields: Node, span: Span) -> None:
    """Read a RenameStmt.

    Raises:
        Unreadable: it renames anything else.
    """
    kind = word(fields, "renameType")
    closed("RENAME", fields, _RENAME)
    if word(fields, "behavior") != "DROP_RESTRICT":
        raise reader.refusal("uncertain.sql_cascade", "", span)
    new = checked_name(word(fields, "newname"))
    if kind in _WITHIN:
        relation = word(fields, "relationType") if kind == "OBJECT_COLUMN" else "OBJECT_TABLE"
        of = KINDS.get(relation, "table")
        _, use = owned(reader, as_node(fields.get("relation")), of, "alter")
        old = checked_name(word(fields, "subname"))
        use.note(changes=[{"form": _WITHIN[kind], "name": old, "to": new}])
    elif kind in {"OBJECT_TYPE", "OBJECT_DOMAIN"}:
        path = strings(nodes(unwrap(as_node(fields.get("object")), "List"), "items"))
        (thing,) = named(reader, [path], span, KINDS[kind])
        _moved(reader, thing, KINDS[kind], new)
    elif kind == "OBJECT_SCHEMA":
        _rename_schema(reader, word(fields, "subname"), new, span)
    elif kind in KINDS:
        thing = reader.table(as_node(fields.get("relation")))
        _moved(reader, thing, KINDS[kind], new)
    else:
        detail = kind.removeprefix("OBJECT_")
        raise reader.refusal("uncertain.sql_alter_form", f"RENAME {detail}", span)


def _moved(reader: ChangeReader, thing: Thing, kind: str, new: str) -> None:
    use = owned_use(reader, thing, kind, "alter", thing.location)
    use.note(changes=[{"form": "rename", "to": new}])
    if kind not in {"type", "domain"}:
        makes_in_schema(thing, use)  # the new name is made in it
    _forget(reader, thing, kind, (thing.schema, new))


def _forget(reader: ChangeReader, thing: Thing, kind: str, new: tuple[str, str]) -> None:
    space = TYPE if kind in {"type", "domain"} else RELATION
    reader.batch.ended([(space, thing.schema, thing.name)])
    reader.batch.made([(space, *new)], surely=False)


def _rename_schema(reader: ChangeReader, name: str, new: str, span: Span) -> None:
    use = schema_use(reader, name, "alter", span)
    use.note(changes=[{"form": "rename", "to": new}])
    use.needs = [Need("database", (reader.database,), "create"), *(use.needs or ())]
    reader.batch.ended([(SCHEMA, name, "")])
    reader.batch.made([(SCHEMA, new, "")], surely=False)


def set_schema(reader: ChangeReader, fields: Node, span: Span) -> None:
    """Read an AlterObjectSchemaStmt.

    Raises:
        Unreadable: another kind of object.
    """
    closed("SET SCHEMA", fields, _SET_SCHEMA)
    kind = word(fields, "objectType")
    new = checked_name(word(fields, "newschema"))
    reader.check_schema(new, span)
    if kind in {"OBJECT_TYPE", "OBJECT_DOMAIN"}:
        path = strings(nodes(unwrap(as_node(fields.get("object")), "List"), "items"))
        (thing,) = named(reader, [path], span, KINDS[kind])
    elif kind in KINDS and fields.get("relation"):
        thing = reader.table(as_node(fields.get("relation")))
    else:
        detail = kind.removeprefix("OBJECT_")
        raise reader.refusal("uncertain.sql_alter_form", f"SET SCHEMA {detail}", span)
    use = owned_use(reader, thing, KINDS[kind], "alter", thing.location)
    use.note(changes=[{"form": "set_schema", "to": new}])
    if use.needs is not None:
        use.needs.insert(0, Need("schema", (new,), "create"))
    _forget(reader, thing, KINDS[kind], (new, thing.name))


def comment(reader: ChangeReader, fields: Node, span: Span) -> None:
    """Read a CommentStmt: what only the owner may say of a thing.

    Raises:
        Unreadable: another kind of object.
    """
    closed("COMMENT", fields, _COMMENT)
    kind = word(fields, "objtype")
    target = as_node(fields.get("object"))
    if kind == "OBJECT_SCHEMA":
        schema_use(reader, word(unwrap(target, "String"), "sval"), "comment", span)
        return
    if "TypeName" in target:
        path = strings(nodes(unwrap(target, "TypeName"), "names"))
    elif "List" in target:
        path = strings(nodes(unwrap(target, "List"), "items"))
    else:
        raise reader.refusal("uncertain.sql_statement_kind", f"COMMENT ON {kind}", span)
    if kind == "OBJECT_COLUMN" and len(path) > _ONE:
        _comment_column(reader, path, span)
    elif kind in _COMMENTED_WITHIN and len(path) > _ONE:
        (thing,) = named(reader, [path[:-1]], span, "table")
        owned_use(reader, thing, "table", "comment", -1).note(
            on={"kind": _COMMENTED_WITHIN[kind], "name": checked_name(path[-1])}
        )
    elif kind in KINDS:
        (thing,) = named(reader, [path], span, KINDS[kind])
        owned_use(reader, thing, KINDS[kind], "comment", -1)
    else:
        detail = kind.removeprefix("OBJECT_")
        raise reader.refusal("uncertain.sql_statement_kind", f"COMMENT ON {detail}", span)


def _comment_column(reader: ChangeReader, path: list[str], span: Span) -> None:
    """The path of a column ends with its name, so the table's place is the path's beginning."""
    (place,) = places(reader.text, *span, [path])
    shown = span if place is None else (place.start, place.end)
    *table, column = path
    if len(table) == _ONE:
        if place is None:
            raise reader.refusal("uncertain.sql_unqualified_name", table[0], shown)
        table = [reader.qualified_at(table[0], place.start, shown), table[0]]
    elif len(table) != _ONE + 1:
        raise reader.refusal("uncertain.sql_unknown_name", ".".join(path), shown)
    thing = reader.things.get((table[0], table[1])) or reader.thing(table[0], table[1], -1)
    thing.span = shown
    use = owned_use(reader, thing, "table", "comment", -1)
    use.whole = False
    use.columns.add(checked_name(column))
