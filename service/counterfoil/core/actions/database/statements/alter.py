"""Reads ALTER of tables, views, sequences, indexes and types: what only an owner may do.

What makes something in the schema by its name (an index, a sequence, a new name) needs CREATE
on it too. OWNER TO, whose new owner the job would have to be a member of, and what is not
listed here, is `uncertain`.
"""

from __future__ import annotations

from typing import Final

from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.actions.database.changes import ChangeReader
from counterfoil.core.actions.database.effects import Need, Thing, Use
from counterfoil.core.actions.database.expressions import collation
from counterfoil.core.actions.database.scopes import Level, Source
from counterfoil.core.actions.database.source import checked_name
from counterfoil.core.actions.database.statements.columns import (
    Making,
    column_definition,
    constraint,
    stored_expression,
)
from counterfoil.core.actions.database.statements.options import (
    STORAGE,
    VIEW,
    options,
    sequence_options,
)
from counterfoil.core.actions.database.statements.owned import KINDS, cascades, owned
from counterfoil.core.actions.database.statements.tables import partition_bound
from counterfoil.core.actions.database.tree import (
    Node,
    as_node,
    closed,
    location,
    nodes,
    unwrap,
    word,
)
from counterfoil.core.model import JsonObject, JsonValue

_ALTER: Final = frozenset({"relation", "cmds", "objtype", "missing_ok"})
_COMMAND: Final = frozenset({"subtype", "name", "def", "behavior", "missing_ok", "num"})
_NEW_TYPE: Final = frozenset({"typeName", "raw_default", "collClause", "location"})
_PARTITION: Final = frozenset({"name", "bound", "concurrent"})
_READ: Final = frozenset(
    {"OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW", "OBJECT_INDEX", "OBJECT_SEQUENCE"}
)
_NAMED: Final = {
    "AT_DropColumn": "drop_column",
    "AT_SetNotNull": "set_not_null",
    "AT_DropNotNull": "drop_not_null",
    "AT_DropConstraint": "drop_constraint",
    "AT_ValidateConstraint": "validate_constraint",
    "AT_DropIdentity": "drop_identity",
    "AT_DropExpression": "drop_expression",
    "AT_EnableRowSecurity": "enable_row_security",
    "AT_DisableRowSecurity": "disable_row_security",
    "AT_ForceRowSecurity": "force_row_security",
    "AT_NoForceRowSecurity": "no_force_row_security",
    "AT_EnableTrig": "enable_trigger",
    "AT_DisableTrig": "disable_trigger",
    "AT_EnableTrigUser": "enable_user_triggers",
    "AT_DisableTrigUser": "disable_user_triggers",
    "AT_ClusterOn": "cluster_on",
    "AT_DropCluster": "drop_cluster",
    "AT_SetLogged": "set_logged",
    "AT_SetUnLogged": "set_unlogged",
}
"""Commands that hold nothing but a name, or not even one."""
_ADDED: Final = frozenset(
    {"CONSTR_CHECK", "CONSTR_UNIQUE", "CONSTR_PRIMARY", "CONSTR_FOREIGN", "CONSTR_EXCLUSION"}
)


def alter_table(reader: ChangeReader, fields: Node) -> None:
    """Read an AlterTableStmt.

    Raises:
        Unreadable: another object, another form, CASCADE, or anything not on the lists.
    """
    objtype = word(fields, "objtype")
    if objtype not in _READ:
        raise _form(reader, objtype.removeprefix("OBJECT_"))
    closed("ALTER TABLE", fields, _ALTER)
    relation = as_node(fields.get("relation"))
    thing, use = owned(reader, relation, KINDS[objtype], "alter")
    # No other table can own a name here; without a catalogue its columns are not known.
    level = Level(None, {}, [Source(thing.name, columns=reader.table_columns(thing))])
    making = Making(thing, use, level)
    changes: list[JsonValue] = []
    for item in nodes(fields, "cmds"):
        command = unwrap(item, "AlterTableCmd")
        reader.enter()
        if word(command, "behavior") != "DROP_RESTRICT" and not (
            word(command, "subtype") == "AT_DropColumn"
            and cascades(reader, thing, word(command, "name"), location(relation))
        ):
            raise reader.doubt("uncertain.sql_cascade", "", location(relation))
        changes.append(_command(reader, command, making))
        closed("ALTER TABLE", command, _COMMAND)
        reader.depth -= 1
    use.note(changes=changes)
    if reader.queries:  # the server takes no subquery in any of these expressions
        raise _form(reader, "subquery")
    if making.makes:
        makes_in_schema(thing, use)
    reader.altered.add((thing.schema, thing.name))


def makes_in_schema(thing: Thing, use: Use) -> None:
    """What the statement makes is made in the thing's schema, by name."""
    if use.needs is not None:
        use.needs.insert(0, Need("schema", (thing.schema,), "create"))


def _command(reader: ChangeReader, command: Node, making: Making) -> JsonObject:
    subtype = word(command, "subtype")
    definition = command.get("def")
    name = word(command, "name")
    if subtype in _NAMED and definition is None:
        return _change(_NAMED[subtype], name)
    read = _COMMANDS.get(subtype)
    if read is None:
        raise _form(reader, subtype.removeprefix("AT_"))
    return read(reader, command, making)


