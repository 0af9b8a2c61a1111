"""Walks expressions by allow-list: each node kind, member, function, operator, type.

A kind that is not in `handlers` is `uncertain`, so a construct that a later grammar adds
is refused until somebody has thought about it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Final, TypeAlias

from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.actions.database import system
from counterfoil.core.actions.database.functions import (
    CONFIGURATIONS,
    CONFIGURED,
    FUNCTIONS,
    SEQUENCE_FUNCTIONS,
    SIDE_EFFECTS,
)
from counterfoil.core.actions.database.lists import COLLATIONS, OPERATORS
from counterfoil.core.actions.database.names import MAX_DEPTH, MAX_NODES
from counterfoil.core.actions.database.scopes import Ctes, Level
from counterfoil.core.actions.database.sequences import sequence_call
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
from counterfoil.core.actions.database.types import TypeReader
from counterfoil.core.model import JsonValue

_SYSTEM: Final = "pg_catalog"
_OPERATOR_KINDS: Final = frozenset(
    {
        "AEXPR_OP",
        "AEXPR_OP_ANY",
        "AEXPR_OP_ALL",
        "AEXPR_DISTINCT",
        "AEXPR_NOT_DISTINCT",
        "AEXPR_NULLIF",
        "AEXPR_IN",
        "AEXPR_LIKE",
        "AEXPR_ILIKE",
        "AEXPR_SIMILAR",
        "AEXPR_BETWEEN",
        "AEXPR_NOT_BETWEEN",
        "AEXPR_BETWEEN_SYM",
        "AEXPR_NOT_BETWEEN_SYM",
    }
)
_VALUES: Final = frozenset({"ival", "fval", "boolval", "sval", "bsval", "isnull", "location"})
_FUNCTION: Final = frozenset(
    {
        "funcname",
        "args",
        "agg_order",
        "agg_filter",
        "over",
        "agg_within_group",
        "agg_star",
        "agg_distinct",
        "func_variadic",
        "funcformat",
        "location",
    }
)
_OPERATOR: Final = frozenset({"kind", "name", "lexpr", "rexpr", "location"})
_CAST: Final = frozenset({"arg", "typeName", "location"})
_COLLATE: Final = frozenset({"arg", "collname", "location"})
_INDIRECTION: Final = frozenset({"arg", "indirection"})
_SUBLINK: Final = frozenset({"subLinkType", "testexpr", "operName", "subselect", "location"})
_WINDOW: Final = frozenset(
    {
        "name",
        "refname",
        "partitionClause",
        "orderClause",
        "frameOptions",
        "startOffset",
        "endOffset",
        "location",
    }
)
_SORT: Final = frozenset({"node", "sortby_dir", "sortby_nulls", "useOp", "location"})


class ExpressionReader(TypeReader):
    """Reads expressions; queries inside them are read by `select` of the subclass."""

    handlers: ClassVar[Mapping[str, Handler]]

    @abstractmethod
    def select(self, fields: Node, ctes: Ctes, parent: Level | None) -> list[str] | None:
        """Read a SelectStmt and return its output names where they are known."""

    def expression(self, value: JsonValue, level: Level) -> None:
        """Read one expression.

        Raises:
            Unreadable: anything in it is not on the allow-list.
        """
        # `kind_of` and `enter`, written out: half of all calls of a reading are made here.
        if not isinstance(value, dict) or len(value) != 1:
            raise Unreadable("uncertain.sql_construct", "the parse tree has an unexpected shape")
        ((kind, fields),) = value.items()
        handler = self.handlers.get(kind)
        if handler is None or not isinstance(fields, dict):
            raise self.doubt("uncertain.sql_construct", kind, location(as_node(fields)))
        batch = self.batch
        batch.nodes += 1
        self.depth += 1
        if batch.nodes > MAX_NODES or self.depth > MAX_DEPTH:
            raise Unreadable("uncertain.too_deep")
        handler(self, fields, level)
        self.depth -= 1

    def expressions(self, items: Sequence[Node], level: Level) -> None:
        """Read each of a list."""
        for item in items:
            self.expression(item, level)

    def optional(self, fields: Node, name: str, level: Level) -> None:
        """Read the expression member `name` where there is one."""
        value = fields.get(name)
        if value is not None:
            self.expression(value, level)

    def operator(self, names: list[str], at: int) -> None:
        """An operator of `pg_catalog` on the list.

        Raises:
            Unreadable: `OPERATOR(schema.op)`, or one that is not known.
        """
        if names[-1] not in OPERATORS or names[:-1] not in ([], [_SYSTEM]):
            raise self.doubt("uncertain.sql_operator", ".".join(names), at)

    def sort(self, items: Sequence[Node], level: Level, skip: frozenset[str] = frozenset()) -> None:
        """ORDER BY items. A bare name in `skip` is an output column, read already."""
        for item in items:
            fields = unwrap(item, "SortBy")
            closed("SortBy", fields, _SORT)
            if fields.get("useOp"):
                raise self.doubt("uncertain.sql_operator", "USING", location(fields))
            node = as_node(fields.get("node"))
            if bare_name(node) not in skip:
                self.expression(node, level)

    def window(self, fields: Node, level: Level) -> None:
        """A window definition (OVER or WINDOW)."""
        closed("WindowDef", fields, _WINDOW)
        self.expressions(nodes(fields, "partitionClause"), level)
        self.sort(nodes(fields, "orderClause"), level)
        self.optional(fields, "startOffset", level)
        self.optional(fields, "endOffset", level)


def bare_name(node: Node) -> str | None:
    """The name of an unqualified column reference, None for anything else."""
    reference = node.get("ColumnRef")
    if not isinstance(reference, dict):
        return None
    fields = nodes(reference, "fields")
    if len(fields) != 1 or "String" not in fields[0]:
        return None
    return word(unwrap(fields[0], "String"), "sval")


def _column(reader: ExpressionReader, fields: Node, level: Level) -> None:
    path = nodes(fields, "fields")
    at = location(fields)
    if len(path) != 1:
        reader.qualified(path, level, at)
    elif "A_Star" in path[0]:
        raise reader.doubt("uncertain.sql_construct", "*", at)
    else:
        reader.column(word(unwrap(path[0], "String"), "sval"), level, at)


def _constant(_reader: ExpressionReader, fields: Node, _level: Level) -> None:
    closed("A_Const", fields, _VALUES)


def _operation(reader: ExpressionReader, fields: Node, level: Level) -> None:
    closed("A_Expr", fields, _OPERATOR)
    kind = word(fields, "kind")
    if kind not in _OPERATOR_KINDS:
        raise reader.doubt("uncertain.sql_construct", kind, location(fields))
    if "BETWEEN" not in kind:
        reader.operator(strings(nodes(fields, "name")), location(fields))
    reader.optional(fields, "lexpr", level)
    reader.optional(fields, "rexpr", level)


def _function(reader: ExpressionReader, fields: Node, level: Level) -> None:
    closed("FuncCall", fields, _FUNCTION)
    names = strings(nodes(fields, "funcname"))
    name, at = names[-1], location(fields)
    if names[:-1] not in ([], [_SYSTEM]):
        raise reader.doubt("uncertain.sql_function", ".".join(names), at)
    if name not in FUNCTIONS and not _configured(name, fields):
        if name in SEQUENCE_FUNCTIONS:
            sequence_call(reader, name, fields)
            reader.expressions(nodes(fields, "args")[1:], level)
            return
        if name in system.FUNCTIONS:
            reader.catalogue_use(system.FUNCTIONS[name], at)
            reader.expressions(nodes(fields, "args"), level)
            return
        why = SIDE_EFFECTS.get(name)
        detail = f"{name}: {why}" if why else name
        raise reader.doubt("uncertain.sql_function", detail, at)
    reader.expressions(nodes(fields, "args"), level)
    reader.sort(nodes(fields, "agg_order"), level)
    reader.optional(fields, "agg_filter", level)
    over = fields.get("over")
    if over is not None:
        reader.window(as_node(over), level)


def _configured(name: str, fields: Node) -> bool:
    """A text search function whose configuration, if it names one, is a literal built-in."""
    arguments = nodes(fields, "args")
    if name not in CONFIGURED or len(arguments) > CONFIGURED[name]:
        return False
    if len(arguments) < CONFIGURED[name]:
        return True
    constant = arguments[0].get("A_Const")
    value = constant.get("sval") if isinstance(constant, dict) else None
    return isinstance(value, dict) and word(value, "sval") in CONFIGURATIONS


def _cast(reader: ExpressionReader, fields: Node, level: Level) -> None:
    closed("TypeCast", fields, _CAST)
    reader.type_name(fields.get("typeName"))
    reader.expression(fields.get("arg"), level)


def _sublink(reader: ExpressionReader, fields: Node, level: Level) -> None:
    closed("SubLink", fields, _SUBLINK)
    names = nodes(fields, "operName")
    if names:
        reader.operator(strings(names), location(fields))
    reader.optional(fields, "testexpr", level)
    query = unwrap(as_node(fields.get("subselect")), "SelectStmt")
    reader.select(query, level.ctes, level)


def _collate(reader: ExpressionReader, fields: Node, level: Level) -> None:
    collation(reader, fields)
    reader.optional(fields, "arg", level)


def collation(reader: TypeReader, fields: Node) -> None:
    """COLLATE with a collation that every server has.

    Raises:
        Unreadable: another one, which somebody may have made.
    """
    closed("CollateClause", fields, _COLLATE)
    collation_name(reader, strings(nodes(fields, "collname")), location(fields))


def collation_name(reader: TypeReader, names: list[str], at: int) -> None:
    """The name of a collation that every server has.

    Raises:
        Unreadable: another one, which somebody may have made.
    """
    if names[-1] not in COLLATIONS or names[:-1] not in ([], [_SYSTEM]):
        raise reader.doubt("uncertain.sql_collation", ".".join(names), at)


def _subscript(reader: ExpressionReader, fields: Node, level: Level) -> None:
    """`a[1]`; `(x).name` may call a function `name` of x's type, which only a catalogue tells."""
    closed("A_Indirection", fields, _INDIRECTION)
    reader.expression(fields.get("arg"), level)
    for item in nodes(fields, "indirection"):
        kind, index = kind_of(item)
        if kind != "A_Indices":
            raise reader.doubt("uncertain.sql_field_access", kind, location(fields))
        reader.optional(index, "lidx", level)
        reader.optional(index, "uidx", level)


