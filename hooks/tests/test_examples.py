"""Each example runs as its file stands, against the real service."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from running import PROGRAM, Running, running_service

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PACKAGE = Path(__file__).resolve().parents[1]

pytestmark = [
    pytest.mark.service,
    pytest.mark.skipif(not PROGRAM.exists(), reason="the service is not installed here"),
]
SAID = {
    "sql_team.py": [
        "NOT RUN: policy denies",
        "What to do: ",
        "ran on orders",
        '"identifier": "public"',
    ],
    "mcp_team.py": ["NOT RUN: policy denies", "ran on orders: CREATE TABLE"],
    "code_team.py": ["NOT RUN: policy denies", "What to do: "],
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_service(tmp_path_factory.mktemp("examples")) as running:
        yield running


@pytest.mark.parametrize("name", sorted(SAID))
def test_example_says_what_its_text_says(service: Running, name: str) -> None:
    environment = {
        **service.environment,
        "PYTHONPATH": str(PACKAGE),
        "COUNTERFOIL_URL": service.url,
        "COUNTERFOIL_TOKEN": service.token(),
    }
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name)], env=environment, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for words in SAID[name]:
        assert words in done.stdout, done.stdout
    assert "everything is gone" not in done.stdout
    assert environment["COUNTERFOIL_TOKEN"] not in done.stdout + done.stderr


def test_every_example_is_tried() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} - {"mcp_server.py"} == set(SAID)
