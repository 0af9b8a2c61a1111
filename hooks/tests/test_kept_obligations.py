"""An allow that asks for a sandbox, or for no links, runs only where somebody keeps that."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock
from autogen_core.tools import FunctionTool
from autogen_ext.code_executors.docker import DockerCommandLineCodeExecutor
from autogen_ext.code_executors.local import LocalCommandLineCodeExecutor

from autogen_counterfoil import Guard, GuardedCodeExecutor, file_tools, protect, run
from autogen_counterfoil.files import BeneathTool
from autogen_counterfoil.obligations import kept_by
from builders import Ran, assistant, results
from simulator import Simulator

Token = Callable[[], str]
SANDBOX = {"type": "sandbox", "operations": [0]}
NO_LINKS = {"type": "no_symlinks", "operations": [0]}


class Sandbox(LocalCommandLineCodeExecutor):
    """Stands for a class that its developer vouches for, by exactly this class."""


class SandboxOfAnother(Sandbox):
    """May do anything in methods of its own."""


def bound(sim: Simulator, *obligations: dict[str, Any]) -> None:
    sim.default = "allow"
    sim.change = lambda answer: {**answer, "obligations": list(obligations)}


async def executed(
    sim: Simulator, token: Token, work: Path, kind: type[LocalCommandLineCodeExecutor]
) -> tuple[int, str]:
    guard = Guard(sim.url, deadline_seconds=3, sandboxes=[Sandbox])
    executor = GuardedCodeExecutor(kind(work_dir=work, cleanup_temp_files=True), guard)
    async with guard.session(token=token, task="t"):
        block = CodeBlock(code="print('r' + 'an')", language="python")
        result = await executor.execute_code_blocks([block], CancellationToken())
    return result.exit_code, result.output


@pytest.mark.parametrize("kind", [LocalCommandLineCodeExecutor, SandboxOfAnother])
async def test_code_for_a_sandbox_runs_in_no_other_executor(
    sim: Simulator, token: Token, tmp_path: Path, kind: type[LocalCommandLineCodeExecutor]
) -> None:
    bound(sim, SANDBOX)
    code, output = await executed(sim, token, tmp_path, kind)
    assert code == 126
    assert "hook.obligation_unmet" in output
    assert "ran" not in output.replace("granted", "")
    assert (await executed(sim, token, tmp_path, Sandbox))[0] == 0  # control
    bound(sim)
    assert (await executed(sim, token, tmp_path, kind))[0] == 0  # control: asked for nothing


async def test_a_tool_named_in_honours_is_no_sandbox(sim: Simulator, token: Token) -> None:
    bound(sim, SANDBOX)
    ran = Ran()

    async def run_code(code: str) -> str:
        ran.append((code,))
        return "done"

    guard = Guard(sim.url, deadline_seconds=3, honours=["run_code"])
    tool = FunctionTool(run_code, "runs", name="run_code")
    agent = protect(assistant([("run_code", {"code": "x"})], "done", tools=[tool]), guard)
    ((text, is_error),) = results(await run(guard, agent, task="t", token=token))
    assert (ran, is_error) == ([], True)
    assert "hook.obligation_unmet" in text
    bound(sim, NO_LINKS)  # control: this one its author may keep
    agent = protect(assistant([("run_code", {"code": "x"})], "done", tools=[tool]), guard)
    await run(guard, agent, task="t", token=token)
    assert ran == [("x",)]


async def written(
    sim: Simulator, token: Token, tool: Any, path: str, **options: Any
) -> tuple[str, bool]:
    guard = Guard(sim.url, deadline_seconds=3, **options)
    call = (tool.name, {"path": path, "content": "text"})
    agent = protect(assistant([call], "done", tools=[tool]), guard)
    ((text, is_error),) = results(await run(guard, agent, task="t", token=token))
    return text, is_error


def write_tool(root: Path) -> Any:
    return next(tool for tool in file_tools(root) if tool.name == "write_file")


async def test_a_file_is_written_only_by_a_tool_that_follows_no_link(
    sim: Simulator, token: Token, tmp_path: Path
) -> None:
    bound(sim, NO_LINKS)

    async def write_file(path: str, content: str) -> str:
        (tmp_path / path).write_text(content, "utf-8")
        return "written"

    plain = FunctionTool(write_file, "writes", name="write_file")
    text, is_error = await written(sim, token, plain, "a.txt")
    assert is_error
    assert "hook.obligation_unmet" in text
    assert not (tmp_path / "a.txt").exists()

    class Own(BeneathTool):
        """A subclass may open as it likes."""

    own = Own(write_file, "writes", name="write_file")
    assert (await written(sim, token, own, "a.txt"))[1]
    assert not (tmp_path / "a.txt").exists()
    text, is_error = await written(sim, token, write_tool(tmp_path), "a.txt")  # control
    assert (is_error, (tmp_path / "a.txt").read_text("utf-8")) == (False, "text")


async def test_what_was_judged_is_what_is_opened(
    sim: Simulator, token: Token, tmp_path: Path
) -> None:
    """The original would write elsewhere: relative paths begin at this process's own folder."""
    bound(sim, NO_LINKS)
    canonical = str(tmp_path / "root" / "a.txt")
    (tmp_path / "root").mkdir()
    sim.execute["write_file"] = lambda arguments: {**arguments, "path": canonical}
    text, is_error = await written(sim, token, write_tool(tmp_path / "root"), "b.txt")
    assert not is_error, text
    assert (tmp_path / "root" / "a.txt").read_text("utf-8") == "text"
    assert not (tmp_path / "root" / "b.txt").exists()


