"""Command lines as the main path reads them, and what bash makes of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from commands import MAIN, ORDERS
from counterfoil.core.actions.contract import interpret
from counterfoil.core.actions.registry import FAMILIES
from counterfoil.core.model import Command, Interpretation, Registered, Resource
from requests_read import ORDERS_API

WORKSPACE = Resource(
    type="filesystem", id="workspace", location="file:/srv/work", issuer="workspace"
)
REPOSITORY = Resource(
    type="git", id="web", location="https://git.example.com/acme/web.git", issuer="git"
)
IMAGES = Resource(
    type="oci_registry", id="images", location="https://registry.example.com", issuer="images"
)
REGISTERED = Registered.of([WORKSPACE, ORDERS, ORDERS_API, REPOSITORY, MAIN, IMAGES])


def shell_command(
    line: str, resource: Resource | None = WORKSPACE, registered: Registered = REGISTERED
) -> Command:
    return Command(
        family="shell",
        tool="run_shell",
        arguments={"command": line},
        command_argument="command",
        resource=resource,
        registered=registered,
    )


def read_shell(line: str, resource: Resource | None = WORKSPACE) -> Interpretation:
    return interpret(shell_command(line, resource), FAMILIES)


def rendered(line: str, resource: Resource | None = WORKSPACE) -> str:
    """The line that runs instead."""
    reading = read_shell(line, resource)
    assert reading.execute is not None, reading.uncertain
    return str(reading.execute.arguments["command"])


def acts(reading: Interpretation) -> list[tuple[str, str, str, str]]:
    """Family, verb, kind and what, of each operation."""
    assert not reading.uncertain, reading.uncertain
    return [
        (
            item.family,
            item.verb,
            str(item.object["kind"]),
            str(item.object.get("path") or item.object.get("name") or ""),
        )
        for item in reading.operations
    ]


_SHOW = 'SHOW() { printf "%s\\0" "$#" "$@"; }\n'


def words_of_bash(text: str, folder: Path) -> list[list[str]] | None:
    """The words of each simple command as bash hands them on; None where bash refuses.

    Each command of the text begins with the word `SHOW`, a function that prints its words: bash
    makes a function's words as it makes a program's, and starts none for it.
    """
    done = subprocess.run(
        ["/bin/bash", "--norc", "--noprofile", "-c", _SHOW + text],
        cwd=folder,
        env={"PATH": "/nowhere", "HOME": "/home/nobody", "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        return None
    pieces = iter(done.stdout.decode().split("\0")[:-1])
    return [[next(pieces) for _ in range(int(count))] for count in pieces]


def words_of_a_program(text: str, folder: Path) -> list[str]:
    """The words that a real program gets of one command, whose first word is `SHOW`."""
    show = folder / "SHOW"
    show.write_text(f"#!{sys.executable} -S\nimport sys, json; print(json.dumps(sys.argv[1:]))\n")
    show.chmod(0o755)
    done = subprocess.run(
        ["/bin/bash", "--norc", "-c", text],
        env={"PATH": str(folder), "LC_ALL": "C.UTF-8"},
        capture_output=True,
        check=True,
    )
    words: list[str] = json.loads(done.stdout)
    return words
