"""Runs jobs on a real API server as accounts that hold exactly given permissions.

Each attempt has an account of its own, so that all roles and admission policies can be made
first and come into force together; writing attempts are dry runs of the server, which checks
rights and admission just so, and leaves nothing behind.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from commands import MAIN
from counterfoil.core.actions.kubernetes.kubectl import Read, read_kubectl
from counterfoil.core.kubernetes_api.kinds import KINDS
from counterfoil.core.model import Permission
from counterfoil.core.renderings.kubernetes import parse_back, render, rights
from counterfoil.core.renderings.kubernetes_admission import BINDING, admission_policies
from kubernetes_jobs import CLIENT, NAMESPACE, OTHER, THERE, Text, container, named
from servers.kubernetes import Cluster

DRY = frozenset({"apply", "create", "delete", "scale", "set"})
NOT_FORBIDDEN = ("does not have a host assigned", "not have a host", "pod web does not have a host")
REFUSED = ("forbidden", "Forbidden")
IN_FORCE_SECONDS = 30.0


def read(text: Text, namespace: str = NAMESPACE) -> Read:
    """What a job needs and runs."""
    words = ["kubectl", *text.words[:1], f"--namespace={namespace}", *text.words[1:]]
    if "--" in text.words:
        place = text.words.index("--")
        words = ["kubectl", *text.words[:place], f"--namespace={namespace}", *text.words[place:]]
    return read_kubectl(words, MAIN, stdin=text.stdin)


@dataclass
class Attempt:
    """One call by one account; `expected` is whether it must be let through."""

    account: str
    what: str
    permissions: Sequence[Permission]
    run: Read
    expected: bool
    outcome: str = ""

    @property
    def right(self) -> bool:
        return (self.outcome == "") is self.expected


@dataclass
class Plan:
    """All attempts of many jobs, made before any is run."""

    cluster: Cluster
    attempts: list[Attempt] = field(default_factory=list)

    def attempt(
        self, what: str, permissions: Sequence[Permission], run: Read, *, expected: bool
    ) -> None:
        account = f"job-{len(self.attempts)}"
        self.attempts.append(Attempt(account, what, permissions, run, expected))

    def add(self, text: Text) -> None:
        """A job: with what it needs, with each right less, and its neighbours."""
        found = read(text)
        self.attempt(f"{text.name}: exactly", found.required, found, expected=True)
        present = _present(text)
        if present is not None:
            there = read(present)
            self.attempt(f"{text.name}: there", there.required, there, expected=True)
        for what, less in weaker(found.required):
            run = found
            if text.words == CLIENT and what.startswith("patch") and present is not None:
                # What is not there is created, what is there is patched: the union is asked for.
                run = there
                less = dict(weaker(there.required))[what]  # noqa: PLW2901
            self.attempt(f"{text.name}: without {what}", less, run, expected=False)
        for what, other in neighbours(text):
            self.attempt(f"{text.name}: {what}", found.required, other, expected=False)

    def run(self) -> None:
        """Make all accounts' rights, wait for them, and run every attempt."""
        for attempt in self.attempts:
            for index, permission in enumerate(attempt.permissions):
                _grant(self.cluster, attempt.account, index, permission)
        _until_in_force(self.cluster)
        with ThreadPoolExecutor(3) as pool:
            for attempt, outcome in zip(
                self.attempts, pool.map(self._run, self.attempts), strict=True
            ):
                attempt.outcome = outcome

    def _run(self, attempt: Attempt) -> str:
        words = list(attempt.run.words)
        if words[1] in DRY:
            words.append("--dry-run=server")
        if words[1:3] == ["rollout", "status"]:
            words.append("--timeout=4s")  # who may not list waits for ever
        done = self.cluster.kubectl(attempt.account, words, attempt.run.stdin)
        if done.returncode == 0 or any(text in done.stderr for text in NOT_FORBIDDEN):
            return ""
        return done.stderr.strip() or "failed"


def _present(text: Text) -> Text | None:
    """The same job on an object that is there just so, where that needs other verbs."""
    if text.manifest is None or text.words[0] != "apply":
        return None
    there = named(text.manifest, "web")
    return text._replace(manifest=there) if there in THERE else None


def weaker(permissions: Sequence[Permission]) -> Iterator[tuple[str, list[Permission]]]:
    """Every set with one verb, one image or one power less."""
    for index, permission in enumerate(permissions):
        before, after = permissions[:index], permissions[index + 1 :]
        rules: Any = permission["rules"]
        for place, rule in enumerate(rules):
            for verb in rule["verbs"]:
                if {"get", "watch"} <= set(rule["verbs"]) and verb in {"list", "watch"}:
                    continue  # of the two, a client that waits makes do with either
                kept = [one for one in rule["verbs"] if one != verb]
                fewer = [
                    *rules[:place],
                    *([{**rule, "verbs": kept}] if kept else []),
                    *rules[place + 1 :],
                ]
                less = [{**permission, "rules": fewer}] if fewer else []
                yield f"{verb} {rule['resources'][0]}", [*before, *less, *after]
        for member in ("images", "powers"):
            values: Any = permission.get(member, [])
            for value in values:
                kept = [one for one in values if one != value]
                if member == "powers" and not _guards(permission, value):
                    continue
                yield str(value), [*before, {**permission, member: kept}, *after]


