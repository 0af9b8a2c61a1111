"""What a long proof found, as `docs/evidence/<name>.json`: commit, machine, seed, numbers."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def record(name: str, what: str, **values: Any) -> None:
    """Write the evidence of one proof, replacing the last one."""
    evidence = {
        "what": what,
        "commit": _git("rev-parse", "HEAD"),
        "dirty": bool(_git("status", "--porcelain")),
        "machine": _machine(),
        **values,
    }
    path = ROOT / "docs" / "evidence" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(evidence, indent=1) + "\n", "utf-8")


def _git(*words: str) -> str:
    done = subprocess.run(
        ["git", *words],  # noqa: S607  # git of the developer
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip()


def _machine() -> str:
    info = Path("/proc/cpuinfo").read_text("utf-8")
    names = [line.partition(":")[2].strip() for line in info.splitlines() if "model name" in line]
    name = names[0] if names else platform.machine()
    return f"{os.cpu_count()} x {name}, {platform.release()}, Python {platform.python_version()}"
