"""A team with a SQL tool, guarded by three lines.

The tool holds no standing credential. What it may do comes with the call, in
`current_grant()`: permissions for this statement alone, and a signed request that the
database's issuer turns into a short-lived login.
"""

from __future__ import annotations

import asyncio
import json
import os

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_agentchat.ui import Console
from autogen_core import FunctionCall
from autogen_core.models import CreateResult, ModelInfo, RequestUsage
from autogen_ext.models.replay import ReplayChatCompletionClient

from autogen_counterfoil import Guard, current_grant, protect, run_stream

URL = os.environ.get("COUNTERFOIL_URL", "http://127.0.0.1:8282")
TASK = "Add an invoices table to the orders database"
STATEMENTS = (
    "CREATE TABLE public.invoices (id int); DROP TABLE public.customers",  # a hidden second one
    "CREATE TABLE public.invoices (id int)",
)


async def run_sql(database: str, sql: str) -> str:
    """Run one SQL statement on a database."""
    grant = current_grant()
    permissions = [] if grant is None else [dict(item) for item in grant.permissions]
    return f"ran on {database}: {sql}\nwith: {json.dumps(permissions)}"


def model() -> ReplayChatCompletionClient:
    """Stands for a model that tries both statements. Put your own client here."""
    info = ModelInfo(
        vision=False,
        function_calling=True,
        json_output=False,
        family="unknown",
        structured_output=False,
    )
    calls = [json.dumps({"database": "orders", "sql": sql}) for sql in STATEMENTS]
    turns = [
        CreateResult(
            finish_reason="function_calls",
            content=[FunctionCall(id=f"call_{n}", name="run_sql", arguments=arguments)],
            usage=RequestUsage(prompt_tokens=0, completion_tokens=0),
            cached=False,
        )
        for n, arguments in enumerate(calls)
    ]
    return ReplayChatCompletionClient([*turns, "The table is there."], model_info=info)


async def main() -> None:
    """Run the team."""
    coder = AssistantAgent("coder", model(), tools=[run_sql], max_tool_iterations=5)
    team = RoundRobinGroupChat([coder], max_turns=1)

    guard = Guard(URL)
    team = protect(team, guard)
    await Console(run_stream(guard, team, task=TASK))  # the token comes from the environment


if __name__ == "__main__":
    asyncio.run(main())
