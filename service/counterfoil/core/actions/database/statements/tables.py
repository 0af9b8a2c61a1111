"""Reads CREATE TABLE: CREATE on the schema, and what it points to, copies or belongs to.

REFERENCES needs REFERENCES on the columns, LIKE needs SELECT on the table as a whole, and
INHERITS and PARTITION OF need the parent's ownership.
"""

from __future__ import annotations

from typing import Final

from counterfoil.core.actions.database.changes import ChangeReader
from counterfoil.core.actions.database.effects import (
    OWNER,
    RELATION,
    TEMPORARY,
    Need,
    Thing,
)
from counterfoil.core.actions.database.expressions import bare_name
from counterfoil.core.actions.database.scopes import Level, Source
from counterfoil.core.actions.database.statements.columns import (
    Making,
    column_definition,
    constraint,
)
from counterfoil.core.actions.database.statements.elements import partition_element
from counterfoil.core.actions.database.statements.options import STORAGE, options
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
from counterfoil.core.model import JsonValue

_CREATE: Final = frozenset(
    {
        "relation",
        "tableElts",
        "inhRelations",
        "partbound",
        "partspec",
        "constraints",
        "options",
        "oncommit",
        "accessMethod",
        "if_not_exists",
    }
)
_ORDINARY: Final = frozenset({"relation", "tableElts", "oncommit", "if_not_exists"})
_LIKE: Final = frozenset({"relation", "options"})
_PARTITION_BY: Final = frozenset({"strategy", "partParams", "location"})
_BOUND: Final = frozenset(
    {
        "strategy",
        "is_default",
        "modulus",
        "remainder",
        "listdatums",
        "lowerdatums",
        "upperdatums",
        "location",
    }
)
_ENDS: Final = frozenset({"minvalue", "maxvalue"})
PERSISTENCE: Final = {"p": "", "u": "unlogged", "t": "temporary"}


def create_table(reader: ChangeReader, fields: Node) -> None:
    """Read a CreateStmt.

    Raises:
        Unreadable: anything that is not on the lists.
    """
    closed("CREATE TABLE", fields, _CREATE)
    relation = as_node(fields.get("relation"))
    thing = new_relation(reader, relation, "table", commit=word(fields, "oncommit"))
    if fields.get("accessMethod", "heap") != "heap":
        raise reader.doubt("uncertain.sql_construct", "USING", location(relation))
    making = Making(thing, thing.uses["create"], Level(None, {}))
    if not _ORDINARY.issuperset(fields):
        options(reader, nodes(fields, "options"), STORAGE)
        _parents(reader, fields, making)
    _elements(reader, fields, making)
    _partition_key(reader, fields, making)
    if reader.queries:  # the server takes no subquery in any of these expressions
        raise reader.doubt("uncertain.sql_construct", "subquery", location(relation))
    created(reader, making, surely=not fields.get("if_not_exists"))


def new_relation(
    reader: ChangeReader, relation: Node, kind: str, *, commit: str = "ONCOMMIT_NOOP"
) -> Thing:
    """The relation that a statement makes: CREATE on its schema, TEMPORARY for a temporary one.

    Raises:
        Unreadable: a persistence or place that is not read.
    """
    persistence = word(relation, "relpersistence")
    at = location(relation)
    if persistence == "t":
        if relation.get("schemaname") or relation.get("catalogname"):
            raise reader.doubt("uncertain.sql_temporary", "with a schema", at)
        name = word(relation, "relname")
        reader.batch.made([(RELATION, TEMPORARY, name)], surely=True)
        thing = reader.thing(TEMPORARY, name, at)
        need = Need("database", (reader.database,), "temporary")
    else:
        if commit != "ONCOMMIT_NOOP":
            raise reader.doubt("uncertain.sql_temporary", "ON COMMIT", at)
        thing = reader.table(relation, new=True)
        need = Need("schema", (thing.schema,), "create")
    thing.kind, thing.own = kind, False
    use = thing.use("create", at)
    use.whole, use.needs = True, [need]
    if persistence != "p":
        use.note(persistence=PERSISTENCE[persistence])
    return thing


