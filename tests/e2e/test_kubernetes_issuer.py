"""A Kubernetes issuer, in its own least account, at a real API server."""

from __future__ import annotations

import time
from typing import Any

import pytest

from counterfoil.core.renderings import NotRenderable
from counterfoil_issuers.contract import Ended, Finding, TargetError
from counterfoil_issuers.kubernetes.api import Api
from counterfoil_issuers.kubernetes.paths import OWN_RULES
from counterfoil_issuers.kubernetes.policies import Policies
from counterfoil_issuers.kubernetes.target import KubernetesTarget
from issuing_kubernetes import (
    NAMESPACE,
    OTHER,
    Holder,
    job,
    left,
    permissions,
    refused,
    target,
)
from kubernetes_jobs import CLIENT, CREATE, PLAIN, SSA, named, pod, workload
from servers import kubernetes
from servers.kubernetes import Cluster

pytestmark = pytest.mark.e2e

WEB = workload("Deployment", "web", pod())


def test_credential_suffices_for_the_decided_deployment_and_nothing_beside_it(
    cluster: Cluster, issuer: KubernetesTarget
) -> None:
    wanted = job("exact", permissions(SSA, WEB))
    made = issuer.make(wanted)
    holder = Holder.of(made, cluster)
    assert set(made.secret) == {"server", "ca", "token", "namespace"}
    assert "token" not in repr(made)
    assert holder.apply(WEB).status_code == 201
    image = pod(containers=[{"name": "web", "image": "registry.example.com/acme-evil/web:1"}])
    beside = {
        "another image": workload("Deployment", "web", image),
        "another name": named(WEB, "api"),
        "another namespace": {**WEB, "metadata": {"name": "web", "namespace": OTHER}},
        "another kind": PLAIN["ConfigMap"],
        "a power of the node": workload("Deployment", "web", pod(hostNetwork=True)),
        "another account": workload("Deployment", "web", pod(serviceAccountName="robot")),
    }
    for what, value in beside.items():
        assert refused(holder.apply(value)), what
    mine = f"/api/v1/namespaces/{NAMESPACE}/secrets"
    assert holder.call("GET", mine).status_code == 403
    assert holder.apply(WEB).status_code == 200


def test_credential_works_no_more_after_its_end_and_nothing_of_it_is_left(
    cluster: Cluster, issuer: KubernetesTarget
) -> None:
    wanted = job("ended", permissions(SSA, WEB))
    holder = Holder.of(issuer.make(wanted), cluster)
    assert holder.apply(WEB).status_code in {200, 201}
    assert wanted.name in issuer.names()
    assert issuer.end(wanted) == Ended()
    # Not unknown yet, perhaps: the server keeps for ten seconds what it verified.
    assert holder.apply(WEB).status_code in {401, 403}
    assert left(cluster, wanted.name) == []
    assert wanted.name not in issuer.names()
    assert issuer.end(wanted) == Ended()


@pytest.mark.parametrize("words", [CREATE, CLIENT], ids=["created", "applied by the client"])
def test_policy_is_seen_to_bite_for_every_way_to_write(
    cluster: Cluster, issuer: KubernetesTarget, words: list[str]
) -> None:
    name = "way-" + words[0]
    value = workload("Deployment", name, pod())
    holder = Holder.of(issuer.make(job(name, permissions(words, value))), cluster)
    path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
    host = workload("Deployment", name, pod(hostPID=True))
    assert refused(holder.call("POST", path, host))
    assert holder.call("POST", path, value).status_code == 201


