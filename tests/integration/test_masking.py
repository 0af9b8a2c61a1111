"""A secret in a recorded request is hidden from those who read it, over HTTP and in `trail`."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from pathlib import Path

from counterfoil.core.privacy import HOLDS
from service import Service

KEY = "AKIA" + "IOSFODNN7EXAMPLE"


def test_a_secret_in_a_request_is_marked_and_told_to_nobody(service: Service) -> None:
    person = f"mia-{secrets.token_hex(4)}"
    asked = service.authorize(
        f"CREATE TABLE public.invoices (id text DEFAULT '{KEY}')",
        token=service.token(person),
        prompt=f"Use the key {KEY}",
    ).body
    path = f"/decisions/{asked['decision_id']}"
    answer = service.request("GET", path, token=service.token(person, agent=None))
    (event,) = answer.body["events"]
    places = {item["at"] for item in event["secrets"]}
    assert {item["kind"] for item in event["secrets"]} == {"aws_access_key"}
    assert {"/prompt", "/arguments/sql"} <= places
    assert KEY not in json.dumps(answer.body)
    assert "[aws_access_key]" in event["payload"]["prompt"]
    for more in ((), ("--json",)):
        told = subprocess.run(
            [sys.executable, "-I", "-m", "counterfoil.cli", "trail", asked["decision_id"], *more],
            env=service.environment,
            cwd=service.folder,
            capture_output=True,
            text=True,
            check=True,
        )
        assert KEY not in told.stdout
        assert "aws_access_key" in told.stdout


def test_an_operators_reading_is_recorded_by_the_running_service(
    service: Service, tmp_path: Path
) -> None:
    decision = service.authorize().body["decision_id"]
    command = [sys.executable, "-I", "-m", "counterfoil.cli"]
    output = str(tmp_path / "proof.json")
    for words in (
        ("prove", decision, "--output", str(tmp_path / "closed.json")),  # control: opens nothing
        ("prove", decision, "--open", "arguments", "--output", output),
        ("trail", decision),
        ("hold", "list", "--tenant", "default"),
        ("tail", "--no-follow", "--json"),
    ):
        done = subprocess.run(
            [*command, *words],
            env=service.environment,
            cwd=service.folder,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr == ""
    auditor = service.token("carol", ("compliance",), None)
    readings: list[tuple[str, list[str], object]] = []
    for line in map(json.loads, done.stdout.splitlines()):
        if line["event"] == "record_read" and line["tenant"] == "default":
            path = f"/ledger/default/entry/{line['index']}"
            leaf = service.request("GET", path, token=auditor).body
            plain = (json.loads(leaf) if isinstance(leaf, bytes) else leaf)["plain"]
            readings.append((plain.get("via", ""), plain.get("decisions", []), line["subject"]))
    of_this = [one for one in readings if decision in one[1]]
    assert of_this == [("prove", [decision], None), ("trail", [decision], None)]
    assert ("hold", [HOLDS], None) in readings
    after = readings[readings.index(of_this[-1]) + 1 :]
    assert "tail" in [via for via, _, _ in after]  # once for each page of what it shows