def created(reader: ChangeReader, making: Making, *, surely: bool) -> None:
    """From here on the text's later statements find the relation."""
    thing, use = making.thing, making.use
    if making.by_name and thing.schema != TEMPORARY and use.needs is not None:
        use.needs.append(Need("schema", (thing.schema,), "usage"))
    reader.batch.made([(RELATION, thing.schema, thing.name)], surely=surely)
    if making.sequences:
        names = [f"{thing.name}_{name}_seq" for name in making.sequences]
        reader.batch.made([(RELATION, thing.schema, name) for name in names], surely=False)


def _elements(reader: ChangeReader, fields: Node, making: Making) -> None:
    columns: list[str] | None = []
    constraints = [unwrap(item, "Constraint") for item in nodes(fields, "constraints")]
    for item in nodes(fields, "tableElts"):
        kind, element = kind_of(item)
        if kind == "ColumnDef":
            name = column_definition(reader, element, making, constraints)
            columns = None if columns is None else [*columns, name]
        elif kind == "Constraint":
            constraints.append(element)
        elif kind == "TableLikeClause":
            _like(reader, element, making)
            columns = None  # those of the other table are the new one's too
        else:
            raise reader.doubt("uncertain.sql_construct", kind, location(element))
    if fields.get("inhRelations"):
        columns = None
    known = None if columns is None else dict(zip(columns, columns, strict=True))
    making.level.sources = [Source(making.thing.name, columns=known)]
    for item in constraints:
        constraint(reader, item, making)


def _like(reader: ChangeReader, fields: Node, making: Making) -> None:
    """LIKE copies the columns, and by its options defaults and constraints as they are there.

    INCLUDING adds them to the new table by its name, so its schema is looked up.
    """
    closed("LIKE", fields, _LIKE)
    if fields.get("options"):
        making.by_name = True
    relation = as_node(fields.get("relation"))
    thing = reader.table(relation)
    use = thing.use("select", location(relation))
    use.needs = [
        Need("table", thing.path, "select"),  # on the table as a whole: columns do not do
        Need("schema", (thing.schema,), "usage"),
    ]
    use.whole = True
    use.note(like=True)


def _parents(reader: ChangeReader, fields: Node, making: Making) -> None:
    bound = fields.get("partbound")
    form = "add_child" if bound is None else "attach_partition"
    for item in nodes(fields, "inhRelations"):
        relation = unwrap(item, "RangeVar")
        thing = reader.table(relation)
        use = thing.use("alter", location(relation))
        use.whole = True
        use.needs = [
            Need("table", thing.path, OWNER),
            Need("schema", (thing.schema,), "usage"),
        ]
        change: JsonValue = {"form": form, "name": making.thing.name}
        use.note(changes=[change])
    if bound is not None:
        partition_bound(reader, as_node(bound), making.level)


def partition_bound(reader: ChangeReader, fields: Node, level: Level) -> None:
    """FOR VALUES: constant expressions, MINVALUE and MAXVALUE.

    Raises:
        Unreadable: anything that is not on the lists.
    """
    closed("FOR VALUES", fields, _BOUND)
    reader.expressions(nodes(fields, "listdatums"), level)
    for name in ("lowerdatums", "upperdatums"):
        for item in nodes(fields, name):
            if bare_name(item) not in _ENDS:
                reader.expression(item, level)


def _partition_key(reader: ChangeReader, fields: Node, making: Making) -> None:
    spec = fields.get("partspec")
    if spec is None:
        return
    closed("PARTITION BY", as_node(spec), _PARTITION_BY)
    for item in nodes(as_node(spec), "partParams"):
        partition_element(reader, unwrap(item, "PartitionElem"), making.level)
