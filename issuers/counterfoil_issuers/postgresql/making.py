"""Makes a job's role in one transaction: it is there with all its rights and notes, or not at all.

The role can log in until the deadline, inherits nothing, and may not stay idle. Its password
reaches the server as a SCRAM verifier, so no log of the server holds it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import psycopg
from psycopg import sql

from counterfoil.core.actions.database.answer import SESSION
from counterfoil.core.model import JsonValue
from counterfoil.core.renderings.postgresql import OWNER, Right, parse_back
from counterfoil.core.times import rfc3339_second
from counterfoil_issuers.contract import Job, TargetError
from counterfoil_issuers.postgresql import notes
from counterfoil_issuers.postgresql.handing import give
from counterfoil_issuers.postgresql.notes import Borrowed, Notes
from counterfoil_issuers.postgresql.parts import parts_of
from counterfoil_issuers.postgresql.server import Database, Place

_PLACEHOLDER: Final = '"{{name}}"'
_GRANTS_OPTION_OF_MEMBERSHIP: Final = 160_000  # PostgreSQL 16: INHERIT and SET are chosen
_TRANSACTION_TIMEOUT: Final = 170_000
# What ALTER … OWNER TO would take under each word; an index's would be a warning and no transfer.
_RELATIONS: Final = {"table": ("r", "p", "v", "m"), "sequence": ("S",)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """What is to be made. `password` never leaves this process but to the holder."""

    job: Job
    rendering: Mapping[str, JsonValue]
    verifier: str
    remaining_seconds: int


def make(connection: Database, role: Role, place: Place) -> None:
    """Make the role; in the transaction of the caller.

    Raises:
        psycopg.Error, TargetError: it is not there.
    """
    name = role.job.name
    warnings: list[str] = []
    connection.add_notice_handler(lambda notice: _note_warning(notice, warnings))
    _create(connection, role, place)
    _settings(connection, role)
    for statement in _statements(role.rendering, "grants"):
        connection.execute(_for(statement, name))
    borrowed = [_borrow(connection, name, right) for right in _transfers(role.rendering)]
    if warnings:
        # A GRANT that the issuer may not make in full is a warning to the server.
        raise TargetError(f"the issuer lacks a right that the job needs: {warnings[0]}")
    notes.write(connection, name, Notes(place.location, tuple(borrowed)))


def _create(connection: Database, role: Role, place: Place) -> None:
    name = sql.Identifier(role.job.name)
    connection.execute(
        sql.SQL(
            "CREATE ROLE {} LOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION"
            " NOBYPASSRLS CONNECTION LIMIT {} VALID UNTIL {} PASSWORD {}"
        ).format(
            name,
            sql.Literal(place.connection_limit),
            sql.Literal(rfc3339_second(role.job.deadline)),
            sql.Literal(role.verifier),
        )
    )
    # Membership in the job's role is what lets the issuer end its sessions, hand objects over
    # to it and take them back; it goes with the role.
    chosen = connection.info.server_version >= _GRANTS_OPTION_OF_MEMBERSHIP
    form = "GRANT {} TO CURRENT_USER" + (" WITH INHERIT TRUE, SET TRUE" if chosen else "")
    connection.execute(sql.SQL(form).format(name))


def _settings(connection: Database, role: Role) -> None:
    name = sql.Identifier(role.job.name)
    milliseconds = str(role.remaining_seconds * 1_000)
    wanted: dict[str, JsonValue] = {
        "idle_session_timeout": milliseconds,
        "idle_in_transaction_session_timeout": milliseconds,
        "statement_timeout": milliseconds,
    }
    if connection.info.server_version >= _TRANSACTION_TIMEOUT:
        wanted["transaction_timeout"] = milliseconds
    for setting, value in {**wanted, **role.job.session}.items():
        if setting not in wanted and setting not in SESSION:
            raise TargetError(f"the session wants a setting that is not known: {setting[:64]}")
        # A list as search_path would be one odd name as a literal, so it is taken from here.
        connection.execute("SELECT set_config(%s, %s, true)", (setting, str(value)))
        form = sql.SQL("ALTER ROLE {} SET {} FROM CURRENT")
        connection.execute(form.format(name, sql.Identifier(setting)))
    connection.execute("SELECT set_config('search_path', 'pg_catalog', true)")


def _transfers(rendering: Mapping[str, JsonValue]) -> list[Right]:
    rights = cast("frozenset[Right]", parse_back(rendering))
    return sorted(right for right in rights if right.action == OWNER)


def _borrow(connection: Database, role: str, right: Right) -> Borrowed:
    """Give one object to the role, and note whose it was."""
    class_name, object_id, owner = _found(connection, right)
    schema, name = right.path
    identity = f"{schema}.{name}"
    parts = parts_of(connection, object_id) if class_name == "pg_class" else {}
    give(connection, right.object.upper(), (schema, name), role)
    class_id = _one(connection, "SELECT %s::regclass::oid::int8", class_name)
    return Borrowed(class_id, object_id, owner, identity, parts)


def _found(connection: Database, right: Right) -> tuple[str, int, str]:
    schema, name = right.path
    if right.object == "type":
        query = (
            "SELECT 'pg_type', t.oid::int8, pg_get_userbyid(t.typowner) FROM pg_type t"
            " JOIN pg_namespace n ON n.oid = t.typnamespace"
            " WHERE n.nspname = %s AND t.typname = %s AND t.typtype IN ('b', 'c', 'd', 'e', 'r')"
        )
        row = connection.execute(query, (schema, name)).fetchone()
    else:
        query = (
            "SELECT 'pg_class', c.oid::int8, pg_get_userbyid(c.relowner) FROM pg_class c"
            " JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = %s AND c.relname = %s AND c.relkind = ANY(%s)"
        )
        kinds = list(_RELATIONS[right.object])
        row = connection.execute(query, (schema, name, kinds)).fetchone()
    if row is None:
        raise TargetError(f"there is no such {right.object} as was decided")
    return row[0], row[1], row[2]


def _one(connection: Database, query: str, *values: Any) -> Any:
    row = connection.execute(query, values).fetchone()
    return None if row is None else row[0]


def _statements(rendering: Mapping[str, JsonValue], name: str) -> Sequence[str]:
    return cast("Sequence[str]", rendering.get(name, ()))


def _for(statement: str, role: str) -> str:
    # The rendering was read back and compared; its only placeholder is a quoted name.
    return statement.replace(_PLACEHOLDER, f'"{role}"')


def _note_warning(notice: psycopg.errors.Diagnostic, warnings: list[str]) -> None:
    if notice.severity_nonlocalized == "WARNING":
        warnings.append(notice.message_primary or "")
