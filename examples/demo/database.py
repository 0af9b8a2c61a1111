"""What the demo asks PostgreSQL, to check each claim of the story where it happened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psycopg

from demo.errors import DemoError
from demo.processes import Child

NAME = "orders"
OWNER = "postgres"
TOOL_LOGIN = "orders_app"
"""The tool's login. A superuser, as is common: what stops the team is not the database."""
_SESSION_SETTINGS = "SELECT set_config("  # how the tool sets what a statement was judged under
_RELATIONS = r"""
SELECT n.nspname || '.' || c.relname, c.relkind::text, c.relacl::text,
       coalesce(string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', '
                           ORDER BY a.attnum), '')
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\_toast%'
  AND c.relkind <> 'i'
GROUP BY 1, 2, 3
"""
_ROWS = "SELECT count(*), coalesce(md5(string_agg(t::text, ';' ORDER BY t::text)), '') FROM {} t"

Facts = dict[str, str]
"""What there is in the database: each table with its columns, rights and rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """The running server, as its owner sees it."""

    child: Child
    folder: Path
    port: int
    owner_dsn: str
    tool_dsn: str

    def version(self) -> str:
        """The server's own word."""
        return str(self._rows("SHOW server_version")[0][0])

    def password_method(self) -> str:
        """How the tool's login proves itself: as the server has stored its password."""
        query = "SELECT split_part(rolpassword, '$', 1) FROM pg_authid WHERE rolname = %s"
        return str(self._rows(query, TOOL_LOGIN)[0][0])

    def tool_may_do_anything(self) -> bool:
        """Whether the tool's login is one that PostgreSQL stops from nothing."""
        query = "SELECT rolsuper FROM pg_roles WHERE rolname = %s"
        return bool(self._rows(query, TOOL_LOGIN)[0][0])

    def facts(self) -> Facts:
        """Everything that a statement of the story could change."""
        found = {}
        for name, kind, rights, columns in self._rows(_RELATIONS):
            found[str(name)] = f"({columns})"
            if rights is not None:
                found[str(name)] += f", rights {rights}"
            if kind == "r":
                count, digest = self._rows(_ROWS.format(name))[0]
                found[str(name)] += f", {count} rows {str(digest)[:8]}".rstrip()
        return found

    def statements(self) -> list[str]:
        """What the server's own log says that the tool's login had it run, in order."""
        said = self.child.log.read_text("utf-8", "replace").replace("\n\t", " ")
        mark = f"{TOOL_LOGIN}>LOG:  "
        lines = [line.removeprefix(mark) for line in said.splitlines() if line.startswith(mark)]
        run = [line.partition(": ")[2] for line in lines]
        return [sql for sql in run if not sql.startswith(_SESSION_SETTINGS)]

    def has_file(self, name: str) -> bool:
        """Whether a file of this name is where programs that the server starts would write."""
        return (self.folder / name).exists()

    def _rows(self, query: str, *values: str) -> list[tuple[object, ...]]:
        try:
            with psycopg.connect(self.owner_dsn, connect_timeout=5) as connection:
                return list(connection.execute(query.encode(), values or None).fetchall())
        except psycopg.Error as error:
            raise DemoError(f"PostgreSQL does not answer: {error}") from error


def changes(before: Facts, after: Facts) -> list[str]:
    """What came (+), went (-) or is different now (~), by name."""
    came = [f"+ {name} {after[name]}" for name in after.keys() - before.keys()]
    went = [f"- {name}" for name in before.keys() - after.keys()]
    both = before.keys() & after.keys()
    other = [f"~ {name} {after[name]}" for name in both if before[name] != after[name]]
    return sorted([*came, *went, *other])
