"""On a real API server: what was read from a job is enough for it, necessary, and no more.

Rules by RBAC, images and powers by the admission policy that goes with the permission. A small
set in `make e2e`, all jobs in `make prove`.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from evidence import record
from kubernetes_exactness import Plan, counted, prepare
from kubernetes_jobs import FEW, JOBS
from servers import kubernetes
from servers.kubernetes import Cluster


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with kubernetes.running() as server:
        prepare(server)
        yield server


def _held(cluster: Cluster, names: list[str]) -> Plan:
    plan = Plan(cluster)
    for text in JOBS:
        if text.name in names:
            plan.add(text)
    plan.run()
    return plan


@pytest.mark.e2e
def test_the_tables_are_those_of_the_pinned_release() -> None:
    script = kubernetes.ROOT / "tools" / "kubernetes_table.py"
    done = subprocess.run([sys.executable, str(script), "--check"], check=False)
    assert done.returncode == 0, "run tools/kubernetes_table.py"


@pytest.mark.e2e
def test_a_few_jobs_run_with_exactly_their_permissions(cluster: Cluster) -> None:
    plan = _held(cluster, FEW)
    assert {text.name for text in JOBS}.issuperset(FEW)
    assert not counted(plan)["wrong"]


@pytest.mark.prove
def test_every_job_runs_with_exactly_its_permissions(cluster: Cluster) -> None:
    plan = _held(cluster, [text.name for text in JOBS])
    found = counted(plan)
    record(
        "kubernetes_exactness",
        "jobs run by kubectl on a real API server, as accounts that hold exactly the permissions "
        "read from them: roles and admission policies",
        server=kubernetes.version(),
        jobs=len(JOBS),
        **found,
    )
    assert len(JOBS) >= 80
    assert not found["wrong"]
