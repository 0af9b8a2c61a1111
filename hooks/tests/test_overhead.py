"""The measurement of the hook's own cost runs, so that `make bench` can rely on it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from running import PROGRAM, Running

SCRIPT = Path(__file__).resolve().parents[1] / "tools" / "overhead.py"


@pytest.mark.service
@pytest.mark.skipif(not PROGRAM.exists(), reason="the service is not installed here")
def test_cost_is_measured_alone_and_whole_and_no_outcome_is_lost(
    service: Running, plain: Callable[[], str], tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text(plain())
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--calls=16", f"--service={service.url}", f"--token-file={token}"],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found.keys() == {"guard alone", "whole"}
    for part in found.values():
        assert part.pop("outcomes lost") == 0
        assert part.keys() == {"stock", "guarded", "guarded, 16 at a time"}
        assert all(spent["clock"] > 0 for spent in part.values())
