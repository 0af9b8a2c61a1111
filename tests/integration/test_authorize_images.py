"""A repository of a registry, through the whole path: exactly its scope, or nothing."""

from __future__ import annotations

from typing import Any

from main_path import ask, assert_allowed, assert_denied
from service import Service

REFERENCE = "registry.example.com/acme/web"


def image(tool: str, reference: str) -> dict[str, Any]:
    arguments = {"reference": reference}
    return {
        "action": {"name": tool, "properties": {"arguments": arguments}},
        "context": {"prompt": "Publish the new version"},
    }


def test_a_push_gets_the_scope_of_its_repository_and_others_get_none(service: Service) -> None:
    body = ask(service, image("push_image", REFERENCE)).body
    permission = {
        "type": "oci_registry",
        "locations": ["https://registry.example.com"],
        "identifier": "acme/web",
        "actions": ["pull", "push"],
        "operations": [0],
    }
    assert_allowed(body, [permission])
    assert body["execute"]["arguments"] == {"reference": f"{REFERENCE}:latest"}
    assert body["scoped_token_request"]["renderings"]["oci_registry"] == {
        "location": "https://registry.example.com",
        "service": "registry.example.com",
        "scope": "repository:acme/web:pull,push",
    }
    pulled = ask(service, image("pull_image", REFERENCE)).body
    assert pulled["permissions"][0]["actions"] == ["pull"]
    for reference, code in (
        ("registry.example.com/other/web:1", "policy.default_deny"),
        ("registry.example.com/acme:1", "policy.default_deny"),
        ("registry.example.com.evil.example/acme/web:1", "uncertain.image_registry"),
        ("registry.example.com/acme/../web:1", "uncertain.manifest_image"),
    ):
        assert_denied(ask(service, image("push_image", reference)).body, code)
