"""Admission policies: made of the reader's own tables, and read back from their expressions."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from commands import MANIFEST, read_manifest
from counterfoil.core.kubernetes_api.fields_table import FIELDS
from counterfoil.core.kubernetes_api.kinds import KINDS, NAMES, POD_SPECS
from counterfoil.core.kubernetes_api.powers import GUARDED, OF_KIND, POWERS
from counterfoil.core.kubernetes_api.shapes import SHAPES
from counterfoil.core.renderings.contract import NotRenderable
from counterfoil.core.renderings.kubernetes import render
from counterfoil.core.renderings.kubernetes_admission import (
    admission_policies,
    read_limits,
    refusal,
)

DEPLOYMENT = NAMES["deployments"]


def entry(**changes: Any) -> dict[str, Any]:
    (permission,) = read_manifest(MANIFEST).required
    rendering: Any = render([{**permission, **changes}])
    (found,) = rendering["roles"]
    return copy.deepcopy(found)


def test_a_policy_holds_for_one_account_one_namespace_and_the_rules_names() -> None:
    ((policy),) = admission_policies(entry())
    spec: Any = policy["spec"]
    assert spec["failurePolicy"] == "Fail"
    assert spec["matchConditions"][0]["expression"] == 'request.userInfo.username == "{{account}}"'
    constraints = spec["matchConstraints"]
    assert constraints["namespaceSelector"]["matchLabels"] == {
        "kubernetes.io/metadata.name": "staging"
    }
    (rule,) = constraints["resourceRules"]
    assert (rule["apiGroups"], rule["resources"]) == (["apps"], ["deployments"])
    assert rule["resourceNames"] == ["web"]
    assert rule["operations"] == ["CREATE", "UPDATE"]


@pytest.mark.parametrize("power", [power for power in POWERS if power != "image"])
def test_a_policy_reads_back_as_the_permissions_images_and_powers(power: str) -> None:
    images = ["h.example/a/b", "registry.example.com/acme/web"]
    (policy,) = admission_policies(entry(images=images, powers=["image", power]))
    found, powers = read_limits(policy, DEPLOYMENT)
    assert found == tuple(images)
    assert powers == tuple(
        p for p in POWERS if p in {"image", power} and (p == "image" or refusal(DEPLOYMENT, p))
    )


def test_an_expression_that_was_changed_does_not_read_back() -> None:
    (policy,) = admission_policies(entry())
    changed: Any = copy.deepcopy(policy)
    changed["spec"]["validations"][1]["expression"] = "true"
    with pytest.raises(NotRenderable):
        read_limits(changed, DEPLOYMENT)
    loose: Any = copy.deepcopy(policy)
    loose["spec"]["validations"][0]["expression"] = "variables.images.all(i, true)"
    with pytest.raises(NotRenderable):
        read_limits(loose, DEPLOYMENT)


def test_without_the_power_of_images_the_pod_stays_as_it_is() -> None:
    value = entry()
    value["admission"] = {"powers": []}
    (policy,) = admission_policies(value)
    spec: Any = policy["spec"]
    (validation,) = spec["validations"]
    assert "object.spec.template.spec == oldObject.spec.template.spec" in validation["expression"]
    assert read_limits(policy, DEPLOYMENT) == (
        (),
        tuple(p for p in POWERS if p != "image" and refusal(DEPLOYMENT, p)),
    )


def test_what_only_reads_needs_no_policy() -> None:
    value = entry()
    value["role"]["rules"][0]["verbs"] = ["get", "list", "delete"]
    assert admission_policies(value) == []


def test_a_kind_that_is_not_known_is_not_rendered() -> None:
    value = entry()
    value["role"]["rules"][0]["resources"] = ["widgets"]
    with pytest.raises(NotRenderable):
        admission_policies(value)


def test_a_name_that_could_be_an_expression_is_not_rendered() -> None:
    value = entry()
    for image in (
        'h.example/a"), true) || (i.matches("',
        "h.example/a|.*",
        "h.example/a[b]",
        "h.example/(a)",
    ):
        value["admission"]["images"] = [image]
        with pytest.raises(NotRenderable):
            admission_policies(value)


def test_every_field_that_carries_a_power_is_in_its_refusal() -> None:
    for name, table in SHAPES.items():
        for field, known in table.items():
            if not known.power or name not in GUARDED:
                continue
            kinds = [kind for kind in KINDS.values() if kind.shape and _holds(kind.shape, name)]
            for kind in kinds:
                if OF_KIND.get(kind.kind) != known.power:
                    assert f".{field}" in refusal(kind, known.power), (kind.kind, name, field)


def _holds(shape: str, wanted: str, seen: frozenset[str] = frozenset()) -> bool:
    if shape == wanted:
        return True
    if shape not in SHAPES or shape in seen:
        return False
    return any(
        # what a power already forbids whole needs no look inside
        not (known.power and not known.when)
        and known.many != "{"
        and _holds(known.type, wanted, seen | {shape})
        for known in SHAPES[shape].values()
    )


def test_a_field_that_nobody_classified_is_not_read() -> None:
    published = {line.split()[0]: line.split()[1:] for line in FIELDS.splitlines()}
    for name, text in GUARDED.items():
        known = set(SHAPES[name]) - {"status"}
        fields = {field.partition(":")[0] for field in published[name]}
        assert known <= fields, name
        words = text.replace("\n", " ")
        for field in fields - known:
            assert f" {field} " not in f" {words} ", (name, field)
    assert "workloadRef" not in SHAPES["PodSpec"]
    assert "status" not in SHAPES["PodSpec"]


def test_every_kind_with_a_pod_is_known_by_its_path() -> None:
    for kind in KINDS.values():
        if not kind.shape:
            continue
        assert _holds(kind.shape, "PodSpec") == (kind.kind in POD_SPECS), kind.kind
