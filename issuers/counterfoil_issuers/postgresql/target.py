"""The `postgresql` target: makes a job's role, and ends it whatever became of it."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Collection
from typing import Any, Final, cast

from psycopg import sql

from counterfoil.core.model import JsonObject
from counterfoil.core.renderings import NotRenderable, render_all
from counterfoil.ports import Clock
from counterfoil.system import SystemClock
from counterfoil_issuers.contract import CREDENTIAL_NAME, Ended, Job, Made, TargetError
from counterfoil_issuers.postgresql import notes
from counterfoil_issuers.postgresql.leaving import Leaving
from counterfoil_issuers.postgresql.making import Role, make
from counterfoil_issuers.postgresql.reaching import reach
from counterfoil_issuers.postgresql.server import Database, Place, Server

TYPE: Final = "postgresql"
PASSWORD_BYTES: Final = 24
GONE_SECONDS: Final = 8.0  # how long sessions may take to end before it is tried again
_LOOK_SECONDS: Final = 0.02
_LOOKS: Final = 2  # twice without a session: one that was just logging in has shown itself
_ALGORITHM: Final = b"scram-sha-256"
_log = logging.getLogger(__name__)


class PostgresqlTarget:
    """Implements `contract.Target` for one database. Thread safe."""

    types = frozenset({TYPE})

    def __init__(
        self,
        server: Server,
        place: Place,
        *,
        clock: Clock | None = None,
    ) -> None:
        self._server, self._place, self._clock = server, place, clock or SystemClock()

    def check(self, job: Job) -> None:
        """See that it is about this database, and can be granted exactly.

        Raises:
            NotRenderable: it is not, or cannot.
        """
        self._rendering(job)

    def make(self, job: Job) -> Made:
        """Make the role.

        Raises:
            TargetError: it is not there.
        """
        password = secrets.token_urlsafe(PASSWORD_BYTES)
        try:
            rendering = self._rendering(job)
        except NotRenderable as error:
            raise TargetError(f"it cannot be granted exactly: {error}") from error

        def work(connection: Database) -> None:
            remaining = int(job.deadline - self._clock.now())
            if remaining <= 0:
                raise TargetError("the deadline has passed")
            verifier = connection.pgconn.encrypt_password(
                password.encode("ascii"), job.name.encode("ascii"), _ALGORITHM
            ).decode("ascii")
            role = Role(
                job=job, rendering=rendering, verifier=verifier, remaining_seconds=remaining
            )
            make(connection, role, self._place)

        self._server.change(work)
        return Made(
            secret={
                "host": self._place.holder_host,
                "port": str(self._place.holder_port),
                "dbname": self._place.database,
                "user": job.name,
                "password": password,
            },
            public={"role": job.name, "database": self._place.database},
            expires_at=job.deadline,
        )

    def end(self, job: Job) -> Ended:
        """End it, and hand over what its operations made.

        Raises:
            TargetError: it may still work.
        """
        return self._end(job.name, job.operations)

    def end_name(self, name: str) -> Ended:
        """End it, and drop all that it made.

        Raises:
            TargetError: it may still work.
        """
        return self._end(name, ())

    def names(self) -> Collection[str]:
        """The roles that were made for this database.

        Raises:
            TargetError: the server does not say.
        """
        with self._server.session() as connection:
            return notes.names(connection, self._place.location)

    def reach(self) -> list[str]:
        """What an operator should change; see `reaching.py`.

        Raises:
            TargetError: the server cannot be reached.
        """
        with self._server.session() as connection:
            return reach(connection, self._place)

    def _rendering(self, job: Job) -> JsonObject:
        rendering = cast("JsonObject", render_all((*job.permissions, *job.ambient)).get(TYPE, {}))
        if rendering.get("location") != self._place.location:
            raise NotRenderable("it is about another database")
        return rendering

    def _end(self, name: str, operations: tuple[JsonObject, ...]) -> Ended:
        if CREDENTIAL_NAME.fullmatch(name) is None:
            raise TargetError("that is no credential's name")
        location = self._place.location
        # Out of turn: nobody who holds the turn keeps an expired role alive.
        role_id = self._server.change(
            lambda connection: _disabled(connection, name, location), in_turn=False
        )
        if role_id is None:
            return Ended()
        with self._server.session() as connection:
            self._end_sessions(connection, role_id)
            _roll_back_prepared(connection, name)

        def work(connection: Database) -> Ended:
            return Leaving(
                connection=connection,
                role=name,
                role_id=role_id,
                owner=self._place.owner,
                operations=operations,
            ).leave()

        return self._server.change(work)

    def _end_sessions(self, connection: Database, role_id: int) -> None:
        until = time.monotonic() + GONE_SECONDS
        quiet = 0
        while quiet < _LOOKS:
            found = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usesysid = %s",
                (role_id,),
            ).fetchall()
            quiet = 0 if found else quiet + 1
            if time.monotonic() > until:
                raise TargetError("its sessions do not end")
            time.sleep(_LOOK_SECONDS)  # the server tells nobody when a session has gone


def _disabled(connection: Database, name: str, location: str) -> int | None:
    """Nobody logs in as it from now on; its OID, None where there is no such role.

    Raises:
        TargetError: it is not a role of this issuer, and is left alone.
    """
    row: Any = connection.execute(
        "SELECT oid::int8, rolcanlogin FROM pg_roles WHERE rolname = %s", (name,)
    ).fetchone()
    if row is None:
        return None
    if notes.read(connection, row[0]).location != location:
        raise TargetError("the role is another database's issuer's")
    if row[1]:
        form = sql.SQL("ALTER ROLE {} NOLOGIN PASSWORD NULL")
        connection.execute(form.format(sql.Identifier(name)))
    return int(row[0])


def _roll_back_prepared(connection: Database, name: str) -> None:
    """A prepared transaction outlives its session, and whoever commits it later acts for it."""
    found = connection.execute(
        "SELECT gid FROM pg_prepared_xacts WHERE owner = %s AND database = current_database()",
        (name,),
    ).fetchall()
    if not found:
        return
    connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(name)))
    for (transaction,) in found:
        connection.execute(sql.SQL("ROLLBACK PREPARED {}").format(sql.Literal(transaction)))
    connection.execute("RESET ROLE")
