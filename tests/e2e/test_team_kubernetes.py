"""An AutoGen team without any login deploys the one thing that it may to a real cluster."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from issuing_kubernetes import NAMESPACE, OTHER, Holder, issuers_token, left
from kubernetes_jobs import pod, workload
from servers.credential_team import given, register, run_team
from servers.issuer import Issuer, make_issuer, running_issuer
from servers.kubernetes import Cluster
from service import Service, running_service

pytestmark = pytest.mark.e2e
SCRIPT, NAME = "target_team.py", "kubernetes-main"
WEB = workload("Deployment", "of-a-team", pod())  # other tests leave theirs in the cluster
ELSEWHERE = {**WEB, "metadata": {**WEB["metadata"], "namespace": OTHER}}
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"


@dataclass
class World:
    service: Service
    issuer: Issuer
    cluster: Cluster


@pytest.fixture(scope="module")
def world(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder, home = tmp_path_factory.mktemp("issuer"), tmp_path_factory.mktemp("service")
    port = register(home, NAME, "kubernetes", "main", cluster.url)
    token_file = folder / "own.token"
    token_file.write_text(issuers_token(cluster), "ascii")
    settings = {
        "name": "counterfoil-staging",
        "location": cluster.url,
        "ca_file": cluster.ca_file,
        "token_file": str(token_file),
        "namespaces": [NAMESPACE],
    }
    with running_service(home) as service:
        listen = f"127.0.0.1:{port}"
        made = make_issuer(folder, service, settings, kind="kubernetes", name=NAME, listen=listen)
        with running_issuer(made) as issuer:
            yield World(service, issuer, cluster)


def _account(token: str) -> str:
    """Whose token it is, as it says itself."""
    claims = token.split(".")[1]
    subject = json.loads(urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sub"]
    return str(subject).rpartition(":")[2]


def _gone(cluster: Cluster, name: str, seconds: float = 20.0) -> bool:
    until = time.monotonic() + seconds
    while left(cluster, name) and time.monotonic() < until:
        time.sleep(0.1)
    return left(cluster, name) == []


@pytest.mark.parametrize("bound", ["to a key", "to nothing"])
def test_team_without_a_login_deploys_what_it_may_and_nothing_else(
    world: World, tmp_path: Path, bound: str
) -> None:
    cluster = world.cluster
    applied, beyond, own = run_team(
        world.service,
        tmp_path,
        SCRIPT,
        "kubectl_apply",
        *(json.dumps({"cluster": "main", "manifest": json.dumps(one)}) for one in (WEB, ELSEWHERE)),
        proves=bound == "to a key",
        BESIDE=OTHER,
        CLUSTER=cluster.url,
        CLUSTER_CA=Path(cluster.ca_file).read_text("ascii"),
    )
    assert applied["seen"] == [False, "201; beside: 403"]
    assert beyond["seen"][0]
    assert "NOT RUN: policy denies" in beyond["seen"][1]
    assert own["own"] in {"no grant; 401", "no grant; 403"}
    (secret,) = given(tmp_path)
    name = _account(secret["token"])
    assert _gone(cluster, name)
    assert Holder(secret, cluster.ca_file).apply(WEB).status_code in {401, 403}
    printed = [
        *world.service.lines,
        *world.issuer.process.lines,
        (tmp_path / "printed").read_text(),
    ]
    assert not [text for text in printed if secret["token"] in text]
    assert any(name in text for text in printed)  # control: its name is said
    made = f"{cluster.url}{DEPLOYMENTS}/{WEB['metadata']['name']}"
    assert cluster.admin.delete(made, timeout=30).status_code == 200
