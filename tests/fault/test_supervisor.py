"""The supervisor's promises, with small programs in the children's place."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import processes
from counterfoil.cli.children import BUDGET_DEATHS, EXIT_CHILD_LOST, Child, ChildSpec, Supervisor

ENVIRONMENT = {"LANG": "C.UTF-8", "PATH": "/usr/local/bin:/usr/bin:/bin"}
SLEEP = ("sleep", "300")


def spec(name: str, *command: str, **more: object) -> ChildSpec:
    return ChildSpec(name=name, command=command, environment=ENVIRONMENT, **more)  # type: ignore[arg-type]


def shell(name: str, script: str, **more: object) -> ChildSpec:
    return spec(name, "sh", "-c", script, **more)


async def until(supervisor: Supervisor, seconds: float = 30.0) -> int:
    return await asyncio.wait_for(supervisor.run(), seconds)


def running(child: Child) -> int:
    assert child.process is not None
    return child.process.pid


async def up(child: Child, other_than: int = 0) -> int:
    async with asyncio.timeout(30):
        while child.process is None or child.process.pid == other_than:  # noqa: ASYNC110  # a process has no event
            await asyncio.sleep(0.01)
    return child.process.pid


def test_a_killed_child_comes_back_and_the_others_stay() -> None:
    async def story() -> None:
        supervisor = Supervisor([spec("a", *SLEEP), spec("b", *SLEEP)], say=print)
        run = asyncio.create_task(until(supervisor))
        first, other = [await up(child) for child in supervisor.children]
        processes.kill(first)
        assert await up(supervisor.children[0], other_than=first) != first
        assert running(supervisor.children[1]) == other
        assert supervisor.children[0].restarts == 1
        supervisor.stop()
        assert await run == 0
        assert not processes.alive(other)

    asyncio.run(story())


def test_children_stop_in_reverse_order(tmp_path: Path) -> None:
    log = tmp_path / "log"
    trap = f"trap 'echo $0 >> {log}; exit 0' TERM; echo up; while :; do sleep 0.05; done"

    async def story() -> None:
        said: list[str] = []
        specs = [spec(name, "sh", "-c", trap, name) for name in ("opa", "ledger", "http")]
        supervisor = Supervisor(specs, say=said.append)
        run = asyncio.create_task(until(supervisor))
        async with asyncio.timeout(30):
            while len(said) < len(specs):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        supervisor.stop()
        assert await run == 0

    asyncio.run(story())
    assert log.read_text().split() == ["http", "ledger", "opa"]


def test_a_child_that_does_not_stop_is_killed_in_bounded_time() -> None:
    async def story() -> None:
        said: list[str] = []
        stubborn = shell(
            "stubborn", "trap '' TERM; echo up; while :; do sleep 1; done", stop_seconds=0.2
        )
        supervisor = Supervisor([stubborn], say=said.append)
        run = asyncio.create_task(until(supervisor))
        async with asyncio.timeout(30):
            while not said:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        pid = running(supervisor.children[0])
        supervisor.stop()
        assert await run == 0
        assert not processes.alive(pid)
        assert any("did not stop in time" in line for line in said)

    asyncio.run(story())


def test_a_second_stop_does_not_wait() -> None:
    async def story() -> None:
        said: list[str] = []
        stubborn = shell(
            "stubborn", "trap '' TERM; echo up; while :; do sleep 1; done", stop_seconds=600.0
        )
        supervisor = Supervisor([stubborn], say=said.append)
        run = asyncio.create_task(until(supervisor))
        async with asyncio.timeout(30):
            while not said:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        supervisor.stop()
        supervisor.stop()
        assert await run == 0

    asyncio.run(story())


def test_a_final_exit_code_takes_the_rest_down_with_it() -> None:
    async def story() -> None:
        others = spec("other", *SLEEP)
        broken = shell("ledger", "exit 65", final_codes=frozenset({65}))
        supervisor = Supervisor([others, broken], say=print)
        assert await until(supervisor) == 65
        assert supervisor.children[1].restarts == 0
        assert not supervisor.children[0].up

    asyncio.run(story())


def test_a_program_that_is_missing_is_not_tried_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("counterfoil.cli.children.MAX_DELAY_SECONDS", 0.01)

    async def story() -> None:
        supervisor = Supervisor([spec("opa", "/nowhere/opa"), spec("b", *SLEEP)], say=print)
        assert await until(supervisor) == EXIT_CHILD_LOST
        assert not supervisor.children[1].up

    asyncio.run(story())


def test_the_restart_budget_is_bounded_and_backs_off() -> None:
    child = Child(spec("a", *SLEEP))
    delays = [child.died(float(n) / 10, lived=0.0) for n in range(BUDGET_DEATHS)]
    assert delays[:4] == [0.05, 0.1, 0.2, 0.4]
    assert delays[-1] == 2.0
    assert child.died(2.1, lived=0.0) is None


def test_rare_deaths_are_no_reason_to_stop() -> None:
    child = Child(spec("a", *SLEEP))
    assert all(child.died(n * 10.0, lived=9.0) == 0.0 for n in range(100))


def test_children_get_no_environment_but_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("COUNTERFOIL_SECRET", "s")

    async def story() -> list[str]:
        said: list[str] = []
        supervisor = Supervisor(
            [shell("a", "env; exit 9", final_codes=frozenset({9}))], say=said.append
        )
        assert await until(supervisor) == 9
        return said

    said = asyncio.run(story())
    assert "a | LANG=C.UTF-8" in said
    assert not [line for line in said if "PROXY" in line or "SECRET" in line]


def test_long_and_broken_output_is_passed_on_in_pieces() -> None:
    async def story() -> list[str]:
        said: list[str] = []
        script = r"head -c 40000 /dev/zero | tr '\0' x; echo; printf 'bad \377 byte\n'; printf 'no end'; exit 9"
        supervisor = Supervisor([shell("a", script, final_codes=frozenset({9}))], say=said.append)
        assert await until(supervisor) == 9
        return said

    said = asyncio.run(story())
    assert (
        sum(line.count("x") for line in said if "bad" not in line and "exit" not in line) == 40_000
    )
    assert "a | bad � byte" in said
    assert "a | no end" in said


def test_a_child_that_cannot_be_watched_stops_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_descriptors(_pid: int) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    async def story() -> list[str]:
        said: list[str] = []
        supervisor = Supervisor([spec("a", *SLEEP), spec("b", *SLEEP)], say=said.append)
        assert await until(supervisor) == EXIT_CHILD_LOST
        return said

    monkeypatch.setattr(os, "pidfd_open", no_descriptors)
    assert any("Too many open files" in line for line in asyncio.run(story()))


PARENT = """
import asyncio, sys
from counterfoil.cli.children import ChildSpec, Supervisor
spec = ChildSpec(name="a", command=("sleep", "300"), environment={"PATH": "/usr/bin:/bin"})
supervisor = Supervisor([spec], say=print)
async def main():
    run = asyncio.create_task(supervisor.run())
    while supervisor.children[0].process is None:
        await asyncio.sleep(0.01)
    print(supervisor.children[0].process.pid, flush=True)
    await run
asyncio.run(main())
"""


def test_children_die_with_a_killed_parent() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert processes.alive(child)
        processes.kill(parent.pid)
        processes.eventually(lambda: not processes.alive(child), "the child is gone")


ORPHAN = """
import os, sys
from counterfoil.processes import die_with_parent
die_with_parent(int(sys.argv[1]))
print("lives", flush=True)
"""


def test_a_child_whose_parent_is_gone_already_ends_itself() -> None:
    # the race: the parent dies between fork and prctl, so no signal would ever come
    def start(parent_pid: int) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", ORPHAN, str(parent_pid)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert start(gone.pid).returncode == 128 + signal.SIGKILL
    honest = start(os.getpid())
    assert (honest.returncode, honest.stdout) == (0, "lives\n")
