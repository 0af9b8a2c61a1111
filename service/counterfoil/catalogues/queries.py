"""The queries of a snapshot, each over `pg_catalog` alone. PostgreSQL 13 and later."""

# ruff: noqa: S608
# Constants of this module, joined with one another.

from __future__ import annotations

from typing import Final

_OURS: Final = """
    n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND n.nspname NOT LIKE 'pg\\_toast%' AND n.nspname NOT LIKE 'pg\\_temp%'
"""
_OWN_FUNCTION: Final = """
    d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND EXISTS (
        SELECT 1 FROM pg_catalog.pg_proc f
        JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace
        WHERE f.oid = d.refobjid AND n.nspname <> 'pg_catalog')
"""
"""A dependency on a function that is not the system's own."""

QUERIES: Final = {
    "server": """
        SELECT pg_catalog.current_setting('server_version_num')::int, pg_catalog.current_database()
    """,
    "relations": f"""
        SELECT c.oid::bigint, n.nspname, c.relname, c.relkind::text,
            pg_catalog.pg_get_userbyid(c.relowner), c.relrowsecurity, c.reloptions
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'i', 'I', 'c') AND {_OURS}
        ORDER BY n.nspname, c.relname
    """,
    "columns": f"""
        SELECT a.attrelid::bigint, a.attnum, a.attname, a.atthasdef, a.attidentity <> '',
            a.attgenerated <> ''
        FROM pg_catalog.pg_attribute a
        JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE a.attnum > 0 AND NOT a.attisdropped
            AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND {_OURS}
        ORDER BY a.attrelid, a.attnum
    """,
    # A default that depends on a sequence moves it.
    "sequences": """
        SELECT d.adrelid::bigint, d.adnum, n.nspname, s.relname
        FROM pg_catalog.pg_attrdef d
        JOIN pg_catalog.pg_depend p ON p.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
            AND p.objid = d.oid AND p.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
        JOIN pg_catalog.pg_class s ON s.oid = p.refobjid AND s.relkind = 'S'
        JOIN pg_catalog.pg_namespace n ON n.oid = s.relnamespace
    """,
    "constraints": """
        SELECT c.conrelid::bigint, c.conname, c.contype::text,
            (SELECT pg_catalog.array_agg(a.attname::text ORDER BY k.place)
             FROM pg_catalog.unnest(c.conkey) WITH ORDINALITY AS k (number, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number),
            c.confrelid::bigint,
            (SELECT pg_catalog.array_agg(a.attname::text ORDER BY k.place)
             FROM pg_catalog.unnest(c.confkey) WITH ORDINALITY AS k (number, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.number),
            c.confdeltype::text, c.confupdtype::text
        FROM pg_catalog.pg_constraint c
        WHERE c.contype IN ('p', 'u', 'x', 'f') AND c.conrelid <> 0 AND c.conkey IS NOT NULL
            AND NOT (0 = ANY (c.conkey))
        ORDER BY c.conrelid, c.conname
    """,
    "triggers": """
        SELECT t.tgrelid::bigint, t.tgname, t.tgtype::int, n.nspname, f.proname, f.prosecdef
        FROM pg_catalog.pg_trigger t
        JOIN pg_catalog.pg_proc f ON f.oid = t.tgfoid
        JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace
        WHERE NOT t.tgisinternal AND t.tgenabled <> 'D'
        ORDER BY t.tgrelid, t.tgname
    """,
    "rules": """
        SELECT r.ev_class::bigint, r.rulename FROM pg_catalog.pg_rewrite r
        WHERE r.rulename <> '_RETURN' AND r.ev_enabled <> 'D'
        ORDER BY r.ev_class, r.rulename
    """,
    "children": """
        SELECT i.inhparent::bigint, i.inhrelid::bigint FROM pg_catalog.pg_inherits i
        JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid AND c.relkind IN ('r', 'p', 'f')
        ORDER BY i.inhparent, i.inhrelid
    """,
    # An index belongs to its table, a sequence to the table whose column owns it.
    "belongings": """
        SELECT i.indexrelid::bigint, i.indrelid::bigint FROM pg_catalog.pg_index i
        UNION ALL
        SELECT d.objid::bigint, d.refobjid::bigint FROM pg_catalog.pg_depend d
        JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'
        WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
            AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
            AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
    """,
    "reads": """
        SELECT r.ev_class::bigint, d.refobjid::bigint, a.attname
        FROM pg_catalog.pg_rewrite r
        JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
            AND d.objid = r.oid AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
            AND d.refobjid <> r.ev_class
        LEFT JOIN pg_catalog.pg_attribute a
            ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid AND d.refobjsubid > 0
        WHERE r.rulename = '_RETURN'
        ORDER BY r.ev_class, d.refobjid, d.refobjsubid
    """,
    # What runs a function of somebody's own when rows are written or read.
    "code": f"""
        SELECT c.adrelid::bigint, 'default of column ' || a.attname
        FROM pg_catalog.pg_attrdef c
        JOIN pg_catalog.pg_attribute a ON a.attrelid = c.adrelid AND a.attnum = c.adnum
        JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
            AND d.objid = c.oid WHERE {_OWN_FUNCTION}
        UNION
        SELECT c.conrelid::bigint, 'constraint ' || c.conname
        FROM pg_catalog.pg_constraint c
        JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass
            AND d.objid = c.oid WHERE c.conrelid <> 0 AND {_OWN_FUNCTION}
        UNION
        SELECT i.indrelid::bigint, 'index ' || c.relname
        FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
        JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
            AND d.objid = i.indexrelid WHERE {_OWN_FUNCTION}
        UNION
        SELECT c.polrelid::bigint, 'policy ' || c.polname
        FROM pg_catalog.pg_policy c
        JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass
            AND d.objid = c.oid WHERE {_OWN_FUNCTION}
        UNION
        SELECT a.attrelid::bigint, 'type of column ' || a.attname
        FROM pg_catalog.pg_attribute a
        JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
        JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
        LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
        WHERE a.attnum > 0 AND NOT a.attisdropped AND n.nspname <> 'pg_catalog'
            AND coalesce(e.typtype, t.typtype) NOT IN ('e', 'd', 'c', 'r', 'm')
        UNION
        SELECT a.attrelid::bigint, 'domain of column ' || a.attname
        FROM pg_catalog.pg_attribute a
        JOIN pg_catalog.pg_constraint c ON c.contypid = a.atttypid
        JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass
            AND d.objid = c.oid WHERE a.attnum > 0 AND NOT a.attisdropped AND {_OWN_FUNCTION}
        ORDER BY 1, 2
    """,
    # What outside of a relation depends on it or on one of its columns, beside foreign keys:
    # CASCADE reaches it.
    "dependents": """
        SELECT DISTINCT d.refobjid::bigint, coalesce(a.attname, '*')
        FROM pg_catalog.pg_depend d
        LEFT JOIN pg_catalog.pg_attribute a
            ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid AND d.refobjsubid > 0
        WHERE d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
            AND d.deptype IN ('n', 'a')
            AND d.classid NOT IN ('pg_catalog.pg_attrdef'::pg_catalog.regclass,
                'pg_catalog.pg_trigger'::pg_catalog.regclass,
                'pg_catalog.pg_policy'::pg_catalog.regclass,
                'pg_catalog.pg_statistic_ext'::pg_catalog.regclass)
            AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_constraint c
                WHERE d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass
                    AND c.oid = d.objid AND (c.conrelid = d.refobjid OR c.contype = 'f'))
            AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_class x
                WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                    AND x.oid = d.objid AND x.relkind IN ('i', 'I', 'S', 't'))
            AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_rewrite r
                WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
                    AND r.oid = d.objid AND r.ev_class = d.refobjid)
        ORDER BY 1, 2
    """,
    "types": f"""
        SELECT n.nspname, t.typname, t.typtype::text FROM pg_catalog.pg_type t
        JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
        LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
        WHERE {_OURS} AND t.typtype IN ('b', 'c', 'd', 'e', 'r', 'm')
            AND (c.relkind IS NULL OR c.relkind = 'c') AND t.typcategory <> 'A'
        ORDER BY n.nspname, t.typname
    """,
}
"""Name → query."""
