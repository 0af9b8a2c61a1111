"""The whole issuer at a real cluster: a signed request in, a credential out, and its end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from counterfoil_issuers.contract import credential_name
from counterfoil_issuers.kubernetes.target import KubernetesTarget
from counterfoil_issuers.refusals import Refused
from issuer_bench import bench, claims_of
from issuing_kubernetes import Holder, left, permissions, target
from kubernetes_jobs import SSA, pod, workload
from servers.kubernetes import Cluster
from simulators.issuing_service import issuing_service

pytestmark = pytest.mark.e2e

WEB = workload("Deployment", "web", pod())


def test_signed_request_is_a_credential_once_until_its_deadline(
    cluster: Cluster, issuer: KubernetesTarget, tmp_path: Path
) -> None:
    with issuing_service() as service, bench(tmp_path, service, issuer) as desk:
        wanted = permissions(SSA, WEB)
        claims = claims_of(desk.prover, seconds=6, authorization_details=wanted)
        request, name = desk.sign(claims), credential_name(claims["jti"])
        answer: Any = desk.issue(request)
        holder = Holder(answer["credential"], cluster.ca_file)
        assert holder.apply(WEB).status_code in {200, 201}
        (issued,) = service.wait_for("issued")
        assert issued["credential"] == name
        assert holder.secret["token"] not in str(service.reports)
        with pytest.raises(Refused):
            desk.issue(request)
        (ended,) = service.wait_for("ended")
        assert (ended["cause"], ended["findings"]) == ("deadline", [])
        assert holder.apply(WEB).status_code in {401, 403}
        assert left(cluster, name) == []


def test_revoked_credential_ends_at_once(
    cluster: Cluster, issuer: KubernetesTarget, tmp_path: Path
) -> None:
    with issuing_service() as service, bench(tmp_path, service, issuer, follow=True) as desk:
        claims = claims_of(desk.prover, authorization_details=permissions(SSA, WEB))
        answer: Any = desk.issue(desk.sign(claims))
        service.tell(claims["jti"], "revoked")
        (ended,) = service.wait_for("ended")
        assert ended["cause"] == "revoked"
        assert left(cluster, credential_name(claims["jti"])) == []
        holder = Holder(answer["credential"], cluster.ca_file)
        assert holder.apply(WEB).status_code in {401, 403}


def test_start_sweeps_what_a_lost_state_left(
    cluster: Cluster, issuer: KubernetesTarget, tmp_path: Path
) -> None:
    with issuing_service() as service:
        claims = claims_of(authorization_details=permissions(SSA, WEB), seconds=60)
        name = credential_name(claims["jti"])
        with bench(tmp_path, service, issuer) as desk:
            claims |= {"cnf": desk.prover.cnf}
            desk.issue(desk.sign(claims))
        assert name in issuer.names()
        fresh = tmp_path / "fresh"
        fresh.mkdir()
        with bench(fresh, service, target(cluster)):
            assert left(cluster, name) == []
