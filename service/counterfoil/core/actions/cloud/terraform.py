"""A plan of Terraform, as `terraform show -json` writes it: what it would do to which resource.

What is applied is the saved plan file of this text, never the configuration: its digest goes
with every operation and into the session. A plan that runs code while it is applied, or in which
a value that limits what is made is not known yet, is uncertain.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Final

from counterfoil.core.actions.contract import MAX_OPERATIONS, Unreadable
from counterfoil.core.model import (
    Command,
    Execute,
    Interpretation,
    JsonObject,
    JsonValue,
    Operation,
    Resource,
)

TERRAFORM: Final = "terraform"
MAX_PLAN_BYTES: Final = 262_144
_VERSION: Final = re.compile(r"1\.[0-9]{1,3}", re.ASCII)
_ADDRESS: Final = re.compile(r"[A-Za-z0-9_.\-\[\]\"/:@]{1,512}", re.ASCII)
_VERBS: Final[Mapping[tuple[str, ...], str]] = {
    ("create",): "create",
    ("update",): "update",
    ("delete",): "delete",
    ("delete", "create"): "replace",
    ("create", "delete"): "replace",
    ("forget",): "forget",
}
_NOTHING: Final = (("no-op",), ("read",))
_PROVIDERS: Final = frozenset(
    {
        "registry.terraform.io/hashicorp/aws",
        "registry.terraform.io/hashicorp/random",
        "registry.opentofu.org/hashicorp/aws",
        "registry.opentofu.org/hashicorp/random",
        "terraform.io/builtin/terraform",
    }
)
"""By their whole names, as terraform and OpenTofu write them."""
LIMITING: Final[Mapping[str, tuple[str, ...]]] = {
    "aws_s3_bucket": ("bucket",),
    "aws_s3_bucket_policy": ("bucket", "policy"),
    "aws_s3_bucket_public_access_block": ("bucket",),
    "aws_s3_object": ("bucket", "key"),
    "aws_iam_role": ("name", "assume_role_policy"),
    "aws_iam_policy": ("name", "policy"),
    "aws_iam_role_policy": ("role", "policy"),
    "aws_iam_role_policy_attachment": ("role", "policy_arn"),
    "aws_iam_user": ("name",),
    "aws_dynamodb_table": ("name",),
    "aws_sqs_queue": ("name",),
    "aws_sns_topic": ("name",),
    "aws_lambda_function": ("function_name", "role"),
    "aws_cloudwatch_log_group": ("name",),
    "aws_ecr_repository": ("name",),
    "aws_instance": ("ami", "instance_type", "iam_instance_profile", "subnet_id"),
    "aws_security_group": ("name", "vpc_id"),
    "aws_security_group_rule": ("cidr_blocks", "security_group_id"),
    "aws_db_instance": ("identifier",),
    "aws_kms_key": ("policy",),
    "random_id": (),
    "random_pet": (),
    "random_password": (),
    "terraform_data": (),
}
"""Types of resources that are read, with the fields that say what, where and for whom. A field
that the configuration leaves out is the provider's to fill in, and counts as unknown."""
_PLAIN_ROOT: Final = frozenset(
    {
        "format_version", "terraform_version", "variables", "planned_values", "resource_changes",
        "configuration", "prior_state", "output_changes", "timestamp", "applyable", "complete",
        "errored", "resource_drift", "relevant_attributes", "checks",
    }
)  # fmt: skip


def plan(command: Command, text: str, resource: Resource) -> Interpretation:
    """Read a plan.

    Raises:
        Unreadable: anything in it is not known, or runs code.
    """
    operations, digest = changes(text, resource.id)
    return Interpretation(
        operations=operations,
        execute=Execute(arguments=command.arguments, session={"plan_digest": digest}),
    )


def changes(text: str, workspace: str) -> tuple[tuple[Operation, ...], str]:
    """What a plan changes in a registered workspace, and the digest of its JSON.

    Raises:
        Unreadable: as `plan`.
    """
    document = _document(text)
    digest = "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    _check_configuration(_object(document.get("configuration", {})))
    operations = tuple(_operations(document, workspace, digest))
    if not operations:
        raise Unreadable("uncertain.plan_empty")
    if len(operations) > MAX_OPERATIONS:
        raise Unreadable("uncertain.too_deep", f"more than {MAX_OPERATIONS} operations")
    return operations, digest


