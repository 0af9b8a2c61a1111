"""Roles: each right that they hand out is an operation of its own, and needed by whoever makes it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from commands import MAIN, codes, read_manifest
from counterfoil.core.actions.kubernetes.kubectl import read_kubectl
from counterfoil.core.renderings import NotRenderable, render_all
from counterfoil_issuers.kubernetes.objects import singles
from kubernetes_jobs import thing

RBAC = "rbac.authorization.k8s.io"
PODS = {"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["list", "get"]}
ONE = {
    "apiGroups": ["apps"],
    "resources": ["deployments"],
    "resourceNames": ["web"],
    "verbs": ["patch"],
}
BINDING = thing(
    f"{RBAC}/v1",
    "RoleBinding",
    "readers",
    roleRef={"apiGroup": RBAC, "kind": "Role", "name": "reader"},
    subjects=[{"kind": "ServiceAccount", "name": "robot", "namespace": "staging"}],
)


def role(*rules: Any, **members: Any) -> dict[str, Any]:
    return thing(f"{RBAC}/v1", "Role", "reader", rules=list(rules), **members)


def several(*items: dict[str, Any]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(items)})


def test_each_right_of_a_role_is_judged_by_itself() -> None:
    reading = read_manifest(json.dumps(role(PODS, ONE)))
    assert not codes(reading)
    found = [
        (one.verb, one.object["api_group"], one.object["kind"], one.object.get("name"))
        for one in reading.operations
    ]
    assert found == [
        ("apply", RBAC, "Role", "reader"),
        ("apply", RBAC, "Role", "reader"),
        ("hand-out", "", "Pod", None),
        ("hand-out", "", "Pod/log", None),
        ("hand-out", "apps", "Deployment", "web"),
    ]
    assert [one.details["powers"] for one in reading.operations] == [[], *[["rights"]] * 4]
    assert reading.operations[2].details["fields"] == ["/verbs/get", "/verbs/list"]
    assert reading.operations[4].object["namespace"] == "staging"
    (permission,) = reading.required
    assert permission["operations"] == [0, 1, 2, 3, 4]


def test_who_makes_a_role_needs_what_it_hands_out_and_nothing_else() -> None:
    (permission,) = read_manifest(json.dumps(role(PODS, ONE))).required
    rules: Any = permission["rules"]
    assert singles(rules) == {
        (RBAC, "roles", "reader", "create"),
        (RBAC, "roles", "reader", "patch"),
        *(("", what, None, verb) for what in ("pods", "pods/log") for verb in ("get", "list")),
        ("apps", "deployments", "web", "patch"),
    }
    assert render_all([permission])


def test_who_binds_a_role_of_the_same_manifest_needs_what_it_hands_out() -> None:
    reading = read_manifest(several(role(PODS), BINDING))
    first, second = reading.required
    rules: Any = second["rules"]
    assert ("", "pods", None, "get") in singles(rules)
    assert first["operations"] == [0, 1, 2, 3]
    assert second["operations"] == [4, 5, 6, 7]
    assert reading.operations[6].verb == "hand-out"


@pytest.mark.parametrize(
    "shown",
    [
        role(PODS, labels={"a": "b"}) | {"metadata": {"name": "other", "namespace": "staging"}},
        role(PODS) | {"metadata": {"name": "reader", "namespace": "production"}},
        thing(f"{RBAC}/v1", "ClusterRole", "reader", rules=[PODS])
        | {"metadata": {"name": "reader"}},
    ],
    ids=["another name", "another namespace", "of the cluster"],
)
def test_role_that_a_binding_does_not_name_gives_it_nothing(shown: dict[str, Any]) -> None:
    reading = read_manifest(several(shown, BINDING))
    rules: Any = reading.required[1]["rules"]
    assert {right[1] for right in singles(rules)} == {"rolebindings"}


def test_wildcards_are_named_and_never_rendered() -> None:
    every = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
    reading = read_manifest(json.dumps(role(every)))
    assert reading.operations[2].object["kind"] == "*"
    assert reading.operations[2].details["fields"] == ["/verbs/*"]
    for verb in ("escalate", "bind", "impersonate", "*"):
        found = read_manifest(json.dumps(role({**PODS, "verbs": [verb]})))
        with pytest.raises(NotRenderable):
            render_all(found.required)


@pytest.mark.parametrize(
    "rule",
    [
        {"nonResourceURLs": ["/metrics"], "verbs": ["get"]},
        {**PODS, "nonResourceURLs": ["/metrics"]},
        {**PODS, "verbs": None},
        {**PODS, "verbs": "get"},
        {**PODS, "resources": [{}]},
        {**PODS, "resourceNames": None},
        None,
        {"apiGroups": [""], "resources": ["pods"]},
        {"apiGroups": [""], "verbs": ["get"]},
        {"resources": ["pods"], "verbs": ["get"]},
    ],
)
def test_rule_that_is_none_of_a_role_is_not_sure(rule: Any) -> None:
    assert codes(read_manifest(json.dumps(role() | {"rules": None}))) == [
        "uncertain.manifest_value"
    ]
    assert codes(read_manifest(json.dumps(role(rule)))) == ["uncertain.manifest_value"]


def test_attack_of_rights_that_multiply_is_bounded_before_they_are_listed() -> None:
    many = {
        "apiGroups": [f"g{i}.example" for i in range(1_000)],
        "resources": [f"r{i}" for i in range(1_000)],
        "verbs": ["get"],
    }
    (doubt,) = read_manifest(json.dumps(role(many))).uncertain
    assert (doubt.code, doubt.detail) == ("uncertain.too_deep", "more than 128 rights")
    few = {**many, "apiGroups": [""], "resources": many["resources"][:100]}
    assert not codes(read_manifest(json.dumps(role(few))))


def test_deleting_a_role_hands_nothing_out() -> None:
    words = ["kubectl", "delete", "-f", "-"]
    read = read_kubectl(words, MAIN, namespace="staging", stdin=json.dumps(role(PODS)))
    assert {one.verb for one in read.operations} == {"delete"}
    made = read_kubectl(
        ["kubectl", "create", *words[2:]], MAIN, namespace="staging", stdin=read.stdin
    )
    assert "hand-out" in {one.verb for one in made.operations}
