"""What a tool's name means comes from the server's own data, never from the caller."""

from __future__ import annotations

from typing import Any

import pytest

from counterfoil.core.catalog import UNMAPPED_FAMILY, Catalog, Located
from counterfoil.core.model import (
    ActionMapping,
    AuthorizationRequest,
    Context,
    Enforcement,
    JsonObject,
    Resource,
)
from counterfoil.errors import ResourceMismatch
from counterfoil.schemas_registry import arguments_check

ORDERS = Resource(type="postgresql", id="orders", location="postgresql://db/orders", issuer="pg")
MAIN = Resource(type="kubernetes", id="main", location="https://k8s", issuer="k8s")
HOUSE = Resource(type="house", id="house", location="https://house")
MAPPINGS = {
    "run_sql": ActionMapping(
        tool="run_sql",
        family="database",
        command_argument="sql",
        resource_argument="database",
        resource_id=None,
        enforcement=Enforcement.OBSERVE,
    ),
    "knock": ActionMapping(
        tool="knock",
        family="house",
        command_argument=None,
        resource_argument=None,
        resource_id="house",
        enforcement=Enforcement.ENFORCE,
    ),
    "weigh": ActionMapping(
        tool="weigh",
        family="scale",
        command_argument="grams",
        resource_argument=None,
        resource_id=None,
        enforcement=Enforcement.ENFORCE,
    ),
}


def closed(**properties: JsonObject) -> JsonObject:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "properties": properties,
    }


CATALOG = Catalog(
    mappings=MAPPINGS,
    resources={"orders": ORDERS, "main": MAIN, "house": HOUSE},
    checks={
        "run_sql": arguments_check(closed(sql={"type": "string"}, database={"type": "string"})),
        "knock": arguments_check(closed()),
        "weigh": arguments_check(closed(grams={"type": "number"})),
    },
    fractions=frozenset({"weigh"}),
)
SQL = {"sql": "SELECT 1", "database": "orders"}


def locate(name: str, arguments: Any, resource: JsonObject | None = None) -> Located:
    return CATALOG.locate(
        AuthorizationRequest(
            action_name=name, arguments=arguments, context=Context(), resource=resource
        )
    )


def doubts(located: Located) -> list[str]:
    return [item.code for item in located.uncertain]


def test_a_mapped_tool_is_joined_with_what_the_server_knows() -> None:
    located = locate("run_sql", SQL)
    assert located.uncertain == ()
    assert located.enforcement is Enforcement.OBSERVE
    command = located.command
    assert (command.family, command.tool, command.command_argument) == (
        "database",
        "run_sql",
        "sql",
    )
    assert command.resource is ORDERS
    assert command.arguments == SQL


def test_a_fixed_resource_needs_no_argument() -> None:
    assert locate("knock", {}).command.resource is HOUSE


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"sql": "SELECT 1"},
        {**SQL, "role": "postgres"},
        {**SQL, "sql": None},
        {**SQL, "sql": 1.5},
        {**SQL, "database": ["orders"]},
    ],
    ids=str,
)
def test_arguments_that_are_not_the_tools_own_are_a_doubt(arguments: Any) -> None:
    located = locate("run_sql", arguments)
    assert doubts(located) == ["uncertain.arguments"]
    assert located.command.resource is None
    assert doubts(locate("run_sql", SQL)) == []


@pytest.mark.parametrize("name", ["billing", "", "ORDERS", "orders ", "house/../orders"])
def test_a_resource_that_nobody_registered_is_a_doubt(name: str) -> None:
    located = locate("run_sql", {**SQL, "database": name})
    assert doubts(located) == ["uncertain.resource_unknown"]
    assert located.command.resource is None


@pytest.mark.parametrize("name", ["rm_rf", "RUN_SQL", "run_sql ", "", "tool", "database"])
def test_an_unmapped_tool_is_only_a_call(name: str) -> None:
    located = locate(name, SQL)
    assert located.command.family == UNMAPPED_FAMILY
    assert located.command.resource is None
    assert located.command.command_argument is None
    assert located.enforcement is Enforcement.ENFORCE  # never observed: nobody said so


@pytest.mark.parametrize("number", [1.5, [{"deep": [0.0]}], 1e300])
def test_a_fraction_that_no_schema_declares_is_a_doubt(number: Any) -> None:
    assert doubts(locate("rm_rf", {"n": number})) == ["uncertain.arguments"]
    assert doubts(locate("rm_rf", {"n": 2**60})) == []
    assert doubts(locate("weigh", {"grams": 1.5})) == []


STATED: JsonObject = {"type": "postgresql", "id": "orders"}


@pytest.mark.parametrize(
    ("resource", "pointer"),
    [
        ({**STATED, "type": "kubernetes"}, "#/resource/type"),
        ({**STATED, "id": "main"}, "#/resource/id"),
        (
            {**STATED, "properties": {"location": "postgresql://evil/orders"}},
            "#/resource/properties/location",
        ),
    ],
)
def test_a_body_never_moves_an_action_elsewhere(resource: JsonObject, pointer: str) -> None:
    with pytest.raises(ResourceMismatch) as caught:
        locate("run_sql", SQL, resource)
    assert caught.value.pointer == pointer
    same: JsonObject = {**STATED, "properties": {"location": ORDERS.location}}
    for honest in (STATED, same, {**STATED, "properties": {}}):
        assert locate("run_sql", SQL, honest).command.resource is ORDERS


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("rm_rf", {}),
        ("weigh", {"grams": 1}),
        ("run_sql", {**SQL, "database": "billing"}),
        ("run_sql", {"sql": "SELECT 1"}),
    ],
)
def test_a_stated_resource_is_refused_where_none_is_registered(name: str, arguments: Any) -> None:
    with pytest.raises(ResourceMismatch):
        locate(name, arguments, STATED)
    locate(name, arguments)
