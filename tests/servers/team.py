"""The guarded AutoGen team of `examples/sql_team.py`, as a process of the hook's environment."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-hooks" / "bin" / "python"
SCRIPT = ROOT / "hooks" / "tests" / "servers" / "stepped_team.py"
SAID_SECONDS = 90.0  # a loaded machine; a step usually takes one


class Team:
    """One run of the team; each step is one call that its model asks for."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._said: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        assert self.hear("seen") == []  # the model has been asked, and nothing was called yet

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said.put(json.loads(line))
        self._said.put({"end": self._process.wait()})

    def hear(self, kind: str) -> Any:
        """The next thing that it says, which must be of this kind."""
        said = self._said.get(timeout=SAID_SECONDS)
        assert kind in said, f"{kind} was expected: {said}"
        return said[kind]

    def go(self) -> None:
        """Let the model ask for its next call."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def step(self) -> tuple[bool, str]:
        """One call to its end: whether it was refused, and what the model reads of it."""
        self.go()
        return self.result()

    def result(self) -> tuple[bool, str]:
        """The end of a call that is under way."""
        (result,) = self.hear("seen")
        return result["is_error"], result["content"]

    def finish(self) -> None:
        """Let the model close the run."""
        self.go()
        assert self.hear("end") == 0


@contextmanager
def team(url: str, token: str, dsn: str, statements: Sequence[str]) -> Iterator[Team]:
    """A run of the team whose model asks for these statements, one a step."""
    assert PYTHON.exists(), "the hook's environment is missing: make e2e"
    environment = {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(ROOT / "examples"),
        "COUNTERFOIL_URL": url,
        "COUNTERFOIL_TOKEN": token,
        "ORDERS_DSN": dsn,
    }
    with subprocess.Popen(
        [str(PYTHON), str(SCRIPT), *statements],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Team(process)
        finally:
            process.kill()
