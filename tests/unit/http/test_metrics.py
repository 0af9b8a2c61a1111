"""Numbers for operators: closed labels, and one sum over many processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from prometheus_client import generate_latest

from counterfoil.core.model import JsonObject
from counterfoil.http.metrics import Metrics, exposition

_WORKER = """
from counterfoil.http.metrics import Metrics
metrics = Metrics()
metrics.answered("/authorize", 200, "", 0.002)
metrics.decided({"effect": "allow", "enforcement": "enforce", "reasons": [{"code": "rbac.granted"}]})
"""


def _decision(effect: str, code: str) -> JsonObject:
    return {"effect": effect, "enforcement": "enforce", "reasons": [{"code": code, "title": "t"}]}


def test_decisions_are_counted_one_by_one_in_a_batch() -> None:
    metrics = Metrics()
    metrics.decided(_decision("allow", "rbac.granted"))
    metrics.decided(
        {"decisions": [_decision("deny", "uncertain.dynamic"), _decision("allow", "rbac.granted")]}
    )
    text = generate_latest(metrics.registry).decode()
    prefix = "counterfoil_decisions_total"
    assert f'{prefix}{{code_family="rbac",effect="allow",enforcement="enforce"}} 2.0' in text
    assert f'{prefix}{{code_family="uncertain",effect="deny",enforcement="enforce"}} 1.0' in text


def test_policy_cannot_make_series_without_end() -> None:
    metrics = Metrics()
    for number in range(500):
        metrics.decided(_decision("deny", f"made_up_{number}.code"))
    text = generate_latest(metrics.registry).decode()
    series = [line for line in text.splitlines() if line.startswith("counterfoil_decisions_total{")]
    assert len(series) == 33
    assert any('code_family="other"' in line for line in series)


def test_the_exposition_adds_up_all_processes_living_and_dead(tmp_path: Path) -> None:
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    for _ in range(2):
        subprocess.run([sys.executable, "-c", _WORKER], env=environment, check=True, timeout=60)
    text = exposition(str(tmp_path)).decode()
    assert 'counterfoil_http_answers_total{code="",rule="/authorize",status="200"} 2.0' in text
    assert 'counterfoil_http_seconds_count{rule="/authorize"} 2.0' in text
    assert (
        'counterfoil_decisions_total{code_family="rbac",effect="allow",enforcement="enforce"} 2.0'
        in text
    )


def test_an_empty_folder_is_an_empty_exposition(tmp_path: Path) -> None:
    assert exposition(str(tmp_path)) == b""
