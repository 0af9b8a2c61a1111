"""What `--check` of this kind tells: powers that lack, and doors that stand open."""

from __future__ import annotations

from typing import Any, Final

from counterfoil_issuers.postgresql.server import Database, Place

_CHOSEN_MEMBERSHIP: Final = 160_000


def reach(connection: Database, place: Place) -> list[str]:
    """One sentence each, with the statement that would change it."""
    return [*_powers(connection, place), *_doors(connection, place)]


def _powers(connection: Database, place: Place) -> list[str]:
    found = []
    superuser, may_create = _row(
        connection,
        "SELECT rolsuper, rolcreaterole FROM pg_roles WHERE rolname = current_user",
    )
    if superuser:
        found.append("the issuer's role is a superuser. Use the one of docs/issuers/postgresql.md.")
    if not may_create:
        found.append(f"it cannot make roles. ALTER ROLE {place.user} CREATEROLE;")
    owner = connection.execute(
        "SELECT pg_has_role(oid, 'MEMBER') FROM pg_roles WHERE rolname = %s", (place.owner,)
    ).fetchone()
    if owner is None:
        found.append(f"there is no role {place.owner}. Name another owner.")
    elif not owner[0]:
        found.append(f"it cannot hand over to the owner. GRANT {place.owner} TO {place.user};")
    connects = "SELECT has_database_privilege(current_database(), 'CONNECT WITH GRANT OPTION')"
    if not _row(connection, connects)[0]:
        found.append(
            "it cannot let a job connect. GRANT CONNECT ON DATABASE"
            f" {place.database} TO {place.user} WITH GRANT OPTION;"
        )
    return found


def _doors(connection: Database, place: Place) -> list[str]:
    found = []
    open_to_all = connection.execute(
        "SELECT quote_ident(datname) FROM pg_database WHERE datallowconn"
        " AND datname <> %s AND has_database_privilege('public', oid, 'CONNECT')",
        (place.database,),
    ).fetchall()
    found += [
        f"a job could enter another database. REVOKE CONNECT ON DATABASE {name} FROM PUBLIC;"
        for (name,) in open_to_all
    ]
    creating = connection.execute(
        "SELECT quote_ident(nspname) FROM pg_namespace"
        " WHERE nspname !~ '^pg_' AND has_schema_privilege('public', oid, 'CREATE')"
    ).fetchall()
    found += [
        f"a job could create what nobody decided. REVOKE CREATE ON SCHEMA {name} FROM PUBLIC;"
        for (name,) in creating
    ]
    if connection.info.server_version < _CHOSEN_MEMBERSHIP:
        found.append(
            "before PostgreSQL 16 CREATEROLE reaches every role that is no superuser. Guard the"
            " issuer's password accordingly, or upgrade."
        )
    return found


def _row(connection: Database, query: str) -> Any:
    return connection.execute(query).fetchone()
