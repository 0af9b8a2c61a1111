"""Reader children die, hang and are killed; only the command at fault loses its certainty."""

# ruff: noqa: S608
# The statements are made up: nothing runs them.

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands import codes, manifest_command, read_sql, sql_command
from counterfoil.core.actions.contract import Limits
from counterfoil.core.model import Command, Interpretation, JsonObject, Registered
from counterfoil.reading import process
from counterfoil.reading.pool import ReaderPool
from shell_read import shell_command

HONEST = "SELECT id FROM public.invoices WHERE id = 7"
CRASH = "SELECT " + "1+" * 65_500 + "1"  # 131 kB: libpg_query's own recursion overruns the stack
RAISED = Limits(sql_bytes=1_000_000)


@pytest.fixture
def pool() -> Iterator[ReaderPool]:
    made = ReaderPool(limits=RAISED)
    yield made
    made.close()


def soon() -> float:
    return time.monotonic() + 30


def ask(pool: ReaderPool, *sql: str) -> list[Interpretation]:
    return pool.interpret([sql_command(text) for text in sql], deadline=soon())


def test_the_child_reads_as_this_process_does(pool: ReaderPool) -> None:
    assert ask(pool, HONEST, "SELECT pg_sleep(1)") == [
        read_sql(HONEST),
        read_sql("SELECT pg_sleep(1)"),
    ]


def test_a_parser_crash_costs_one_command_its_certainty(pool: ReaderPool) -> None:
    before = set(pool.pids())
    answers = ask(pool, HONEST, CRASH, HONEST)
    assert [codes(answer) for answer in answers] == [[], ["uncertain.reader_failed"], []]
    assert answers[0] == answers[2] == read_sql(HONEST)
    assert ask(pool, HONEST) == [read_sql(HONEST)]
    after = set(pool.pids())
    assert len(after) == len(before) == 3
    assert len(before - after) == 1


def test_a_resource_that_is_not_registered_is_a_doubt_and_no_crash(pool: ReaderPool) -> None:
    """The pool was told of no resource, and the reader names the one of the command."""
    before = set(pool.pids())
    command = shell_command("ls", registered=Registered())
    answers = pool.interpret([command, sql_command(HONEST)], deadline=soon())
    assert codes(answers[0]) == ["uncertain.resource_unknown"]
    assert not answers[0].required
    assert answers[1] == read_sql(HONEST)
    assert set(pool.pids()) == before


def test_each_of_many_crashes_is_survived(pool: ReaderPool) -> None:
    answers = ask(pool, *[CRASH, HONEST] * 4)
    assert [bool(answer.uncertain) for answer in answers] == [True, False] * 4


def test_other_callers_do_not_notice_a_crash(pool: ReaderPool) -> None:
    wrong: list[Interpretation] = []
    expected = read_sql(HONEST)
    stop = threading.Event()

    def honest() -> None:
        while not stop.is_set():
            wrong.extend(answer for answer in ask(pool, HONEST) if answer != expected)

    callers = [threading.Thread(target=honest) for _ in range(4)]
    for caller in callers:
        caller.start()
    crashed = [ask(pool, CRASH)[0] for _ in range(3)]
    stop.set()
    for caller in callers:
        caller.join()
    assert [codes(answer) for answer in crashed] == [["uncertain.reader_failed"]] * 3
    assert wrong == []


def test_a_killed_child_is_replaced_and_nobody_is_blamed(pool: ReaderPool) -> None:
    ask(pool, HONEST)
    for pid in pool.pids():
        os.kill(pid, signal.SIGKILL)
    assert ask(pool, HONEST, HONEST) == [read_sql(HONEST)] * 2


