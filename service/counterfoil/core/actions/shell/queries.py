"""`psql -c`: SQL on a registered database, read by the `database` family.

What runs names host, port and database in full and pins the session, so that neither the
environment nor `~/.psqlrc` decides where it goes or what its names mean.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from counterfoil.core.actions import database
from counterfoil.core.actions.argv import Parsed, Reading, parse
from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.actions.database.answer import SESSION
from counterfoil.core.actions.shell.files import options
from counterfoil.core.actions.shell.ground import Ground
from counterfoil.core.model import Command, Resource

_PSQL: Final = options(
    "tAxqXlw1", "chpdFP",
    long="command= host= port= dbname= tuples-only no-align expanded quiet no-psqlrc csv "
    "no-password html single-transaction",
)  # fmt: skip
_SHOWN: Final = frozenset(
    {
        "-t",
        "-A",
        "-x",
        "-q",
        "--tuples-only",
        "--no-align",
        "--expanded",
        "--quiet",
        "--csv",
        "--html",
    }
)
_NAME: Final = re.compile(r"[a-z0-9_][a-z0-9_.-]{0,62}", re.ASCII)
_DEFAULT_PORT: Final = 5432


def psql(words: Sequence[str], ground: Ground) -> Reading:
    """Read one call of psql.

    Raises:
        Unreadable: an option, the database or the SQL is not sure.
    """
    parsed = parse(words[1:], _PSQL)
    operands = [*parsed.operands, *(parsed.after_dashes or ())]
    names = [v or "" for n, v in parsed.options if n in {"-d", "--dbname"}] + operands
    texts = [v or "" for n, v in parsed.options if n in {"-c", "--command"}]
    if len(texts) != 1 or len(names) != 1:
        raise Unreadable("uncertain.operands", "psql -d DATABASE -c SQL, each once")
    resource = _resource(names[0], parsed, ground)
    read = database.interpret(
        Command(
            family="database",
            tool="psql",
            arguments={"sql": texts[0]},
            command_argument="sql",
            resource=resource,
        ),
        ground.limits,
    )
    sql = texts[0] if read.execute is None else str(read.execute.arguments["sql"])
    shown = [name for name, _ in parsed.options if name in _SHOWN]
    run = ["psql", "--no-psqlrc", "--no-password", "--set=ON_ERROR_STOP=1", *shown]
    return Reading(
        # Their places are those of the SQL, which is no text of the line's.
        operations=tuple(replace(item, span=None) for item in read.operations),
        required=read.required,
        ambient=read.ambient,
        words=(*run, f"--dbname={_connection(resource)}", f"--command={sql}"),
    )


def _resource(name: str, parsed: Parsed, ground: Ground) -> Resource:
    """The one registered database of that name, and of that host where one is named."""
    host = parsed.value("-h") or parsed.value("--host")
    port = parsed.value("-p") or parsed.value("--port")
    if name.startswith(("postgresql://", "postgres://")):
        found = [
            item
            for item in ground.around.resources
            if item.type == "postgresql"
            and item.location == f"postgresql://{name.partition('://')[2]}"
        ]
        if host or port:
            raise Unreadable("uncertain.option", "a host beside a URL")
    else:
        found = [item for item in ground.around.resources if _is(item, name, host, port)]
    if len(found) != 1:
        raise Unreadable("uncertain.resource_unknown", name[:64])
    return found[0]


def _is(resource: Resource, name: str, host: str | None, port: str | None) -> bool:
    if resource.type != "postgresql" or not _NAME.fullmatch(name):
        return False
    place = urlsplit(resource.location)
    return (
        place.path == f"/{name}"
        and (host is None or host == place.hostname)
        and (port is None or port == str(place.port or _DEFAULT_PORT))
    )


def _connection(resource: Resource) -> str:
    """A connection string in libpq's own words (libpq 34.1.1.1), with the session pinned."""
    place = urlsplit(resource.location)
    settings = " ".join(f"-c {_escaped(f'{name}={value}')}" for name, value in SESSION.items())
    members = {
        "host": place.hostname or "",
        "port": str(place.port or _DEFAULT_PORT),
        "dbname": place.path[1:],
        "options": settings,
    }
    return " ".join(f"{name}='{_in_quotes(value)}'" for name, value in members.items())


def _escaped(setting: str) -> str:
    """One word of `options`: blanks and backslashes are escaped (libpq 34.1.2)."""
    return setting.replace("\\", "\\\\").replace(" ", "\\ ")


def _in_quotes(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")
