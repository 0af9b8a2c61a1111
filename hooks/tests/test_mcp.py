"""MCP servers: tools by their real name, declared defaults, and the side doors."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from autogen_core import CancellationToken
from autogen_core.tools import ToolOverride
from autogen_ext.tools.mcp import McpWorkbench, StdioServerParams, mcp_server_tools

from autogen_counterfoil import (
    ActionRefusedError,
    Guard,
    GuardedWorkbench,
    UnguardedSurfaceError,
    guard_tools,
    protect,
    run,
)
from builders import assistant, model, results
from simulator import Simulator

SERVER = Path(__file__).parent / "servers" / "mcp_server.py"
Token = Callable[[], str]


def params(journal: Path) -> StdioServerParams:
    return StdioServerParams(command=sys.executable, args=[str(SERVER), str(journal)])


def did(journal: Path) -> list[Any]:
    return (
        [json.loads(line) for line in journal.read_text().splitlines()] if journal.exists() else []
    )


@pytest.mark.parametrize("effect", ["deny", "allow"])
async def test_mcp_tool_under_an_alias_is_judged_as_the_real_one_with_its_defaults(
    sim: Simulator, guard: Guard, token: Token, tmp_path: Path, effect: str
) -> None:
    journal = tmp_path / "journal"
    sim.rules = {"wipe": effect, "list_things": "allow"}
    overrides = {"wipe": ToolOverride(name="list_things")}
    async with McpWorkbench(params(journal), tool_overrides=overrides) as mcp:
        agent = assistant([("list_things", {"path": "/"})], "done", workbench=mcp)
        result = await run(guard, protect(agent, guard), task="t", token=token)
    assert [(asked.name, asked.arguments) for asked in sim.asked] == [
        ("wipe", {"path": "/", "region": "prod"})
    ]
    expected = [["wipe", {"path": "/", "region": "prod", "comment": None}]]
    assert did(journal) == (expected if effect == "allow" else [])
    assert results(result)[0][1] is (effect == "deny")


async def test_failing_mcp_tool_is_an_error_result_and_an_error_outcome(
    sim: Simulator, guard: Guard, token: Token, tmp_path: Path
) -> None:
    sim.default = "allow"
    async with McpWorkbench(params(tmp_path / "journal")) as mcp:
        agent = protect(assistant([("broken", {})], "done", workbench=mcp), guard)
        ((text, is_error),) = results(await run(guard, agent, task="t", token=token))
    assert is_error
    assert "on fire" in text
    assert [outcome["status"] for outcome in sim.outcomes.values()] == ["error"]


@pytest.mark.skipif(not hasattr(McpWorkbench, "read_resource"), reason="tools only before 0.7")
@pytest.mark.parametrize("effect", ["deny", "allow"])
async def test_resources_and_prompts_of_an_mcp_server_are_no_side_door(
    sim: Simulator, guard: Guard, token: Token, tmp_path: Path, effect: str
) -> None:
    journal = tmp_path / "journal"
    sim.default = effect
    async with McpWorkbench(params(journal)) as mcp:
        workbench = GuardedWorkbench(mcp, guard)
        async with guard.session(token=token, task="t"):
            refused = pytest.raises(ActionRefusedError)
            with refused if effect == "deny" else nullcontext():
                await workbench.read_resource("secret://plans")
            with refused if effect == "deny" else nullcontext():
                await workbench.get_prompt("greet", {"name": "bob"})
    assert [asked.name for asked in sim.asked] == ["mcp.read_resource", "mcp.get_prompt"]
    assert len(did(journal)) == (2 if effect == "allow" else 0)


@pytest.mark.parametrize("effect", ["deny", "allow"])
async def test_mcp_tool_adapter_is_judged_by_what_the_server_receives(
    sim: Simulator, guard: Guard, token: Token, tmp_path: Path, effect: str
) -> None:
    journal = tmp_path / "journal"
    sim.default = effect
    tools = guard_tools(await mcp_server_tools(params(journal)), guard)
    (wipe,) = [tool for tool in tools if tool.name == "wipe"]
    async with guard.session(token=token, task="t"):
        if effect == "allow":
            await wipe.run_json({"path": "/"}, CancellationToken())
        else:
            with pytest.raises(ActionRefusedError):
                await wipe.run_json({"path": "/"}, CancellationToken())
    assert sim.asked[0].arguments == {"path": "/", "region": "prod"}
    expected = [["wipe", {"path": "/", "region": "prod", "comment": None}]]
    assert did(journal) == (expected if effect == "allow" else [])


def test_sampling_by_an_mcp_server_is_refused_at_start(guard: Guard, tmp_path: Path) -> None:
    try:
        sampling = McpWorkbench(params(tmp_path / "j"), model_client=model("x"))
    except TypeError:
        pytest.skip("this autogen-ext has no sampling")
    with pytest.raises(UnguardedSurfaceError, match="sampling"):
        protect(assistant("x", workbench=sampling), guard)
    protect(assistant("x", workbench=McpWorkbench(params(tmp_path / "j"))), guard)  # control
