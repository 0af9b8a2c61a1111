"""From text to a tree, and from the tree to the one text that runs.

sqlglot is no authority (docs/adr/0001-parsers.md), so nothing rests on it alone. What runs is
never what was sent: it is written from the tree, with every name quoted, every operand in
parentheses, no comment and no escape; it must be the same words, read as the same tree, and
be written as the same text again.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar, Final

import sqlglot
from sqlglot import exp
from sqlglot.dialects.mysql import MySQL
from sqlglot.dialects.sqlite import SQLite
from sqlglot.errors import SqlglotError
from sqlglot.generators.sqlite import SQLiteGenerator

from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.actions.dialects.lexer import MYSQL, SQLITE, listed, scan
from counterfoil.core.actions.dialects.nodes import check

sqlglot.parser.logger.disabled = True  # it warns of what we refuse
sqlglot.generator.logger.disabled = True


class StrictSQLite(SQLite):
    """Names in backticks: SQLite takes `"x"` for a string where there is no column x."""

    class Tokenizer(SQLite.Tokenizer):
        """Reads the three quotes of names, writes the first."""

        IDENTIFIERS: ClassVar[list[str | tuple[str, str]]] = ["`", '"', ("[", "]")]

    class Generator(SQLiteGenerator):
        """Writes types as they were: another name may have another affinity."""

        TYPE_MAPPING: ClassVar[dict[Any, str]] = {
            exp.DType.INT: "INTEGER",
            exp.DType.VARBINARY: "BLOB",
            exp.DType.FLOAT: "REAL",
            exp.DType.DOUBLE: "REAL",
        }


_DIALECTS: Final[dict[str, Any]] = {MYSQL: MySQL, SQLITE: StrictSQLite}
_OPTIONAL: Final = listed(
    "as inner outer asc into column integer int index key character charset set table all to "
    "nulls first last offset mod interval"
)
"""Words that may be left out or written otherwise without another meaning."""
_SAME: Final = {
    "ifnull": "coalesce",
    "substr": "substring",
    "mid": "substring",
    "lcase": "lower",
    "ucase": "upper",
    "ceiling": "ceil",
    "now": "current_timestamp",
    "localtime": "current_timestamp",
    "localtimestamp": "current_timestamp",
    "curdate": "current_date",
    "curtime": "current_time",
    "power": "pow",
    "numeric": "decimal",
    "dec": "decimal",
    "isnull": "is",
    "char_length": "length",
    "character_length": "length",
    "bool": "boolean",
    "dayofmonth": "day",
}
_REALS: Final = {"float": "real", "double": "real"}  # one affinity
_OPERANDS: Final = (exp.Binary, exp.Not, exp.Between, exp.In, exp.Neg)


def parse(text: str, dialect: str) -> exp.Expr:
    """The tree of the one statement that the text holds, changed to say one thing only.

    Raises:
        Unreadable: it is not valid, holds several statements or a part that is not known.
    """
    words = scan(text, dialect)
    if not words:
        raise Unreadable("uncertain.sql_empty")
    if dialect == SQLITE and {"int", "primary"}.issubset(words):
        # INTEGER PRIMARY KEY is the row's own number, INT PRIMARY KEY is not; sqlglot has one.
        raise Unreadable("uncertain.sql_construct", "INT beside PRIMARY KEY: write INTEGER")
    tree = _parsed(text, dialect)
    check(tree, dialect)
    text = _sql(tree, dialect)
    sent, read = _counted(words, dialect), _counted(scan(text, dialect), dialect)
    if sent != read:
        lost = sorted({*(sent - read), *(read - sent)})
        raise Unreadable("uncertain.sql_construct", f"read in another way: {', '.join(lost)}"[:120])
    return _plain(tree)


def canonical(tree: exp.Expr, dialect: str) -> tuple[str, exp.Expr]:
    """The text of the tree, and the tree that this text is read as, which is what is judged.

    Raises:
        Unreadable: they differ, so that nobody knows how the server would read it.
    """
    text = _sql(tree, dialect, identify=True)
    scan(text, dialect)
    again = _parsed(text, dialect)
    check(again, dialect)
    if _sql(again, dialect, identify=True) != text:
        raise Unreadable("uncertain.sql_construct", "it is not read back as it was written")
    return text, again


def _parsed(text: str, dialect: str) -> exp.Expr:
    try:
        trees = sqlglot.parse(text, read=_DIALECTS[dialect])
    except SqlglotError as error:
        raise Unreadable(
            "uncertain.sql_dialect_syntax", str(error).split("\n", 1)[0][:120]
        ) from None
    found = [tree for tree in trees if tree is not None and not isinstance(tree, exp.Semicolon)]
    if len(found) != 1:
        raise Unreadable("uncertain.sql_several" if found else "uncertain.sql_empty")
    tree: exp.Expr = found[0]
    return tree


def _sql(tree: exp.Expr, dialect: str, *, identify: bool = False) -> str:
    try:
        return tree.sql(
            dialect=_DIALECTS[dialect],
            identify=identify,
            comments=False,
            unsupported_level=sqlglot.ErrorLevel.RAISE,
        )
    except SqlglotError as error:
        raise Unreadable("uncertain.sql_construct", str(error)[:120]) from None


def _counted(words: list[str], dialect: str) -> Counter[str]:
    """The words that carry meaning, each under one of its names."""
    same = {**_SAME, **_REALS} if dialect == SQLITE else _SAME
    quiet = _OPTIONAL
    if dialect == SQLITE:
        quiet = quiet | {"precision", "cross", "join"}  # `a, b` is written as a CROSS JOIN
    elif "group_concat" in words:
        quiet = quiet | {"separator", "','"}  # the separator that it has anyway
    plain = (word.strip("'") if word.strip("'").isdigit() else word for word in words)
    return Counter(same.get(word, word) for word in plain if word not in quiet)


def _plain(tree: exp.Expr) -> exp.Expr:
    """Every name quoted, every operand of an operator in parentheses.

    So neither key words, nor precedence (sql_mode HIGH_NOT_PRECEDENCE), nor a reader that
    binds otherwise than sqlglot can give it another meaning.
    """
    for node in list(tree.walk()):
        node.comments = None
        if isinstance(node, exp.Identifier):
            node.set("quoted", True)  # noqa: FBT003 -- sqlglot's own signature
        if isinstance(node, _OPERANDS):
            for name in ("this", "expression", "low", "high"):
                operand = node.args.get(name)
                if isinstance(operand, _OPERANDS) and not _joined(node, operand):
                    node.set(name, exp.Paren(this=operand))
    return tree


def _joined(node: exp.Expr, operand: exp.Expr) -> bool:
    """`a AND b AND c` and `a LIKE b ESCAPE c` are one."""
    return isinstance(node, exp.Escape) or (
        type(node) is type(operand) and isinstance(node, (exp.And, exp.Or))
    )