def _parts(*lists: str, single: Sequence[str] = (), flags: Sequence[str] = ()) -> Handler:
    """A handler for a node that is only its parts."""
    known = frozenset({*lists, *single, *flags, "location"})

    def read(reader: ExpressionReader, fields: Node, level: Level) -> None:
        if not fields.keys() <= known:
            detail = ", ".join(sorted(fields.keys() - known))
            raise reader.doubt("uncertain.sql_construct", detail, location(fields))
        for name in single:
            reader.optional(fields, name, level)
        for name in lists:
            reader.expressions(nodes(fields, name), level)

    return read


def _refused(code: str) -> Handler:
    def refuse(reader: ExpressionReader, fields: Node, _level: Level) -> None:
        raise Unreadable(code, "", reader.doubt(code, "", location(fields)).span)

    return refuse


Handler: TypeAlias = Callable[[ExpressionReader, Node, Level], None]
HANDLERS: Final[Mapping[str, Handler]] = {
    "ColumnRef": _column,
    "A_Const": _constant,
    "A_Expr": _operation,
    "FuncCall": _function,
    "NamedArgExpr": _parts(single=("arg",), flags=("name", "argnumber")),
    "TypeCast": _cast,
    "SubLink": _sublink,
    "CollateClause": _collate,
    "A_Indirection": _subscript,
    "BoolExpr": _parts("args", flags=("boolop",)),
    "NullTest": _parts(single=("arg",), flags=("nulltesttype",)),
    "BooleanTest": _parts(single=("arg",), flags=("booltesttype",)),
    "CaseExpr": _parts("args", single=("arg", "defresult")),
    "CaseWhen": _parts(single=("expr", "result")),
    "CoalesceExpr": _parts("args"),
    "MinMaxExpr": _parts("args", flags=("op",)),
    "SQLValueFunction": _parts(flags=("op", "typmod")),
    "A_ArrayExpr": _parts("elements"),
    "RowExpr": _parts("args", flags=("row_format",)),
    "List": _parts("items"),
    "GroupingFunc": _parts("args"),
    "GroupingSet": _parts("content", flags=("kind",)),
    "SetToDefault": _parts(),
    "XmlExpr": _refused("uncertain.sql_function"),
    "XmlSerialize": _refused("uncertain.sql_function"),
    "ParamRef": _refused("uncertain.sql_parameter"),
}
