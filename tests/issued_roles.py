"""A real PostgreSQL as docs/issuers/postgresql.md wants it, and jobs on it with issued roles."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pg8000.native  # type: ignore[import-untyped]  # has no annotations
import psycopg

from commands import read_sql
from counterfoil.core.model import JsonObject, JsonValue
from counterfoil_issuers.contract import Job, Made
from counterfoil_issuers.postgresql import build
from counterfoil_issuers.postgresql.target import PostgresqlTarget
from evidence import ROOT
from issuer_bench import LOCATION, new_id, now
from servers import postgresql

PAGE: Final = ROOT / "docs" / "issuers" / "postgresql.md"
USER: Final = "counterfoil_issuer"
SET_UP: Final = """
    CREATE SCHEMA hr; GRANT USAGE ON SCHEMA hr TO app;
    CREATE TABLE public.customers (id int PRIMARY KEY, name text DEFAULT 'nobody', secret text);
    INSERT INTO public.customers VALUES (1, 'Ada', 'x');
    CREATE VIEW public.names AS SELECT id, name FROM public.customers;
    CREATE SEQUENCE public.numbers;
    CREATE TYPE public.mood AS ENUM ('ok');
    CREATE TABLE hr.staff (id int, salary int);
    CREATE FUNCTION public.owners_own() RETURNS int LANGUAGE sql SECURITY DEFINER
      SET search_path = pg_catalog AS 'SELECT count(*)::int FROM hr.staff';
    ALTER TABLE public.customers OWNER TO app; ALTER VIEW public.names OWNER TO app;
    ALTER SEQUENCE public.numbers OWNER TO app; ALTER TYPE public.mood OWNER TO app;
    ALTER TABLE hr.staff OWNER TO app; ALTER FUNCTION public.owners_own OWNER TO app;
    GRANT SELECT ON public.customers TO reader;
    CREATE POLICY mine ON public.customers USING (true);
"""


@dataclass
class Orders:
    """The database, a superuser's way into it, and the issuer's target over it."""

    socket: Path
    root: pg8000.native.Connection
    target: PostgresqlTarget
    settings: dict[str, JsonValue]

    def job(self, text: str, *, seconds: int = 60) -> tuple[Job, str]:
        """The job that the interpreter reads from a text, and what it would run."""
        reading = read_sql(text)
        assert not reading.uncertain, reading.uncertain
        assert reading.execute is not None
        operations: list[JsonObject] = [
            {
                "family": one.family,
                "verb": one.verb,
                "object": one.object,
                "details": one.details,
                **({} if one.columns is None else {"columns": list(one.columns)}),
            }
            for one in reading.operations
        ]
        job = Job(
            jti=f"jti_{new_id()}",
            decision_id=f"dec_{new_id()}",
            action_digest="A" * 43,
            permissions=reading.required,
            ambient=reading.ambient,
            deadline=now() + seconds,
            operations=tuple(operations),
            session=reading.execute.session or {},
        )
        return job, str(reading.execute.arguments["sql"])

    def run(self, query: str, **values: Any) -> Any:
        return self.root.run(query, **values)

    def execute(self, script: str) -> None:
        self.root.execute_simple(script)

    def names(self, pattern: str = "cf-%") -> list[str]:
        return [
            name
            for (name,) in self.run("SELECT rolname FROM pg_roles WHERE rolname LIKE :p", p=pattern)
        ]

    def owner(self, relation: str) -> str | None:
        rows = self.run(
            "SELECT relowner::regrole::text FROM pg_class WHERE oid = to_regclass(:r)", r=relation
        )
        return rows[0][0] if rows else None

    def rights(self, relation: str) -> list[str]:
        """Who but the owner holds what on it."""
        rows = self.run(
            "SELECT coalesce(nullif(a.grantee, 0)::regrole::text, 'PUBLIC') || ' ' || a.privilege_type"
            " FROM pg_class c, aclexplode(c.relacl) a"
            " WHERE c.oid = to_regclass(:r) AND a.grantee <> c.relowner ORDER BY 1",
            r=relation,
        )
        return [row[0] for row in rows]

    def connect(self, made: Made, **more: Any) -> psycopg.Connection[Any]:
        """A session by nothing but what the holder got."""
        return psycopg.connect(**dict(made.secret), autocommit=True, **more)  # type: ignore[arg-type]

    def do(self, made: Made, *statements: str) -> list[str | None]:
        """Run statements in one session; the SQLSTATE of each refusal, None where it worked."""
        found: list[str | None] = []
        with self.connect(made) as session:
            for statement in statements:
                try:
                    session.execute(statement)
                    found.append(None)
                except psycopg.Error as error:
                    found.append(error.sqlstate)
        return found


def statements_of_the_page() -> tuple[list[str], list[str]]:
    """What the docs say a superuser runs: the issuer's powers, and the target's doors."""
    blocks = re.findall(r"```sql\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    powers, doors = ([line.strip() for line in re.findall(r"[^;]+;", block)] for block in blocks)
    return powers, doors


@contextmanager
def orders(
    folder: Path, server: Callable[[], AbstractContextManager[Path]] = postgresql.running
) -> Iterator[Orders]:
    """Start a server, make it as the page says, and build the target."""
    password = secrets.token_urlsafe(12)
    with server() as socket:
        admin = postgresql.connect(socket)
        _scram(admin)
        admin.execute_simple("CREATE ROLE app; CREATE ROLE reader")
        admin.execute_simple("CREATE DATABASE orders")
        root = postgresql.connect(socket, "orders")
        root.execute_simple("GRANT USAGE ON SCHEMA public TO app")
        for statement in (line for block in statements_of_the_page() for line in block):
            root.execute_simple(statement)
        root.execute_simple(f"ALTER ROLE {USER} PASSWORD '{password}'")
        root.execute_simple(SET_UP)
        settings = settings_of(socket, folder, password)
        try:
            yield Orders(socket, root, build(settings), settings)
        finally:
            root.close()
            admin.close()


def settings_of(socket: Path, folder: Path, password: str) -> dict[str, JsonValue]:
    file = folder / "issuer.password"
    file.touch(mode=0o600)
    file.write_text(password + "\n")
    return {
        "location": LOCATION,
        "host": str(socket.parent),
        "user": USER,
        "password_file": str(file),
        "sslmode": "disable",
        "owner": "app",
    }


def _scram(admin: pg8000.native.Connection) -> None:
    """Let nobody but the superuser in without a password: else roles mean nothing."""
    path = Path(admin.run("SHOW hba_file")[0][0])
    path.write_text("local all postgres trust\nlocal all all scram-sha-256\n")
    admin.run("SELECT pg_reload_conf()")


def codes(findings: Sequence[Any]) -> set[str]:
    return {one.code for one in findings}


def issued(db: Orders, text: str) -> tuple[Job, Made, str]:
    """A job, the credential that was made for it, and what it would run."""
    job, run = db.job(text)
    db.target.check(job)
    return job, db.target.make(job), run
