"""The demo tells the truth, notices when it would not, and leaves nothing behind."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import signal
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from running import PROGRAM
from telling import EXAMPLES, demo, descendants, left_after, read_until, started

TESTS = Path(__file__).parent
RIGHTS = "rego/data/access/default/data.json"
pytestmark = [
    pytest.mark.service,
    pytest.mark.skipif(not PROGRAM.exists(), reason="the service is not installed here"),
]
TOLD = [
    "PostgreSQL 18",
    "✓ the tool's login is a superuser",
    "ALLOW     permission: create on schema public; for this statement, once",
    "✓ public.invoices is there, and nothing else is different",
    "[database.approve_alone]",
    "What to do: Send the statement that needs approval as an action of its own.",
    "✓ nothing of it ran: no new table, and all customers are there",
    "WAITS     for one of group database-admins",
    "Nobody approves an action of their own",
    "Answered: approve.",
    "✓ public.invoices_2019 is gone, and nothing else is different",
    "✓ no program ran: there is no stolen.csv",
    "✓ in a run whose prompt is that very text, the answer is the same",
    "✓ by its own log, PostgreSQL ran for this team the 4 allowed statements",
    "(of the run)",
    "✓ what alice asked for stands beside what the agent tried",
    "✓ the ledger is whole",
    "NOT WHOLE: ledger-changed.db",
    "✓ the change is found, and named: entry ",
    "All of it holds.",
]


def test_demo_tells_the_whole_story_in_this_order(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    done = demo(folder, COLUMNS="100")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert "\x1b" not in done.stdout, "coloured where there is no terminal"
    at = 0
    for words in TOLD:
        assert words in done.stdout[at:], f"{words!r} is not said, or not there:\n{done.stdout}"
        at = done.stdout.index(words, at)
    lines = [line for line in done.stdout.splitlines() if not line.startswith("  $ ")]
    assert max(map(len, lines)) <= 100
    assert readme_excerpt() in done.stdout, "README.md quotes what the demo does not say"
    assert {"counterfoil.toml", "keys", "ledger.db"} <= {path.name for path in folder.iterdir()}
    for log in folder.glob("*.log"):
        text = log.read_text()
        assert "eyJ" not in text, f"a token is in {log.name}"
        assert "PASSWORD" not in text, f"a password is in {log.name}"


def readme_excerpt() -> str:
    readme = (EXAMPLES.parent / "README.md").read_text()
    found = re.search(r"```text\n(.*?)```", readme, re.DOTALL)
    assert found
    return found[1]


def policy(folder: Path, change: Callable[[Any], Any]) -> Path:
    """The policy of this checkout with other rights."""
    copy = folder / "rego"
    shutil.copytree(EXAMPLES.parent / "rego", copy)
    rights = folder / RIGHTS
    value = json.loads(rights.read_text())
    change(value)
    rights.write_text(json.dumps(value))
    return copy


def on_tables(value: Any) -> Any:
    return value["database"]["orders"]["public"]["table"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda value: on_tables(value).pop("create"),
            ["it is allowed", "found     refused: policy.default_deny"],
        ),
        (
            lambda value: on_tables(value)["drop"].update({"orders-developer": "allow"}),
            ["it is denied", "found     allow"],
        ),
        (
            lambda value: value["approvals"]["database-change"].update(approvers=["others"]),
            ["exit code of bob's approval"],
        ),
    ],
    ids=["nobody may create", "the hidden drop is allowed", "bob may not approve"],
)
def test_demo_fails_where_policy_decides_otherwise(
    tmp_path: Path, change: Callable[[Any], Any], said: list[str]
) -> None:
    done = demo(tmp_path / "demo", "--policy", str(policy(tmp_path, change)))
    assert done.returncode == 1, done.stdout
    for words in said:
        assert words in done.stderr
    assert "All of it holds" not in done.stdout


def liar(folder: Path, lie: str) -> Path:
    program = folder / "counterfoil"
    program.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(TESTS)!r})\n"
        f"from lying_counterfoil import main\nsys.exit(main({lie!r}))\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        ("hidden", ["it is denied", "found     allow"]),
        ("trail", ["what alice asked for stands beside"]),
        ("verify", ["the change is found, and named"]),
    ],
)
def test_demo_fails_where_service_or_command_lies(
    tmp_path: Path, lie: str, said: list[str]
) -> None:
    done = demo(tmp_path / "demo", "--counterfoil", str(liar(tmp_path, lie)))
    assert done.returncode == 1, done.stdout + done.stderr
    for words in said:
        assert words in done.stderr, done.stderr
    assert "All of it holds" not in done.stdout


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)],
    ids=["Ctrl-C", "terminated", "killed"],
)
def test_no_process_outlives_the_demo(tmp_path: Path, number: signal.Signals, code: int) -> None:
    with started(tmp_path / "demo") as process:
        read_until(process, "1  A table is made")
        below = descendants(process.pid)
        scratch = run_directory(tmp_path / "demo").parent
        assert len(below) >= 5, "PostgreSQL, the service and its children were to be seen"
        process.send_signal(number)
        assert process.wait(90) == code
    assert left_after(below) == set()
    assert scratch.exists() is (number is signal.SIGKILL)
    shutil.rmtree(scratch, ignore_errors=True)


def run_directory(folder: Path) -> Path:
    found = re.search(r'run_directory = "(.*)"', (folder / "counterfoil.toml").read_text())
    assert found
    return Path(found[1])


def test_service_that_dies_is_named_as_the_reason(tmp_path: Path) -> None:
    with started(tmp_path / "demo") as process:
        read_until(process, "1  A table is made")
        (service,) = [pid for pid in descendants(process.pid) if b"\0serve\0" in command(pid)]
        os.kill(service, signal.SIGKILL)
        said = process.communicate(timeout=60)[0]
        assert process.returncode == 1
    assert "counterfoil serve --dev ended in the middle of the demo" in said


def command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_missing_program_says_what_to_do(tmp_path: Path) -> None:
    done = demo(tmp_path / "demo", "--counterfoil", str(tmp_path / "nothing"))
    assert done.returncode == 1
    assert "cannot be started" in done.stderr
    assert "make setup" in done.stderr


def test_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / "ledger.db").write_text("a real one")
    done = demo(folder)
    assert done.returncode == 1
    assert "not of a demo" in done.stderr
    assert (folder / "ledger.db").read_text() == "a real one"


def test_two_demos_do_not_share_a_folder(tmp_path: Path) -> None:
    with (tmp_path / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = demo(tmp_path / "demo")
    assert done.returncode == 1
    assert "another demo is running" in done.stderr
