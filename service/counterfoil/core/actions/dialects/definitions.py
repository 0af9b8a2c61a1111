"""CREATE, ALTER, DROP and TRUNCATE of tables, indexes and views."""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.actions.dialects.found import Found, Use, column_of
from counterfoil.core.actions.dialects.lexer import MYSQL, SQLITE
from counterfoil.core.actions.dialects.queries import QUERIES, Reader, Scope

_DROPPED: Final = frozenset({"TABLE", "VIEW", "INDEX"})
_ALTERED: Final = {
    "COLUMN": "drop_column",
    "INDEX": "drop_index",
    "FOREIGN KEY": "drop_constraint",
    "CONSTRAINT": "drop_constraint",
}


def create(found: Found, node: exp.Create) -> None:
    """CREATE TABLE, INDEX or VIEW.

    Raises:
        Unreadable: of another kind, or with a part that is not known.
    """
    kind = str(node.args.get("kind")).upper()
    if kind == "TABLE" and not node.args.get("replace"):
        _table(found, node)
    elif kind == "INDEX":
        _index(found, node)
    elif kind == "VIEW":
        _view(found, node)
    else:
        code = "uncertain.sql_or_replace" if kind == "TABLE" else "uncertain.sql_statement_kind"
        raise Unreadable(code, f"CREATE {kind}"[:64])


def _table(found: Found, node: exp.Create) -> None:
    schema = node.this if isinstance(node.this, exp.Schema) else None
    target = schema.this if schema is not None else node.this
    name = found.table(target)
    use = found.use("create", name, target)
    if node.args.get("exists"):
        use.details["if_not_exists"] = True
    for item in schema.expressions if schema is not None else ():
        _element(found, item, name)
    for engine in node.find_all(exp.EngineProperty):
        if engine.this.name.lower() != "innodb":  # others are files, other servers, or code
            raise Unreadable("uncertain.sql_construct", f"ENGINE {engine.this.name}"[:64])
    query = node.args.get("expression")
    if query is not None:
        _only_queries(query)
        Reader(found).query(query, None, {})
        if found.dialect == MYSQL:
            found.use("insert", name, target).whole = True


def _only_queries(node: exp.Expr) -> None:
    if not isinstance(node, QUERIES):
        raise Unreadable("uncertain.sql_construct", type(node).__name__)


def _element(found: Found, node: exp.Expr, table: str) -> None:
    """A column, constraint or key: what it refers to, and nothing that calls other code."""
    inside = Scope(sources={table: None})
    for part in node.walk():
        if isinstance(part, exp.Reference):
            _references(found, part, table)
        elif isinstance(part, exp.CheckColumnConstraint):
            Reader(found).expression(part.this, inside, {})
        elif isinstance(part, QUERIES):
            raise Unreadable("uncertain.sql_construct", "a query in a definition")


def _references(found: Found, node: exp.Reference, table: str) -> None:
    target = node.this.this if isinstance(node.this, exp.Schema) else node.this
    name = found.table(target, bare=True)
    if name == table:  # to the table that is made: nothing of anybody else's
        return
    use = found.use("references", name, target, needs=found.dialect == MYSQL)
    columns = node.this.expressions if isinstance(node.this, exp.Schema) else []
    use.columns |= {column_of(item) for item in columns}
    use.whole = use.whole or not columns


def _index(found: Found, node: exp.Create) -> None:
    index = node.this
    if not isinstance(index, exp.Index):
        raise Unreadable("uncertain.sql_construct", "CREATE INDEX")
    table = found.table(index.args.get("table"), bare=True)
    use = found.use("create", found.name(index.this), index, kind="index")
    use.table = table
    if node.args.get("exists"):
        use.details["if_not_exists"] = True
    scope, params = Scope(sources={table: table}), index.args["params"]
    reader = Reader(found, needs=found.dialect == SQLITE, through="index")
    for column in params.args.get("columns") or ():
        reader.expression(column, scope, {})
    if params.args.get("where") is not None:
        reader.expression(params.args["where"], scope, {})


