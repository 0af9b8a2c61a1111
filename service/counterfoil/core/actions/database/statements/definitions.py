"""Reads CREATE SCHEMA, SEQUENCE, TYPE, DOMAIN and INDEX, and ALTER TYPE … ADD VALUE."""

from __future__ import annotations

from typing import Final

from counterfoil.core.actions.database.changes import ChangeReader
from counterfoil.core.actions.database.effects import (
    OWNER,
    RELATION,
    SCHEMA,
    TYPE,
    Need,
    Span,
    Thing,
)
from counterfoil.core.actions.database.expressions import collation
from counterfoil.core.actions.database.lexer import places
from counterfoil.core.actions.database.scopes import Level, Source
from counterfoil.core.actions.database.source import checked_name
from counterfoil.core.actions.database.statements.columns import Making
from counterfoil.core.actions.database.statements.elements import index_element
from counterfoil.core.actions.database.statements.options import (
    STORAGE,
    options,
    sequence_options,
)
from counterfoil.core.actions.database.statements.owned import named, owned_use
from counterfoil.core.actions.database.statements.tables import created, new_relation
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

_SCHEMA: Final = frozenset({"schemaname", "if_not_exists"})
_SEQUENCE: Final = frozenset({"sequence", "options", "if_not_exists"})
_COMPOSITE: Final = frozenset({"typevar", "coldeflist"})
_COLUMN: Final = frozenset({"colname", "typeName", "is_local", "collClause", "location"})
_DOMAIN: Final = frozenset({"domainname", "typeName", "collClause", "constraints"})
_DOMAIN_CONSTRAINT: Final = frozenset(
    {"contype", "conname", "raw_expr", "initially_valid", "skip_validation", "location"}
)
_DOMAIN_KINDS: Final = frozenset(
    {"CONSTR_CHECK", "CONSTR_NOTNULL", "CONSTR_NULL", "CONSTR_DEFAULT"}
)
_ADD_VALUE: Final = frozenset(
    {"typeName", "oldVal", "newVal", "newValNeighbor", "newValIsAfter", "skipIfNewValExists"}
)
_INDEX: Final = frozenset(
    {
        "idxname",
        "relation",
        "accessMethod",
        "indexParams",
        "indexIncludingParams",
        "options",
        "whereClause",
        "unique",
        "nulls_not_distinct",
        "concurrent",
        "if_not_exists",
    }
)
_METHODS: Final = frozenset({"btree", "hash", "gin", "gist", "spgist", "brin"})


def create_schema(reader: ChangeReader, fields: Node, span: Span) -> None:
    """Read a CreateSchemaStmt without elements and without another owner.

    Raises:
        Unreadable: AUTHORIZATION, elements, or a system schema's name.
    """
    closed("CREATE SCHEMA", fields, _SCHEMA)
    name = word(fields, "schemaname")
    (place,) = places(reader.text, *span, [[name]])
    shown = span if place is None else (place.start, place.end)
    reader.check_schema(name, shown)
    key = (SCHEMA, name, "")
    thing = reader.things[key] = Thing("schema", checked_name(name), "", span=shown)
    use = thing.use("create")
    use.whole = True
    use.needs = [Need("database", (reader.database,), "create")]
    reader.batch.made([key], surely=not fields.get("if_not_exists"))


def create_sequence(reader: ChangeReader, fields: Node) -> None:
    """Read a CreateSeqStmt.

    Raises:
        Unreadable: OWNED BY, or an option that is not on the list.
    """
    closed("CREATE SEQUENCE", fields, _SEQUENCE)
    sequence_options(reader, nodes(fields, "options"))
    thing = new_relation(reader, as_node(fields.get("sequence")), "sequence")
    making = Making(thing, thing.uses["create"], Level(None, {}))
    created(reader, making, surely=not fields.get("if_not_exists"))


def create_enum(reader: ChangeReader, fields: Node, span: Span) -> None:
    """Read a CreateEnumStmt."""
    closed("CREATE TYPE", fields, frozenset({"typeName", "vals"}))
    strings(nodes(fields, "vals"))
    _new_type(reader, strings(nodes(fields, "typeName")), span, "type")


