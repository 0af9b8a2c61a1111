"""Ambient power of a PostgreSQL database: what every role may do, and what would end it.

A permission list says what a job was given. What PUBLIC holds, what definer functions do for
anyone, and what superusers own stands beside every list; here it is found, with the statement
that would take it away. Read rights alone; nothing is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

Run = Callable[[str], list[list[Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ambient:
    """One power that nobody granted to the job: what it is, and the statement that ends it."""

    kind: str
    what: str
    remedy: str


def examine(run: Run) -> list[Ambient]:
    """Everything that is found, in the order of the checks."""
    run("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    try:
        run("SET LOCAL search_path = pg_catalog, pg_temp")
        return [item for check in _CHECKS for item in check(run)]
    finally:
        run("ROLLBACK")


def _databases(run: Run) -> Iterator[Ambient]:
    query = """
        SELECT quote_ident(d.datname), a.privilege_type FROM pg_database d,
            aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
        WHERE d.datname = current_database() AND a.grantee = 0 ORDER BY 2
    """
    for name, privilege in run(query):
        yield Ambient(
            kind="public_database",
            what=f"everybody has {privilege} on database {name}",
            remedy=f"REVOKE {privilege} ON DATABASE {name} FROM PUBLIC",
        )


def _schemas(run: Run) -> Iterator[Ambient]:
    query = """
        SELECT quote_ident(n.nspname), a.privilege_type FROM pg_namespace n,
            aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
        WHERE a.grantee = 0 AND n.nspname NOT IN ('pg_catalog', 'information_schema')
            AND n.nspname NOT LIKE 'pg\\_%' ORDER BY 1, 2
    """
    for name, privilege in run(query):
        more = ": whoever creates there can capture names" if privilege == "CREATE" else ""
        yield Ambient(
            kind="public_schema",
            what=f"everybody has {privilege} on schema {name}{more}",
            remedy=f"REVOKE {privilege} ON SCHEMA {name} FROM PUBLIC",
        )


def _relations(run: Run) -> Iterator[Ambient]:
    query = """
        SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname), c.relkind::text,
            a.privilege_type FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
            aclexplode(c.relacl) a
        WHERE a.grantee = 0 AND n.nspname NOT IN ('pg_catalog', 'information_schema')
            AND n.nspname NOT LIKE 'pg\\_%' ORDER BY 1, 3
    """
    for name, kind, privilege in run(query):
        what = "SEQUENCE" if kind == "S" else "TABLE"
        yield Ambient(
            kind="public_relation",
            what=f"everybody has {privilege} on {what.lower()} {name}",
            remedy=f"REVOKE {privilege} ON {what} {name} FROM PUBLIC",
        )


def _columns(run: Run) -> Iterator[Ambient]:
    query = """
        SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname), quote_ident(t.attname),
            a.privilege_type FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid
            JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(t.attacl) a
        WHERE a.grantee = 0 AND n.nspname NOT IN ('pg_catalog', 'information_schema')
            ORDER BY 1, 2, 3
    """
    for table, column, privilege in run(query):
        yield Ambient(
            kind="public_column",
            what=f"everybody has {privilege} on column {column} of {table}",
            remedy=f"REVOKE {privilege} ({column}) ON TABLE {table} FROM PUBLIC",
        )


def _definers(run: Run) -> Iterator[Ambient]:
    query = """
        SELECT f.oid::regprocedure::text,
            CASE f.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END,
            o.rolname, o.rolsuper
        FROM pg_proc f JOIN pg_roles o ON o.oid = f.proowner
            JOIN pg_namespace n ON n.oid = f.pronamespace,
            aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a
        WHERE f.prosecdef AND a.grantee = 0 AND a.privilege_type = 'EXECUTE'
            AND n.nspname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1
    """
    for name, kind, owner, superuser in run(query):
        power = "a superuser" if superuser else f"role {owner}"
        yield Ambient(
            kind="definer_function",
            what=f"everybody may run {name} with the rights of {power}",
            remedy=f"REVOKE EXECUTE ON {kind} {name} FROM PUBLIC",
        )


def _superusers(run: Run) -> Iterator[Ambient]:
    query = """
        SELECT c.oid::regclass::text, c.relkind::text, o.rolname FROM pg_class c
            JOIN pg_roles o ON o.oid = c.relowner JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE o.rolsuper AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
            AND n.nspname NOT IN ('pg_catalog', 'information_schema')
            AND n.nspname NOT LIKE 'pg\\_%' ORDER BY 1
    """
    kinds = {"v": "VIEW", "m": "MATERIALIZED VIEW", "f": "FOREIGN TABLE"}
    for name, kind, owner in run(query):
        yield Ambient(
            kind="superuser_owner",
            what=f"superuser {owner} owns {name}: what reads through it, reads with that power",
            remedy=f"ALTER {kinds.get(kind, 'TABLE')} {name} OWNER TO <a role without superuser>",
        )


def _extensions(run: Run) -> Iterator[Ambient]:
    query = """
        SELECT quote_ident(e.extname) FROM pg_extension e
        WHERE e.extname IN ('dblink', 'postgres_fdw', 'file_fdw', 'adminpack', 'lo', 'pg_cron',
            'plperlu', 'plpython3u', 'pltclu', 'pageinspect', 'pgstattuple', 'amcheck')
        ORDER BY 1
    """
    for (name,) in run(query):
        yield Ambient(
            kind="extension",
            what=f"extension {name} reaches beyond the database's own rights",
            remedy=f"DROP EXTENSION {name}",
        )


def _defaults(run: Run) -> Iterator[Ambient]:
    query = """
        SELECT pg_get_userbyid(d.defaclrole), d.defaclobjtype::text, a.privilege_type,
            coalesce(quote_ident(n.nspname), '') FROM pg_default_acl d
            LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace, aclexplode(d.defaclacl) a
        WHERE a.grantee = 0 AND d.defaclobjtype <> 'f' AND d.defaclobjtype <> 'T' ORDER BY 1, 2, 3
    """
    kinds = {"r": "TABLES", "S": "SEQUENCES", "n": "SCHEMAS"}
    for role, kind, privilege, schema in run(query):
        place = f" IN SCHEMA {schema}" if schema else ""
        what = kinds.get(kind, "TABLES")
        yield Ambient(
            kind="default_privileges",
            what=f"what {role} makes{place} gives everybody {privilege} on {what.lower()}",
            remedy=(
                f'ALTER DEFAULT PRIVILEGES FOR ROLE "{role}"{place} '
                f"REVOKE {privilege} ON {what} FROM PUBLIC"
            ),
        )


_CHECKS: Final = (
    _databases,
    _schemas,
    _relations,
    _columns,
    _definers,
    _superusers,
    _extensions,
    _defaults,
)
