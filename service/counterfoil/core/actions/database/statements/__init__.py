"""Each kind of statement that is read, and the function that reads it.

A kind that is not here is `uncertain`; `REFUSED` only says more of some of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from counterfoil.core.actions.database.changes import ChangeReader
from counterfoil.core.actions.database.effects import Span
from counterfoil.core.actions.database.statements import (
    alter,
    beside,
    definitions,
    drops,
    grants,
    maintenance,
    renames,
    tables,
    transactions,
    views,
)
from counterfoil.core.actions.database.tree import Node, as_node, kind_of, word

Reading = Callable[[ChangeReader, Node, Span], None]


def _select(reader: ChangeReader, fields: Node, _span: Span) -> None:
    if "intoClause" in fields:
        views.select_into(reader, fields)
        return
    reader.select(fields, {}, None)
    most = _most_rows(fields)
    if most is not None:
        for thing in reader.things.values():
            if "select" in thing.uses:
                thing.uses["select"].note(limit=most)


def _most_rows(fields: Node) -> int | None:
    """How many rows the answer may have, where the text says so in a number."""
    if word(fields, "limitOption") != "LIMIT_OPTION_COUNT":  # WITH TIES returns more
        return None
    kind, constant = kind_of(as_node(fields.get("limitCount")))
    number = constant.get("ival") if kind == "A_Const" else None
    most = number.get("ival", 0) if isinstance(number, dict) else None
    return most if isinstance(most, int) and most >= 0 else None


def _change(kind: str) -> Reading:
    def read(reader: ChangeReader, fields: Node, _span: Span) -> None:
        reader.change(kind, fields, {}, None)

    return read


def _plain(read: Callable[[ChangeReader, Node], None]) -> Reading:
    return lambda reader, fields, _span: read(reader, fields)


STATEMENTS: Final[Mapping[str, Reading]] = {
    "SelectStmt": _select,
    "InsertStmt": _change("InsertStmt"),
    "UpdateStmt": _change("UpdateStmt"),
    "DeleteStmt": _change("DeleteStmt"),
    "MergeStmt": _change("MergeStmt"),
    "CreateStmt": _plain(tables.create_table),
    "CreateTableAsStmt": _plain(views.create_table_as),
    "ViewStmt": _plain(views.create_view),
    "RefreshMatViewStmt": _plain(views.refresh),
    "CreateSchemaStmt": definitions.create_schema,
    "CreateSeqStmt": _plain(definitions.create_sequence),
    "CreateEnumStmt": definitions.create_enum,
    "CompositeTypeStmt": _plain(definitions.create_composite),
    "CreateDomainStmt": definitions.create_domain,
    "IndexStmt": definitions.create_index,
    "CreateStatsStmt": beside.create_statistics,
    "CreatePolicyStmt": _plain(beside.create_policy),
    "AlterPolicyStmt": _plain(beside.alter_policy),
    "AlterEnumStmt": definitions.add_value,
    "AlterTableStmt": _plain(alter.alter_table),
    "AlterSeqStmt": _plain(alter.alter_sequence),
    "RenameStmt": renames.rename,
    "AlterObjectSchemaStmt": renames.set_schema,
    "CommentStmt": renames.comment,
    "DropStmt": drops.drop,
    "GrantStmt": grants.grant,
    "TruncateStmt": _plain(maintenance.truncate),
    "LockStmt": _plain(maintenance.lock),
    "CopyStmt": maintenance.copy,
    "ExplainStmt": _plain(maintenance.explain),
    "VacuumStmt": maintenance.vacuum,
    "ReindexStmt": maintenance.reindex,
    "VariableShowStmt": maintenance.show,
    "ConstraintsSetStmt": maintenance.set_constraints,
    "TransactionStmt": transactions.transaction,
}

REFUSED: Final[Mapping[str, str]] = {
    "DoStmt": "uncertain.sql_runs_code",
    "CallStmt": "uncertain.sql_runs_code",
    "RuleStmt": "uncertain.sql_runs_code",
    "CreateTrigStmt": "uncertain.sql_trigger",
    "CreateEventTrigStmt": "uncertain.sql_trigger",
    "CreateRoleStmt": "uncertain.sql_role",
    "AlterRoleStmt": "uncertain.sql_role",
    "AlterRoleSetStmt": "uncertain.sql_role",
    "DropRoleStmt": "uncertain.sql_role",
    "DeclareCursorStmt": "uncertain.sql_cursor",
    "FetchStmt": "uncertain.sql_cursor",
    "ClosePortalStmt": "uncertain.sql_cursor",
    "CreateFunctionStmt": "uncertain.sql_runs_code",
    "PrepareStmt": "uncertain.sql_prepared",
    "ExecuteStmt": "uncertain.sql_prepared",
    "VariableSetStmt": "uncertain.sql_session",
    "DiscardStmt": "uncertain.sql_session",
    "GrantRoleStmt": "uncertain.sql_grant",
    "AlterDefaultPrivilegesStmt": "uncertain.sql_grant",
    "AlterOwnerStmt": "uncertain.sql_alter_form",
    "AlterTableMoveAllStmt": "uncertain.sql_alter_form",
}
