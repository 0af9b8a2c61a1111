"""Code that ran in a reader of commands could read the service's keys and speak to anybody.

A reader runs C parsers on whatever agents send. It was given no open file but its socket, yet as
the service's own account it could open the keys, the ledger, and connections.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import processes
from main_path import ask, assert_allowed
from service import Service, sql_request

ATTACK = """
import os, resource, socket, sys
from counterfoil.reading.confine import shut
def tries():
    found = []
    for name, attack in {
        "file": lambda: os.close(os.open(sys.argv[1], os.O_RDONLY)),
        "connection": lambda: socket.socket().close(),
        "pipe": lambda: [os.close(end) for end in os.pipe()],
        "copy": lambda: os.close(os.dup(1)),
    }.items():
        try:
            attack()
            found.append(name)
        except OSError:
            pass
    return found
before = tries()
shut()
print(before, tries(), flush=True)
"""


def test_after_its_start_a_reader_can_open_nothing(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.touch()
    done = subprocess.run(
        [sys.executable, "-c", ATTACK, str(key)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "['file', 'connection', 'pipe', 'copy'] []\n"  # control: all, then none


def test_the_readers_of_a_running_service_are_shut(service: Service) -> None:
    assert_allowed(ask(service, sql_request("CREATE TABLE public.a (id int)")).body)  # control
    readers = processes.family(service.process.pid)["reader"]
    assert readers
    for pid in readers:
        processes.eventually(lambda pid=pid: limit_of(pid, "Max open files") == "0", "shut")  # type: ignore[misc]
        assert limit_of(pid, "Max processes") == limit_of(pid, "Max file size") == "0"


def limit_of(pid: int, name: str) -> str:
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith(name)]
    return line.removeprefix(name).split()[1]  # the hard one
