"""An MCP server over stdio that writes down what it was made to do."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from mcp.server.fastmcp import FastMCP

server = FastMCP("records")
journal = Path(sys.argv[1])


def _note(what: str, **arguments: object) -> None:
    with journal.open("a") as file:
        file.write(json.dumps([what, arguments]) + os.linesep)


@server.tool()
def wipe(path: str, region: str = "prod", comment: str | None = None) -> str:
    """Wipe a path."""
    _note("wipe", path=path, region=region, comment=comment)
    return f"wiped {path}"


@server.tool()
def broken() -> str:
    """Fail."""
    _note("broken")
    raise RuntimeError("the disk is on fire")


@server.resource("secret://plans")
def plans() -> str:
    """A resource."""
    _note("plans")
    return "the plans"


@server.prompt()
def greet(name: str) -> str:
    """A prompt."""
    _note("greet", name=name)
    return f"greet {name}"


server.run()