def _add_column(reader: ChangeReader, command: Node, making: Making) -> JsonObject:
    constraints: list[Node] = []
    definition = unwrap(as_node(command.get("def")), "ColumnDef")
    name = column_definition(reader, definition, making, constraints)
    known = making.level.sources[0].columns
    if known is not None:
        making.level.sources[0].columns = {**known, name: name}
    for item in constraints:
        constraint(reader, item, making)
    return _change("add_column", name)


def _add_constraint(reader: ChangeReader, command: Node, making: Making) -> JsonObject:
    item = unwrap(as_node(command.get("def")), "Constraint")
    kind = word(item, "contype")
    if kind not in _ADDED:
        raise _form(reader, kind.removeprefix("CONSTR_"), location(item))
    constraint(reader, item, making)
    return _change("add_constraint", word(item, "conname"))


def _retype(reader: ChangeReader, command: Node, making: Making) -> JsonObject:
    definition = unwrap(as_node(command.get("def")), "ColumnDef")
    closed("TYPE", definition, _NEW_TYPE)
    reader.type_name(definition.get("typeName"))
    collate = definition.get("collClause")
    if collate is not None:
        collation(reader, as_node(collate))
    reader.optional(definition, "raw_default", making.level)
    return _change("set_type", word(command, "name"))


def _default(reader: ChangeReader, command: Node, making: Making) -> JsonObject:
    stored_expression(reader, command, making.level, "def")
    form = "drop_default" if command.get("def") is None else "set_default"
    return _change(form, word(command, "name"))


def _identity(reader: ChangeReader, command: Node, making: Making) -> JsonObject:
    item = unwrap(as_node(command.get("def")), "Constraint")
    constraint(reader, item, making)
    return _change("add_identity", word(command, "name"))


def _storage(reader: ChangeReader, command: Node, _making: Making) -> JsonObject:
    items = nodes(unwrap(as_node(command.get("def")), "List"), "items")
    set_ = word(command, "subtype") == "AT_SetRelOptions"
    found = options(reader, items, STORAGE | VIEW)
    return {"form": "set_options" if set_ else "reset_options", "names": sorted(found)}


def _statistics(_reader: ChangeReader, command: Node, _making: Making) -> JsonObject:
    unwrap(as_node(command.get("def")), "Integer")
    return _change("set_statistics", word(command, "name"))


def _attach(reader: ChangeReader, command: Node, making: Making) -> JsonObject:
    item = unwrap(as_node(command.get("def")), "PartitionCmd")
    closed("PARTITION", item, _PARTITION)
    detach = word(command, "subtype") == "AT_DetachPartition"
    if item.get("concurrent"):
        raise _form(reader, "CONCURRENTLY")
    child, use = owned(reader, as_node(item.get("name")), "table", "alter")
    form = "detached" if detach else "attached"
    use.note(changes=[{"form": form, "name": making.thing.name}])
    if detach:  # its parent's owner is enough (tried on PostgreSQL 18)
        use.needs = [Need("schema", (child.schema,), "usage")]
    bound = item.get("bound")
    if bound is not None:
        partition_bound(reader, as_node(bound), Level(None, {}))
    return _change("detach_partition" if detach else "attach_partition", child.name)


def _inherit(reader: ChangeReader, command: Node, making: Making) -> JsonObject:
    add = word(command, "subtype") == "AT_AddInherit"
    parent, use = owned(reader, unwrap(as_node(command.get("def")), "RangeVar"), "table", "alter")
    use.note(changes=[{"form": "add_child" if add else "drop_child", "name": making.thing.name}])
    return _change("inherit" if add else "no_inherit", parent.name)


def alter_sequence(reader: ChangeReader, fields: Node) -> None:
    """Read an AlterSeqStmt.

    Raises:
        Unreadable: OWNED BY, or an option that is not on the list.
    """
    closed("ALTER SEQUENCE", fields, frozenset({"sequence", "options", "missing_ok"}))
    thing, use = owned(reader, as_node(fields.get("sequence")), "sequence", "alter")
    items = nodes(fields, "options")
    plain = [item for item in items if word(unwrap(item, "DefElem"), "defname") != "restart"]
    options(reader, [item for item in items if item not in plain], frozenset({"restart"}))
    sequence_options(reader, plain)
    names: list[JsonValue] = [word(unwrap(item, "DefElem"), "defname") for item in items]
    use.note(changes=[{"form": "set_options", "names": names}])
    thing.kind = "sequence"


def _change(form: str, name: str) -> JsonObject:
    return {"form": form, "name": checked_name(name)} if name else {"form": form}


def _form(reader: ChangeReader, detail: str, at: int = 0) -> Unreadable:
    return reader.doubt("uncertain.sql_alter_form", detail, at)


_COMMANDS: Final = {
    "AT_AddColumn": _add_column,
    "AT_AddConstraint": _add_constraint,
    "AT_AlterColumnType": _retype,
    "AT_ColumnDefault": _default,
    "AT_AddIdentity": _identity,
    "AT_SetRelOptions": _storage,
    "AT_ResetRelOptions": _storage,
    "AT_SetStatistics": _statistics,
    "AT_AttachPartition": _attach,
    "AT_DetachPartition": _attach,
    "AT_AddInherit": _inherit,
    "AT_DropInherit": _inherit,
}