async def test_an_allowed_path_that_became_a_link_is_not_followed(
    sim: Simulator, token: Token, tmp_path: Path
) -> None:
    bound(sim, NO_LINKS)
    (tmp_path / "root").mkdir()
    outside = tmp_path / "outside.txt"
    outside.write_text("secret", "utf-8")
    tool = write_tool(tmp_path / "root")
    (tmp_path / "root" / "a.txt").symlink_to(outside)
    text, is_error = await written(sim, token, tool, "a.txt")
    assert is_error
    assert outside.read_text("utf-8") == "secret"
    assert (await written(sim, token, tool, "b.txt"))[1] is False, text  # control


async def test_all_of_the_tools_work_beneath_their_root(tmp_path: Path) -> None:
    tools = {tool.name: tool for tool in file_tools(tmp_path)}
    token = CancellationToken()

    async def call(name: str, **arguments: str) -> str:
        return str(await tools[name].run_json(arguments, token))

    assert await call("create_directory", path="d") == "made"
    assert await call("write_file", path="d/a.txt", content="one\n") == "4 bytes written"
    assert await call("write_file", path="d/a.txt", content="1\n") == "2 bytes written"
    assert await call("append_file", path=f"{tmp_path}/d/a.txt", content="2\n")
    assert await call("read_file", path="d/a.txt") == "1\n2\n"
    assert await call("list_directory", path="d") == "a.txt"
    assert await call("delete_file", path="d/a.txt") == "deleted"
    assert await call("list_directory", path=".") == "d"


def test_an_executor_of_an_unknown_kind_keeps_nothing(tmp_path: Path) -> None:
    assert kept_by(LocalCommandLineCodeExecutor(work_dir=tmp_path), []) == frozenset()
    assert kept_by(Sandbox(work_dir=tmp_path), [Sandbox]) == {"sandbox"}  # control


def test_a_class_of_autogens_name_is_not_autogens(tmp_path: Path) -> None:
    named = type("ACADynamicSessionsCodeExecutor", (LocalCommandLineCodeExecutor,), {})
    assert kept_by(named(work_dir=tmp_path), []) == frozenset()
    assert kept_by(named(work_dir=tmp_path), [named]) == {"sandbox"}  # control


def test_autogens_docker_executor_is_a_sandbox_while_nothing_of_the_host_is_open(
    tmp_path: Path,
) -> None:
    def kept(kind: type[DockerCommandLineCodeExecutor], **options: Any) -> frozenset[str]:
        return kept_by(kind(work_dir=tmp_path, **options), [])

    class Own(DockerCommandLineCodeExecutor):
        """A subclass may run code in a method of its own."""

    socket = {"/var/run/docker.sock": {"bind": "/var/run/docker.sock", "mode": "rw"}}
    assert kept(DockerCommandLineCodeExecutor, extra_volumes=socket) == frozenset()
    assert kept(DockerCommandLineCodeExecutor, extra_hosts={"h": "host-gateway"}) == frozenset()
    assert kept(Own) == frozenset()
    assert kept(DockerCommandLineCodeExecutor) == {"sandbox"}  # control
    unread = DockerCommandLineCodeExecutor(work_dir=tmp_path)
    del unread._extra_hosts
    assert kept_by(unread, []) == frozenset()
