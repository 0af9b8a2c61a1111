"""Runs jobs on a real server as fresh roles that hold exactly given permissions."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pg8000.native  # type: ignore[import-untyped]  # has no annotations

from commands import read_sql
from counterfoil.catalogues.postgresql import snapshot
from counterfoil.catalogues.seal import digest_of
from counterfoil.core.actions.database.answer import SESSION
from counterfoil.core.model import Interpretation, JsonValue, Permission, Snapshot
from counterfoil.core.renderings.postgresql import Right, parse_back, render, rights
from evidence import ROOT, record
from servers import postgresql
from sql_jobs import OWNED, SET_UP

DENIED = frozenset({"42501"})
NOT_SEEN = frozenset({"42P01", "3F000", "42704", "42883", *DENIED})
"""Without USAGE on a schema what is in it may look absent."""


@dataclass
class Target:
    """A database with the jobs' tables; each attempt is undone."""

    server: pg8000.native.Connection

    def version(self) -> str:
        """The server's own version."""
        return str(self.server.run("SHOW server_version")[0][0])

    def catalogue(self) -> Snapshot:
        """The database's catalogue, as it is now."""
        body = json.dumps(snapshot(lambda query: list(self.server.run(query) or []))).encode()
        return Snapshot(digest=digest_of(body), taken_at="2026-11-24T03:10:00Z", body=body)

    def _begin(self) -> None:
        """Begin with a counter that no earlier attempt has moved: nextval is never undone."""
        self.server.execute_simple("BEGIN")
        self.server.execute_simple("ALTER SEQUENCE public.logs_id_seq RESTART WITH 2")

    def knows(self, text: str) -> bool:
        """Whether this version of the server can run it at all, for a superuser."""
        self._begin()
        try:
            if re.match(r"COPY .* TO STDOUT", text):
                self.server.run(text, stream=io.BytesIO())
            else:
                self.server.execute_simple(text)
        except pg8000.native.DatabaseError:
            return False
        finally:
            self.server.execute_simple("ROLLBACK")
        return True

    def attempt(self, permissions: Sequence[Permission], text: str) -> str | None:
        """Run `text` as a role that holds the permissions; the SQLSTATE of a refusal, or None."""
        run = self.server.execute_simple
        self._begin()
        try:
            run("CREATE ROLE job NOLOGIN")
            for statement in made(permissions):
                run(statement)
            run("SET LOCAL ROLE job")
            if re.match(r"COPY .* TO STDOUT", text):
                self.server.run(text, stream=io.BytesIO())
            else:
                run(text)
        except pg8000.native.DatabaseError as error:
            state: str = error.args[0]["C"]
            return state
        finally:
            run("ROLLBACK")
        return None


@contextmanager
def target(
    server: Callable[[], AbstractContextManager[Path]] = postgresql.running,
) -> Iterator[Target]:
    """A server whose database `orders` gives PUBLIC nothing."""
    with server() as socket:
        first = postgresql.connect(socket)
        first.execute_simple("CREATE DATABASE orders")
        first.execute_simple("REVOKE ALL ON DATABASE orders FROM PUBLIC")
        first.close()
        connection = postgresql.connect(socket, "orders")
        connection.execute_simple(SET_UP)
        for item in OWNED.split(";"):
            connection.execute_simple(f"ALTER {item.strip()} OWNER TO app")
        strip_public(connection)
        for name, value in SESSION.items():
            connection.run("SELECT set_config(:n, :v, false)", n=name, v=value)
        try:
            yield Target(connection)
        finally:
            connection.close()