def test_a_stopped_child_is_a_time_out_and_is_replaced(
    pool: ReaderPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask(pool, HONEST) == [read_sql(HONEST)]
    monkeypatch.setattr(process, "ITEM_SECONDS", 0.2)
    stopped = pool.pids()
    for pid in stopped[:2]:
        os.kill(pid, signal.SIGSTOP)
    answers = ask(pool, HONEST)
    # it never began, so nobody is at fault: the command is read by a fresh child
    assert answers == [read_sql(HONEST)]
    assert set(pool.pids()) != set(stopped)


def test_a_slow_command_is_uncertain_and_its_neighbours_are_read(
    pool: ReaderPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "ITEM_SECONDS", 0.3)
    slow = "SELECT 1" + ",lower('a')" * 80_000  # the parser alone takes over a second
    answers = ask(pool, HONEST, slow, HONEST)
    assert codes(answers[1]) == ["uncertain.reader_timeout"]
    assert answers[0] == answers[2] == read_sql(HONEST)


def test_a_deadline_in_the_past_grants_nothing_and_harms_no_child(pool: ReaderPool) -> None:
    before = pool.pids()
    (answer,) = pool.interpret([sql_command(HONEST)], deadline=time.monotonic() - 1)
    assert codes(answer) == ["uncertain.reader_timeout"]
    assert pool.pids() == before
    assert ask(pool, HONEST) == [read_sql(HONEST)]


def test_answers_keep_their_order_and_their_callers(pool: ReaderPool) -> None:
    wrong: list[str] = []

    def caller(number: int) -> None:
        for turn in range(40):
            names = [f"t{number}_{turn}_{item}" for item in range(turn % 5 + 1)]
            answers = ask(pool, *[f"DELETE FROM public.{name}" for name in names])
            found = [str(answer.operations[0].object["name"]) for answer in answers]
            if found != names:
                wrong.append(f"{names} {found}")

    callers = [threading.Thread(target=caller, args=(number,)) for number in range(8)]
    for thread in callers:
        thread.start()
    for thread in callers:
        thread.join()
    assert wrong == []


def test_more_commands_than_a_group_holds_are_all_read(pool: ReaderPool) -> None:
    answers = ask(pool, *[f"DELETE FROM public.t{number}" for number in range(40)])
    assert [answer.operations[0].object["name"] for answer in answers] == [
        f"t{number}" for number in range(40)
    ]


def test_what_json_can_say_and_messagepack_cannot_is_still_read(pool: ReaderPool) -> None:
    arguments: JsonObject = {"sql": HONEST, "big": 2**80, "negative": -(2**80), "half": "\ud800"}
    command = Command(
        family="database",
        tool="t",
        arguments=arguments,
        command_argument="sql",
        resource=sql_command("").resource,
    )
    (answer,) = pool.interpret([command], deadline=soon())
    assert answer.execute is not None
    assert answer.execute.arguments == arguments


def test_arguments_too_deep_to_send_are_uncertain_alone(pool: ReaderPool) -> None:
    deep: list[object] = []
    for _ in range(2_000):
        deep = [deep]
    command = Command(
        family="database",
        tool="t",
        arguments={"sql": HONEST, "deep": deep},  # type: ignore[dict-item]
        command_argument="sql",
        resource=sql_command("").resource,
    )
    answers = pool.interpret([command, sql_command(HONEST)], deadline=soon())
    assert [codes(answer) for answer in answers] == [["uncertain.too_deep"], []]


def serving(pool: ReaderPool) -> int:
    """The child that has just answered: the last but the spare."""
    ask(pool, HONEST)
    return pool.pids()[-2]


def test_the_child_cannot_take_all_memory(pool: ReaderPool) -> None:
    lines = Path(f"/proc/{serving(pool)}/limits").read_text("utf-8").splitlines()
    limits = {line[:25].strip(): line[25:].split()[:1] for line in lines}
    assert limits["Max address space"] == [str(512 * 1024 * 1024)]
    assert limits["Max core file size"] == ["0"]


def test_the_child_gets_nothing_of_the_environment(pool: ReaderPool) -> None:
    environment = Path(f"/proc/{serving(pool)}/environ").read_bytes()
    assert environment == b"LC_ALL=C.UTF-8\0"


def test_a_closed_pool_grants_nothing() -> None:
    made = ReaderPool(1)
    assert ask(made, HONEST) == [read_sql(HONEST)]
    pids = made.pids()
    made.close()
    made.close()
    assert codes(ask(made, HONEST)[0]) == ["uncertain.reader_failed"]
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_tools_without_a_mapping_need_no_child() -> None:
    made = ReaderPool(1)
    made.close()
    command = Command(
        family="tool", tool="anything", arguments={}, command_argument=None, resource=None
    )
    (answer,) = made.interpret([command], deadline=soon())
    assert answer.operations[0].verb == "call"


GEVENT = """
    from gevent import monkey
    monkey.patch_all()
    import os, signal, sys, time
    import gevent
    from commands import read_sql, sql_command, codes
    from counterfoil.core.actions.contract import Limits
    from counterfoil.reading.pool import ReaderPool
    pool = ReaderPool(limits=Limits(sql_bytes=1_000_000))
    honest = "SELECT id FROM public.invoices"
    crash = "SELECT " + "1+" * 65_500 + "1"
    ticks = []
    def tick():
        while True:
            ticks.append(1)
            gevent.sleep(0.001)
    ticker = gevent.spawn(tick)
    def ask(sql):
        return pool.interpret([sql_command(sql)], deadline=time.monotonic() + 30)[0]
    callers = [gevent.spawn(ask, crash if number == 7 else honest) for number in range(40)]
    gevent.joinall(callers, raise_error=True)
    found = [codes(caller.value) for caller in callers]
    assert found.pop(7) == ["uncertain.reader_failed"], found
    assert not any(found), found
    assert len(ticks) > 3, "a child blocked the whole worker"
    for pid in pool.pids():
        os.kill(pid, signal.SIGKILL)
    assert ask(honest) == read_sql(honest)
    ticker.kill()
    if sys.argv[1] == "die":
        print(*pool.pids(), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    pool.close()
"""


def run_under_gevent(how: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(GEVENT), how],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_pool_works_under_gevent() -> None:
    done = run_under_gevent("close")
    assert (done.returncode, done.stderr) == (0, "")


def test_children_end_with_a_killed_worker() -> None:
    done = run_under_gevent("die")
    assert done.returncode == -signal.SIGKILL, done.stderr
    pids = [int(pid) for pid in done.stdout.split()]
    assert len(pids) == 3
    gone = threading.Event()
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() and not zombie(pid) for pid in pids):
        assert time.monotonic() < deadline, pids
        gone.wait(0.01)


def zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_manifests_are_read_in_the_child_too(pool: ReaderPool) -> None:
    (answer,) = pool.interpret([manifest_command("a: &x 1")], deadline=soon())
    assert codes(answer) == ["uncertain.manifest_feature"]


LOADED = """
import sys, counterfoil.reading.pool
print({"pgparse", "yaml"} & {name.partition(".")[0] for name in sys.modules})
"""


def test_a_worker_never_loads_a_parser() -> None:
    # a crash must not be able to take the worker, whatever calls what later
    done = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"
