"""Kill any process at any moment: no acknowledged decision is lost, and the ledger stays whole."""

from __future__ import annotations

import json
import platform
import subprocess
import time
from pathlib import Path

import pytest

from fault.kills import KINDS, kill_order, run_kills, verified
from service import running_service

ROOT = Path(__file__).parents[2]
EVIDENCE = ROOT / "docs" / "evidence" / "kills.json"


def test_killed_processes_lose_no_acknowledged_decision(tmp_path: Path) -> None:
    seed = 4_282
    order = kill_order(2 * len(KINDS), seed)
    with running_service(tmp_path) as service:
        load = run_kills(service, order, every=40, seed=seed)
        assert service.stop() == 0
        report = verified(service, load, tmp_path)
    assert load.unexpected == []
    assert load.acknowledged() >= 500
    assert report["findings"] == []
    assert report["held_receipts"] == load.acknowledged()
    assert report["records"] >= load.acknowledged()
    # control: the receipts are looked for. One of another ledger's event is not found here
    assert len(set(load.receipts)) == load.acknowledged()


@pytest.mark.prove
def test_a_hundred_kills_lose_none_of_fifty_thousand(tmp_path: Path) -> None:
    seed, kills, every = 1_022, 100, 520
    order = kill_order(kills, seed)
    started = time.monotonic()
    with running_service(tmp_path) as service:
        load = run_kills(service, order, every=every, seed=seed, clients=16)
        assert service.stop() == 0
        report = verified(service, load, tmp_path)
    evidence = {
        "what": "SIGKILL of a random process under load; every receipt looked for by verify",
        "commit": _git("rev-parse", "HEAD"),
        "dirty": bool(_git("status", "--porcelain")),
        "machine": _machine(),
        "seed": seed,
        "kills": {kind: order.count(kind) for kind in KINDS},
        "seconds": round(time.monotonic() - started, 1),
        "answers": dict(sorted(load.answers.items())),
        "acknowledged": load.acknowledged(),
        "lost": sum(1 for item in report["findings"] if "receipt" in item["what"]),
        "verify": {
            name: report[name]
            for name in ("whole", "records", "held_receipts", "findings", "seconds")
        },
    }
    EVIDENCE.parent.mkdir(exist_ok=True)
    EVIDENCE.write_text(json.dumps(evidence, indent=1) + "\n")
    assert load.unexpected == []
    assert load.acknowledged() >= 50_000
    assert report["whole"]
    assert report["held_receipts"] == load.acknowledged()


def _git(*words: str) -> str:
    done = subprocess.run(
        ["git", *words],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip()


def _machine() -> str:
    info = Path("/proc/cpuinfo").read_text()
    names = [line.partition(":")[2].strip() for line in info.splitlines() if "model name" in line]
    return f"{len(names)} x {names[0] if names else platform.machine()}, {platform.release()}, Python {platform.python_version()}"
