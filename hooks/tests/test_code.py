"""Code is judged at the executor, block by block, whoever brings it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from autogen_agentchat.agents import CodeExecutorAgent
from autogen_agentchat.messages import TextMessage
from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock
from autogen_ext.code_executors.local import LocalCommandLineCodeExecutor
from autogen_ext.tools.code_execution import PythonCodeExecutionTool

from autogen_counterfoil import Guard, GuardedCodeExecutor, protect, run
from builders import assistant, results
from simulator import Simulator

Token = Callable[[], str]


def local(work: Path) -> LocalCommandLineCodeExecutor:
    return LocalCommandLineCodeExecutor(work_dir=work, cleanup_temp_files=True)


def touching(path: Path) -> str:
    return f"open({str(path)!r}, 'a').write('x')\nprint('touched')"


@pytest.mark.parametrize("effect", ["deny", "allow"])
async def test_code_of_a_code_executor_agent_is_judged(
    sim: Simulator, guard: Guard, token: Token, tmp_path: Path, effect: str
) -> None:
    sim.default = effect
    mark = tmp_path / "mark"
    agent = protect(CodeExecutorAgent("runner", local(tmp_path)), guard)
    text = f"```python\n{touching(mark)}\n```"
    result = await run(guard, agent, task=TextMessage(content=text, source="user"), token=token)
    assert mark.exists() is (effect == "allow")
    (asked,) = sim.asked
    assert (asked.name, asked.arguments["language"]) == ("run_code", "python")
    assert touching(mark) in asked.arguments["code"]
    last = result.messages[-1].to_text()
    assert ("touched" in last) is (effect == "allow")
    assert ("NOT RUN" in last) is (effect == "deny")


@pytest.mark.parametrize("effect", ["deny", "allow"])
async def test_code_of_the_python_tool_is_judged_as_code(
    sim: Simulator, guard: Guard, token: Token, tmp_path: Path, effect: str
) -> None:
    sim.default = effect
    mark = tmp_path / "mark"
    tool = PythonCodeExecutionTool(local(tmp_path))
    agent = protect(
        assistant([("CodeExecutor", {"code": touching(mark)})], "x", tools=[tool]), guard
    )
    ((text, is_error),) = results(await run(guard, agent, task="t", token=token))
    assert mark.exists() is (effect == "allow")
    assert [asked.name for asked in sim.asked] == ["run_code"]
    assert is_error is (effect == "deny")
    assert ("NOT RUN" in text) is (effect == "deny")


async def blocks(guard: Guard, token: Token, work: Path, *code: tuple[str, str]) -> tuple[int, str]:
    executor = GuardedCodeExecutor(local(work), guard, agent="runner")
    async with guard.session(token=token, task="t"):
        result = await executor.execute_code_blocks(
            [CodeBlock(code=text, language=language) for language, text in code],
            CancellationToken(),
        )
    return result.exit_code, result.output


async def test_denied_block_runs_none_of_its_siblings(
    sim: Simulator, guard: Guard, token: Token, tmp_path: Path
) -> None:
    sim.default = lambda body: "deny" if "evil" in str(body) else "allow"
    mark = tmp_path / "mark"
    good = ("python", touching(mark))
    code, output = await blocks(guard, token, tmp_path, good, ("python", "# evil"))
    assert (code, mark.exists()) == (126, False)
    assert "NOT RUN" in output
    assert [outcome["status"] for outcome in sim.outcomes.values()] == ["not_executed"]
    code, output = await blocks(guard, token, tmp_path, good, ("sh", "echo two"))  # control
    assert (code, mark.exists()) == (0, True)
    assert "two" in output


async def test_blocks_stop_at_the_first_failure_and_the_rest_is_reported_not_run(
    sim: Simulator, guard: Guard, token: Token, tmp_path: Path
) -> None:
    sim.default = "allow"
    code, output = await blocks(
        guard, token, tmp_path, ("python", "raise SystemExit(3)"), ("sh", "echo two")
    )
    assert code == 3
    assert "two" not in output
    assert sorted(outcome["status"] for outcome in sim.outcomes.values()) == [
        "error",
        "not_executed",
    ]


async def test_each_block_has_a_grant_of_its_own_and_shell_is_judged_as_shell(
    sim: Simulator, guard: Guard, token: Token, tmp_path: Path
) -> None:
    sim.default = "allow"
    sim.execute["run_shell"] = lambda arguments: {"command": "'echo' 'judged'"}
    code, output = await blocks(
        guard, token, tmp_path, ("bash", "echo $RAW"), ("python", "print(1)")
    )
    assert code == 0
    assert "judged" in output
    assert {asked.name: sorted(asked.arguments) for asked in sim.asked} == {
        "run_shell": ["command"],
        "run_code": ["code", "language"],
    }
    assert len(sim.outcomes) == 2


async def test_judged_code_in_another_language_runs_nothing(
    sim: Simulator, guard: Guard, token: Token, tmp_path: Path
) -> None:
    sim.default = "allow"
    sim.execute["run_code"] = lambda arguments: {**arguments, "language": "sh"}
    code, output = await blocks(guard, token, tmp_path, ("python", "print('ran')"))
    assert code == 126
    assert "ran\n" not in output


async def test_cancelled_code_is_reported_as_unknown(
    sim: Simulator, guard: Guard, token: Token, tmp_path: Path
) -> None:
    sim.default = "allow"
    started = tmp_path / "started"
    cancellation = CancellationToken()
    executor = GuardedCodeExecutor(local(tmp_path), guard)
    code = f"open({str(started)!r}, 'w').close()\nimport time\ntime.sleep(20)"
    async with guard.session(token=token, task="t"):
        running: asyncio.Task[Any] = asyncio.create_task(
            executor.execute_code_blocks([CodeBlock(code=code, language="python")], cancellation)
        )
        while not started.exists():  # noqa: ASYNC110 -- another process makes it
            await asyncio.sleep(0.02)
        cancellation.cancel()
        result = await running
    assert result.exit_code == 126
    assert "interrupted" in result.output
    assert [outcome["status"] for outcome in sim.outcomes.values()] == ["cancelled_unknown"]
    assert sys.version_info >= (3, 11)
