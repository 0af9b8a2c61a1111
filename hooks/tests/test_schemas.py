"""Hook and service meet in the published schemas alone."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import autogen_counterfoil
from autogen_counterfoil.outcomes import EXCERPT, OutcomeStatus
from autogen_counterfoil.wire import (
    MAX_CONTEXT_TEXT,
    MAX_NAME,
    Action,
    Effect,
    Enforcement,
    request_body,
)
from simulator import SCHEMAS, Simulator, validator

ROOT = Path(__file__).resolve().parents[2]


def test_copies_of_the_schemas_are_in_step() -> None:
    script = ROOT / "hooks" / "tools" / "sync_schemas.py"
    done = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_requests_are_valid_at_their_extremes() -> None:
    action = Action(
        id="a", name="n" * MAX_NAME, arguments=b'{"a":[1,null]}', agent="x" * 999, call_id="c" * 999
    )
    body = request_body(action, prompt=None, task="t" * (MAX_CONTEXT_TEXT + 9), approval_id="apr_1")
    assert list(validator("authorization_request").iter_errors(json.loads(body))) == []


def schema(name: str) -> Any:
    return json.loads((SCHEMAS / f"{name}.json").read_text())


def test_words_of_the_hook_are_the_words_of_the_schemas() -> None:
    answer = schema("authorization_response")["properties"]
    assert set(answer["effect"]["enum"]) == {effect.value for effect in Effect}
    assert set(answer["enforcement"]["enum"]) == {enforcement.value for enforcement in Enforcement}
    context = schema("authorization_request")["properties"]["context"]["$ref"].rpartition("/")[2]
    texts = schema("authorization_request")["$defs"][context]["properties"]
    assert texts["task"]["maxLength"] == texts["prompt"]["maxLength"] == MAX_CONTEXT_TEXT
    outcome = schema("outcome")["properties"]
    assert outcome["excerpt"]["maxLength"] >= EXCERPT


def test_statuses_of_outcomes_are_those_of_the_schema() -> None:
    statuses = set(schema("outcome")["properties"]["status"]["enum"])
    assert {status.value for status in OutcomeStatus} <= statuses


@pytest.mark.parametrize("effect", ["allow", "deny", "needs_approval"])
def test_simulator_answers_as_the_service_would(sim: Simulator, effect: str) -> None:
    # a simulator of our own invention would prove nothing
    sim.default = effect
    body = request_body(Action(id="k", name="t", arguments=b"{}"), prompt=None, task=None)
    claims = {"iss": "i", "sub": "s", "act": {"iss": "a", "sub": "b"}}
    _, answer = sim.authorize(body, claims, {"idempotency-key": '"k"'})
    assert list(validator("authorization_response").iter_errors(answer)) == []


def test_hook_imports_nothing_of_the_service_and_no_web_framework() -> None:
    package = Path(autogen_counterfoil.__file__).parent
    imported: set[str] = set()
    for path in package.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").split(".")[0])
    allowed = {
        "autogen_agentchat", "autogen_core", "autogen_counterfoil", "autogen_ext", "cryptography",
        "httpx", "pydantic",
    }  # fmt: skip
    assert imported - set(sys.stdlib_module_names) <= allowed
