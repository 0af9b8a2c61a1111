"""Grouping: nobody gets another's answer, nobody waits for ever, a lone caller waits for nobody."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from counterfoil.grouping import Grouper, GroupLost

FAR = 30.0


def _soon(seconds: float = FAR) -> float:
    return time.monotonic() + seconds


class Line:
    """A sender with a gate: calls are counted and held until the test lets them go."""

    def __init__(self, *, held: bool = True) -> None:
        self.calls: list[list[str]] = []
        self.entered = threading.Semaphore(0)
        self.go = threading.Semaphore(0)
        self.held = held

    def send(self, items: list[str]) -> list[str | Exception]:
        self.calls.append(items)
        self.entered.release()
        if self.held:
            self.go.acquire()
        return [f"answer to {item}" for item in items]


def _until(condition: Callable[[], bool]) -> None:
    end = _soon(10)
    while not condition():
        assert time.monotonic() < end, "the expected state never came"
        threading.Event().wait(0.001)


def _queued(grouper: Grouper[str, str]) -> int:
    return len(grouper._queue)


def test_idle_caller_sends_at_once_in_its_own_thread() -> None:
    senders: list[int] = []

    def send(items: list[str]) -> list[str | Exception]:
        senders.append(threading.get_ident())
        return list(items)

    grouper = Grouper(send, 16)
    assert grouper.call(["a"], _soon()) == ["a"]
    assert senders == [threading.get_ident()]


def test_callers_collect_while_a_call_is_out_and_go_as_one() -> None:
    line = Line()
    grouper = Grouper(line.send, 16)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(grouper.call, ["first"], _soon())
        line.entered.acquire()
        rest = [pool.submit(grouper.call, [f"r{i}"], _soon()) for i in range(5)]
        _until(lambda: _queued(grouper) == 5)
        line.go.release(2)
        assert first.result() == ["answer to first"]
        assert [f.result() for f in rest] == [[f"answer to r{i}"] for i in range(5)]
    assert [len(call) for call in line.calls] == [1, 5]


def test_group_is_bounded_and_a_large_call_goes_in_parts() -> None:
    line = Line(held=False)
    items = [str(i) for i in range(40)]
    answers = Grouper(line.send, 16).call(items, _soon())
    assert answers == [f"answer to {i}" for i in items]
    assert [len(call) for call in line.calls] == [16, 16, 8]


def test_items_of_two_keys_never_share_a_call() -> None:
    line = Line()
    grouper = Grouper(line.send, 16, lambda item: item[0])
    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(grouper.call, ["a0"], _soon())]
        line.entered.acquire()
        jobs += [pool.submit(grouper.call, [f"{k}{i}"], _soon()) for i in range(3) for k in "ab"]
        _until(lambda: _queued(grouper) == 6)
        line.go.release(10)
        for job in jobs:
            job.result()
    assert all(len({item[0] for item in call}) == 1 for call in line.calls)
    assert sorted(len(call) for call in line.calls) == [1, 3, 3]


def test_caller_whose_deadline_passes_in_the_queue_leaves_with_a_timeout() -> None:
    line = Line()
    grouper = Grouper(line.send, 16)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(grouper.call, ["slow"], _soon())
        line.entered.acquire()
        late = grouper.call(["late"], _soon(0.02))
        assert isinstance(late[0], TimeoutError)
        assert _queued(grouper) == 0
        line.go.release(2)
        assert first.result() == ["answer to slow"]
        # Control: the line goes on, and the late item was never sent.
        assert grouper.call(["next"], _soon()) == ["answer to next"]
    assert line.calls == [["slow"], ["next"]]


def test_answer_that_comes_after_the_deadline_reaches_nobody() -> None:
    line = Line()
    grouper = Grouper(line.send, 16)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(grouper.call, ["first"], _soon())
        line.entered.acquire()
        second = pool.submit(grouper.call, ["second"], _soon())
        third = pool.submit(grouper.call, ["third"], _soon(0.05))
        _until(lambda: _queued(grouper) == 2)
        line.go.release()
        line.entered.acquire()  # second and third are out together
        third_answers = third.result()
        assert isinstance(third_answers[0], TimeoutError)
        line.go.release()
        assert first.result() == ["answer to first"]
        assert second.result() == ["answer to second"]


def test_raising_sender_harms_its_own_call_and_loses_nobody() -> None:
    line = Line()
    failures = iter([False, True])

    def send(items: list[str]) -> list[str | Exception]:
        answers = line.send(items)
        if next(failures, False):
            raise KeyError("broken")
        return answers

    grouper = Grouper(send, 2)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(grouper.call, ["first"], _soon())
        line.entered.acquire()
        jobs = []
        for name in ("leader", "follower", "after"):
            jobs.append(pool.submit(grouper.call, [name], _soon()))
            _until(lambda: _queued(grouper) == len(jobs))
        line.go.release(10)
        assert first.result() == ["answer to first"]
        with pytest.raises(KeyError):
            jobs[0].result()
        assert isinstance(jobs[1].result()[0], GroupLost)
        assert jobs[2].result() == ["answer to after"]
        assert grouper.call(["control"], _soon()) == ["answer to control"]


def test_wrong_number_of_answers_is_nobodys_answer() -> None:
    grouper: Grouper[str, str] = Grouper(lambda _: ["someone else's"], 16)
    answers = grouper.call(["a", "b"], _soon())
    assert [type(answer) for answer in answers] == [GroupLost, GroupLost]
    assert grouper.call(["a"], _soon()) == ["someone else's"]  # control: one for one


def test_patient_caller_starts_a_second_call_behind_a_slow_one() -> None:
    line = Line()
    grouper = Grouper(line.send, 16, flights=2, patience_seconds=0.01)
    with ThreadPoolExecutor(4) as pool:
        slow = pool.submit(grouper.call, ["slow"], _soon())
        line.entered.acquire()
        quick = pool.submit(grouper.call, ["quick"], _soon())
        line.entered.acquire()  # it went although the first is still out
        assert line.calls == [["slow"], ["quick"]]
        line.go.release(2)
        assert slow.result() == ["answer to slow"]
        assert quick.result() == ["answer to quick"]
        assert grouper._flying == 0


def test_second_call_waits_for_patience_so_that_callers_collect() -> None:
    line = Line()
    grouper = Grouper(line.send, 16, flights=2, patience_seconds=FAR)
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(grouper.call, ["first"], _soon())]
        line.entered.acquire()
        jobs += [pool.submit(grouper.call, [f"r{i}"], _soon()) for i in range(3)]
        _until(lambda: _queued(grouper) == 3)
        assert line.calls == [["first"]]
        line.go.release(2)
        for job in jobs:
            job.result()
    assert [len(call) for call in line.calls] == [1, 3]


def test_ten_thousand_interleavings_give_each_caller_its_own_answers() -> None:
    largest: list[int] = []

    def send(items: list[tuple[int, int]]) -> list[tuple[int, int] | Exception]:
        largest.append(len(items))
        return [(caller, -number) for caller, number in items]

    grouper = Grouper(send, 16, lambda item: item[0] % 2, flights=2, patience_seconds=0.001)
    wrong: list[object] = []

    def caller(name: int) -> int:
        dice = random.Random(name)  # noqa: S311 — a seed, not a secret
        asked = 0
        while asked < 1_250:
            size = dice.randint(1, 3)
            items = [(name, asked + i) for i in range(size)]
            asked += size
            if grouper.call(items, _soon()) != [(name, -number) for _, number in items]:
                wrong.append(items)
        return asked

    with ThreadPoolExecutor(8) as pool:
        total = sum(pool.map(caller, range(8)))
    assert total >= 10_000
    assert wrong == []
    assert max(largest) <= 16
    assert grouper._flying == 0
    assert _queued(grouper) == 0  # type: ignore[arg-type]


_UNDER_GEVENT = """
from gevent import monkey; monkey.patch_all()
import gevent, time
from counterfoil.grouping import Grouper
calls = []
def send(items):
    calls.append(len(items)); gevent.sleep(0.001); return [i * 2 for i in items]
