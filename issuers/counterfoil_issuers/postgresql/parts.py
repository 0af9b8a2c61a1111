"""What hangs on a table, view or sequence, and runs or counts for others: read and taken off.

    grant        right of somebody else than its owner, on it or on a column
    trigger      not those of foreign keys, which are the constraint's
    rule         also a view's own, `_RETURN`: the query that it runs
    policy, default (generated columns too), constraint, index, column
    security     whether row security is on, and forced
    call         a part that runs somebody's own function, and which

Each part has a name and a word for what it says, so that two readings can be compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from psycopg import sql

from counterfoil_issuers.postgresql.server import Database

Parts = Mapping[str, Mapping[str, str]]
"""Kind of part → its name → a digest of what it says."""

_GRANTS: Final = """
    SELECT {} FROM (
      SELECT a.privilege_type || coalesce(' (' || quote_ident(x.column_name) || ')', '')
             || coalesce(' ON ' || x.sequence, '') || ' TO ' || g.name AS display,
             a.is_grantable::text AS grantable, g.name AS grantee, x.sequence
      FROM (SELECT c.relacl AS acl, c.relowner AS owner, NULL::name AS column_name,
                   NULL AS sequence
            FROM pg_class c WHERE c.oid = %(id)s
            UNION ALL
            SELECT t.attacl, c.relowner, t.attname, NULL FROM pg_attribute t
            JOIN pg_class c ON c.oid = t.attrelid WHERE t.attrelid = %(id)s
            UNION ALL  -- those of serial and identity columns go where the table goes
            SELECT s.relacl, s.relowner, NULL, format('%%I.%%I', n.nspname, s.relname)
            FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
            JOIN pg_namespace n ON n.oid = s.relnamespace
            WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
              AND d.refobjid = %(id)s AND d.deptype IN ('a', 'i')) x,
           aclexplode(x.acl) a,
           LATERAL (SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END
                    AS name) g
      WHERE a.grantee <> x.owner) found"""
_QUERIES: Final = {
    "grant": _GRANTS.format("display, grantable"),
    "trigger": """
        SELECT tgname, md5(pg_get_triggerdef(oid) || tgenabled::text) FROM pg_trigger
        WHERE tgrelid = %(id)s AND NOT tgisinternal""",
    "rule": """
        SELECT rulename, md5(pg_get_ruledef(oid) || ev_enabled::text) FROM pg_rewrite
        WHERE ev_class = %(id)s""",
    "policy": """
        SELECT polname, md5(concat_ws('|', polcmd, polpermissive, polroles::text,
               pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)))
        FROM pg_policy WHERE polrelid = %(id)s""",
    "default": """
        SELECT a.attname, md5(pg_get_expr(d.adbin, d.adrelid) || a.attgenerated::text)
        FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
        WHERE d.adrelid = %(id)s""",
    "constraint": """
        SELECT conname, concat((SELECT string_agg(attname, ',') FROM pg_attribute
               WHERE attrelid = conrelid AND attnum = ANY(conkey)), '|',
               md5(pg_get_constraintdef(oid)))
        FROM pg_constraint WHERE conrelid = %(id)s AND contype <> 'n'""",
    "index": """
        SELECT n.nspname || '.' || c.relname, md5(pg_get_indexdef(i.indexrelid))
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE i.indrelid = %(id)s AND NOT EXISTS
          (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.conrelid = %(id)s)""",
    "column": """
        SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
        WHERE attrelid = %(id)s AND attnum > 0 AND NOT attisdropped""",
    "call": """
        WITH part (class, id, name) AS (
          SELECT 'pg_attrdef'::regclass, d.oid, 'default ' || a.attname FROM pg_attrdef d
            JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
            WHERE d.adrelid = %(id)s
          UNION ALL SELECT 'pg_constraint'::regclass, oid, 'constraint ' || conname
            FROM pg_constraint WHERE conrelid = %(id)s
          UNION ALL SELECT 'pg_policy'::regclass, oid, 'policy ' || polname
            FROM pg_policy WHERE polrelid = %(id)s
          UNION ALL
            SELECT 'pg_class'::regclass, indexrelid, 'index ' || n.nspname || '.' || c.relname
            FROM pg_index JOIN pg_class c ON c.oid = indexrelid
            JOIN pg_namespace n ON n.oid = c.relnamespace WHERE indrelid = %(id)s)
        SELECT part.name, string_agg(d.refobjid::regprocedure::text, ' ') FROM part
        JOIN pg_depend d ON d.classid = part.class AND d.objid = part.id
          AND d.refclassid = 'pg_proc'::regclass
        JOIN pg_proc p ON p.oid = d.refobjid JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname <> 'pg_catalog' GROUP BY part.name""",
    "security": """
        SELECT 'row security', concat(relrowsecurity, relforcerowsecurity) FROM pg_class
        WHERE oid = %(id)s""",
}
REMOVABLE: Final = ("grant", "trigger", "rule", "policy", "default", "constraint", "index")
"""In this order: a right first, and what others rest on last."""
_DROPS: Final = {
    "trigger": "DROP TRIGGER {} ON {}",
    "rule": "DROP RULE {} ON {}",
    "policy": "DROP POLICY {} ON {}",
}


def parts_of(connection: Database, relation_id: int) -> Parts:
    """All parts of one relation, as they are now."""
    return {
        kind: {
            str(name): str(says) for name, says in connection.execute(query, {"id": relation_id})
        }
        for kind, query in _QUERIES.items()
    }


def take_off(
    connection: Database, relation_id: int, path: Sequence[str], kind: str, name: str
) -> None:
    """Take one part off the relation at `path` (schema, name).

    Raises:
        psycopg.Error: something rests on it.
    """
    relation, part = sql.Identifier(*path), sql.Identifier(name)
    if kind == "grant":
        _revoke(connection, relation_id, relation, name)
    elif kind == "default":
        form = sql.SQL("ALTER TABLE {} ALTER COLUMN {} DROP DEFAULT")
        connection.execute(form.format(relation, part))
    elif kind == "constraint":
        form = sql.SQL("ALTER TABLE {} DROP CONSTRAINT {} CASCADE")
        connection.execute(form.format(relation, part))
    elif kind == "index":
        schema, _, index = name.partition(".")
        connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(schema, index)))
    else:
        form = sql.SQL(_DROPS[kind])
        connection.execute(form.format(part, relation))


def _revoke(connection: Database, relation_id: int, relation: sql.Identifier, display: str) -> None:
    # Everything of that grantee on it: PostgreSQL takes the columns' rights with the table's.
    query = _GRANTS.format("grantee, sequence") + " WHERE display = %(display)s"
    values = {"id": relation_id, "display": display}
    for grantee, sequence in connection.execute(query, values).fetchall():
        # As the server quotes them: a sequence's path, a role's name or the word PUBLIC.
        what = relation.as_string(connection) if sequence is None else f"SEQUENCE {sequence}"
        connection.execute(f"REVOKE ALL ON {what} FROM {grantee} CASCADE")
