"""What data gives is never told as more than person and agent both have."""

from __future__ import annotations

from typing import Any

import pytest

from counterfoil.core.rights import (
    Reach,
    agents_of,
    groups_of,
    reach,
    roles_of_agent,
    roles_of_person,
)

ISSUER = "https://idp.example.com"
CODER, REVIEWER = (ISSUER, "coder"), (ISSUER, "reviewer")


def access(**rights: Any) -> dict[str, Any]:
    """Two roles; `rights` map roles to what they may do with one table."""
    return {
        "roles": {
            "writer": {
                "groups": {"developers": True, "guests": False},
                "agents": {ISSUER: {"coder": True}},
            },
            "reader": {
                "groups": {"staff": True},
                "agents": {ISSUER: {"reviewer": True, "old": False}},
            },
        },
        "approvals": {"change": {"approvers": ["admins"], "quorum": 1}},
        "database": {"orders": {"public": {"table": {"drop": rights}}}},
    }


def of(data: dict[str, Any], groups: list[str], agent: tuple[str, str]) -> list[Reach]:
    return reach(data, roles_of_person(data, groups), roles_of_agent(data, agent))


def test_everybody_who_holds_a_role_is_named_and_nobody_else() -> None:
    data = access(writer="allow")
    assert groups_of(data) == ["developers", "staff"]
    assert agents_of(data) == [CODER, REVIEWER]


def test_person_and_agent_must_both_be_covered() -> None:
    data = access(writer="allow")
    (found,) = of(data, ["developers"], CODER)
    assert (found.family, found.path) == ("database", ("orders", "public", "table", "drop"))
    assert (found.effect, found.role, found.ceiling) == ("allow", "writer", "writer")
    assert of(data, ["developers"], REVIEWER) == []
    assert of(data, ["staff"], CODER) == []
    assert of(data, ["guests"], CODER) == []


def test_agent_of_another_issuer_reaches_nothing() -> None:
    assert of(access(writer="allow"), ["developers"], ("https://other.example", "coder")) == []


@pytest.mark.parametrize(
    ("person", "agent", "effects"),
    [
        ("allow", "allow", ["allow"]),
        ("allow", "change", ["change"]),
        ("change", "allow", ["change"]),
        ("change", "change", ["change"]),
        ("change", "other", []),
    ],
)
def test_the_stricter_of_both_counts(person: str, agent: str, effects: list[str]) -> None:
    data = access(writer=person, reader=agent)
    assert [one.effect for one in of(data, ["developers"], REVIEWER)] == effects


def test_limits_of_both_hold_and_what_lies_beyond_them_is_told_apart() -> None:
    bounded = {"effect": "allow", "names": {"logs": True}, "otherwise": "change"}
    data = access(writer=bounded, reader={"effect": "allow", "max_rows": 5})
    first, second = of(data, ["developers"], REVIEWER)
    assert (first.effect, first.limits) == ("allow", ({"names": {"logs": True}}, {"max_rows": 5}))
    assert (second.effect, second.limits) == ("change", ({"max_rows": 5},))


def test_family_of_a_customer_is_read_like_ours() -> None:
    data = {**access(), "tickets": {"billing": {"close": {"writer": "allow"}}}}
    (found,) = of(data, ["developers"], CODER)
    assert (found.family, found.path) == ("tickets", ("billing", "close"))


def test_a_thing_that_is_called_like_a_role_is_still_a_thing() -> None:
    data = access()
    data["database"] = {"orders": {"writer": {"table": {"drop": {"writer": "allow"}}}}}
    (found,) = of(data, ["developers"], CODER)
    assert found.path == ("orders", "writer", "table", "drop")
