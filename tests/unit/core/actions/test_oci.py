"""Pushing, pulling and deleting images: the scopes, the canonical reference, what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from commands import codes
from counterfoil.core.actions.contract import Unreadable, interpret
from counterfoil.core.actions.oci import host_of, read_images
from counterfoil.core.actions.registry import FAMILIES
from counterfoil.core.model import Command, Interpretation, Resource

REGISTRY = Resource(type="oci_registry", id="images", location="https://registry.example.com")
HUB = Resource(type="oci_registry", id="hub", location="https://registry-1.docker.io")
SHA = "sha256:" + "a" * 64


def read(tool: str, resource: Any = REGISTRY, **arguments: Any) -> Interpretation:
    command = Command(
        family="registry",
        tool=tool,
        arguments=arguments,
        command_argument="reference",
        resource=resource,
    )
    return interpret(command, FAMILIES)


def test_a_push_needs_pull_and_push_of_the_repository_alone() -> None:
    reading = read("push_image", reference="registry.example.com/acme/web:1")
    assert reading.required == (
        {
            "type": "oci_registry",
            "locations": ["https://registry.example.com"],
            "identifier": "acme/web",
            "actions": ["pull", "push"],
            "operations": [0],
        },
    )
    (operation,) = reading.operations
    assert (operation.family, operation.verb) == ("registry", "push")
    assert operation.object == {
        "kind": "repository",
        "registry": "images",
        "name": "acme/web",
        "components": ["acme", "web"],
    }
    assert operation.details == {"tag": "1"}


@pytest.mark.parametrize(
    ("tool", "reference", "actions"),
    [
        ("pull_image", "registry.example.com/acme/web", ["pull"]),
        ("push_image", "registry.example.com/acme/web", ["pull", "push"]),
        ("delete_image", f"registry.example.com/acme/web@{SHA}", ["delete"]),
        ("delete_image", "registry.example.com/acme/web:1", ["delete", "pull"]),
    ],
)
def test_each_verb_has_exactly_its_actions(tool: str, reference: str, actions: list[str]) -> None:
    (permission,) = read(tool, reference=reference).required
    assert permission["actions"] == actions


def test_a_mount_also_pulls_where_it_mounts_from() -> None:
    reading = read(
        "push_image",
        reference="registry.example.com/acme/web:1",
        **{"from": "registry.example.com/base/os"},
    )
    assert [(p["identifier"], p["actions"]) for p in reading.required] == [
        ("acme/web", ["pull", "push"]),
        ("base/os", ["pull"]),
    ]
    assert [(op.verb, op.object["name"]) for op in reading.operations] == [
        ("push", "acme/web"),
        ("pull", "base/os"),
    ]


def test_the_digest_decides_and_the_reference_that_runs_is_whole() -> None:
    reading = read("pull_image", reference=f"registry.example.com/acme/web:1@{SHA}")
    assert reading.operations[0].details == {"digest": SHA}
    reading = read("pull_image", HUB, reference="nginx")
    assert reading.execute is not None
    assert reading.execute.arguments["reference"] == "docker.io/library/nginx:latest"
    assert reading.required[0]["identifier"] == "library/nginx"


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "another registry": ("push_image", {"reference": "evil.example/acme/web"}, "image_registry"),
    "a name below ours": (
        "push_image",
        {"reference": "registry.example.com.evil.example/a/b"},
        "image_registry",
    ),
    "our name as a component": (
        "push_image",
        {"reference": "evil.example/registry.example.com/acme/web"},
        "image_registry",
    ),
    "another port": (
        "push_image",
        {"reference": "registry.example.com:5000/acme/web"},
        "image_registry",
    ),
    "no host is docker.io": ("push_image", {"reference": "acme/web"}, "image_registry"),
    "a host without a slash": (
        "push_image",
        {"reference": "registry.example.com"},
        "image_registry",
    ),
    "a host and port without a slash": (
        "push_image",
        {"reference": "registry.example.com:443"},
        "image_registry",
    ),
    "capitals": ("push_image", {"reference": "Registry.example.com/acme/web"}, "manifest_image"),
    "dots": ("push_image", {"reference": "registry.example.com/acme/../x"}, "manifest_image"),
    "two slashes": ("push_image", {"reference": "registry.example.com//x"}, "manifest_image"),
    "a space": ("push_image", {"reference": "registry.example.com/acme/web "}, "manifest_image"),
    "a newline": ("push_image", {"reference": "registry.example.com/acme/web\n"}, "manifest_image"),
    "a scheme": (
        "push_image",
        {"reference": "https://registry.example.com/acme/web"},
        "manifest_image",
    ),
    "userinfo": ("push_image", {"reference": "me@registry.example.com/acme/web"}, "manifest_image"),
    "two digests": (
        "push_image",
        {"reference": f"registry.example.com/a@{SHA}@{SHA}"},
        "manifest_image",
    ),
    "punycode": ("push_image", {"reference": "xn--80ak6aa92e.example/acme/web"}, "manifest_image"),
    "a mount from elsewhere": (
        "push_image",
        {"reference": "registry.example.com/a/b", "from": "evil.example/a/b"},
        "image_registry",
    ),
    "a mount that pulls": (
        "pull_image",
        {"reference": "registry.example.com/a/b", "from": "registry.example.com/a/c"},
        "image_command",
    ),
    "a tool of no verb": ("tag_image", {"reference": "registry.example.com/a/b"}, "image_command"),
    "an unknown verb": (
        "image",
        {"reference": "registry.example.com/a/b", "verb": "sign"},
        "image_command",
    ),
    "a number for a name": ("push_image", {"reference": 7}, "no_command"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_attack_is_uncertain_and_permits_nothing(name: str) -> None:
    tool, arguments, code = REFUSED[name]
    assert codes(read(tool, **arguments)) == [f"uncertain.{code}"]


def test_only_a_registered_registry_is_read() -> None:
    for resource in (None, Resource(type="kubernetes", id="main", location="https://h.example")):
        reading = read("push_image", resource, reference="registry.example.com/acme/web")
        assert codes(reading) == ["uncertain.resource_type"]


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("https://registry.example.com", "registry.example.com"),
        ("https://registry.example.com:443/", "registry.example.com"),
        ("https://registry.example.com:5000", "registry.example.com:5000"),
        ("http://127.0.0.1:80", "127.0.0.1"),
        ("https://registry-1.docker.io", "docker.io"),
        ("https://index.docker.io/", "docker.io"),
        ("https://registry.example.com/v2/x", None),
    ],
)
def test_a_location_has_one_host(location: str, host: str | None) -> None:
    assert host_of(Resource(type="oci_registry", id="r", location=location)) == host


def test_words_of_a_container_tool_are_read_for_the_registries_there_are() -> None:
    found = read_images(["docker", "push", "registry.example.com/acme/web"], [HUB, REGISTRY])
    assert found.words == ("docker", "push", "registry.example.com/acme/web:latest")
    assert found.required[0]["actions"] == ["pull", "push"]
    assert (
        read_images(["docker", "pull", "nginx"], [REGISTRY, HUB]).operations[0].object["registry"]
        == "hub"
    )


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["docker", "run", "x"], "image_command"),
        (["docker", "push", "--all-tags", "x"], "image_command"),
        (["docker", "push", "-a"], "image_command"),
        (["docker", "-H", "tcp://h", "push", "x"], "image_command"),
        (["crictl", "pull", "registry.example.com/acme/web"], "image_command"),
        (["podman", "pull", "nginx"], "manifest_image"),  # a list of the machine's own decides
        (["docker", "pull", "other.example/a/b"], "image_registry"),
        (["docker", "pull", "nginx"], "image_registry"),
    ],
)
def test_other_words_are_refused(words: list[str], code: str) -> None:
    with pytest.raises(Unreadable) as doubt:
        read_images(words, [REGISTRY])
    assert doubt.value.code == f"uncertain.{code}"
