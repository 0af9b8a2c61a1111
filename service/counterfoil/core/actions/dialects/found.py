"""What a statement does, as it is read: one `Use` for each verb on each object."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from sqlglot import exp

from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.actions.dialects.lexer import MYSQL, listed
from counterfoil.core.model import JsonValue

Span = tuple[int, int]
MAX_NAME: Final = 64
_SYSTEM: Final = frozenset({"information_schema", "mysql", "performance_schema", "sys"})
_SQLITE_OWN: Final = listed(
    "bytecode carray completion csv dbstat fsdir fts3tokenize generate_series json_each json_tree "
    "memstat stmt tables_used unionvtab zipfile"
)
"""Virtual tables that exist without being made, where the library holds them."""


@dataclass(slots=True, eq=False)
class Use:
    """One verb on one object; no columns and not `whole`: any one column will do.

    `needs` is false where the target checks no right: what a view reads when it is made.
    """

    kind: str
    name: str
    verb: str
    span: Span | None
    columns: set[str] = field(default_factory=set)
    whole: bool = False
    needs: bool = True
    details: dict[str, JsonValue] = field(default_factory=dict)
    table: str = ""  # of an index

    @property
    def meaning(self) -> tuple[object, ...]:
        """All but its place."""
        return (
            *(self.kind, self.name, self.verb, frozenset(self.columns), self.whole, self.needs),
            *(self.table, repr(sorted(self.details.items()))),
        )


@dataclass(slots=True, eq=False)
class Found:
    """All uses of one statement, and where names belong: `home` is the database, or `main`."""

    dialect: str
    home: str
    uses: dict[tuple[str, str, str, bool], Use] = field(default_factory=dict)

    def use(
        self, verb: str, name: str, node: exp.Expr, *, kind: str = "table", needs: bool = True
    ) -> Use:
        """Record that `verb` is done to it."""
        key = (kind, name, verb, needs)
        found = self.uses.get(key)
        if found is None:
            found = self.uses[key] = Use(kind, name, verb, span_of(node), needs=needs)
        return found

    def table(self, node: exp.Expr | None, *, bare: bool = False) -> str:
        """The name of a table of the home database; the tree then says where it is.

        `bare`: where SQLite's grammar has no place for a schema, and means the statement's.

        Raises:
            Unreadable: it is elsewhere, the server's own, or may be two tables.
        """
        if not isinstance(node, exp.Table) or not isinstance(node.this, exp.Identifier):
            raise Unreadable("uncertain.sql_construct", "a table is named otherwise")
        name, span = self.name(node.this), span_of(node.this)
        where = node.args.get("db")
        if where is not None:
            self._home(str(where.name), span)
        qualify = self.dialect == MYSQL or not bare
        node.set("db", exp.to_identifier(self.home, quoted=True) if qualify else None)
        if self.dialect != MYSQL and (
            name.startswith(("sqlite_", "pragma_")) or name in _SQLITE_OWN
        ):
            raise Unreadable("uncertain.sql_system_schema", name, span)
        return name

    def name(self, identifier: exp.Expr | None) -> str:
        """A table's or index' name; MySQL's must not depend on lower_case_table_names.

        Raises:
            Unreadable: it is none, is too long, or would be another on some servers.
        """
        if not isinstance(identifier, exp.Identifier):
            raise Unreadable("uncertain.sql_construct", "a name is missing")
        name = str(identifier.this)
        if len(name) > MAX_NAME or (self.dialect == MYSQL and name != name.lower()):
            raise Unreadable("uncertain.sql_dialect_name", name[:MAX_NAME], span_of(identifier))
        return name.lower()

    def _home(self, where: str, span: Span | None) -> None:
        folded = where.lower()
        if folded in _SYSTEM:
            raise Unreadable("uncertain.sql_system_schema", where[:MAX_NAME], span)
        if self.dialect != MYSQL and folded == "temp":
            raise Unreadable("uncertain.sql_temporary", "", span)
        if (where if self.dialect == MYSQL else folded) != self.home:
            raise Unreadable("uncertain.sql_other_database", where[:MAX_NAME], span)


def column_of(identifier: exp.Expr | None) -> str:
    """A column's name: both targets compare them without regard to case.

    Raises:
        Unreadable: it is none.
    """
    while isinstance(identifier, (exp.Column, exp.Ordered)):
        if isinstance(identifier, exp.Column) and identifier.args.get("table") is not None:
            raise Unreadable("uncertain.sql_construct", "a column with its table", None)
        identifier = identifier.this
    if not isinstance(identifier, exp.Identifier):
        raise Unreadable("uncertain.sql_construct", "a column is named otherwise")
    name = str(identifier.this)
    if len(name) > MAX_NAME:
        raise Unreadable("uncertain.sql_dialect_name", name[:MAX_NAME])
    return name.lower()


def span_of(node: exp.Expr) -> Span | None:
    """Where its name stands in the text, [start, end) in characters."""
    for found in node.find_all(exp.Identifier):
        start, end = found.meta.get("start"), found.meta.get("end")
        if isinstance(start, int) and isinstance(end, int):
            return (start, end + 1)
    return None
