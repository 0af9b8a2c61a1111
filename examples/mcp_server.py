"""A small MCP server with a tool that the development policy knows."""

from __future__ import annotations

from mcp.server.fastmcp import FastMCP

server = FastMCP("databases")


@server.tool()
def run_sql(database: str, sql: str) -> str:
    """Run one SQL statement on a database."""
    return f"ran on {database}: {sql}"


@server.tool()
def drop_everything() -> str:
    """Nobody has a rule for this one."""
    return "everything is gone"


if __name__ == "__main__":
    server.run()
