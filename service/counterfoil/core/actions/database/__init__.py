"""The `database` family: one PostgreSQL statement, read by PostgreSQL's own grammar.

    1. bounds, characters, one statement   source.py
    2. a statement of a known kind         here
    3. every node on an allow-list         expressions.py, queries.py, changes.py, create.py,
                                           alter.py
    4. each name to its table              names.py
    5. operations, permissions, session    answer.py

What none of these knows is `uncertain` (docs/actions/database.md).
"""

from __future__ import annotations

import re
from typing import Final

from counterfoil.core.actions.contract import Limits, Unreadable, command_text
from counterfoil.core.actions.database.alter import StatementReader
from counterfoil.core.actions.database.answer import answer
from counterfoil.core.actions.database.source import parse_one
from counterfoil.core.model import Command, Interpretation

_LOCATION: Final = re.compile(r"postgres(?:ql)?://[A-Za-z0-9._~:@\[\]-]+/([A-Za-z0-9._~-]+)")

_KIND_CODES: Final = {
    "DoStmt": "uncertain.sql_runs_code",
    "CallStmt": "uncertain.sql_runs_code",
    "CreateFunctionStmt": "uncertain.sql_runs_code",
    "PrepareStmt": "uncertain.sql_prepared",
    "ExecuteStmt": "uncertain.sql_prepared",
    "VariableSetStmt": "uncertain.sql_session",
    "DiscardStmt": "uncertain.sql_session",
    "TransactionStmt": "uncertain.sql_session",
    "CopyStmt": "uncertain.sql_copy",
    "AlterObjectSchemaStmt": "uncertain.sql_alter_form",
    "AlterTableMoveAllStmt": "uncertain.sql_alter_form",
}


def interpret(command: Command, limits: Limits) -> Interpretation:
    """Read the statement that the command holds.

    Raises:
        Unreadable: anything in it, or in its resource, is not known.
        RecursionError: it is nested deeper than the parser's tree goes.
    """
    text = command_text(command)
    location, database = _database(command)
    kind, fields = parse_one(text, limits)
    reader = StatementReader(text, database)
    if kind == "SelectStmt":
        reader.select(fields, {}, None)
    elif kind in {"InsertStmt", "UpdateStmt", "DeleteStmt"}:
        reader.change(kind, fields, {}, None)
    elif kind == "CreateStmt":
        reader.create_table(fields)
    elif kind == "DropStmt":
        reader.drop_tables(fields)
    elif kind == "AlterTableStmt":
        reader.alter_table(fields)
    elif kind == "RenameStmt":
        reader.rename(fields)
    else:
        code = _KIND_CODES.get(kind, "uncertain.sql_statement_kind")
        raise Unreadable(code, kind.removesuffix("Stmt"), (0, len(text)))
    return answer(reader, location, command.arguments)


def _database(command: Command) -> tuple[str, str]:
    resource = command.resource
    if resource is None or resource.type != "postgresql":
        raise Unreadable("uncertain.resource_type", "postgresql is needed")
    found = _LOCATION.fullmatch(resource.location)
    if found is None:
        raise Unreadable("uncertain.resource_location", "no database is named")
    return resource.location, found.group(1)
