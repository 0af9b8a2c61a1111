"""Runs in the hook's environment: a guarded team that has no login of its own at the database.

Its one tool asks for the credential of its call and works with nothing else. Prints one JSON
object a line: `seen`, what the model was shown of each call; `own`, what a call past the hook
gets. The credential's members are written to the file SEEN, for the test to look for elsewhere.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import psycopg
import sql_team
from autogen_agentchat.messages import ToolCallExecutionEvent
from psycopg.conninfo import make_conninfo

from autogen_counterfoil import Guard, current_grant, protect, run
from autogen_counterfoil.dpop import key_from_environment


def keep(line: str) -> None:
    """Write down what the tool was given."""
    with Path(os.environ["SEEN"]).open("a", encoding="utf-8") as file:
        file.write(line + "\n")


async def run_sql(database: str, sql: str) -> str:
    """Run one SQL statement with the credential of this call."""
    grant = current_grant()
    if grant is None:
        return "no grant"
    credential = await grant.credential_async()
    await asyncio.to_thread(keep, json.dumps(dict(credential)))
    login = make_conninfo(**credential)
    async with await psycopg.AsyncConnection.connect(login, autocommit=True) as connection:
        cursor = await connection.execute(sql.encode())
        rows = await cursor.fetchall() if cursor.description else []
    return f"{cursor.statusmessage} {rows}"


async def past_the_hook(database: str, host: str) -> str:
    """What somebody gets who calls the tool, or the database, without being judged."""
    try:
        await psycopg.AsyncConnection.connect(host=host, dbname=database, user="app")
    except psycopg.OperationalError as error:
        return f"{await run_sql(database, 'SELECT 1')}; {type(error).__name__}"
    return "connected"


async def main() -> None:
    """Run the team once with the statements of the command line."""
    key = key_from_environment()
    statements = (("sql", sql) for sql in sys.argv[1:])
    model = sql_team.replayed((*statements, ("text", "Done.")))
    guard = Guard(os.environ["COUNTERFOIL_URL"], deadline_seconds=20)
    team = protect(sql_team.sql_team(model, run_sql), guard)
    result = await run(guard, team, task=sql_team.TASK, key=key)
    for message in result.messages:
        if isinstance(message, ToolCallExecutionEvent):
            for item in message.content:
                print(json.dumps({"seen": [item.is_error, str(item.content)]}))  # noqa: T201
    own = await past_the_hook("orders", os.environ["ORDERS_HOST"])
    print(json.dumps({"own": own}))  # noqa: T201 -- its only voice


if __name__ == "__main__":
    asyncio.run(main())
