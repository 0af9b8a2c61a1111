"""Reads DROP of everything that a job may own, RESTRICT only unless the catalogue tells more.

CASCADE reaches objects that the text does not name. With a catalogue each of them stands
among the operations; without one it is `uncertain`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from counterfoil.core.actions.database.changes import ChangeReader
from counterfoil.core.actions.database.effects import RELATION, SCHEMA, TYPE, Span, Thing
from counterfoil.core.actions.database.source import checked_name
from counterfoil.core.actions.database.statements.owned import (
    KINDS,
    cascades,
    named,
    owned_use,
    schema_use,
)
from counterfoil.core.actions.database.tree import Node, closed, nodes, strings, unwrap, word

_DROP: Final = frozenset({"objects", "removeType", "behavior", "missing_ok", "concurrent"})
_RELATIONS: Final = frozenset({"OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW", "OBJECT_SEQUENCE"})
"""Kinds of which a catalogue shows whether anything depends on them."""
_OF_TABLE: Final = {
    "OBJECT_TRIGGER": "drop_trigger",
    "OBJECT_POLICY": "drop_policy",
    "OBJECT_RULE": "drop_rule",
}
"""What belongs to a table: the last part of the path is its name, the rest the table's."""


def drop(reader: ChangeReader, fields: Node, span: Span) -> None:
    """Read a DropStmt.

    Raises:
        Unreadable: another kind of object, CASCADE, or anything not on the lists.
    """
    closed("DROP", fields, _DROP)
    removed = word(fields, "removeType")
    cascade = word(fields, "behavior") != "DROP_RESTRICT"
    if cascade and removed not in _RELATIONS:
        raise reader.refusal("uncertain.sql_cascade", "", span)
    items = nodes(fields, "objects")
    if removed == "OBJECT_SCHEMA":
        _schemas(reader, items, span)
    elif removed in _OF_TABLE:
        _of_tables(reader, items, span, _OF_TABLE[removed])
    elif removed in KINDS:
        kind = KINDS[removed]
        for thing in named(reader, [_path(item) for item in items], span, kind):
            owned_use(reader, thing, kind, "drop", -1)
            if cascade and not cascades(reader, thing, None, -1):
                raise reader.refusal("uncertain.sql_cascade", thing.name, span)
            _ended(reader, thing, kind)
    else:
        raise reader.refusal("uncertain.sql_drop_kind", removed.removeprefix("OBJECT_"), span)


def _path(item: Node) -> list[str]:
    if "TypeName" in item:
        fields = unwrap(item, "TypeName")
        closed("TypeName", fields, frozenset({"names", "typemod", "location"}))
        return strings(nodes(fields, "names"))
    return strings(nodes(unwrap(item, "List"), "items"))


def _ended(reader: ChangeReader, thing: Thing, kind: str) -> None:
    space = TYPE if kind in {"type", "domain"} else RELATION
    reader.batch.ended([(space, thing.schema, thing.name)])


def _of_tables(reader: ChangeReader, items: Sequence[Node], span: Span, form: str) -> None:
    paths = [_path(item) for item in items]
    things = named(reader, [path[:-1] for path in paths], span, "table")
    for path, thing in zip(paths, things, strict=True):
        use = owned_use(reader, thing, thing.kind, "alter", -1)
        use.note(changes=[{"form": form, "name": checked_name(path[-1])}])


def _schemas(reader: ChangeReader, items: Sequence[Node], span: Span) -> None:
    for item in items:
        name = word(unwrap(item, "String"), "sval")
        schema_use(reader, name, "drop", span)
        reader.batch.ended([(SCHEMA, name, "")])
