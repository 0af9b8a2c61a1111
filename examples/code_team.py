"""A coder and a code executor whose blocks are judged before they run.

Reading Python proves nothing about what it does, so the development policy runs none of it
unseen: the block below is denied, and what the team reads says why and what to do.

    export COUNTERFOIL_TOKEN=$(counterfoil token --sub alice --group developers --agent coder)
    python code_team.py
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import warnings
from pathlib import Path

from autogen_agentchat.agents import AssistantAgent, CodeExecutorAgent
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_agentchat.ui import Console
from autogen_core.models import ChatCompletionClient
from autogen_ext.code_executors.local import LocalCommandLineCodeExecutor
from autogen_ext.models.replay import ReplayChatCompletionClient

from autogen_counterfoil import Guard, protect, run_stream

URL = os.environ.get("COUNTERFOIL_URL", "http://127.0.0.1:8282")
TASK = "What is the sum of the first ten numbers?"
ANSWER = "This says it:\n```python\nopen('sum.txt', 'w').write(str(sum(range(10))))\n```"


def model() -> ChatCompletionClient:
    """The model client. Put your own here, such as `OpenAIChatCompletionClient(model=…)`."""
    return ReplayChatCompletionClient([ANSWER])


async def main() -> None:
    """Run the team."""
    warnings.simplefilter("ignore", UserWarning)  # AutoGen advises Docker for real work
    with tempfile.TemporaryDirectory() as folder:
        coder = AssistantAgent("coder", model())
        runner = CodeExecutorAgent("runner", LocalCommandLineCodeExecutor(work_dir=folder))
        team = RoundRobinGroupChat([coder, runner], max_turns=2)

        guard = Guard(URL)
        team = protect(team, guard)
        await Console(run_stream(guard, team, task=TASK))  # the token comes from the environment
        print(f"files that the code has made: {files_in(folder)}")


def files_in(folder: str) -> list[str]:
    """Their names."""
    return sorted(path.name for path in Path(folder).iterdir())


if __name__ == "__main__":
    asyncio.run(main())