def _document(text: str) -> JsonObject:
    try:
        value = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise Unreadable("uncertain.plan_json") from None
    document = _object(value)
    version = document.get("format_version")
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        raise Unreadable("uncertain.plan_json", "format_version 1.x is read")
    if not document.keys() <= _PLAIN_ROOT:
        raise Unreadable("uncertain.plan_json", min(document.keys() - _PLAIN_ROOT))
    if document.get("errored") is True or document.get("complete") is False:
        raise Unreadable("uncertain.plan_json", "the plan is not complete")
    return document


def _operations(document: JsonObject, workspace: str, digest: str) -> Iterator[Operation]:
    for item in _list(document.get("resource_changes", [])):
        change = _object(_object(item).get("change"))
        actions = tuple(str(word) for word in _list(change.get("actions")))
        if actions in _NOTHING:
            continue
        verb = _VERBS.get(actions)
        if verb is None:
            raise Unreadable("uncertain.plan_action", " ".join(actions)[:64])
        yield _operation(_object(item), change, verb, workspace, digest)


def _operation(
    item: JsonObject, change: JsonObject, verb: str, workspace: str, digest: str
) -> Operation:
    kind, address, provider = (_text(item, name) for name in ("type", "address", "provider_name"))
    if item.get("mode") != "managed" or provider not in _PROVIDERS or kind not in LIMITING:
        raise Unreadable("uncertain.plan_resource", f"{provider} {kind}"[:128])
    if not _ADDRESS.fullmatch(address) or "deposed" in item:
        raise Unreadable("uncertain.plan_resource", address[:128])
    names: dict[str, JsonValue] = {}
    if verb not in {"delete", "forget"}:
        names = _limits(kind, change)
    elif change.get("before") is not None:
        before = _object(change.get("before"))
        names = {name: before.get(name) for name in LIMITING[kind]}
    return Operation(
        family="cloud",
        verb=verb,
        object={
            "kind": "terraform",
            "workspace": workspace,
            "resource_type": kind,
            "name": address,
        },
        details={"plan": digest, "fields_known": names},
    )


def _limits(kind: str, change: JsonObject) -> dict[str, JsonValue]:
    """The values that say what is made.

    Raises:
        Unreadable: one is known only once it is applied.
    """
    after, unknown = _object(change.get("after")), change.get("after_unknown", {})
    found: dict[str, JsonValue] = {}
    for name in LIMITING[kind]:
        hidden = unknown is True or (isinstance(unknown, Mapping) and bool(unknown.get(name)))
        if hidden or name not in after:
            raise Unreadable("uncertain.plan_unknown", f"{kind}.{name}")
        found[name] = after[name]
    return found


def _check_configuration(configuration: JsonObject) -> None:
    """No provider, module, provisioner or data source of which code would run.

    Raises:
        Unreadable: there is one.
    """
    for provider in _object(configuration.get("provider_config", {})).values():
        name = _object(provider).get("full_name")
        if name not in _PROVIDERS:
            raise Unreadable("uncertain.plan_code", f"provider {name}"[:128])
    _check_module(_object(configuration.get("root_module", {})))


def _check_module(module: JsonObject) -> None:
    for item in _list(module.get("resources", [])):
        resource = _object(item)
        if resource.get("provisioners"):
            raise Unreadable("uncertain.plan_code", "a provisioner")
        if resource.get("mode") == "data" and resource.get("type") in {"external", "http"}:
            raise Unreadable("uncertain.plan_code", f"data {resource.get('type')}")
    for call in _object(module.get("module_calls", {})).values():
        source = _object(call).get("source")
        if not isinstance(source, str) or not source.startswith("./") or ".." in source:
            raise Unreadable("uncertain.plan_code", f"module {source}"[:128])
        _check_module(_object(_object(call).get("module", {})))


def _object(value: JsonValue) -> JsonObject:
    if not isinstance(value, Mapping):
        raise Unreadable("uncertain.plan_json", "an object is missing")
    return value


def _list(value: JsonValue) -> list[JsonValue]:
    if not isinstance(value, list):
        raise Unreadable("uncertain.plan_json", "a list is missing")
    return value


def _text(value: JsonObject, name: str) -> str:
    member = value.get(name)
    if not isinstance(member, str):
        raise Unreadable("uncertain.plan_json", f"{name} is no text")
    return member


def _once(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a name occurs twice")
    return value
