"""SQL/JSON constructors and query functions (`JSON_OBJECT`, `JSON_VALUE` …): pure, by parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from counterfoil.core.actions.database.expressions import ExpressionReader, Handler
from counterfoil.core.actions.database.scopes import Level
from counterfoil.core.actions.database.tree import Node, as_node, closed, nodes
from counterfoil.core.model import JsonValue

_VALUE: Final = frozenset({"raw_expr", "format"})
_PAIR: Final = frozenset({"key", "value"})
_OUTPUT: Final = frozenset({"typeName", "returning"})
_BEHAVIOUR: Final = frozenset({"btype", "expr", "location"})
_AGGREGATE: Final = frozenset({"output", "agg_filter", "agg_order", "over", "location"})
_CONSTRUCTOR: Final = frozenset({"exprs", "output", "absent_on_null", "unique", "location"})
_PREDICATE: Final = frozenset({"expr", "format", "item_type", "unique_keys", "location"})
_QUERY: Final = frozenset(
    {
        "op",
        "context_item",
        "pathspec",
        "output",
        "on_empty",
        "on_error",
        "wrapper",
        "quotes",
        "location",
    }
)


def _value(reader: ExpressionReader, value: JsonValue, level: Level) -> None:
    fields = as_node(value)
    closed("JsonValueExpr", fields, _VALUE)
    reader.expression(fields.get("raw_expr"), level)


def _pair(reader: ExpressionReader, fields: Node, level: Level) -> None:
    closed("JsonKeyValue", fields, _PAIR)
    reader.expression(fields.get("key"), level)
    _value(reader, fields.get("value"), level)


def _output(reader: ExpressionReader, fields: Node) -> None:
    output = fields.get("output")
    if output is not None:
        closed("JsonOutput", as_node(output), _OUTPUT)
        reader.type_name(as_node(output).get("typeName"))


def _constructor(reader: ExpressionReader, fields: Node, level: Level) -> None:
    closed("JSON constructor", fields, _CONSTRUCTOR)
    reader.expressions(nodes(fields, "exprs"), level)
    _output(reader, fields)


def _aggregate(reader: ExpressionReader, fields: Node, level: Level) -> None:
    """JSON_OBJECTAGG and JSON_ARRAYAGG."""
    closed("JSON aggregate", fields, frozenset({"constructor", "arg", "absent_on_null", "unique"}))
    constructor = as_node(fields.get("constructor"))
    closed("JsonAggConstructor", constructor, _AGGREGATE)
    _output(reader, constructor)
    argument = as_node(fields.get("arg"))
    if "key" in argument:
        _pair(reader, argument, level)
    else:
        _value(reader, argument, level)
    reader.sort(nodes(constructor, "agg_order"), level)
    reader.optional(constructor, "agg_filter", level)
    over = constructor.get("over")
    if over is not None:
        reader.window(as_node(over), level)


def _predicate(reader: ExpressionReader, fields: Node, level: Level) -> None:
    closed("IS JSON", fields, _PREDICATE)
    reader.expression(fields.get("expr"), level)


def _query(reader: ExpressionReader, fields: Node, level: Level) -> None:
    """JSON_VALUE, JSON_QUERY and JSON_EXISTS without PASSING."""
    closed("JSON query", fields, _QUERY)
    _value(reader, fields.get("context_item"), level)
    reader.expression(fields.get("pathspec"), level)
    _output(reader, fields)
    for name in ("on_empty", "on_error"):
        behaviour = fields.get(name)
        if behaviour is not None:
            closed("ON EMPTY or ON ERROR", as_node(behaviour), _BEHAVIOUR)
            reader.optional(as_node(behaviour), "expr", level)


JSON_HANDLERS: Final[Mapping[str, Handler]] = {
    "JsonObjectConstructor": _constructor,
    "JsonArrayConstructor": _constructor,
    "JsonKeyValue": _pair,
    "JsonValueExpr": _value,
    "JsonObjectAgg": _aggregate,
    "JsonArrayAgg": _aggregate,
    "JsonIsPredicate": _predicate,
    "JsonFuncExpr": _query,
}