def _guards(permission: Permission, power: str) -> bool:
    """Whether admission holds a power; a kind's own power, and reading, are the rule's."""
    rules: Any = permission["rules"]
    writes = any({"create", "patch"} & set(rule["verbs"]) for rule in rules)
    kinds = {rule["resources"][0] for rule in rules}
    itself = {"networkpolicies", "ingresses", "leases", "roles"}
    return writes and not kinds & itself and power != "image"


def neighbours(text: Text) -> Iterator[tuple[str, Read]]:
    """What lies beside a job: another namespace, name, kind, verb, repository, power."""
    if text.manifest is not None:
        metadata = {**text.manifest["metadata"], "namespace": OTHER}
        yield (
            "another namespace",
            read(text._replace(manifest={**text.manifest, "metadata": metadata}), OTHER),
        )
        if text.words[0] != "create":
            yield "another name", read(text._replace(manifest=named(text.manifest, "other")))
        yield "another verb", read(Text("", ["get", _resource(text.manifest)]))
        if text.manifest["kind"] == "Deployment" and text.words[0] != "delete":
            yield from _other_pods(text)
        return
    yield "another namespace", read(text, OTHER)
    yield "another kind", read(Text("", ["get", "leases"]))
    if text.words[:2] == ["set", "image"]:
        words = [*text.words[:3], "web=registry.example.com/acme-evil/web:1"]
        yield "another repository", read(text._replace(words=words))
    if text.words[:2] in (["rollout", "restart"], ["rollout", "pause"]):
        words = ["set", "image", text.words[2], "web=registry.example.com/acme/web:9"]
        yield "an image beside", read(Text("", words))


def _other_pods(text: Text) -> Iterator[tuple[str, Read]]:
    """The same Deployment with an image, or a power, that the job did not ask for."""
    assert text.manifest is not None
    held: Any = read(text).required[0]["powers"]
    beside = {"serviceAccountName": "robot"} if "node" in held else {"hostIPC": True}
    for what, spec in (
        ("another registry", container(image="evil.example/acme/web:1")),
        (
            "a registry that begins alike",
            container(image="registry.example.com.evil.example/acme/web:1"),
        ),
        ("another repository", container(image="registry.example.com/acme/web/x:1")),
        ("another power", {**container(), **beside}),
    ):
        value = json.loads(json.dumps(text.manifest))
        value["spec"]["template"]["spec"] = spec
        yield what, read(text._replace(manifest=value))


def _resource(manifest: Mapping[str, Any]) -> str:
    return KINDS[manifest["apiVersion"], manifest["kind"]].plural


def _grant(cluster: Cluster, account: str, index: int, permission: Permission) -> None:
    """What an issuer makes: role, binding, and the admission policy that goes with them."""
    rendering: Any = render([permission])
    assert parse_back(rendering) == rights(permission)
    (entry,) = rendering["roles"]
    name = f"{account}-{index}"
    place = (
        f"/apis/rbac.authorization.k8s.io/v1/namespaces/{entry['role']['metadata']['namespace']}"
    )
    role = {**entry["role"], "metadata": {**entry["role"]["metadata"], "name": name}}
    cluster.make(f"{place}/roles", role)
    group = "rbac.authorization.k8s.io"
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
        "subjects": [{"apiGroup": group, "kind": "User", "name": account}],
    }
    cluster.make(f"{place}/rolebindings", binding)
    policies = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
    for number, policy in enumerate(admission_policies(entry)):
        mine = f"{name}-{number}"
        cluster.make(policies, _filled(policy, account, mine))
        cluster.make(
            policies.replace("policies", "policybindings"), _filled(BINDING, account, mine)
        )


def _filled(value: Any, account: str, name: str) -> Any:
    text = json.dumps(value).replace("{{account}}", account).replace("{{name}}", name)
    return json.loads(text)


def prepare(cluster: Cluster) -> None:
    """Two namespaces with the same objects in each."""
    for namespace in (NAMESPACE, OTHER):
        cluster.make("/api/v1/namespaces", {"metadata": {"name": namespace}})
        for value in THERE:
            group = value["apiVersion"]
            root = "/api/v1" if group == "v1" else f"/apis/{group}"
            placed = {**value, "metadata": {**value["metadata"], "namespace": namespace}}
            cluster.make(f"{root}/namespaces/{namespace}/{_resource(value)}", placed)


def _until_in_force(cluster: Cluster) -> None:
    """The server's own watch of policies: one made now bites once all before it do."""
    rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]}
    probe: Permission = {
        "type": "kubernetes",
        "locations": ["https://h.example"],
        "identifier": NAMESPACE,
        "rules": [rule],
        "powers": [],
    }
    _grant(cluster, "probe", 0, probe)
    metadata = {"name": "probe", "namespace": NAMESPACE, "finalizers": ["example.com/x"]}
    body = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    words = ["kubectl", "create", "--filename=-", f"--namespace={NAMESPACE}", "--dry-run=server"]
    deadline = time.monotonic() + IN_FORCE_SECONDS
    while "not granted: lasting" not in (said := cluster.kubectl("probe", words, body).stderr):
        assert time.monotonic() < deadline, f"admission does not come into force: {said}"
        time.sleep(0.3)


def counted(plan: Plan) -> dict[str, Any]:
    """How many attempts there were and went as they must."""
    wrong = [one for one in plan.attempts if not one.right]
    let, held = [[a for a in plan.attempts if a.expected is kind] for kind in (True, False)]
    return {
        "attempts": len(plan.attempts),
        "sufficient": f"{sum(a.right for a in let)} of {len(let)}",
        "refused": f"{sum(a.right for a in held)} of {len(held)}",
        "wrong": {one.what: one.outcome[:300] for one in wrong},
    }
