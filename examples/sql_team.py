"""A team that works on a PostgreSQL database, guarded by three lines.

`make demo` tells the story of this team. What a call may do comes with it, in
`current_grant()`: permissions for this statement alone, and the signed request for a login
that has just those.

    export ORDERS_DSN=postgresql://user:password@127.0.0.1:5432/orders    # one to try things on
    export COUNTERFOIL_TOKEN=$(counterfoil token --sub alice --group developers --agent coder)
    python sql_team.py
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_agentchat.ui import Console
from autogen_core import FunctionCall
from autogen_core.models import ChatCompletionClient, CreateResult, ModelInfo, RequestUsage
from autogen_ext.models.replay import ReplayChatCompletionClient
from psycopg import AsyncConnection

from autogen_counterfoil import Grant, Guard, current_grant, protect, run_stream

URL = os.environ.get("COUNTERFOIL_URL", "http://127.0.0.1:8282")
MAX_ROWS = 50  # what a model reads of a result
TASK = "Add an invoices table to the orders database"
TURNS = (
    ("sql", "CREATE TABLE public.invoices (id int); DROP TABLE public.customers"),  # hidden
    ("sql", "CREATE TABLE public.invoices (id int)"),
    ("text", "The table is there."),
)


def model() -> ChatCompletionClient:
    """The model client. Put your own here, such as `OpenAIChatCompletionClient(model=…)`."""
    return replayed(TURNS)


async def run_sql(database: str, sql: str) -> str:
    """Run one SQL statement on a database."""
    dsn = {"orders": os.environ["ORDERS_DSN"]}[database]
    grant = current_grant()
    async with await AsyncConnection.connect(
        dsn,
        autocommit=True,
        connect_timeout=5,
        prepare_threshold=None,  # one connection a call: what is prepared would help nobody
    ) as connection:
        # What a name means was judged under these settings, so it runs under them.
        for name, value in ((grant and grant.session) or {}).items():
            await connection.execute("SELECT set_config(%s, %s, false)", (name, str(value)))
        cursor = await connection.execute(sql.encode())
        rows = await cursor.fetchmany(MAX_ROWS) if cursor.description else []
    return "\n".join([f"{cursor.statusmessage} ({granted(grant)})", *map(str, rows)])


def granted(grant: Grant | None) -> str:
    """What this one call may do."""
    if grant is None:
        return "only observed: nothing was granted"
    return f"granted: {json.dumps([dict(item) for item in grant.permissions])}"


def sql_team(
    model_client: ChatCompletionClient, tool: Callable[[str, str], Awaitable[str]] = run_sql
) -> RoundRobinGroupChat:
    """The team, as anybody would write it; `main` guards it."""
    coder = AssistantAgent("coder", model_client, tools=[tool], max_tool_iterations=5)
    return RoundRobinGroupChat([coder], max_turns=1)


def replayed(turns: tuple[tuple[str, str], ...]) -> ReplayChatCompletionClient:
    """A model that says what was written down beforehand: no key and no network is needed."""
    info = ModelInfo(
        vision=False,
        function_calling=True,
        json_output=False,
        family="unknown",
        structured_output=False,
    )
    return ReplayChatCompletionClient(
        [text if kind == "text" else _calls(n, text) for n, (kind, text) in enumerate(turns)],
        model_info=info,
    )


def _calls(number: int, sql: str) -> CreateResult:
    arguments = json.dumps({"database": "orders", "sql": sql})
    return CreateResult(
        finish_reason="function_calls",
        content=[FunctionCall(id=f"call_{number}", name="run_sql", arguments=arguments)],
        usage=RequestUsage(prompt_tokens=0, completion_tokens=0),
        cached=False,
    )


async def main() -> None:
    """Run the team."""
    if "ORDERS_DSN" not in os.environ:
        sys.exit("set ORDERS_DSN to a PostgreSQL database to try things on (postgresql://…)")
    team = sql_team(model())

    guard = Guard(URL)
    team = protect(team, guard)
    await Console(run_stream(guard, team, task=TASK))  # the token comes from the environment


if __name__ == "__main__":
    asyncio.run(main())
