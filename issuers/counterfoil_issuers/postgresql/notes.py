"""What the issuer must know about a role at its end, kept at the role itself (its COMMENT).

A comment is made in the transaction that makes the role, so there is none without the other,
whatever crashes; nobody but who may administer the role can change it. It says whose role it
is (one cluster has many databases, and so many issuers) and, of each object that belongs to the
role while it lives, whose it was before and what hung on it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from counterfoil_issuers.contract import TargetError
from counterfoil_issuers.postgresql.parts import Parts
from counterfoil_issuers.postgresql.server import Database

_VERSION = 1
NAMES = r"^cf-[a-z2-7]{26}$"


@dataclass(frozen=True, slots=True)
class Borrowed:
    """An object that belongs to the role while it lives: its class and OID, whose it was."""

    class_id: int
    object_id: int
    owner: str
    identity: str
    parts: Parts


@dataclass(frozen=True, slots=True)
class Notes:
    """What a role's comment says."""

    location: str
    borrowed: tuple[Borrowed, ...] = ()

    def text(self) -> str:
        """As it is written."""
        return json.dumps(
            {
                "counterfoil": _VERSION,
                "location": self.location,
                "borrowed": [
                    [one.class_id, one.object_id, one.owner, one.identity, one.parts]
                    for one in self.borrowed
                ],
            }
        )


def write(connection: Database, role: str, notes: Notes) -> None:
    """Comment the role."""
    statement = sql.SQL("COMMENT ON ROLE {} IS {}")
    connection.execute(statement.format(sql.Identifier(role), sql.Literal(notes.text())))


def read(connection: Database, role_id: int) -> Notes:
    """What is noted at a role.

    Raises:
        TargetError: nothing that this issuer wrote: the role is not its own to end.
    """
    row = connection.execute("SELECT shobj_description(%s, 'pg_authid')", (role_id,)).fetchone()
    return parse(None if row is None else row[0])


def parse(text: str | None) -> Notes:
    """Read a comment.

    Raises:
        TargetError: it is none of an issuer.
    """
    try:
        value: Mapping[str, Any] = json.loads(text or "")
        if value["counterfoil"] != _VERSION:
            raise TargetError("the role was made by another version")
        borrowed = tuple(Borrowed(*one) for one in value["borrowed"])
        return Notes(str(value["location"]), borrowed)
    except (ValueError, KeyError, TypeError) as error:
        raise TargetError("the role has no notes of an issuer") from error


def names(connection: Database, location: str) -> list[str]:
    """The roles that an issuer of that database has made and not yet ended."""
    found = connection.execute(
        "SELECT rolname, shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname ~ %s",
        (NAMES,),
    ).fetchall()
    own = []
    for name, text in found:
        try:
            notes = parse(text)
        except TargetError:
            continue  # somebody else's role under such a name: not ours to touch
        if notes.location == location:
            own.append(str(name))
    return own
