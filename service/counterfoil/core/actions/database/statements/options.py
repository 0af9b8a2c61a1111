"""Options in parentheses: each by name, with a plain value; an unknown one is a doubt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from counterfoil.core.actions.database.changes import ChangeReader
from counterfoil.core.actions.database.tree import (
    Node,
    as_node,
    closed,
    kind_of,
    location,
    unwrap,
    word,
)
from counterfoil.core.model import JsonValue

_OPTION: Final = frozenset({"defnamespace", "defname", "arg", "defaction", "location"})
_PLAIN: Final = frozenset({"Integer", "Float", "Boolean", "String", "A_Const"})
_TYPE: Final = "TypeName"

STORAGE: Final = frozenset(
    {
        "fillfactor",
        "toast_tuple_target",
        "parallel_workers",
        "vacuum_truncate",
        "vacuum_index_cleanup",
        "log_autovacuum_min_duration",
        *(
            f"autovacuum_{name}"
            for name in (
                "enabled",
                "vacuum_threshold",
                "vacuum_max_threshold",
                "vacuum_scale_factor",
                "vacuum_insert_threshold",
                "vacuum_insert_scale_factor",
                "analyze_threshold",
                "analyze_scale_factor",
                "vacuum_cost_delay",
                "vacuum_cost_limit",
                "freeze_min_age",
                "freeze_max_age",
                "freeze_table_age",
                "multixact_freeze_min_age",
                "multixact_freeze_max_age",
                "multixact_freeze_table_age",
            )
        ),
        # of indexes
        "deduplicate_items",
        "buffering",
        "fastupdate",
        "gin_pending_list_limit",
        "pages_per_range",
        "autosummarize",
    }
)
"""Storage parameters: they tune, and reach nothing else."""
VIEW: Final = frozenset({"security_barrier", "security_invoker", "check_option"})
EXPLAIN: Final = frozenset(
    {
        "analyze",
        "verbose",
        "costs",
        "settings",
        "buffers",
        "wal",
        "timing",
        "summary",
        "memory",
        "serialize",
        "format",
    }
)
COPY: Final = frozenset(
    {
        "format",
        "delimiter",
        "null",
        "default",
        "header",
        "quote",
        "escape",
        "encoding",
        "force_quote",
        "force_not_null",
        "force_null",
        "on_error",
        "reject_limit",
        "log_verbosity",
    }
)
VACUUM: Final = frozenset(
    {
        "full",
        "freeze",
        "verbose",
        "analyze",
        "disable_page_skipping",
        "skip_locked",
        "index_cleanup",
        "process_main",
        "process_toast",
        "truncate",
        "parallel",
        "skip_database_stats",
        "only_database_stats",
        "buffer_usage_limit",
    }
)
SEQUENCE: Final = frozenset({"as", "increment", "minvalue", "maxvalue", "start", "cache", "cycle"})


def options(
    reader: ChangeReader, items: Sequence[Node], known: frozenset[str], *, lists: bool = False
) -> dict[str, JsonValue]:
    """The options by name; each is on the list and has a plain value, or none.

    Args:
        reader: for places.
        items: the DefElems.
        known: the names that are read.
        lists: whether a list of names, or `*`, may be a value (COPY).

    Raises:
        Unreadable: an unknown option, or a value of another kind.
    """
    found: dict[str, JsonValue] = {}
    for item in items:
        option = unwrap(item, "DefElem")
        closed("option", option, _OPTION)
        name = word(option, "defname")
        if name not in known or option.get("defnamespace"):
            raise reader.doubt("uncertain.sql_construct", f"option {name}", location(option))
        value = option.get("arg")
        if value is not None:
            kind, _ = kind_of(as_node(value))
            wide = lists and kind in {"List", "A_Star"}
            if kind not in _PLAIN and not wide and not (name == "as" and kind == _TYPE):
                # `(x = on)` is a type's name to the grammar
                _bare_word(reader, as_node(value), name, location(option))
        found[name] = value
    return found


def _bare_word(reader: ChangeReader, value: Node, name: str, at: int) -> None:
    kind, fields = kind_of(value)
    if kind != _TYPE or fields.keys() - {"names", "typemod", "location"}:
        raise reader.doubt("uncertain.sql_construct", f"option {name}", at)


def sequence_options(reader: ChangeReader, items: Sequence[Node]) -> None:
    """The options of a sequence, of an identity column or of CREATE SEQUENCE.

    Raises:
        Unreadable: an unknown one, OWNED BY included.
    """
    found = options(reader, items, SEQUENCE)
    if isinstance(found.get("as"), dict):
        reader.type_name(unwrap(as_node(found["as"]), _TYPE))
