"""A second, much simpler reader of parse trees: what a reading must at least show.

It knows nothing of scopes, rights or lists. It walks every node and notes the relations that
are named, what is done to those that statements change, and the functions that are called.
A reading that shows less than this is weaker than its text.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pgparse

from counterfoil.core.model import Interpretation

CHANGES = {
    "InsertStmt": "insert",
    "UpdateStmt": "update",
    "DeleteStmt": "delete",
}
MERGED = {"CMD_INSERT": "insert", "CMD_UPDATE": "update", "CMD_DELETE": "delete"}
HARMFUL = {
    *("query_to_xml", "table_to_xml", "cursor_to_xml", "database_to_xml", "schema_to_xml"),
    *("ts_stat", "ts_rewrite", "set_config", "current_setting", "dblink", "dblink_exec"),
    *("lo_import", "lo_export", "lo_unlink", "lo_create", "lo_put", "pg_read_file", "pg_ls_dir"),
    *("pg_sleep", "pg_notify", "pg_advisory_lock", "pg_logical_emit_message"),
    *("pg_terminate_backend", "pg_cancel_backend", "pg_reload_conf"),
}


def missing(text: str, reading: Interpretation) -> list[str]:
    """What stands in the text and not in the reading; empty for a reading that doubts."""
    if reading.uncertain:
        return []
    shown = {(item.verb, str(item.object.get("name", ""))) for item in reading.operations}
    names = {name for _, name in shown} | {
        str(item.object.get("table", "")) for item in reading.operations
    }
    found: list[str] = []
    for statement in pgparse.parse(text):
        tree = statement["stmt"]
        ctes = {node["ctename"] for kind, node in _nodes(tree) if kind == "CommonTableExpr"}
        for kind, node in _nodes(tree):
            found += _lacking(kind, node, shown, names, ctes)
    return found


def _lacking(
    kind: str, node: dict[str, Any], shown: set[tuple[str, str]], names: set[str], ctes: set[str]
) -> Iterator[str]:
    if kind == "RangeVar":
        named = node["relname"]
        if named not in names and not (named in ctes and "schemaname" not in node):
            yield f"relation {named}"
    elif kind in CHANGES:
        if (CHANGES[kind], node["relation"]["relname"]) not in shown:
            yield f"{CHANGES[kind]} {node['relation']['relname']}"
        conflict = node.get("onConflictClause", {})
        if (
            conflict.get("action") == "ONCONFLICT_UPDATE"
            and (
                "update",
                node["relation"]["relname"],
            )
            not in shown
        ):
            yield f"update {node['relation']['relname']}"
    elif kind == "MergeStmt":
        for item in node["mergeWhenClauses"]:
            verb = MERGED.get(item["MergeWhenClause"]["commandType"])
            if verb and (verb, node["relation"]["relname"]) not in shown:
                yield f"{verb} {node['relation']['relname']}"
    elif "lockingClause" in node and not any(verb == "lock" for verb, _ in shown):
        named = [item for sort, item in _nodes(node.get("fromClause", [])) if sort == "RangeVar"]
        if any("schemaname" in item or item["relname"] not in ctes for item in named):
            yield "lock"
    elif kind == "FuncCall":
        name = node["funcname"][-1]["String"]["sval"]
        schema = [item["String"]["sval"] for item in node["funcname"][:-1]]
        if name in HARMFUL or schema not in ([], ["pg_catalog"]):
            yield f"function {'.'.join([*schema, name])}"
    elif kind in {
        "ParamRef",
        "DoStmt",
        "CallStmt",
        "ExecuteStmt",
        "PrepareStmt",
        "CreateFunctionStmt",
    }:
        yield kind


def _nodes(tree: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every node of the tree with its kind; a RangeVar in a typed member has none of its own."""
    pending = [tree]
    while pending:
        item = pending.pop()
        if isinstance(item, list):
            pending += item
        elif isinstance(item, dict):
            for name, value in item.items():
                if name == "lockedRels":
                    continue  # aliases
                if isinstance(value, dict):
                    if name[:1].isupper():
                        yield name, value
                    elif "relname" in value:
                        yield "RangeVar", value
                    elif name in {"larg", "rarg"}:
                        yield "SelectStmt", value
                pending.append(value)