def create_composite(reader: ChangeReader, fields: Node) -> None:
    """Read a CompositeTypeStmt.

    Raises:
        Unreadable: a column of a type that is not known.
    """
    closed("CREATE TYPE", fields, _COMPOSITE)
    for item in nodes(fields, "coldeflist"):
        column = unwrap(item, "ColumnDef")
        closed("column", column, _COLUMN)
        reader.type_name(column.get("typeName"))
        collate = column.get("collClause")
        if collate is not None:
            collation(reader, as_node(collate))
    thing = new_relation(reader, as_node(fields.get("typevar")), "type")
    reader.batch.made([(RELATION, thing.schema, thing.name)], surely=True)


def create_domain(reader: ChangeReader, fields: Node, span: Span) -> None:
    """Read a CreateDomainStmt.

    Raises:
        Unreadable: a type, function or constraint that is not known.
    """
    closed("CREATE DOMAIN", fields, _DOMAIN)
    reader.type_name(fields.get("typeName"))
    collate = fields.get("collClause")
    if collate is not None:
        collation(reader, as_node(collate))
    level = Level(None, {}, [Source(None, columns={"value": "value"})])
    for item in nodes(fields, "constraints"):
        constraint = unwrap(item, "Constraint")
        closed("domain constraint", constraint, _DOMAIN_CONSTRAINT)
        kind = word(constraint, "contype")
        if kind not in _DOMAIN_KINDS:
            raise reader.doubt("uncertain.sql_construct", kind, location(constraint))
        reader.optional(constraint, "raw_expr", level)
    _new_type(reader, strings(nodes(fields, "domainname")), span, "domain")


def _new_type(reader: ChangeReader, path: list[str], span: Span, kind: str) -> None:
    (thing,) = named(reader, [path], span, kind)
    use = thing.use("create")
    use.whole = True
    use.needs = [Need("schema", (thing.schema,), "create")]
    if kind != "domain":  # a domain runs its CHECK wherever it is used
        reader.batch.made([(TYPE, thing.schema, thing.name)], surely=True)


def add_value(reader: ChangeReader, fields: Node, span: Span) -> None:
    """Read an AlterEnumStmt: ADD VALUE, or RENAME VALUE."""
    closed("ALTER TYPE", fields, _ADD_VALUE)
    (thing,) = named(reader, [strings(nodes(fields, "typeName"))], span, "type")
    use = owned_use(reader, thing, "type", "alter", -1)
    old = word(fields, "oldVal")
    use.note(changes=[{"form": "rename_value" if old else "add_value"}])


def create_index(reader: ChangeReader, fields: Node, span: Span) -> None:
    """Read an IndexStmt: the table's owner, who also needs CREATE on its schema.

    Raises:
        Unreadable: a method, operator class or function that is not known.
    """
    closed("CREATE INDEX", fields, _INDEX)
    relation = as_node(fields.get("relation"))
    table = reader.table(relation)
    method = word(fields, "accessMethod")
    if method not in _METHODS:
        raise reader.doubt("uncertain.sql_construct", method, location(relation))
    options(reader, nodes(fields, "options"), STORAGE)
    level = Level(None, {}, [Source(table.name, columns=reader.table_columns(table))])
    columns: set[str] = set()
    for name in ("indexParams", "indexIncludingParams"):
        for item in nodes(fields, name):
            column = index_element(reader, unwrap(item, "IndexElem"), level)
            columns |= set() if column is None else {column}
    reader.optional(fields, "whereClause", level)
    made = checked_name(word(fields, "idxname"))
    thing = _index(reader, table, made, span)
    use = thing.use("create", location(relation))
    use.columns = columns
    use.needs = [
        Need("schema", (table.schema,), "create"),
        Need("schema", (table.schema,), "usage"),
    ]
    if not table.own:
        use.needs.append(Need("table", table.path, OWNER))
    if made:
        surely = not fields.get("if_not_exists")
        reader.batch.made([(RELATION, table.schema, made)], surely=surely)


def _index(reader: ChangeReader, table: Thing, name: str, span: Span) -> Thing:
    (place,) = places(reader.text, *span, [[name]]) if name else (None,)
    shown = None if place is None else (place.start, place.end)
    thing = Thing("index", table.schema, name, span=shown, identity={"table": table.name})
    reader.things["index", table.schema, name, table.name] = thing
    return thing
