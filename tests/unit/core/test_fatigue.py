"""Which right asks: the one on the operation's own path, and no other under the same terms."""

from __future__ import annotations

from typing import Any

import pytest

from counterfoil.core.fatigue import Asked, Rule, key_of, rights_that_ask, rule_of, terms_named

TERMS: dict[str, Any] = {"approvers": ["admins"], "quorum": 1, "expires_in_seconds": 60}
ACCESS: dict[str, Any] = {
    "roles": {"developer": {"groups": {"change": "change"}}},
    "database": {
        "orders": {
            "public": {
                "table": {
                    "drop": {"developer": "change", "owner": "allow"},
                    "alter": {"developer": "change"},
                    "update": {"developer": {"effect": "allow", "otherwise": "change"}},
                }
            },
            "audit": {"table": {"drop": {"developer": "change"}}},
        },
        "payroll": {"public": {"table": {"drop": {"developer": "change"}}}},
    },
    "approvals": {"change": TERMS, "wider": {**TERMS, "similar": {"uses": 1, "seconds": 1}}},
}


def record(verb: str = "drop", name: str = "a", **terms: Any) -> dict[str, Any]:
    target = {"kind": "table", "database": "orders", "schema": "public", "name": name}
    operation = {"family": "database", "verb": verb, "object": target}
    asked = {"input": {"action": {"name": "run_sql"}, "operations": [operation]}}
    return {**TERMS, "each_from": [], "similar": None, **terms, "asked": asked}


def rule(*said: str, **more: Any) -> Rule:
    found = rule_of("default", record(**more))
    found.asked = [Asked(found, 0.0, 5.0, [one]) for one in said]
    return found


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("drop", ("database", "orders", "public", "table", "drop", "developer")),
        ("update", ("database", "orders", "public", "table", "update", "developer")),
    ],
)
def test_the_right_on_the_operations_path_asks_and_no_other(verb: str, path: Any) -> None:
    assert rights_that_ask(rule(verb=verb), ACCESS) == [(path, "change")]


def test_other_terms_are_another_rule_and_another_name_is_not() -> None:
    wider = rule(similar={"uses": 1, "seconds": 1})
    assert terms_named(wider, ACCESS) == ["wider"]
    assert rights_that_ask(wider, ACCESS) == []
    assert terms_named(rule(quorum=2), ACCESS) == []
    assert key_of(rule(name="b")) == key_of(rule())
    assert key_of(wider) != key_of(rule())
    assert key_of(rule(verb="alter")) != key_of(rule())


@pytest.mark.parametrize(
    ("said", "habit"),
    [
        (["approve"] * 5, True),
        (["approve"] * 4, False),
        (["approve"] * 9 + ["deny"], False),
        ([], False),
    ],
)
def test_a_habit_is_many_approvals_without_a_denial(said: list[str], *, habit: bool) -> None:
    assert rule(*said).is_habit(5) is habit


def test_where_there_is_no_data_nothing_is_proposed() -> None:
    assert rights_that_ask(rule(), {}) == []
    assert terms_named(rule(), {"approvals": ["change"]}) == []
