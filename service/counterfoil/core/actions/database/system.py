"""The server's own catalogues: which parts of them a query may read.

Everybody who may connect reads them, so no permission is needed; but each is an operation on
`pg_catalog` or `information_schema`, and the product's policy closes both. What holds
passwords, settings, other people's queries or the text of functions is on no list.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


CATALOG: Final = "pg_catalog"
RELATIONS: Final[Mapping[str, frozenset[str]]] = {
    CATALOG: _words("""
        pg_am pg_attrdef pg_attribute pg_class pg_collation pg_constraint pg_depend
        pg_description pg_enum pg_index pg_indexes pg_inherits pg_matviews pg_namespace
        pg_opclass pg_partitioned_table pg_range pg_sequence pg_sequences pg_tables pg_trigger
        pg_type pg_views
    """),
    "information_schema": _words("""
        check_constraints columns constraint_column_usage domains key_column_usage
        referential_constraints schemata sequences table_constraints tables views
    """),
}
"""Relations by schema."""

FUNCTIONS: Final[Mapping[str, str]] = {
    "col_description": "pg_description",
    "format_type": "pg_type",
    "obj_description": "pg_description",
    "pg_collation_is_visible": "pg_collation",
    "pg_get_constraintdef": "pg_constraint",
    "pg_get_expr": "pg_attrdef",
    "pg_get_indexdef": "pg_index",
    "pg_get_partkeydef": "pg_partitioned_table",
    "pg_get_serial_sequence": "pg_depend",
    "pg_get_viewdef": "pg_views",
    "pg_indexes_size": "pg_class",
    "pg_relation_size": "pg_class",
    "pg_table_is_visible": "pg_class",
    "pg_table_size": "pg_class",
    "pg_total_relation_size": "pg_class",
    "pg_type_is_visible": "pg_type",
}
"""Functions that read a catalogue, and which."""

TYPES: Final[Mapping[str, str]] = {"regclass": "pg_class", "regtype": "pg_type"}
"""Types whose casts look a name up, and where."""

VALUES: Final = _words("oid name char int2vector oidvector")
"""Types of the catalogues' columns, which look nothing up."""


def readable(schema: str, name: str) -> bool:
    """Whether a query may read that relation."""
    return name in RELATIONS.get(schema, ())
