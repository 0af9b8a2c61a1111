"""What a Kubernetes issuer may do itself, and what its cluster must take: a real API server."""

from __future__ import annotations

from typing import Any

import pytest

from counterfoil.core.kubernetes_api.kinds import KINDS
from counterfoil_issuers.contract import TargetError
from counterfoil_issuers.kubernetes.paths import of_kind
from counterfoil_issuers.kubernetes.samples import sample
from counterfoil_issuers.kubernetes.target import KubernetesTarget
from issuing_kubernetes import (
    NAMESPACE,
    OTHER,
    Holder,
    issuers_token,
    job,
    left,
    permissions,
    refused,
    target,
)
from kubernetes_jobs import SSA, pod, workload
from servers import kubernetes
from servers.kubernetes import Cluster

pytestmark = pytest.mark.e2e

WEB = workload("Deployment", "web", pod())


def test_wider_than_the_issuers_ceiling_is_refused_by_the_cluster(
    cluster: Cluster, issuer: KubernetesTarget
) -> None:
    wanted = job("ceiling", permissions(["get", "secret", "web"]))
    with pytest.raises(TargetError, match="attempting to grant RBAC permissions"):
        issuer.make(wanted)
    issuer.end(wanted)
    assert left(cluster, wanted.name) == []


def test_check_says_what_the_issuer_lacks_and_what_it_should_not_have(
    cluster: Cluster, issuer: KubernetesTarget
) -> None:
    assert issuer.reach() == []
    (lacks,) = target(cluster, namespaces=[OTHER]).reach()
    assert "does not let it" in lacks
    admin = cluster.folder / "admin.token"
    admin.write_text(kubernetes.ADMIN, "ascii")
    found = target(cluster, token_file=str(admin)).reach()
    assert any("any right" in line for line in found)


def test_issuer_itself_can_do_nothing_but_make_and_end_credentials(cluster: Cluster) -> None:
    own = Holder({"token": issuers_token(cluster), "server": cluster.url}, cluster.ca_file)
    space = f"/api/v1/namespaces/{NAMESPACE}"
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}"
    admission = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
    cluster.make(f"{space}/serviceaccounts", {"metadata": {"name": "robot"}})
    cluster.make(f"{space}/secrets", {"metadata": {"name": "theirs"}})
    name = "cf-" + "a" * 26
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "counterfoil-ceiling"}
    robot = {"kind": "ServiceAccount", "name": "robot", "namespace": NAMESPACE}
    endless = {
        "name": name,
        "annotations": {"kubernetes.io/service-account.name": "robot"},
    }
    rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}
    attempts: dict[str, tuple[str, str, Any]] = {
        "a token of another account": (
            "POST",
            f"{space}/serviceaccounts/robot/token",
            {"spec": {"expirationSeconds": 600}},
        ),
        "an endless token": (
            "POST",
            f"{space}/secrets",
            {"metadata": endless, "type": "kubernetes.io/service-account-token"},
        ),
        "another's Secret deleted": ("DELETE", f"{space}/secrets/theirs", None),
        "another's Secret read": ("GET", f"{space}/secrets/theirs", None),
        "Secrets listed": ("GET", f"{space}/secrets", None),
        "a role to another account": (
            "POST",
            f"{rbac}/rolebindings",
            {"metadata": {"name": name}, "roleRef": {**role, "name": name}, "subjects": [robot]},
        ),
        "another role to an account": (
            "POST",
            f"{rbac}/rolebindings",
            {
                "metadata": {"name": name},
                "roleRef": role,
                "subjects": [{**robot, "name": name}],
            },
        ),
        "a role of another name": (
            "POST",
            f"{rbac}/roles",
            {"metadata": {"name": "mine"}, "rules": [rule]},
        ),
        "its own ceiling used": (
            "POST",
            f"{space}/configmaps",
            {"metadata": {"name": "mine"}},
        ),
        "its own guard removed": ("DELETE", f"{admission}/counterfoil-issuer-staging", None),
        "a policy of another name": (
            "POST",
            admission,
            {"metadata": {"name": "mine"}, "spec": {"failurePolicy": "Ignore", "validations": []}},
        ),
        "in another namespace": (
            "POST",
            f"/api/v1/namespaces/{OTHER}/serviceaccounts",
            {"metadata": {"name": name}},
        ),
    }
    honest = {"metadata": {"name": name}, "rules": [rule]}
    assert own.call("POST", f"{rbac}/roles", honest).status_code == 201
    for what, (method, path, body) in attempts.items():
        assert refused(own.call(method, path, body)), what
    assert own.call("DELETE", f"{rbac}/roles/{name}").status_code == 200


def test_more_jobs_than_names_of_policies_are_refused_and_removed(cluster: Cluster) -> None:
    small = target(cluster, policies=1)
    first, second = (job(jti, permissions(SSA, WEB)) for jti in ("first", "second"))
    small.make(first)
    try:
        with pytest.raises(TargetError, match="in use"):
            small.make(second)
        small.end(second)
        assert len(left(cluster, first.name)) == 6
    finally:
        small.end(first)
    small.make(second)
    small.end(second)


def test_every_probe_is_an_object_that_the_server_takes(cluster: Cluster) -> None:
    for kind in KINDS.values():
        if not kind.namespaced or not kind.shape:
            continue
        value = sample(kind, "probe", NAMESPACE, "registry.example.com/acme/web:probe")
        path = f"{cluster.url}{of_kind(kind, NAMESPACE)}?dryRun=All"
        answer = cluster.admin.post(path, json=value, timeout=30)
        assert answer.status_code == 201, (kind.kind, answer.text)
