"""Resources and surroundings for commands that are read from their words or paths."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from counterfoil.core.actions.argv import Around
from counterfoil.core.actions.contract import interpret
from counterfoil.core.actions.registry import FAMILIES
from counterfoil.core.actions.roots import Place, root_of
from counterfoil.core.model import Command, Interpretation, Resource

API = Resource(
    type="git", id="api", location="https://git.example.com/acme/api.git", issuer="git-api"
)
SHOP = Resource(type="filesystem", id="shop", location="file:/srv/data/shop")
SHOP2 = Resource(type="filesystem", id="shop2", location="file:/srv/data/shop2")
ROOT = root_of(SHOP)
AROUND = Around(resources=(API, SHOP, SHOP2), roots=(ROOT, root_of(SHOP2)), cwd=Place(root=ROOT))


def read(
    family: str,
    tool: str,
    arguments: dict[str, Any],
    *,
    command: str,
    resource: Resource | None = None,
) -> Interpretation:
    """Read one call as a child does."""
    return interpret(
        Command(
            family=family,
            tool=tool,
            arguments=arguments,
            command_argument=command,
            resource=resource,
        ),
        FAMILIES,
    )


def read_file(path: str, tool: str = "read_file", **more: Any) -> Interpretation:
    return read("filesystem", tool, {"path": path, **more}, command="path", resource=SHOP)


def git_call(command: str | Sequence[str], resource: Resource = API) -> Interpretation:
    words = command if isinstance(command, str) else list(command)
    return read("git", "run_git", {"command": words}, command="command", resource=resource)


def run_code(code: str, language: str = "python") -> Interpretation:
    return read("code", "run_code", {"language": language, "code": code}, command="code")


ACCOUNT = Resource(
    type="aws_sts",
    id="shop",
    location="arn:aws:account:eu-central-1:123456789012:account",
    issuer="aws-shop",
)
WORKSPACE = Resource(type="terraform", id="infra", location="https://tf.example.com/infra")


def aws_call(service: str, operation: str, **parameters: Any) -> Interpretation:
    arguments = {
        "account": "shop",
        "service": service,
        "operation": operation,
        "parameters": parameters,
    }
    return read("cloud", "aws_call", arguments, command="operation", resource=ACCOUNT)


def aws_line(words: Sequence[str], resource: Resource = ACCOUNT) -> Interpretation:
    return read("cloud", "aws", {"command": list(words)}, command="command", resource=resource)


def sample_plan(kind: str, verb: str) -> str:
    """What `terraform show -json` writes of a plan with one change, cut to what is read."""
    change: dict[str, Any] = {
        "address": f"{kind}.orders",
        "mode": "managed",
        "type": kind,
        "name": "orders",
        "provider_name": "registry.terraform.io/hashicorp/aws",
        "change": {
            "actions": [verb],
            "before": None if verb == "create" else {"name": "orders"},
            "after": None if verb == "delete" else {"name": "orders"},
            "after_unknown": {"id": True},
        },
    }
    return json.dumps(
        {
            "format_version": "1.2",
            "resource_changes": [change],
            "configuration": {"root_module": {}},
        }
    )


def terraform_plan(plan: str, resource: Resource = WORKSPACE) -> Interpretation:
    return read("cloud", "terraform_apply", {"plan": plan}, command="plan", resource=resource)
