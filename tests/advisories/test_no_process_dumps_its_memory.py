"""A crash of a worker, the writer or OPA could leave keys, tokens and prompts in a core file.

Only the readers of commands, which hold the least, had it forbidden.
"""

from __future__ import annotations

from pathlib import Path

import processes
from service import Service


def test_every_process_of_the_service_may_leave_no_core(service: Service) -> None:
    family = processes.family(service.process.pid)
    assert all(family[kind] for kind in processes.KINDS)  # control: all are looked at
    for pid in processes.everyone(service.process.pid):
        limits = Path(f"/proc/{pid}/limits").read_text()
        (line,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
        assert line.split()[4:6] == ["0", "0"], (pid, line)
