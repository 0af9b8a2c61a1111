"""kubectl's argument lists: exact rules, the canonical list, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from commands import MAIN, MANIFEST, codes
from counterfoil.core.actions.contract import Unreadable, interpret
from counterfoil.core.actions.kubernetes.kubectl import Read, read_kubectl
from counterfoil.core.actions.registry import FAMILIES
from counterfoil.core.model import Command

NS = ["-n", "staging"]


def read(*words: str, stdin: str | None = None, namespace: str | None = None) -> Read:
    return read_kubectl(["kubectl", *words], MAIN, stdin=stdin, namespace=namespace)


def rules(found: Read) -> list[tuple[str, str, str | None, str]]:
    """group/resource, namespace, name or None, verbs: of every rule."""
    singles = []
    for permission in found.required:
        written: Any = permission["rules"]
        for rule in written:
            (name,) = rule.get("resourceNames", [None])
            resource = f"{rule['apiGroups'][0]}/{rule['resources'][0]}"
            where = str(permission["identifier"])
            singles.append((resource, where, name, " ".join(rule["verbs"])))
    return singles


APPLY = ["apply", "-f", "-", *NS]
READ: list[tuple[list[str], list[tuple[str, str | None, str]], str]] = [
    ([*APPLY, "--server-side"], [("apps/deployments", "web", "create patch")], "deploy"),
    (
        APPLY,
        [("apps/deployments", "web", "get patch"), ("apps/deployments", None, "create")],
        "deploy",
    ),
    (["create", "-f", "-", *NS], [("apps/deployments", None, "create")], "create"),
    (["delete", "-f", "-", *NS], [("apps/deployments", "web", "delete")], "delete"),
    (["delete", "deploy", "web", *NS], [("apps/deployments", "web", "delete")], "delete"),
    (
        ["delete", "po/a", "svc/b", *NS],
        [("/pods", "a", "delete"), ("/services", "b", "delete")],
        "delete",
    ),
    (["delete", "pods", "--all", *NS], [("/pods", None, "delete list")], "delete-all"),
    (["delete", "pods", "-l", "app=web", *NS], [("/pods", None, "delete list")], "delete-all"),
    (["get", "pods", *NS], [("/pods", None, "list")], "list"),
    (["get", "pods", "-w", *NS], [("/pods", None, "list watch")], "watch"),
    (["get", "pod", "a", "-o", "json", *NS], [("/pods", "a", "get")], "get"),
    (["get", "po,svc", *NS], [("/pods", None, "list"), ("/services", None, "list")], "list"),
    (
        ["logs", "a", "--tail=20", "-f", *NS],
        [("/pods", "a", "get"), ("/pods/log", "a", "get")],
        "logs",
    ),
    (
        ["exec", "a", "-it", *NS, "--", "ls", "-l", "--all"],
        [("/pods", "a", "get"), ("/pods/exec", "a", "create")],
        "exec",
    ),
    (
        ["scale", "deployment/web", "--replicas=3", *NS],
        [("apps/deployments", "web", "get"), ("apps/deployments/scale", "web", "patch")],
        "scale",
    ),
    (
        ["scale", "sts", "web", "--replicas", "0", *NS],
        [("apps/statefulsets", "web", "get"), ("apps/statefulsets/scale", "web", "patch")],
        "scale",
    ),
    (
        ["rollout", "status", "deploy/web", *NS],
        [("apps/deployments", "web", "get list watch")],
        "status",
    ),
    (
        ["rollout", "status", "deploy/web", "--watch=false", *NS],
        [("apps/deployments", "web", "get list watch")],
        "status",
    ),
    (["rollout", "restart", "ds/web", *NS], [("apps/daemonsets", "web", "get patch")], "restart"),
    (
        ["rollout", "pause", "deployment", "web", *NS],
        [("apps/deployments", "web", "get patch")],
        "pause",
    ),
    (
        ["set", "image", "deploy/web", "web=registry.example.com/acme/web:2", *NS],
        [("apps/deployments", "web", "get patch")],
        "set-image",
    ),
]


@pytest.mark.parametrize(
    ("words", "expected", "verb"),
    READ,
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else None,
)
def test_each_verb_has_exactly_its_rules(words: list[str], expected: list[Any], verb: str) -> None:
    found = read(*words, stdin=MANIFEST if "-" in words else None)
    assert rules(found) == [(one, "staging", name, verbs) for one, name, verbs in expected]
    assert {operation.verb for operation in found.operations} == {verb}
    assert {index for p in found.required for index in p["operations"]} == set(  # type: ignore[union-attr]
        range(len(found.operations))
    )
    again = read_kubectl(found.words, MAIN, stdin=found.stdin)
    assert again == found  # the canonical words mean the same, and are their own canonical form


def test_the_words_that_run_leave_nothing_to_a_default() -> None:
    found = read("get", "deploy", "web", "-o", "json", *NS)
    assert found.words == (
        *("kubectl", "get", "deployments.v1.apps", "web"),
        *("--namespace=staging", "--output=json"),
    )
    found = read("exec", "-it", "a", *NS, "--", "sh", "-c", "x")
    assert found.words[-4:] == ("--", "sh", "-c", "x")
    assert found.operations[0].details["command"] == ["sh", "-c", "x"]
    found = read("set", "image", "deploy", "web", "web=nginx", *NS)
    assert "web=docker.io/library/nginx:latest" in found.words
    assert found.required[0]["images"] == ["docker.io/library/nginx"]


def test_what_is_applied_is_the_canonical_manifest() -> None:
    found = read(*APPLY, "--server-side", stdin="# hello\n" + MANIFEST)
    assert found.stdin is not None
    assert json.loads(found.stdin)["kind"] == "Deployment"
    assert found.operations[0].details["powers"] == ["image"]


def test_apply_on_the_clients_side_says_what_is_narrower() -> None:
    (operation,) = read(*APPLY, stdin=MANIFEST).operations
    assert operation.details["narrower"] == "--server-side"
    (operation,) = read(*APPLY, "--server-side", stdin=MANIFEST).operations
    assert "narrower" not in operation.details


def test_reading_secrets_is_a_power_of_its_own() -> None:
    for words in (["get", "secrets"], ["get", "secret", "a"], ["get", "secrets", "-w"]):
        found = read(*words, *NS)
        assert [op.details["powers"] for op in found.operations] == [[], ["secret-read"]]
        assert found.required[0]["powers"] == ["secret-read"]
    assert [op.details["powers"] for op in read("get", "cm", *NS).operations] == [[]]


def test_a_kind_of_the_whole_cluster_belongs_to_no_namespace() -> None:
    found = read("get", "nodes", *NS)
    assert (found.required[0]["identifier"], found.operations[0].object["namespace"]) == ("", "")


REFUSED: dict[str, tuple[list[str], str]] = {
    "no verb": ([], "kubectl_verb"),
    "an unknown verb": (["get-it", "pods"], "kubectl_verb"),
    "a plugin": (["ns", "x"], "kubectl_verb"),
    "edit": (["edit", "deploy/web"], "kubectl_verb"),
    "drain": (["drain", "node"], "kubectl_verb"),
    "proxy": (["proxy"], "kubectl_verb"),
    "replace": (["replace", "-f", "-"], "kubectl_verb"),
    "run": (["run", "x", "--image=y"], "kubectl_verb"),
    "rollout undo: an image of the past": (["rollout", "undo", "deploy/web"], "kubectl_verb"),
    "rollout alone": (["rollout"], "kubectl_verb"),
    "create from a cron job": (["create", "job", "--from=cronjob/c", "j"], "kubectl_option"),
    "impersonation": (["get", "pods", "--as=root"], "kubectl_option"),
    "impersonation first": (["--as=root", "get", "pods"], "kubectl_option"),
    "a group": (["get", "pods", "--as-group=system:masters"], "kubectl_option"),
    "a token": (["get", "pods", "--token=x"], "kubectl_option"),
    "another server": (["get", "pods", "--server=https://h"], "kubectl_option"),
    "another server, short": (["get", "pods", "-s", "https://h"], "kubectl_option"),
    "another context": (["--context", "prod", "get", "pods"], "kubectl_option"),
    "another configuration": (["get", "pods", "--kubeconfig=/x"], "kubectl_option"),
    "another user": (["get", "pods", "--user=x"], "kubectl_option"),
    "all namespaces": (["get", "pods", "-A"], "kubectl_option"),
    "all namespaces, long": (["get", "pods", "--all-namespaces"], "kubectl_option"),
    "two namespaces": (["get", "pods", "-n", "other"], "kubectl_option"),
    "a raw path": (["get", "--raw", "/api"], "kubectl_option"),
    "prune": ([*APPLY[:3], "--prune", "--all"], "kubectl_option"),
    "a kustomization": (["apply", "-k", "."], "kubectl_option"),
    "a file": (["apply", "-f", "x.yaml"], "kubectl_option"),
    "an address": (["apply", "-f", "https://h/x.yaml"], "kubectl_option"),
    "a field selector": (["delete", "pods", "--field-selector=a=b"], "kubectl_option"),
    "a template": (["get", "pods", "-o", "jsonpath={.x}"], "kubectl_option"),
    "validation off": ([*APPLY[:3], "--validate=false"], "kubectl_option"),
    "an option twice": (["scale", "deploy/web", "--replicas=1", "--replicas=9"], "kubectl_option"),
    "an option of another verb": (["get", "pods", "--replicas=1"], "kubectl_option"),
    "a value missing": (["scale", "deploy/web", "--replicas"], "kubectl_option"),
    "an odd number": (["scale", "deploy/web", "--replicas=0x3"], "kubectl_option"),
    "letters joined with a value": (["get", "pods", "-ojson"], "kubectl_option"),
    "letters joined, and a value after": (["get", "pods", "-ojson", "wide"], "kubectl_option"),
    "an odd boolean": (["get", "pods", "--watch=1"], "kubectl_option"),
    "all": (["get", "all"], "kubectl_kind"),
    "a custom kind": (["get", "widgets"], "kubectl_kind"),
    "a kind in capitals": (["get", "Pods"], "kubectl_kind"),
    "a file that nobody gave": (["apply", "-f", "-"], "kubectl_file"),
    "a name that is none": (["delete", "pod", "*"], "manifest_name"),
    "a name with a slash": (["delete", "pod/a/b"], "manifest_name"),
    "a kind and nothing": (["delete", "pods"], "kubectl_argument"),
    "two forms of names": (["delete", "pod/a", "b"], "kubectl_argument"),
    "logs of a workload": (["logs", "deploy/web"], "kubectl_argument"),
    "logs of two": (["logs", "a", "b"], "kubectl_argument"),
    "exec without a command": (["exec", "a"], "kubectl_argument"),
    "exec in a workload": (["exec", "deploy/web", "--", "ls"], "kubectl_argument"),
    "scaling what has no scale": (["scale", "pod/a", "--replicas=1"], "kubectl_argument"),
    "scaling to nothing said": (["scale", "deploy/web"], "kubectl_argument"),
    "restarting a pod": (["rollout", "restart", "pod/a"], "kubectl_argument"),
    "every container's image": (["set", "image", "deploy/web", "*=x:1"], "kubectl_argument"),
    "no image": (["set", "image", "deploy/web"], "kubectl_argument"),
    "an odd image": (["set", "image", "deploy/web", "web=h.example/a/../b"], "manifest_image"),
    "words after --": (["get", "pods", "--", "x"], "kubectl_argument"),
    "all beside a name": (["delete", "pod", "a", "--all"], "kubectl_argument"),
    "watching one": (["get", "pod", "a", "-w"], "kubectl_argument"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_attack_is_refused(name: str) -> None:
    words, code = REFUSED[name]
    with pytest.raises(Unreadable) as doubt:
        read(*words, "-n", "staging") if "--" not in words else read("-n", "staging", *words)
    assert doubt.value.code == f"uncertain.{code}"


def test_a_namespace_is_said_once_and_alike() -> None:
    with pytest.raises(Unreadable) as doubt:
        read("get", "pods")
    assert doubt.value.code == "uncertain.kubectl_namespace"
    assert read("get", "pods", namespace="staging") == read("get", "pods", *NS)
    with pytest.raises(Unreadable):
        read("get", "pods", *NS, namespace="production")
    with pytest.raises(Unreadable):
        read(*APPLY[:3], "-n", "production", stdin=MANIFEST)  # the manifest says staging


@pytest.mark.parametrize("choice", [["--all"], ["-l", "app=web"], ["deployment/api"]])
def test_attack_of_a_manifest_beside_a_choice_of_everything_is_refused(choice: list[str]) -> None:
    words = ["delete", "-f", "-", *NS]
    assert read(*words, stdin=MANIFEST).operations
    with pytest.raises(Unreadable) as doubt:
        read(*words, *choice, stdin=MANIFEST)
    assert doubt.value.code == "uncertain.kubectl_argument"


def test_a_tool_hands_words_over_as_a_list() -> None:
    arguments = {"cluster": "main", "args": ["apply", "-f", "-", "-n", "staging", "--server-side"]}
    command = Command(
        family="kubernetes",
        tool="kubectl",
        arguments={**arguments, "manifest": MANIFEST},
        command_argument="args",
        resource=MAIN,
    )
    reading = interpret(command, FAMILIES)
    assert not reading.uncertain
    assert reading.execute is not None
    manifest = reading.execute.arguments["manifest"]
    assert json.loads(str(manifest))["metadata"]["name"] == "web"
    assert reading.execute.arguments["args"] == [
        *("apply", "--namespace=staging", "--filename=-", "--server-side=true"),
    ]
    hostile = Command(
        family="kubernetes",
        tool="kubectl",
        arguments={"args": ["get", 7]},
        command_argument="args",
        resource=MAIN,
    )
    assert codes(interpret(hostile, FAMILIES)) == ["uncertain.no_command"]
