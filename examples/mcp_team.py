"""The tools of an MCP server, judged one call at a time.

An alias changes nothing: `tidy_up` is shown to the model, and `vacuum_everything` is judged.

    export ORDERS_DSN=postgresql://user:password@127.0.0.1:5432/orders    # one to try things on
    export COUNTERFOIL_TOKEN=$(counterfoil token --sub alice --group developers --agent coder)
    python mcp_team.py
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.ui import Console
from autogen_core import FunctionCall
from autogen_core.models import ChatCompletionClient, CreateResult, ModelInfo, RequestUsage
from autogen_core.tools import ToolOverride
from autogen_ext.models.replay import ReplayChatCompletionClient
from autogen_ext.tools.mcp import McpWorkbench, StdioServerParams

from autogen_counterfoil import Guard, protect, run_stream

URL = os.environ.get("COUNTERFOIL_URL", "http://127.0.0.1:8282")
TASK = "Tidy up, then add a payments table to the orders database"
SERVER = Path(__file__).with_name("mcp_server.py")
CALLS: tuple[tuple[str, dict[str, str]], ...] = (
    ("tidy_up", {}),
    ("run_sql", {"database": "orders", "sql": "CREATE TABLE public.payments (id int)"}),
)


def model() -> ChatCompletionClient:
    """The model client. Put your own here, such as `OpenAIChatCompletionClient(model=…)`."""
    info = ModelInfo(
        vision=False,
        function_calling=True,
        json_output=False,
        family="unknown",
        structured_output=False,
    )
    turns = [
        CreateResult(
            finish_reason="function_calls",
            content=[FunctionCall(id=f"call_{n}", name=name, arguments=json.dumps(arguments))],
            usage=RequestUsage(prompt_tokens=0, completion_tokens=0),
            cached=False,
        )
        for n, (name, arguments) in enumerate(CALLS)
    ]
    return ReplayChatCompletionClient([*turns, "Done what I may."], model_info=info)


async def main() -> None:
    """Run the agent."""
    if "ORDERS_DSN" not in os.environ:
        sys.exit("set ORDERS_DSN to a PostgreSQL database to try things on (postgresql://…)")
    server = StdioServerParams(
        command=sys.executable,
        args=[str(SERVER)],
        env={"ORDERS_DSN": os.environ["ORDERS_DSN"]},  # and not the agent's token
    )
    overrides = {"vacuum_everything": ToolOverride(name="tidy_up", description="Tidy up.")}
    async with McpWorkbench(server, tool_overrides=overrides) as workbench:
        agent = AssistantAgent("coder", model(), workbench=workbench, max_tool_iterations=5)

        guard = Guard(URL)
        agent = protect(agent, guard)
        await Console(run_stream(guard, agent, task=TASK))


if __name__ == "__main__":
    asyncio.run(main())
