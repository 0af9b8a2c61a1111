from __future__ import annotations

from typing import Any

import pytest

from counterfoil.core.permissions import permissions_match

SCHEMA: dict[str, Any] = {
    "type": "postgresql",
    "locations": ["postgresql://db/orders"],
    "object": "schema",
    "identifier": "public",
    "actions": ["create", "usage"],
    "operations": [0, 1],
}
ROLE: dict[str, Any] = {
    "type": "kubernetes",
    "locations": ["https://k"],
    "identifier": "staging",
    "rules": [
        {
            "apiGroups": ["apps"],
            "resources": ["deployments"],
            "resourceNames": ["b", "a"],
            "verbs": ["patch", "create"],
        },
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]},
    ],
    "images": ["r/a", "r/b"],
    "powers": ["image"],
    "operations": [0],
}


def test_order_and_repetition_mean_nothing() -> None:
    shuffled = {
        **ROLE,
        "rules": [
            {"verbs": ["get"], "resources": ["pods"], "apiGroups": [""]},
            {
                **ROLE["rules"][0],
                "verbs": ["create", "patch", "create"],
                "resourceNames": ["a", "b"],
            },
        ],
        "images": ["r/b", "r/a"],
    }
    turned = {**SCHEMA, "actions": ["usage", "create"], "operations": [1, 0, 1]}
    assert permissions_match([shuffled, turned, turned], [SCHEMA, ROLE])
    assert permissions_match([], [])


DIFFERENT: dict[str, list[Any]] = {
    "fewer": [SCHEMA],
    "none": [],
    "more": [SCHEMA, ROLE, {**SCHEMA, "identifier": "private"}],
    "wider-action": [{**SCHEMA, "actions": ["create", "usage", "owner"]}, ROLE],
    "narrower-action": [{**SCHEMA, "actions": ["create"]}, ROLE],
    "other-location": [{**SCHEMA, "locations": ["postgresql://db/other"]}, ROLE],
    "unknown-member": [{**SCHEMA, "grantable": True}, ROLE],
    "missing-member": [{k: v for k, v in SCHEMA.items() if k != "object"}, ROLE],
    "true-for-one": [{**SCHEMA, "operations": [0, True]}, ROLE],
    "float-for-integer": [{**SCHEMA, "operations": [0.0, 1]}, ROLE],
    "text-for-list": [{**SCHEMA, "actions": "create"}, ROLE],
    "null-for-list": [{**SCHEMA, "actions": None}, ROLE],
    "case": [{**SCHEMA, "identifier": "Public"}, ROLE],
    "rule-without-names": [
        SCHEMA,
        {
            **ROLE,
            "rules": [
                {k: v for k, v in ROLE["rules"][0].items() if k != "resourceNames"},
                ROLE["rules"][1],
            ],
        },
    ],
    "rule-is-text": [SCHEMA, {**ROLE, "rules": ["*"]}],
    "images-gone": [SCHEMA, {k: v for k, v in ROLE.items() if k != "images"}],
    "not-an-object": [SCHEMA, ROLE, "x"],
    "null": [SCHEMA, ROLE, None],
    "list": [SCHEMA, ROLE, []],
    "lone-surrogate": [{**SCHEMA, "identifier": "\ud800"}, ROLE],
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_any_difference_is_no_match(name: str) -> None:
    assert permissions_match([SCHEMA, ROLE], [SCHEMA, ROLE])
    assert not permissions_match(DIFFERENT[name], [SCHEMA, ROLE])
