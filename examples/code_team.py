"""A code executor whose blocks are judged before they run.

Reading Python proves nothing about what it does, so the development policy runs none of it
unseen: the block below is denied, and the agent's answer says why and what to do.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import warnings

from autogen_agentchat.agents import CodeExecutorAgent
from autogen_agentchat.messages import TextMessage
from autogen_agentchat.ui import Console
from autogen_ext.code_executors.local import LocalCommandLineCodeExecutor

from autogen_counterfoil import Guard, protect, run_stream

URL = os.environ.get("COUNTERFOIL_URL", "http://127.0.0.1:8282")
CODE = "```python\nprint(sum(range(10)))\n```"


async def main() -> None:
    """Run the agent."""
    warnings.simplefilter("ignore", UserWarning)  # AutoGen advises Docker for real work
    with tempfile.TemporaryDirectory() as folder:
        agent = CodeExecutorAgent("runner", LocalCommandLineCodeExecutor(work_dir=folder))

        guard = Guard(URL)
        agent = protect(agent, guard)
        task = TextMessage(content=CODE, source="user")
        await Console(run_stream(guard, agent, task=task))


if __name__ == "__main__":
    asyncio.run(main())
