"""One service per run directory, private, and never beside an old one's children."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import processes
from counterfoil.cli.run_directory import AlreadyRunning, RunDirectory
from counterfoil.errors import ConfigError

HOLDER = """
import subprocess, sys
from pathlib import Path
from counterfoil.cli.run_directory import RunDirectory
directory = RunDirectory(Path(sys.argv[1]))
child = subprocess.Popen(["sleep", "300"], pass_fds=[directory.children_lock], stdout=subprocess.DEVNULL)
print(child.pid, flush=True)
child.wait()
"""


def test_a_second_service_is_refused_by_name(tmp_path: Path) -> None:
    first = RunDirectory(tmp_path / "run")
    with pytest.raises(AlreadyRunning, match=f"process {os.getpid()} already uses"):
        RunDirectory(tmp_path / "run")
    RunDirectory(tmp_path / "other").close()  # control
    first.close()
    RunDirectory(tmp_path / "run").close()


def test_the_next_service_waits_for_the_last_ones_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        child = int(holder.stdout.readline())
        processes.kill(holder.pid)
    monkeypatch.setattr("counterfoil.cli.run_directory.CHILDREN_SECONDS", 0.05)
    with pytest.raises(AlreadyRunning, match="children of an earlier service"):
        RunDirectory(tmp_path)
    processes.kill(child)
    monkeypatch.setattr("counterfoil.cli.run_directory.CHILDREN_SECONDS", 30.0)
    RunDirectory(tmp_path).close()


def test_the_folder_is_private_also_when_it_was_not(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir(mode=0o755)
    RunDirectory(folder).close()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_old_numbers_are_cleared(tmp_path: Path) -> None:
    stale = tmp_path / "metrics" / "counter_1.db"
    stale.parent.mkdir()
    stale.write_bytes(b"x")
    RunDirectory(tmp_path).close()
    assert not stale.exists()
    assert stale.parent.is_dir()


def test_a_path_too_long_for_a_unix_socket_is_refused_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"server.run_directory: .* at most \d+ bytes"):
        RunDirectory(tmp_path / ("x" * 90))


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(ConfigError, match=r"server\.run_directory"):
        RunDirectory(tmp_path / "run")
