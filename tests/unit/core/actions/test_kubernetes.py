"""Deployments: what is read, each power in a pod template, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from commands import MAIN, MANIFEST, codes, manifest_command, read_manifest
from counterfoil.core.actions.contract import interpret
from counterfoil.core.actions.registry import FAMILIES
from counterfoil.core.model import Interpretation
from counterfoil.core.renderings.contract import texts

Change = dict[str, Any]


def changed(pod: Change | None = None, container: Change | None = None, **top: Any) -> str:
    value = yaml.safe_load(MANIFEST)
    spec = value["spec"]["template"]["spec"]
    spec["containers"][0].update(container or {})
    spec.update(pod or {})
    value.update(top)
    return json.dumps({name: item for name, item in value.items() if item is not None})


def powers(reading: Interpretation) -> list[str]:
    assert not reading.uncertain, reading.uncertain
    (permission,) = reading.required
    found = permission["powers"]
    assert isinstance(found, list)
    assert [item.details["powers"] for item in reading.operations] == [[name] for name in found]
    assert permission["operations"] == list(range(len(found)))
    return [str(name) for name in found]


def test_a_deployment_is_one_operation_and_one_permission() -> None:
    reading = read_manifest(MANIFEST)
    (operation,) = reading.operations
    assert (operation.family, operation.verb) == ("kubernetes", "deploy")
    assert operation.object == {
        "kind": "Deployment",
        "api_group": "apps",
        "cluster": "main",
        "namespace": "staging",
        "name": "web",
    }
    assert operation.details["images"] == [
        {"registry": "registry.example.com", "path": ["acme", "web"], "tag": "1.4"}
    ]
    assert reading.required == (
        {
            "type": "kubernetes",
            "locations": [MAIN.location],
            "identifier": "staging",
            "rules": [
                {
                    "apiGroups": ["apps"],
                    "resources": ["deployments"],
                    "resourceNames": ["web"],
                    "verbs": ["create", "patch"],
                }
            ],
            "images": ["registry.example.com/acme/web"],
            "powers": ["image"],
            "operations": [0],
        },
    )


def test_yaml_and_json_of_one_manifest_run_as_the_same_canonical_json() -> None:
    first, second = read_manifest(MANIFEST), read_manifest(changed())
    assert first.execute is not None
    assert first.execute == second.execute
    assert first.required == second.required
    manifest = first.execute.arguments["manifest"]
    assert isinstance(manifest, str)
    assert json.loads(manifest) == yaml.safe_load(MANIFEST)
    assert first.execute.arguments["cluster"] == "main"
    assert first.execute.session == {"apply": "server-side", "force_conflicts": False}
    again = read_manifest(manifest)
    assert again.execute == first.execute


def test_the_executed_manifest_names_images_in_full() -> None:
    # a node may resolve short names elsewhere
    reading = read_manifest(changed(container={"image": "nginx"}))
    assert reading.execute is not None
    assert '"image":"docker.io/library/nginx:latest"' in str(reading.execute.arguments["manifest"])
    assert reading.required[0]["images"] == ["docker.io/library/nginx"]


def test_a_minimal_deployment_carries_image_and_identity() -> None:
    minimal = MANIFEST.replace("      automountServiceAccountToken: false\n", "")
    assert powers(read_manifest(MANIFEST)) == ["image"]
    assert powers(read_manifest(minimal)) == ["image", "identity"]


@pytest.mark.parametrize(
    ("pod", "power"),
    [
        ({"automountServiceAccountToken": True}, "identity"),
        ({"serviceAccountName": "admin"}, "identity"),
        ({"serviceAccount": "admin"}, "identity"),
        (
            {
                "volumes": [
                    {
                        "name": "t",
                        "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]},
                    }
                ]
            },
            "identity",
        ),
        ({"imagePullSecrets": [{"name": "s"}]}, "secret-read"),
        ({"volumes": [{"name": "s", "secret": {"secretName": "s"}}]}, "secret-read"),
        (
            {"volumes": [{"name": "s", "projected": {"sources": [{"secret": {"name": "s"}}]}}]},
            "secret-read",
        ),
        ({"hostNetwork": True}, "node"),
        ({"hostPID": True}, "node"),
        ({"hostIPC": True}, "node"),
        ({"nodeName": "n"}, "node"),
        ({"nodeSelector": {"a": "b"}}, "node"),
        ({"tolerations": [{"operator": "Exists"}]}, "node"),
        ({"schedulerName": "s"}, "node"),
        ({"runtimeClassName": "r"}, "node"),
        ({"priorityClassName": "p"}, "node"),
        ({"priority": 5}, "node"),
        ({"affinity": {"podAntiAffinity": {}}}, "node"),
        ({"resourceClaims": [{"name": "gpu", "resourceClaimName": "g"}]}, "node"),
        ({"volumes": [{"name": "h", "hostPath": {"path": "/"}}]}, "node"),
        ({"securityContext": {"sysctls": [{"name": "a", "value": "b"}]}}, "node"),
        ({"securityContext": {"seccompProfile": {"type": "Unconfined"}}}, "node"),
        (
            {
                "securityContext": {
                    "appArmorProfile": {"type": "Localhost", "localhostProfile": "x"}
                }
            },
            "node",
        ),
        ({"securityContext": {"seLinuxOptions": {"user": "u"}}}, "node"),
        ({"securityContext": {"windowsOptions": {"hostProcess": True}}}, "node"),
        ({"volumes": [{"name": "c", "configMap": {"name": "c"}}]}, "data"),
        ({"volumes": [{"name": "c", "persistentVolumeClaim": {"claimName": "c"}}]}, "data"),
        ({"volumes": [{"name": "c", "nfs": {"server": "s", "path": "/"}}]}, "data"),
        ({"volumes": [{"name": "c", "csi": {"driver": "d"}}]}, "data"),
    ],
)
def test_each_power_of_a_pod_is_said(pod: Change, power: str) -> None:
    assert set(powers(read_manifest(changed(pod)))) == {"image", power}


@pytest.mark.parametrize(
    ("container", "power"),
    [
        (
            {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]},
            "secret-read",
        ),
        ({"envFrom": [{"secretRef": {"name": "s"}}]}, "secret-read"),
        (
            {"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "s", "key": "k"}}}]},
            "data",
        ),
        ({"envFrom": [{"configMapRef": {"name": "s"}}]}, "data"),
        ({"ports": [{"containerPort": 80, "hostPort": 80}]}, "node"),
        ({"securityContext": {"privileged": True}}, "node"),
        ({"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}, "node"),
        ({"securityContext": {"procMount": "Unmasked"}}, "node"),
        (
            {
                "volumeMounts": [
                    {"name": "a", "mountPath": "/a", "mountPropagation": "Bidirectional"}
                ]
            },
            "node",
        ),
        ({"resources": {"claims": [{"name": "gpu"}]}}, "node"),
        ({"lifecycle": {"postStart": {"exec": {"command": ["x"]}}}}, "lasting"),
        ({"livenessProbe": {"exec": {"command": ["x"]}}}, "lasting"),
    ],
)
@pytest.mark.parametrize("group", ["containers", "initContainers", "ephemeralContainers"])
def test_each_power_of_any_container_is_said(group: str, container: Change, power: str) -> None:
    other = {"name": "other", "image": "registry.example.com/acme/other:1", **container}
    pod = {group: [other]}
    found = read_manifest(changed(pod))
    assert set(powers(found)) == {"image", power}


@pytest.mark.parametrize(
    ("volume", "power"),
    [
        ({"azureFile": {"secretName": "s", "shareName": "x"}}, "secret-read"),
        ({"flexVolume": {"driver": "d", "secretRef": {"name": "s"}}}, "secret-read"),
        ({"gitRepo": {"repository": "https://h.example/x"}}, "data"),
        ({"ephemeral": {"volumeClaimTemplate": {"spec": {}}}}, "data"),
    ],
)
def test_each_kind_of_volume_is_a_power(volume: Change, power: str) -> None:
    found = powers(read_manifest(changed({"volumes": [{"name": "v", **volume}]})))
    assert found == ["image", power]


@pytest.mark.parametrize(
    "member",
    [
        {"labels": {"azure.workload.identity/use": "true"}},
        {"annotations": {"sidecar.istio.io/inject": "true"}},
        {"annotations": {"container.apparmor.security.beta.kubernetes.io/web": "unconfined"}},
        {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}},
    ],
)
def test_a_label_that_somebodys_controller_obeys_is_a_switch(member: Change) -> None:
    metadata = {"name": "web", "namespace": "staging", **member}
    reading = read_manifest(changed(metadata=metadata))
    assert powers(reading) == ["image", "switch"]
    (place,) = texts(reading.operations[1].details["fields"])
    assert place.startswith("/metadata/")
    assert "~1" in place
    plain = {"labels": {"app.kubernetes.io/name": "web", "tier": "x"}}
    control = {"name": "web", "namespace": "staging", **plain}
    assert powers(read_manifest(changed(metadata=control))) == ["image"]


def test_finalizers_and_owners_are_lasting() -> None:
    metadata = {"name": "web", "namespace": "staging"}
    for extra in (
        {"finalizers": ["a.example/b"]},
        {"ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u"}]},
    ):
        assert powers(read_manifest(changed(metadata={**metadata, **extra}))) == [
            "image",
            "lasting",
        ]


def test_hardening_is_no_power() -> None:
    pod = {
        "hostNetwork": False,
        "hostUsers": False,
        "nodeName": "",
        "tolerations": [],
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "volumes": [{"name": "t", "emptyDir": {}}, {"name": "d", "downwardAPI": {"items": []}}],
    }
    container = {
        "securityContext": {
            "privileged": False,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
        "resources": {"limits": {"cpu": 1, "memory": "128Mi"}},
        "readinessProbe": {"httpGet": {"path": "/", "port": "http"}},
    }
    assert powers(read_manifest(changed(pod, container))) == ["image"]


def test_images_of_all_containers_and_volumes_are_found() -> None:
    pod = {
        "initContainers": [{"name": "i", "image": "h.example/init:1"}],
        "ephemeralContainers": [{"name": "e", "image": "h.example/debug:1"}],
        "volumes": [{"name": "v", "image": {"reference": "h.example/files:1"}}],
    }
    (permission,) = read_manifest(changed(pod)).required
    assert permission["images"] == [
        "h.example/debug",
        "h.example/files",
        "h.example/init",
        "registry.example.com/acme/web",
    ]


@pytest.mark.parametrize(
    ("manifest", "code"),
    [
        (changed({"HostNetwork": True}), "field"),
        (changed({"hostnetwork": True}), "field"),
        (changed({"workloadRef": {}}), "field"),
        (changed({"unknown": 1}), "field"),
        (changed({"hostNetwork": "true"}), "value"),
        (changed({"hostNetwork": 1}), "value"),
        (changed({"hostNetwork": None}), "value"),
        (changed({"containers": []}), "value"),
        (changed({"containers": {}}), "value"),
        (changed({"containers": [{"name": "a"}]}), "value"),
        (changed({"containers": [None]}), "value"),
        (changed({"initContainers": [{"image": "a"}]}), "value"),
        (changed({"volumes": [{"name": "v", "tape": {}}]}), "field"),
        (changed({"terminationGracePeriodSeconds": 2**63}), "value"),
        (changed({"terminationGracePeriodSeconds": True}), "value"),
        (changed(container={"image": "h.example/shop/../x"}), "image"),
        (changed(container={"image": "h.example/x\n"}), "image"),
        (changed(container={"image": 7}), "value"),
        (changed(container={"command": "sh"}), "value"),
        (changed(container={"env": [{"name": "A", "value": 1}]}), "value"),
        (changed(status={"replicas": 3}), "field"),
        (changed(status={"conditions": []}), "field"),
        (changed(items=[]), "field"),
        (changed(spec=None), "value"),
        (changed(spec={"template": {}}), "value"),
        (changed(kind="deployment"), "kind"),
        (changed(kind="List"), "kind"),
        (changed(kind="DeploymentList"), "kind"),
        (changed(kind="Pod", apiVersion="v1"), "field"),
        (changed(kind="Event", apiVersion="v1"), "kind"),
        (changed(apiVersion="apps/v1beta1"), "kind"),
        (changed(kind=None), "kind"),
        (changed(metadata={"name": "web"}), "namespace"),
        (changed(metadata={"name": "web", "namespace": ""}), "namespace"),
        (changed(metadata={"name": "web", "namespace": "Staging"}), "namespace"),
        (changed(metadata={"name": "web", "namespace": "staging\n"}), "namespace"),
        (changed(metadata={"name": "web", "namespace": "a.b"}), "namespace"),
        (changed(metadata={"namespace": "staging"}), "name"),
        (changed(metadata={"name": "Web", "namespace": "staging"}), "name"),
        (changed(metadata={"name": "w" * 254, "namespace": "staging"}), "name"),
        (changed(metadata={"name": "-w", "namespace": "staging"}), "name"),
        (changed(metadata={"generateName": "web-", "namespace": "staging"}), "field"),
        (changed(metadata={"name": "web", "namespace": "staging", "uid": "x"}), "field"),
        (
            changed(metadata={"name": "web", "namespace": "staging", "resourceVersion": "1"}),
            "field",
        ),
        (changed(metadata={"name": "web", "namespace": "staging", "managedFields": []}), "field"),
        ("- a", "kind"),
        ("a", "kind"),
        (MANIFEST + "---\n- a", "kind"),
    ],
)
def test_trap_is_uncertain_and_permits_nothing(manifest: str, code: str) -> None:
    assert codes(read_manifest(manifest)) == [f"uncertain.manifest_{code}"]


def test_size_is_bounded_before_parsing() -> None:
    assert codes(read_manifest(MANIFEST + "#" * 65_536)) == ["uncertain.too_long"]
    assert not read_manifest(MANIFEST + "#" * 60_000).uncertain


def test_a_resource_of_another_type_is_uncertain() -> None:
    command = manifest_command(MANIFEST, None)
    assert codes(interpret(command, FAMILIES)) == ["uncertain.resource_type"]