def test_reading_credential_needs_no_policy_and_waits_for_its_rights(
    cluster: Cluster, issuer: KubernetesTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, asked = Api.call, 0

    def late(self: Api, method: str, path: str, *rest: Any, **more: Any) -> Any:
        nonlocal asked
        found = whole(self, method, path, *rest, **more)
        asked += path == OWN_RULES
        # As a server answers whose watch has not told it of the role.
        return {"status": {}} if path == OWN_RULES and asked < 3 else found

    monkeypatch.setattr(Api, "call", late)
    made = issuer.make(job("read", permissions(["get", "deployment", "none"])))
    assert asked == 3
    assert made.public["policies"] == []
    path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
    holder = Holder.of(made, cluster)
    assert holder.call("GET", f"{path}/none").status_code == 404
    assert holder.call("GET", f"{path}/web").status_code == 403


def test_restart_leaves_the_pod_as_it_is(cluster: Cluster, issuer: KubernetesTarget) -> None:
    path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
    cluster.make(path, named(WEB, "old"))
    wanted = permissions(["rollout", "restart", "deployment/old"])
    holder = Holder.of(issuer.make(job("restart", wanted)), cluster)
    merge = "application/merge-patch+json"
    stamp = {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}
    template = {"spec": {"template": stamp}}
    assert holder.call("PATCH", f"{path}/old", template, merge).status_code == 200
    host = {"spec": {"template": {"spec": {"hostNetwork": True}}}}
    assert refused(holder.call("PATCH", f"{path}/old", host, merge))


def test_no_token_leaves_while_one_api_server_does_not_hold_the_limits(
    cluster: Cluster, issuer: KubernetesTarget
) -> None:
    off = "--disable-admission-plugins=ServiceAccount,ValidatingAdmissionPolicy"
    with kubernetes.beside(cluster, off) as lax, kubernetes.beside(cluster) as strict:
        both = target(cluster, endpoints=[cluster.url, strict.url])
        assert both.make(job("two", permissions(SSA, WEB))).secret["token"]
        loose = target(cluster, endpoints=[cluster.url, lax.url], in_force_seconds=2)
        with pytest.raises(TargetError, match="let through"):
            loose.make(job("lax", permissions(SSA, WEB)))
        assert both.end(job("two", permissions(SSA, WEB))) == Ended()
    gone = target(cluster, endpoints=[cluster.url, lax.url], in_force_seconds=2)
    with pytest.raises(TargetError, match="no answer"):
        gone.make(job("gone", permissions(SSA, WEB)))


def test_make_killed_after_any_request_leaves_nothing_that_an_end_does_not_find(
    cluster: Cluster, issuer: KubernetesTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Api.call
    steps = 0
    for last in range(1, 30):
        wanted = job(f"killed-{last}", permissions(SSA, WEB))
        count = 0

        def dying(self: Api, method: str, path: str, *rest: Any, **more: Any) -> Any:
            nonlocal count
            found = whole(self, method, path, *rest, **more)
            count += method != "GET"
            if count == last:  # noqa: B023 -- called within this turn
                raise KeyboardInterrupt
            return found

        monkeypatch.setattr(Api, "call", dying)
        try:
            issuer.make(wanted)
        except KeyboardInterrupt:
            steps += 1
        else:
            break
        finally:
            monkeypatch.setattr(Api, "call", whole)
        assert wanted.name in issuer.names(), last
        if last % 2:
            issuer.end_name(wanted.name)
        else:
            issuer.end(wanted)
        assert left(cluster, wanted.name) == [], last
        assert wanted.name not in issuer.names()
    assert steps >= 8  # 6 objects, the token, and probes


def test_end_killed_after_any_request_is_finished_by_the_next(
    cluster: Cluster, issuer: KubernetesTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Api.call
    wanted = job("end-killed", permissions(SSA, WEB))
    issuer.make(wanted)
    for last in range(1, 30):
        count = 0

        def dying(self: Api, method: str, path: str, *rest: Any, **more: Any) -> Any:
            nonlocal count
            found = whole(self, method, path, *rest, **more)
            count += method == "DELETE"
            if count == last:  # noqa: B023 -- called within this turn
                raise KeyboardInterrupt
            return found

        monkeypatch.setattr(Api, "call", dying)
        try:
            issuer.end_name(wanted.name)
        except KeyboardInterrupt:
            monkeypatch.setattr(Api, "call", whole)
            found = left(cluster, wanted.name)
            assert wanted.name in issuer.names() or not found, (last, found)
        else:
            break
        finally:
            monkeypatch.setattr(Api, "call", whole)
    assert left(cluster, wanted.name) == []


def test_what_limits_an_account_outlives_what_empowers_it(
    cluster: Cluster, issuer: KubernetesTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, seen = Api.call, list[str]()

    def seeing(self: Api, method: str, path: str, *rest: Any, **more: Any) -> Any:
        seen.append(f"{method} {path.rsplit('/', 2)[-1 if method == 'POST' else -2]}")
        return whole(self, method, path, *rest, **more)

    wanted = job("order", permissions(SSA, WEB))
    issuer.make(wanted)
    monkeypatch.setattr(Api, "call", seeing)
    issuer.end(wanted)
    ended = [step for step in dict.fromkeys(seen) if not step.startswith("GET")]
    assert ended == [
        "DELETE secrets",
        "DELETE rolebindings",
        "POST localsubjectaccessreviews",
        "DELETE roles",
        "DELETE serviceaccounts",
        "DELETE validatingadmissionpolicybindings",
        "DELETE validatingadmissionpolicies",
    ]


def test_two_issuers_that_reach_for_one_policy_do_not_share_it(
    cluster: Cluster, issuer: KubernetesTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (job(jti, permissions(SSA, WEB)) for jti in ("one", "other"))
    mine = issuer.make(first).public["policies"]
    # What another process lists at the same moment: nothing yet.
    monkeypatch.setattr(Policies, "_all", lambda *_: iter(()))
    theirs = target(cluster).make(second).public["policies"]
    monkeypatch.undo()
    assert mine != theirs
    assert len(left(cluster, first.name)) == len(left(cluster, second.name)) == 6


def test_account_that_others_widened_gets_no_token(
    cluster: Cluster, issuer: KubernetesTarget
) -> None:
    root = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}"
    group = {"kind": "Group", "name": f"system:serviceaccounts:{NAMESPACE}"}
    rule = {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["delete"]}
    cluster.make(f"{root}/roles", {"metadata": {"name": "wide"}, "rules": [rule]})
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "wide"}
    binding = {"metadata": {"name": "wide"}, "roleRef": reference, "subjects": [group]}
    cluster.make(f"{root}/rolebindings", binding)
    try:
        time.sleep(0.5)
        with pytest.raises(TargetError, match="more than was decided"):
            issuer.make(job("wide", permissions(SSA, WEB)))
        known = {"api_group": "apps", "resource": "deployments", "verb": "delete"}
        told = target(cluster, beside=[known])
        assert told.make(job("told", permissions(SSA, WEB))).secret["token"]
    finally:
        for path in ("rolebindings/wide", "roles/wide"):
            cluster.admin.delete(f"{cluster.url}{root}/{path}", timeout=30)
        time.sleep(0.5)


def test_role_that_was_changed_meanwhile_is_a_finding(
    cluster: Cluster, issuer: KubernetesTarget
) -> None:
    wanted = job("changed", permissions(SSA, WEB))
    issuer.make(wanted)
    path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}/roles/{wanted.name}"
    answer = cluster.admin.patch(
        f"{cluster.url}{path}",
        json={"rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]},
        headers={"Content-Type": "application/merge-patch+json"},
        timeout=30,
    )
    assert answer.status_code == 200
    where = f"{NAMESPACE}/{wanted.name}"
    assert issuer.end(wanted) == Ended(findings=(Finding(code="role_changed", object=where),))


def test_deadline_that_has_passed_by_the_clusters_clock_makes_no_token(
    cluster: Cluster, issuer: KubernetesTarget
) -> None:
    late = job("late", permissions(SSA, WEB), deadline=1_700_000_000)
    with pytest.raises(TargetError, match="deadline has passed"):
        issuer.make(late)
    issuer.end(late)
    with pytest.raises(NotRenderable):
        issuer.check(job("elsewhere", [{**permissions(SSA, WEB)[0], "identifier": OTHER}]))
