"""The kinds of nodes of sqlglot's tree that are read, each with its members. All others refuse.

A member that is absent, false or empty says nothing and is not looked at. Members whose
value is no node (`kind`, `side`) have lists of their own in the readers that use them.
"""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.actions.dialects.lexer import listed

MAX_NODES: Final = 4_000
_QUERY: Final = "with_ order limit offset"
_BINARY: Final = (
    "And Or EQ NEQ GT GTE LT LTE NullSafeEQ Add Sub Mul Div Mod IntDiv Is Like Glob Escape DPipe "
    "Collate Filter"
)
_WORDS: Final = {
    "Select": f"{_QUERY} expressions distinct from_ joins where group having windows",
    "Union": f"{_QUERY} this expression distinct",
    "Intersect": f"{_QUERY} this expression distinct",
    "Except": f"{_QUERY} this expression distinct",
    "Subquery": f"{_QUERY} this alias",
    "From": "this",
    "Join": "this on side kind using",
    "Where": "this",
    "Having": "this",
    "Group": "expressions",
    "Order": "expressions",
    "Ordered": "this desc nulls_first",
    "Limit": "expression",
    "Offset": "expression",
    "Distinct": "expressions",
    "With": "expressions recursive",
    "CTE": "this alias",
    "TableAlias": "this columns",
    "Table": "this alias db",
    "Alias": "this alias",
    "Column": "this table db",
    "Identifier": "this quoted",
    "Star": "",
    "Literal": "this is_string",
    "Null": "",
    "Boolean": "this",
    "Var": "this",
    "Paren": "this",
    "Tuple": "expressions",
    "Not": "this",
    "Neg": "this",
    "In": "this expressions query",
    "Between": "this low high",
    "Case": "this ifs default",
    "If": "this true false",
    "Cast": "this to",
    "DataType": "this expressions values",
    "DataTypeParam": "this",
    "Window": "this partition_by order spec alias over",
    "WindowSpec": "kind start start_side end end_side",
    "Insert": "with_ this expression conflict returning ignore alternative default",
    "Values": "expressions",
    "OnConflict": "duplicate expressions action conflict_keys where",
    "Returning": "expressions",
    "Update": "with_ this expressions from_ where returning order limit",
    "Delete": "with_ this where returning order limit",
    "Create": "this kind expression exists properties replace unique",
    "Schema": "this expressions",
    "ColumnDef": "this kind constraints position exists",
    "ColumnPosition": "this position",
    "ColumnConstraint": "this kind",
    "Constraint": "this expressions",
    "NotNullColumnConstraint": "allow_null",
    "PrimaryKeyColumnConstraint": "desc",
    "AutoIncrementColumnConstraint": "this",
    "UniqueColumnConstraint": "this",
    "DefaultColumnConstraint": "this",
    "CheckColumnConstraint": "this",
    "CommentColumnConstraint": "this",
    "IndexColumnConstraint": "this expressions",
    "PrimaryKey": "expressions include",
    "DropPrimaryKey": "",
    "OnUpdateColumnConstraint": "this",
    "CollateColumnConstraint": "this",
    "Interval": "this unit",
    "JSONPath": "expressions",
    "JSONPathRoot": "",
    "JSONPathKey": "this",
    "JSONPathSubscript": "this",
    "ForeignKey": "expressions reference delete update",
    "Reference": "this expressions options",
    "Properties": "expressions",
    "EngineProperty": "this",
    "CharacterSetProperty": "this default",
    "CollateProperty": "this default",
    "SchemaCommentProperty": "this",
    "AutoIncrementProperty": "this",
    "Index": "this table params",
    "IndexParameters": "columns where",
    "Drop": "kind tables exists cluster",
    "OnProperty": "this",
    "Alter": "this kind actions",
    "AlterRename": "this",
    "RenameColumn": "this to",
    "AlterColumn": "this default drop",
    "ModifyColumn": "this rename_from",
    "AddConstraint": "expressions",
    "TruncateTable": "expressions",
}
NODES: Final[dict[type[exp.Expr], frozenset[str]]] = {
    **{
        getattr(exp, name): frozenset(("this", "expression", "negate", "safe", "typed"))
        for name in _BINARY.split()
    },
    **{getattr(exp, name): frozenset(members.split()) for name, members in _WORDS.items()},
}
FUNCTIONS: Final = frozenset(
    getattr(exp, name)
    for name in listed(
        "Abs Avg Ceil Coalesce Concat CountIf Count CumeDist CurrentDate CurrentTime "
        "CurrentTimestamp Date Day DayOfMonth DayOfWeek DayOfYear DenseRank Exists Exp "
        "FirstValue Floor Greatest GroupConcat If JSONExtract JSONExtractScalar Lag LastValue "
        "Lead Least Length Ln Lower Max Min Month NthValue Ntile Nullif PercentRank Pow "
        "Quarter Rank Round RowNumber Sign Sqrt StrPosition Substring Sum Trim Upper Week "
        "Year Hour Minute Second Left Right ConcatWs Pad LastDay Reverse Typeof "
        "TsOrDsToTimestamp UnixToTime TimeToUnix Stddev StddevPop Variance VariancePop "
        "TimeToStr Replace Hex DateAdd DateSub DateDiff TimestampDiff Extract TsOrDsToDate "
        "Ifnull"
    )
    if hasattr(exp, name)
)
"""sqlglot's kinds of functions that only compute. Each is the server's own on both servers."""
_NAMED: Final = {
    "mysql": listed(
        "NOW UTC_TIMESTAMP CHAR_LENGTH CHARACTER_LENGTH CONCAT_WS DATEDIFF DATE_FORMAT FIELD "
        "FORMAT HEX IFNULL INSTR LAST_DAY LOCATE LPAD LTRIM MOD REPEAT REPLACE REVERSE RPAD "
        "RTRIM TRUNCATE UNIX_TIMESTAMP"
    ),
    "sqlite": listed(
        "DATETIME GROUP_CONCAT HEX IFNULL IIF INSTR JULIANDAY LTRIM PRINTF QUOTE REPLACE "
        "RTRIM UPPER STRFTIME TIME TOTAL TYPEOF UNICODE UNIXEPOCH"
    ),
}
"""Functions that sqlglot has no kind of its own for, by their names."""