grouper = Grouper(send, 16)
jobs = [gevent.spawn(grouper.call, [i], time.monotonic() + 20) for i in range(400)]
victim = gevent.spawn(grouper.call, [-1], time.monotonic() + 20)
gevent.sleep(0); victim.kill()
gevent.joinall(jobs)
assert [j.value for j in jobs] == [[i * 2] for i in range(400)], "mixed"
assert len(calls) <= 60, len(calls)
assert grouper._flying == 0 and not grouper._queue
print("ok")
"""


def test_works_under_gevent_and_survives_a_killed_caller() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _UNDER_GEVENT],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr


def test_company_is_waited_for_only_where_there_was_some(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[float] = []
    monkeypatch.setattr("counterfoil.grouping.time.sleep", looks.append)
    line = Line(held=False)
    grouper = Grouper(line.send, 16)
    for _ in range(200):
        grouper.call(["alone"], _soon())
    lonely = len(looks)
    assert 0 < lonely < 100
    line.held = True
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(grouper.call, ["first"], _soon())
        _until(lambda: len(line.calls) == 201)
        second = pool.submit(grouper.call, ["second"], _soon())
        _until(lambda: _queued(grouper) == 1)
        line.go.release(2)
        assert (first.result(), second.result()) == (["answer to first"], ["answer to second"])
    line.held = False
    grouper.call(["company may come again"], _soon())
    assert len(looks) > lonely
