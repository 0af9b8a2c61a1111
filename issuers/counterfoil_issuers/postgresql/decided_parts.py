"""Which parts of a table a decision's `alter`, `grant` and `create index` name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from counterfoil.core.model import JsonObject
from counterfoil_issuers.postgresql.owned import changes

# Which forms of `changes` (docs/actions/database.md) may add, change or remove which part.
_FORMS: Final = {
    "trigger": {
        "drop_trigger",
        "rename_trigger",
        "enable_trigger",
        "disable_trigger",
        "enable_user_triggers",
        "disable_user_triggers",
    },
    "rule": {"drop_rule"},
    "policy": {"create_policy", "alter_policy", "drop_policy", "rename_policy"},
    "default": {
        "set_default",
        "drop_default",
        "add_column",
        "drop_column",
        "rename_column",
        "set_type",
        "drop_expression",
        "add_identity",
    },
    "constraint": {
        "add_constraint",
        "drop_constraint",
        "validate_constraint",
        "rename_constraint",
        "add_column",
        "drop_column",
        "set_type",
        "rename_column",
        "attach_partition",
        "detach_partition",
    },
    "column": {"add_column", "drop_column", "rename_column", "set_type"},
    "index": {"drop_column", "set_type", "rename_column", "attach_partition"},
    "security": {
        "enable_row_security",
        "disable_row_security",
        "force_row_security",
        "no_force_row_security",
    },
}
_OF_A_COLUMN: Final = frozenset({"add_column", "drop_column", "set_type", "rename_column"})
_NAMED: Final = frozenset({"policy", "default", "column", "trigger", "rule"})
"""Parts of which a change names exactly one; a constraint's name may be the server's choice."""


def decided_part(kind: str, name: str, says: str, operations: Sequence[JsonObject]) -> bool:
    """Whether one of the operations, all on this table, names the part.

    `says` is what the part says now, of a constraint its columns before `|`.
    """
    return any(_names(kind, name, says, operation) for operation in operations)


def _names(kind: str, name: str, says: str, operation: JsonObject) -> bool:
    verb = operation.get("verb")
    if kind == "grant":
        return verb in {"grant", "revoke"} and name in _rights(operation)
    if verb != "alter":
        return False
    return any(_by(kind, name, says, change) for change in changes(operation))


def _by(kind: str, name: str, says: str, change: JsonObject) -> bool:
    form, named = change.get("form"), change.get("name")
    if form not in _FORMS.get(kind, set()):
        return False
    if kind == "constraint" and form in _OF_A_COLUMN:
        return says.partition("|")[0] == named
    return kind not in _NAMED or named in {None, name} or change.get("to") == name


def _rights(operation: JsonObject) -> set[str]:
    details = operation.get("details", {})
    if not isinstance(details, dict):
        return set()
    return {
        f"{str(privilege.get('name')).upper()}{_columns(column)} TO {_grantee(grantee)}"
        for privilege in details.get("privileges", ())
        for column in privilege.get("columns", (None,))
        for grantee in details.get("grantees", ())
    }


def _columns(column: str | None) -> str:
    return "" if column is None else f" ({column})"


def _grantee(grantee: JsonObject) -> str:
    role = str(grantee.get("role"))
    return "PUBLIC" if role == "public" else role
