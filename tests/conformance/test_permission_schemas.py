"""What interpreters ask for has the published shape (RFC 9396 §2), and nothing else has."""

# ruff: noqa: S311
# Seeded choices, so that a failure can be repeated.

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import jsonschema
import pytest

from commands import MANIFEST, read_manifest, read_sql
from counterfoil.core.kubernetes_api.powers import POWERS
from http_attacks import OK
from requests_read import read_request
from sql_grammar import statement

SCHEMAS = Path(__file__).parents[2] / "schemas"
CREATE = read_sql("CREATE TABLE public.invoices (id int)").required[0]
SELECT = read_sql("SELECT id FROM public.invoices").required[0]
DROP = read_sql("DROP TABLE public.invoices").required[0]
DEPLOY = read_manifest(MANIFEST).required[0]
REQUEST = read_request(f"{OK}?limit=1", "POST", body="x").required[0]


def validator(kind: object) -> jsonschema.Draft202012Validator:
    schema = json.loads((SCHEMAS / f"permission_{kind}.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def is_valid(permission: Any) -> bool:
    return validator(permission["type"]).is_valid(permission)


@pytest.mark.parametrize("seed", range(60))
def test_permissions_of_statements_have_the_published_shape(seed: int) -> None:
    sql, _ = statement(Random(seed))
    reading = read_sql(sql)
    for permission in (*reading.required, *reading.ambient):
        validator("postgresql").validate(permission)
    for permission in reading.required:
        assert permission["operations"]


def test_permissions_of_manifests_have_the_published_shape() -> None:
    reading = read_manifest(MANIFEST)
    for permission in (*reading.required, *reading.ambient):
        validator("kubernetes").validate(permission)


@pytest.mark.parametrize("honest", [CREATE, SELECT, DROP, DEPLOY, REQUEST])
def test_shapes_are_closed_and_members_required(honest: dict[str, Any]) -> None:
    assert is_valid(honest)
    assert not is_valid({**honest, "constraints": []})
    for name in set(honest) - {"operations", "columns", "images", "type", "body_sha256"}:
        assert not is_valid({key: value for key, value in honest.items() if key != name}), name
    for name, value in {
        "locations": [],
        "identifier": 7,
        "operations": [-1],
        "actions": ["CREATE"],
        "columns": [],
        "powers": ["root"],
        "rules": [{"verbs": ["get"]}],
        "body_sha256": "0",
    }.items():
        if name in honest:
            assert not is_valid({**honest, name: value}), name


def test_only_whole_objects_are_owned() -> None:
    assert is_valid(DROP)
    for whole in ("sequence", "type", "schema"):
        assert is_valid({**DROP, "object": whole})
    for changed in ({"object": "database"}, {"object": "function"}, {"columns": ["a"]}):
        assert not is_valid({**DROP, **changed})
        assert is_valid({**SELECT, **changed})


def test_a_rule_is_on_resources_or_on_paths_never_both() -> None:
    honest: Any = dict(DEPLOY)
    (rule,) = honest["rules"]
    assert is_valid({**honest, "rules": [rule]})
    assert not is_valid({**honest, "rules": [{**rule, "nonResourceURLs": ["/api"]}]})


def test_the_schema_knows_each_power() -> None:
    schema = json.loads((SCHEMAS / "permission_kubernetes.json").read_text("utf-8"))
    assert tuple(schema["properties"]["powers"]["items"]["enum"]) == POWERS