def _view(found: Found, node: exp.Create) -> None:
    if node.args.get("replace"):
        raise Unreadable("uncertain.sql_or_replace", "CREATE OR REPLACE VIEW")
    schema = node.this if isinstance(node.this, exp.Schema) else None
    target = schema.this if schema is not None else node.this
    found.use("create", found.table(target), target, kind="view")
    for column in schema.expressions if schema is not None else ():
        column_of(column)
    query = node.args.get("expression")
    if query is None:
        raise Unreadable("uncertain.sql_construct", "a view without a query")
    _only_queries(query)
    Reader(found, needs=found.dialect == MYSQL, through="view").query(query, None, {})


def drop(found: Found, node: exp.Drop) -> None:
    """DROP TABLE, VIEW or INDEX.

    Raises:
        Unreadable: of another kind.
    """
    kind = str(node.args.get("kind")).upper()
    if kind not in _DROPPED:
        raise Unreadable("uncertain.sql_drop_kind", f"DROP {kind}"[:64])
    where = node.args.get("cluster")
    if (where is not None) != (kind == "INDEX" and found.dialect == MYSQL):
        raise Unreadable("uncertain.sql_construct", "ON")
    for target in node.args.get("tables") or ():
        if where is not None:
            if target.args.get("db") is not None:
                raise Unreadable("uncertain.sql_construct", "an index with its database")
            use = found.use("drop", found.name(target.this), target, kind="index")
            use.table = found.table(where.this)
        else:
            found.use("drop", found.table(target), target, kind=kind.lower())


def truncate(found: Found, node: exp.TruncateTable) -> None:
    """TRUNCATE of one table: MySQL's right for it is DROP.

    Raises:
        Unreadable: another dialect's, or of several tables.
    """
    if found.dialect != MYSQL or len(node.expressions) != 1:
        raise Unreadable("uncertain.sql_statement_kind", "TRUNCATE")
    found.use("truncate", found.table(node.expressions[0]), node.expressions[0])


def alter(found: Found, node: exp.Alter) -> None:
    """ALTER TABLE: the forms of `changes`, and what they need beside it.

    Raises:
        Unreadable: a form that is not known.
    """
    if str(node.args.get("kind")).upper() != "TABLE":
        raise Unreadable("uncertain.sql_alter_form", str(node.args.get("kind"))[:64])
    table = found.table(node.this)
    use = found.use("alter", table, node.this)
    actions = node.args.get("actions") or []
    use.details["changes"] = sorted({_change(found, action, table, use) for action in actions})
    if not actions:
        raise Unreadable("uncertain.sql_alter_form", "nothing is changed")


def _change(found: Found, action: exp.Expr, table: str, use: Use) -> str:
    if isinstance(action, exp.ColumnDef):
        _element(found, action, table)
        return "add_column"
    if isinstance(action, exp.ModifyColumn):
        _element(found, action.this, table)
        return "rename_column" if action.args.get("rename_from") is not None else "set_type"
    if isinstance(action, exp.AlterColumn):
        return "drop_default" if action.args.get("drop") else "set_default"
    if isinstance(action, exp.RenameColumn):
        return "rename_column"
    if isinstance(action, exp.AddConstraint):
        for item in action.expressions:
            _element(found, item, table)
        return "add_constraint"
    if isinstance(action, exp.AlterRename):
        new = found.table(action.this, bare=True)
        use.details["renamed_to"] = new
        found.use("create", new, action.this)
        return "rename"
    if isinstance(action, exp.DropPrimaryKey):
        return "drop_constraint"
    if isinstance(action, exp.Drop):
        change = _ALTERED.get(str(action.args.get("kind")).upper())
        if change is not None:
            return change
    raise Unreadable("uncertain.sql_alter_form", type(action).__name__)
