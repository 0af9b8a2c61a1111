"""A small MCP server for a database: one tool that the development policy knows, and one more."""

from __future__ import annotations

import os

import psycopg
from mcp.server.fastmcp import FastMCP

MAX_ROWS = 50  # what a model reads of a result
server = FastMCP("databases")


@server.tool()
def run_sql(database: str, sql: str) -> str:
    """Run one SQL statement on a database."""
    return _run({"orders": os.environ["ORDERS_DSN"]}[database], sql)


@server.tool()
def vacuum_everything() -> str:
    """Tidy up the whole database: nobody has a rule for this one."""
    return _run(os.environ["ORDERS_DSN"], "VACUUM FULL")


def _run(dsn: str, sql: str) -> str:
    with psycopg.connect(dsn, autocommit=True, connect_timeout=5) as connection:
        cursor = connection.execute(sql.encode())
        rows = cursor.fetchmany(MAX_ROWS) if cursor.description else []
    return "\n".join([str(cursor.statusmessage), *map(str, rows)])


if __name__ == "__main__":
    server.run()