def check(tree: exp.Expr, dialect: str) -> None:
    """See that every node, and every member of it that says something, is on the lists.

    Raises:
        Unreadable: one is not, or there are too many.
    """
    count = 0
    for node in tree.walk():
        count += 1
        if count > MAX_NODES:
            raise Unreadable("uncertain.too_deep", f"more than {MAX_NODES} parts")
        kind = type(node)
        if kind in FUNCTIONS:
            continue
        if kind is exp.Anonymous:
            if str(node.this).upper() not in _NAMED[dialect] and not _values_of(node):
                raise Unreadable("uncertain.sql_function", str(node.this)[:64])
            continue
        members = NODES.get(kind)
        if members is None:
            raise _unknown(node)
        for name, value in node.args.items():
            if name not in members and not _says_nothing(value):
                if name == "locks":
                    raise Unreadable("uncertain.sql_lock", "FOR UPDATE")
                raise Unreadable("uncertain.sql_construct", f"{kind.__name__}.{name}")


def _says_nothing(value: object) -> bool:
    return value is None or value is False or value == []


def _values_of(node: exp.Expr) -> bool:
    """VALUES(c) of ON DUPLICATE KEY UPDATE: the value that was to be inserted."""
    return (
        str(node.this).upper() == "VALUES"
        and len(node.expressions) == 1
        and type(node.expressions[0]) is exp.Identifier
        and node.find_ancestor(exp.OnConflict) is not None
    )


def _unknown(node: exp.Expr) -> Unreadable:
    name = type(node).__name__
    if isinstance(node, exp.Command):
        return Unreadable("uncertain.sql_statement_kind", str(node.this)[:32].upper())
    if isinstance(node, (exp.Set, exp.Use, exp.Pragma, exp.Transaction, exp.Commit)):
        return Unreadable("uncertain.sql_session", name)
    if isinstance(node, (exp.Attach, exp.Detach)):
        return Unreadable("uncertain.sql_other_database", name)
    if isinstance(node, exp.Func):
        return Unreadable("uncertain.sql_function", node.sql_name()[:64])
    if isinstance(node, (exp.Placeholder, exp.Parameter, exp.SessionParameter)):
        return Unreadable("uncertain.sql_parameter", name)
    if isinstance(node, exp.Lock):
        return Unreadable("uncertain.sql_lock", name)
    if node.parent is None:
        return Unreadable("uncertain.sql_statement_kind", name)
    return Unreadable("uncertain.sql_construct", name)
