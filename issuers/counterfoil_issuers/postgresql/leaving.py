"""A role leaves: what the decision made is handed over, stripped; everything else is dropped.

In one transaction, when the role can log in no more and has no session:

1. What it borrowed goes back to whom it belonged (by OID: it may have a new name), without what
   was hung on it and not decided.
2. What it made goes to the configured owner if exactly that was decided, without rights,
   triggers, rules and policies, and only if it runs nobody's own code and reads nothing but
   what was decided; else it is dropped.
3. Everything else that it owns or holds here is dropped with what rests on it (`DROP OWNED`);
   never REASSIGN OWNED, which would hand over what a job has hidden.
4. The role is dropped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import psycopg
from psycopg import errors, sql

from counterfoil.core.model import JsonObject
from counterfoil_issuers.contract import Ended, Finding
from counterfoil_issuers.postgresql import notes
from counterfoil_issuers.postgresql.decided_parts import decided_part
from counterfoil_issuers.postgresql.handing import give
from counterfoil_issuers.postgresql.notes import Borrowed
from counterfoil_issuers.postgresql.owned import (
    WORDS,
    Owned,
    about,
    decided,
    foreign_calls,
    moved,
    owned_by,
    undecided_reads,
)
from counterfoil_issuers.postgresql.parts import REMOVABLE, Parts, parts_of, take_off
from counterfoil_issuers.postgresql.server import Database

_TEMPORARY: Final = re.compile(r"pg_(temp|toast_temp)_\d+")
_RELATIONS: Final = frozenset({"table", "view", "materialized view", "sequence"})
_CASCADES: Final = re.compile(r"drop cascades to (.+)")


@dataclass
class Leaving:
    """One role's end, within one transaction."""

    connection: Database
    role: str
    role_id: int
    owner: str
    operations: Sequence[JsonObject]
    handed_over: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def leave(self) -> Ended:
        """Do all four steps.

        Raises:
            psycopg.Error: nothing was done.
            TargetError: the role has no notes.
        """
        noted = notes.read(self.connection, self.role_id)
        owned = {
            (one.class_id, one.object_id): one for one in owned_by(self.connection, self.role_id)
        }
        for borrowed in noted.borrowed:  # 1
            self._give_back(borrowed, owned.pop((borrowed.class_id, borrowed.object_id), None))
        wanted = decided(self.operations)
        for thing in owned.values():  # 2
            operation = wanted.get((thing.kind, thing.path))
            if operation is None or not self._is_as_decided(thing):
                self._not_decided(thing)
            else:
                self._hand_over(thing)
        self._drop_everything_else()  # 3
        self._drop_role()  # 4
        return Ended(handed_over=tuple(self.handed_over), findings=tuple(self.findings))

    def _give_back(self, borrowed: Borrowed, thing: Owned | None) -> None:
        path = _path(borrowed.identity)
        operations = about(path, self.operations)
        if thing is None:
            if not any(one.get("verb") == "drop" for one in operations):
                self._find("dropped", borrowed.identity)
            return
        if thing.path != moved(path, self.operations):
            self._find("renamed", f"{borrowed.identity} to {thing.identity}")
        if thing.kind in _RELATIONS:
            self._compare(thing, borrowed.parts, operations)
        give(self.connection, WORDS[thing.kind], thing.path, borrowed.owner)

    def _compare(self, thing: Owned, before: Parts, operations: Sequence[JsonObject]) -> None:
        """Take off what was hung on it, and tell what else is not as before or as decided."""
        after = parts_of(self.connection, thing.object_id)
        calls = after["call"].keys() - before.get("call", {}).keys()
        for kind in (kind for kind in after if kind != "call"):
            now, earlier = after[kind], before.get(kind, {})
            for name in sorted(now.keys() | earlier.keys()):
                if now.get(name) == earlier.get(name):
                    continue
                says = now.get(name, earlier.get(name, ""))
                # No statement that calls somebody's own function is ever decided.
                if f"{kind} {name}" in calls or not decided_part(kind, name, says, operations):
                    self._not_as_before(thing, kind, name, now, earlier)

    def _not_as_before(
        self,
        thing: Owned,
        kind: str,
        name: str,
        now: Mapping[str, str],
        earlier: Mapping[str, str],
    ) -> None:
        if name not in earlier:
            self._remove(thing, kind, name)
        else:
            word = "changed" if name in now else "lost"
            self._find(f"{word}_{kind}", f"{name} of {thing.identity}")

    def _hand_over(self, thing: Owned) -> None:
        if thing.kind in _RELATIONS:
            operations = about(thing.path, self.operations)
            found = parts_of(self.connection, thing.object_id)
            for kind in ("grant", "trigger", "rule", "policy"):
                for name in sorted(found[kind]):
                    if name == "_RETURN" or decided_part(kind, name, "", operations):
                        continue
                    self._remove(thing, kind, name)
        else:
            self._strip_rights(thing)
        give(self.connection, WORDS[thing.kind], thing.path, self.owner)
        self.handed_over.append(f"{thing.kind} {thing.identity}")

    def _strip_rights(self, thing: Owned) -> None:
        table, column = {
            "type": ("pg_type", "typ"),
            "schema": ("pg_namespace", "nsp"),
        }.get(thing.kind, ("", ""))
        if not table:
            return  # statistics have no rights of their own
        query = (
            f"SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END"  # noqa: S608
            f" FROM {table} t, aclexplode(t.{column}acl) a"
            f" WHERE t.oid = %s AND a.grantee <> t.{column}owner"
        )
        rows = self.connection.execute(query, (thing.object_id,)).fetchall()
        name = sql.Identifier(*thing.path).as_string(self.connection)
        for (grantee,) in rows:
            if grantee != "PUBLIC" or thing.kind == "schema":  # a type is PUBLIC's by default
                word = WORDS[thing.kind]
                self.connection.execute(f"REVOKE ALL ON {word} {name} FROM {grantee} CASCADE")
                self._find("added_grant", f"{grantee} on {thing.identity}")

    def _is_as_decided(self, thing: Owned) -> bool:
        for function in foreign_calls(self.connection, thing):
            self._find("calls_function", f"{function} by {thing.identity}")
            return False
        if thing.kind in {"view", "materialized view"}:
            for relation in undecided_reads(self.connection, thing, self.operations):
                self._find("reads_undecided", f"{relation} by {thing.identity}")
                return False
        return True

    def _remove(self, thing: Owned, kind: str, name: str) -> None:
        self._find(f"added_{kind}", f"{name} on {thing.identity}")
        if kind not in REMOVABLE:
            return
        try:
            with self.connection.transaction():
                take_off(self.connection, thing.object_id, thing.path, kind, name)
        except errors.UndefinedObject:
            return  # it went with another part
        except psycopg.errors.DependentObjectsStillExist:
            self._find(f"kept_{kind}", f"{name} on {thing.identity}")

    def _not_decided(self, thing: Owned) -> None:
        if not (thing.path and _TEMPORARY.fullmatch(thing.path[0])):
            self._find(f"undecided_{thing.code}", thing.identity)

    def _drop_everything_else(self) -> None:
        told = {one.object for one in self.findings}
        gone: list[str] = []
        handler = _cascades(gone)
        self.connection.add_notice_handler(handler)
        try:
            self.connection.execute(
                sql.SQL("DROP OWNED BY {} CASCADE").format(sql.Identifier(self.role))
            )
        finally:
            self.connection.remove_notice_handler(handler)
        for thing in gone:
            if not any(thing.endswith(one) for one in told):
                self._find("dropped_with_it", thing)

    def _drop_role(self) -> None:
        try:
            with self.connection.transaction():
                self.connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(self.role)))
        except errors.DependentObjectsStillExist:
            # It owns something in a database that it should not have been able to enter, or
            # somebody else gave it rights (docs/issuers/postgresql.md). It can log in no more,
            # and the next start tries again.
            self._find("role_kept", self.role)

    def _find(self, code: str, what: str) -> None:
        self.findings.append(Finding(code=code, object=what))


def _path(identity: str) -> tuple[str, ...]:
    schema, _, name = identity.partition(".")
    return (schema, name)


def _cascades(gone: list[str]) -> Callable[[psycopg.errors.Diagnostic], None]:
    def note(notice: psycopg.errors.Diagnostic) -> None:
        for text in (notice.message_primary or "", *(notice.message_detail or "").splitlines()):
            match = _CASCADES.fullmatch(text)
            if match:
                gone.append(match[1])

    return note
