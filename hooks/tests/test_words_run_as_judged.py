"""Git and bash run the words that were judged: the original ones would act otherwise."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable
from pathlib import Path

from autogen_core.tools import FunctionTool

from autogen_counterfoil import Guard, protect, run
from builders import assistant, results
from simulator import Simulator

Token = Callable[[], str]


def repository(folder: Path) -> Path:
    """A repository whose hook leaves a mark; returns where."""
    mark = folder / "mark"
    for line in ("git init -q", "git config user.name t", "git config user.email t@example.com"):
        subprocess.run(line.split(), cwd=folder, check=True, timeout=20)
    hook = folder / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {mark}\n", "utf-8")
    hook.chmod(0o755)
    return mark


async def committed(sim: Simulator, token: Token, folder: Path) -> bool:
    async def run_git(command: list[str]) -> str:
        process = await asyncio.create_subprocess_exec(*command, cwd=folder)
        return str(await process.wait())

    tool = FunctionTool(run_git, "runs git", name="run_git")
    call = ("run_git", {"command": ["git", "commit", "--allow-empty", "-qm", "text"]})
    guard = Guard(sim.url, deadline_seconds=3)
    agent = protect(assistant([call], "done", tools=[tool]), guard)
    ((text, is_error),) = results(await run(guard, agent, task="t", token=token))
    return (text, is_error) == ("0", False)


async def test_git_runs_the_judged_words(sim: Simulator, token: Token, tmp_path: Path) -> None:
    sim.default = "allow"
    mark = repository(tmp_path)
    sim.execute["run_git"] = lambda arguments: {
        "command": ["git", "-c", "core.hooksPath=/dev/null", *arguments["command"][1:]]
    }
    assert await committed(sim, token, tmp_path)
    assert not mark.exists()
    del sim.execute["run_git"]
    assert await committed(sim, token, tmp_path)
    assert mark.exists()  # control: the original words run it


async def shown(sim: Simulator, token: Token, elsewhere: Path) -> str:
    """What a shell tool that stands in another folder gives for `cat a.txt`."""

    async def run_shell(command: str) -> str:
        process = await asyncio.create_subprocess_exec(
            "/bin/bash", "--norc", "--noprofile", "-c", command,
            cwd=elsewhere, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        return (await process.communicate())[0].decode()

    tool = FunctionTool(run_shell, "runs a line", name="run_shell")
    call = ("run_shell", {"command": "cat a.txt | tr a-z A-Z; echo $((1))"})
    guard = Guard(sim.url, deadline_seconds=3)
    agent = protect(assistant([call], "done", tools=[tool]), guard)
    ((text, is_error),) = results(await run(guard, agent, task="t", token=token))
    assert not is_error
    return text


async def test_bash_runs_the_judged_line(sim: Simulator, token: Token, tmp_path: Path) -> None:
    """In the folder that it was judged for, and with nothing left to expand."""
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    for folder in (root, elsewhere):
        folder.mkdir()
        (folder / "a.txt").write_text(f"{folder.name}\n", "utf-8")
    sim.default = "allow"
    sim.execute["run_shell"] = lambda _: {
        "command": f"cd -- '{root}' && "
        "{ 'cat' '--' './a.txt' | 'tr' 'a-z' 'A-Z'; 'echo' '$((1))'; }"
    }
    assert await shown(sim, token, elsewhere) == "ROOT\n$((1))\n"
    del sim.execute["run_shell"]
    assert await shown(sim, token, elsewhere) == "ELSEWHERE\n1\n"  # control: the original text