def strip_public(connection: pg8000.native.Connection) -> None:
    """Take from PUBLIC what it has by default, so that what is ambient must be granted too."""
    connection.execute_simple("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    connection.execute_simple("REVOKE USAGE ON TYPE public.mood, public.pair FROM PUBLIC")


def made(permissions: Sequence[Permission]) -> list[str]:
    """What gives a role named `job` these permissions: grants, then transfers."""
    if not permissions:
        return []
    rendering: Any = render(permissions)
    assert parse_back(rendering) == {right for item in permissions for right in rights(item)}
    lines = [*rendering["grants"], *rendering.get("transfers", [])]
    return [line.replace('"{{name}}"', "job") for line in lines]


def all_of(reading: Interpretation) -> list[Permission]:
    """Required and ambient, but for CONNECT, which is checked at the door."""
    return [
        item
        for item in (*reading.required, *reading.ambient)
        if (item["object"], item["actions"]) != ("database", ["connect"])
    ]


def weaker(permissions: Sequence[Permission]) -> Iterator[list[Permission]]:
    """Every set with one right, or one column of a right, less."""
    for index, permission in enumerate(permissions):
        rest = [*permissions[:index], *permissions[index + 1 :]]
        yield rest
        columns = permission.get("columns")
        if isinstance(columns, list) and len(columns) > 1:
            for column in columns:
                less: Mapping[str, JsonValue] = {
                    **permission,
                    "columns": [name for name in columns if name != column],
                }
                yield [*rest, less]


def single(permissions: Sequence[Permission]) -> frozenset[Right]:
    """The single rights of permissions."""
    return frozenset(
        right for item in permissions for right in rights(item) if isinstance(right, Right)
    )


def uncovered(wanted: frozenset[Right], held: frozenset[Right]) -> int:
    """How many of the rights wanted are neither held, nor implied by ownership or the table's."""

    def implied(right: Right) -> bool:
        whole = right._replace(column=None)
        return right in held or whole in held or whole._replace(action="owner") in held

    return sum(not implied(right) for right in wanted)


NEIGHBOURS = 2


@dataclass
class Job:
    """A text as it runs, and the permissions that were read from it."""

    text: str
    permissions: list[Permission]
    coarse: bool = False

    @classmethod
    def of(cls, text: str, catalogue: Snapshot | None = None) -> Job:
        reading = read_sql(text, catalogue=catalogue)
        assert not reading.uncertain, (text, reading.uncertain)
        assert reading.execute is not None
        coarse = any(item.details.get("coarse") for item in reading.operations)
        return cls(str(reading.execute.arguments["sql"]), all_of(reading), coarse)

    def neighbours(self, others: Sequence[Job]) -> list[Job]:
        """The jobs that need the least more than this one holds."""
        held = single(self.permissions)
        missing = [uncovered(single(other.permissions), held) for other in others]
        further = sorted((more, place) for place, more in enumerate(missing) if more)
        return [others[place] for _, place in further[:NEIGHBOURS]]


@dataclass
class Found:
    """What one job showed."""

    state: str | None
    not_necessary: list[str] = field(default_factory=list)
    open_neighbours: list[str] = field(default_factory=list)
    removals: int = 0
    neighbours: int = 0

    @property
    def exact(self) -> bool:
        """It ran, each right was necessary, and its neighbours stayed closed."""
        closed = not self.not_necessary and not self.open_neighbours
        return self.state is None and closed


def prove(orders: Target, job: Job, others: Sequence[Job]) -> Found:
    """Run a job with its permissions, with each set that is one less, and its neighbours."""
    found = Found(orders.attempt(job.permissions, job.text))
    for fewer in weaker(job.permissions):
        found.removals += 1
        if orders.attempt(fewer, job.text) not in NOT_SEEN:
            found.not_necessary.append(str([p for p in job.permissions if p not in fewer]))
    for other in job.neighbours(others):
        found.neighbours += 1
        if orders.attempt(job.permissions, other.text) not in NOT_SEEN:
            found.open_neighbours.append(other.text)
    return found


def counted(results: Mapping[str, Found]) -> dict[str, Any]:
    """Of many jobs: how much was tried, how much held, and what did not."""
    found = results.values()
    return {
        "jobs": len(results),
        "sufficient": sum(item.state is None for item in found),
        "removals": sum(item.removals for item in found),
        "removals_refused": sum(item.removals - len(item.not_necessary) for item in found),
        "neighbours": sum(item.neighbours for item in found),
        "neighbours_refused": sum(item.neighbours - len(item.open_neighbours) for item in found),
        "wrong": {text: vars(item) for text, item in results.items() if not item.exact},
    }


def whole(orders: Target, plain: Iterable[str], known: Iterable[str]) -> dict[str, Any]:
    """Prove all jobs, once as without a catalogue and once with the server's own."""
    every = [Job.of(text) for text in plain]
    catalogue = orders.catalogue()
    informed = [Job.of(text, catalogue) for text in known]
    with_catalogue = counted({job.text: prove(orders, job, every) for job in informed})
    with_catalogue["coarse"] = sum(job.coarse for job in informed)
    return {
        "without_catalogue": counted({job.text: prove(orders, job, every) for job in every}),
        "with_catalogue": with_catalogue,
    }


def remember(version: str, found: Mapping[str, Any]) -> None:
    """Write what one version of the server showed beside what others did."""
    path = ROOT / "docs" / "evidence" / "sql_exactness.json"
    before = json.loads(path.read_text("utf-8")) if path.exists() else {}
    major = version.split(".", maxsplit=1)[0]
    servers = {key: one for key, one in before.get("servers", {}).items() if key != major}
    record(
        "sql_exactness",
        "jobs run on PostgreSQL by fresh roles that hold exactly the permissions read from them",
        servers=dict(sorted({**servers, major: {"version": version, **found}}.items())),
    )
