"""The record in its volume: whole, and provable elsewhere; its keys are made once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from servers.compose import Stack, docker

pytestmark = pytest.mark.e2e
VERIFY = (sys.executable, "-I", "-m", "counterfoil.cli", "verify")


def copied(stack: Stack, folder: Path) -> Path:
    """The ledger's folder and its public key, as docs/operating.md copies them."""
    container = stack.containers["service"]
    stack.compose("stop service")
    docker("cp", f"{container}:/var/lib/counterfoil/ledger", str(folder / "copy"))
    docker("cp", f"{container}:/var/lib/counterfoil/keys/receipt.pub", str(folder))
    stack.compose("start service")
    return folder / "copy" / "ledger.db"


def verify(ledger: Path, *more: str) -> int:
    key = ledger.parents[1] / "receipt.pub"
    command = [*VERIFY, "--ledger", str(ledger), "--key", str(key), *more]
    return subprocess.run(command, capture_output=True, check=False).returncode


def test_a_copy_of_the_volume_verifies_and_a_changed_byte_does_not(
    stack: Stack, tmp_path: Path
) -> None:
    answer = stack.authorize("CREATE TABLE public.recorded (id int)").json()
    assert answer["effect"] == "allow"
    assert stack.counterfoil("verify").startswith("whole: ")
    receipt = tmp_path / "receipt.json"
    receipt.write_text(json.dumps(answer))
    ledger = copied(stack, tmp_path)
    assert verify(ledger, "--receipt", str(receipt)) == 0
    data = ledger.read_bytes()
    where = data.index(answer["decision_id"].encode())
    ledger.write_bytes(data[:where] + b"X" + data[where + 1 :])
    assert verify(ledger) == 1


def test_keys_are_made_once_and_kept(stack: Stack) -> None:
    again = stack.compose("run --rm keys")
    assert again.count("kept  /var/lib/counterfoil/keys/") == 4
    assert "made  " not in again
