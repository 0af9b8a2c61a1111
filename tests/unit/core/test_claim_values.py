"""How a configured claim is named, and what a claim may hold."""

from __future__ import annotations

import pytest

from counterfoil.core.claim_values import claim_at, claim_path, groups_of
from counterfoil.core.model import JsonValue
from counterfoil.errors import GroupsOverage, MissingClaim


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("groups", ("groups",)),
        ("realm_access.roles", ("realm_access", "roles")),
        (r"resource_access.my\.client.roles", ("resource_access", "my.client", "roles")),
        (r"a\\b.c", ("a\\b", "c")),
        ("https://example.com/groups", ("https://example.com/groups",)),
        ("cognito:groups", ("cognito:groups",)),
        ("a.b.c.d.e.f.g.h", tuple("abcdefgh")),
    ],
)
def test_claim_is_named_by_its_path(text: str, path: tuple[str, ...]) -> None:
    assert claim_path(text) == path


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a..b", "a\\", "a.b.c.d.e.f.g.h.i"])
def test_path_that_names_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="path"):
        claim_path(text)


@pytest.mark.parametrize(
    ("claims", "found"),
    [
        ({"a": {"b": "x"}}, "x"),
        ({"a.b": "x"}, None),
        ({"a": "x"}, None),
        ({"a": {"b": None}}, None),
        ({"a": [{"b": "x"}]}, None),
        ({}, None),
    ],
)
def test_nested_claim_is_found_by_its_path_alone(
    claims: dict[str, JsonValue], found: JsonValue
) -> None:
    assert claim_at(claims, ("a", "b")) == found


@pytest.mark.parametrize(
    ("value", "separator", "groups"),
    [
        (None, None, ()),
        ([], None, ()),
        (["b", "a", "b"], None, ("b", "a")),
        ("database admins, east", None, ("database admins, east",)),
        ("a b", " ", ("a", "b")),
        ("a, b,c", ",", ("a", "b", "c")),
        ("", " ", ()),
        ("", ",", ()),
        (["a, b"], ",", ("a, b",)),
    ],
)
def test_groups_are_a_list_or_one_text(
    value: JsonValue, separator: str | None, groups: tuple[str, ...]
) -> None:
    assert groups_of(value, separator) == groups


@pytest.mark.parametrize(
    ("value", "separator"), [("a  b", " "), ("a ", " "), ("a,,b", ","), ("", None), ("a\tb", " ")]
)
def test_group_without_a_name_refuses_the_token(value: str, separator: str | None) -> None:
    with pytest.raises(MissingClaim):
        groups_of(value, separator)


@pytest.mark.parametrize("separator", [" ", ","])
def test_groups_beyond_the_cap_are_never_cut(separator: str) -> None:
    assert len(groups_of(separator.join(f"g{i}" for i in range(200)), separator)) == 200
    with pytest.raises(GroupsOverage):
        groups_of(separator.join(f"g{i}" for i in range(201)), separator)
