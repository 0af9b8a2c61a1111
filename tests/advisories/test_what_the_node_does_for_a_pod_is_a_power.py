"""A plain `image` permission let a pod make its node call any address, and take its devices.

The kubelet itself makes the call of a probe that names a `host`: from the node's network,
past every NetworkPolicy, to a cloud's metadata for one (Pod Security Standards, "Host Probes /
Lifecycle Hooks"). A resource with a `/` in its name is a device plugin's: hardware of the node.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from commands import MANIFEST, read_manifest
from main_path import ask, assert_denied, kubectl_request
from service import Service

METADATA = {"host": "169.254.169.254", "port": 80}
PLAIN: dict[str, Any] = {"port": 80}
DEVICES = {"devices.kubevirt.io/kvm": "1"}
CALLS = [
    ({"livenessProbe": {"httpGet": METADATA}}, {"livenessProbe": {"httpGet": PLAIN}}),
    ({"startupProbe": {"httpGet": METADATA}}, {"startupProbe": {"httpGet": {**PLAIN, "host": ""}}}),
    ({"readinessProbe": {"tcpSocket": METADATA}}, {"readinessProbe": {"tcpSocket": PLAIN}}),
    ({"resources": {"limits": DEVICES}}, {"resources": {"limits": {"cpu": "1"}}}),
    ({"resources": {"requests": {"nvidia.com/gpu": 1}}}, {"resources": {"requests": {"cpu": 1}}}),
]


def manifest(container: dict[str, Any]) -> str:
    value = yaml.safe_load(MANIFEST)
    value["spec"]["template"]["spec"]["containers"][0].update(container)
    return json.dumps(value)


@pytest.mark.parametrize(("hostile", "honest"), CALLS)
def test_it_is_a_power_and_denied_by_default(
    service: Service, hostile: dict[str, Any], honest: dict[str, Any]
) -> None:
    (permission,) = read_manifest(manifest(hostile)).required
    assert permission["powers"] == ["image", "node"]
    assert_denied(ask(service, kubectl_request(manifest(hostile))).body, "policy.default_deny")
    assert ask(service, kubectl_request(manifest(honest))).body["effect"] == "allow"  # control


def test_a_hook_that_names_a_host_is_the_nodes_call_too() -> None:
    hook = {"lifecycle": {"preStop": {"httpGet": METADATA}}}
    (permission,) = read_manifest(manifest(hook)).required
    assert permission["powers"] == ["image", "node", "lasting"]
