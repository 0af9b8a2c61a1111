"""The laws of the scoped token request, over generated decisions.

1 set equality · 2 only an allow carries one · 3 monotone · 4 ids never shared · 5 no token in
it · 6 no wildcard that is not in the permission · 7 inexpressible is a refusal, never wider.
"""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import replace
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.core import renderings
from counterfoil.core.grant import GrantTerms, issue_grant, scoped_token_request
from counterfoil.core.model import (
    Actor,
    Caller,
    Decision,
    Effect,
    Grant,
    Interpretation,
    Reason,
    Resource,
    Subject,
)
from counterfoil.core.permissions import permissions_match
from counterfoil.core.renderings import kubernetes, postgresql
from counterfoil.identity.signing import Es256Signer

NOW = 1_800_000_000.0
SIGNER = Es256Signer(ec.generate_private_key(ec.SECP256R1()))
DATABASE = Resource(type="postgresql", id="o", location="postgresql://db/o", issuer="pg")
CLUSTER = Resource(type="kubernetes", id="m", location="https://k8s", issuer="k8s")
COUNTER = itertools.count()
JWS = re.compile(r"[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}")

# Names that a careless renderer would break on, beside ordinary ones.
names = st.one_of(
    st.sampled_from(
        ["public", "orders", "t", "select", 'a"b', "a.b", "Ä", "a b", "x; DROP", "*", "all"]
    ),
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=12),
)
names = names.filter(lambda name: "{{" not in name and "}}" not in name)
operations = st.lists(st.integers(0, 5), min_size=1, max_size=3, unique=True)


def _subset(words: list[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(words), min_size=1, max_size=3, unique=True)


@st.composite
def database_permissions(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["schema", "table", "sequence", "database"]))
    actions = {
        "schema": ["create", "usage"],
        "table": ["select", "insert", "update", "delete", "owner"],
        "sequence": ["usage", "select"],
        "database": ["connect", "temporary"],
    }[kind]
    parts = draw(st.lists(names, min_size=2, max_size=2))[
        : 2 if kind in {"table", "sequence"} else 1
    ]
    value: dict[str, Any] = {
        "type": "postgresql",
        "locations": [DATABASE.location],
        "object": kind,
        "identifier": ".".join('"' + part.replace('"', '""') + '"' for part in parts),
        "actions": draw(_subset(actions)),
        "operations": draw(operations),
    }
    if kind == "table" and draw(st.booleans()):
        value["actions"] = draw(_subset(["select", "insert", "update"]))
        value["columns"] = draw(st.lists(names, min_size=1, max_size=3, unique=True))
    return value


@st.composite
def cluster_permissions(draw: st.DrawFn) -> dict[str, Any]:
    value: dict[str, Any] = {
        "type": "kubernetes",
        "locations": [CLUSTER.location],
        "identifier": draw(st.sampled_from(["staging", "default", "a-1"])),
        "rules": [
            {
                "apiGroups": draw(_subset(["", "apps", "batch"])),
                "resources": draw(_subset(["deployments", "pods", "pods/log"])),
                **({"resourceNames": draw(_subset(["api", "web"]))} if draw(st.booleans()) else {}),
                "verbs": draw(_subset(["create", "patch", "get", "list"])),
            }
            for _ in range(draw(st.integers(1, 2)))
        ],
        "operations": draw(operations),
    }
    if draw(st.booleans()):
        value["images"] = draw(
            st.lists(st.sampled_from(["r.example/a", "r.example/b"]), max_size=2)
        )
        value["powers"] = draw(st.lists(st.sampled_from(["image", "node"]), max_size=2))
    return value


sets = st.one_of(
    st.tuples(st.just(DATABASE), st.lists(database_permissions(), max_size=4)),
    st.tuples(st.just(CLUSTER), st.lists(cluster_permissions(), max_size=4)),
)
splits = st.integers(0, 4)


def _issue(
    resource: Resource,
    permissions: list[dict[str, Any]],
    ambient: list[dict[str, Any]],
    **changes: Any,
) -> tuple[Decision, Grant | None]:
    number = f"{next(COUNTER):026d}"
    decision = Decision(
        effect=Effect.ALLOW,
        reasons=(Reason(code="rbac.granted", title="t"),),
        permissions=tuple(permissions),
        policy_revision="dev+sha256:" + "0" * 64,
    )
    caller = Caller(
        tenant="default",
        subject=Subject(issuer="https://idp.example.com", sub="alice"),
        actor=Actor(issuer="https://idp.example.com", sub="coder"),
        run_id=None,
        prompt_digest=None,
        expires_at=NOW + 900,
    )
    return issue_grant(
        replace(decision, **changes),
        caller,
        Interpretation(required=tuple(permissions), ambient=tuple(ambient)),
        resource,
        decision_id=f"dec_{number}",
        action_digest="A" * 43,
        terms=GrantTerms(issuer="https://counterfoil.example.com"),
        request_id=f"str_{number}",
        jti=f"jti_{number}",
        now=NOW,
    )


def _claims(grant: Grant) -> dict[str, Any]:
    options: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
    key = jwt.PyJWK(dict(SIGNER.public_jwk))
    signed = str(scoped_token_request(grant, SIGNER.sign)["signed_request"])
    return jwt.decode(signed, key, ["ES256"], audience=grant.audience, options=options)


def _rights(rendering: Any) -> set[Any]:
    found: set[Any] = set()
    if "postgresql" in rendering:
        found |= postgresql.parse_back(rendering["postgresql"])
    if "kubernetes" in rendering:
        found |= kubernetes.parse_back(rendering["kubernetes"])
    return found


def _wanted(permissions: list[dict[str, Any]]) -> set[Any]:
    reader = {"postgresql": postgresql.rights, "kubernetes": kubernetes.rights}
    return set().union(*(reader[item["type"]](item) for item in permissions))


@given(sets, splits)
def test_law_1_permissions_details_and_renderings_are_one_set(
    made: tuple[Resource, list[dict[str, Any]]], split: int
) -> None:
    resource, items = made
    permissions, ambient = items[:split], items[split:]
    decision, grant = _issue(resource, permissions, ambient)
    assert decision.effect is Effect.ALLOW
    assert grant is not None
    claims, answer = _claims(grant), scoped_token_request(grant, SIGNER.sign)
    assert permissions_match(claims["authorization_details"], permissions)
    assert permissions_match(claims["ambient_details"], ambient)
    assert answer["authorization_details"] == permissions
    assert _rights(answer["renderings"]) == _wanted(items)


@given(sets, st.sampled_from([Effect.DENY, Effect.NEEDS_APPROVAL]))
def test_law_2_nothing_but_an_allow_carries_a_request(
    made: tuple[Resource, list[dict[str, Any]]], effect: Effect
) -> None:
    resource, items = made
    assert _issue(resource, items, [])[1] is not None
    decision, grant = _issue(resource, items, [], effect=effect)
    assert (decision.effect, grant) == (effect, None)


@given(sets, st.data())
def test_law_3_a_permission_less_is_one_less_everywhere(
    made: tuple[Resource, list[dict[str, Any]]], data: st.DataObject
) -> None:
    resource, items = made
    if not items:
        return
    gone = data.draw(st.integers(0, len(items) - 1))
    fewer = items[:gone] + items[gone + 1 :]
    _, whole = _issue(resource, items, [])
    _, part = _issue(resource, fewer, [])
    assert whole is not None
    assert part is not None
    assert _rights(part.renderings) == _wanted(fewer)
    assert _rights(part.renderings) <= _rights(whole.renderings)
    assert len(_claims(part)["authorization_details"]) == len(items) - 1


@given(st.lists(sets, min_size=2, max_size=5))
def test_law_4_no_two_requests_share_an_id(
    made: list[tuple[Resource, list[dict[str, Any]]]],
) -> None:
    grants = [_issue(resource, items, [])[1] for resource, items in made]
    for name in ("txn", "jti"):
        assert len({_claims(grant)[name] for grant in grants if grant}) == len(made)
    assert len(
        {scoped_token_request(grant, SIGNER.sign)["id"] for grant in grants if grant}
    ) == len(made)


@given(sets)
def test_law_5_no_token_is_in_the_request(made: tuple[Resource, list[dict[str, Any]]]) -> None:
    # The core never sees the caller's token; what it signs is the only JWS in the answer.
    resource, items = made
    _, grant = _issue(resource, items, [])
    assert grant is not None
    answer = dict(scoped_token_request(grant, SIGNER.sign))
    signed = answer.pop("signed_request")
    assert isinstance(signed, str)
    assert jwt.decode(signed, options={"verify_signature": False}) == dict(grant.claims)
    assert not JWS.search(json.dumps(answer))
    assert JWS.search(json.dumps(signed))


@given(sets)
def test_law_6_no_wildcard_that_the_permission_has_not(
    made: tuple[Resource, list[dict[str, Any]]],
) -> None:
    resource, items = made
    _, grant = _issue(resource, items, [])
    assert grant is not None
    text = json.dumps(grant.renderings)
    if "*" not in json.dumps(items):
        assert "*" not in text
    rendered: Any = grant.renderings
    database = rendered.get("postgresql", {})
    for statement in (*database.get("grants", []), *database.get("transfers", [])):
        outside = statement.split('"')[::2]
        assert not {"ALL", "PUBLIC", "OPTION", "REASSIGN"} & set(" ".join(outside).split())


SPOILS: list[dict[str, Any]] = [
    {"actions": ["owner"], "columns": ["a"]},
    {"verbs": ["*"]},
    {"identifier": "*"},
    {"identifier": "a\nb"},
    {"locations": ["https://elsewhere"]},
    {"unknown": True},
    {"rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]},
]


@given(sets.filter(lambda made: bool(made[1])), st.sampled_from(SPOILS), st.data())
def test_law_7_what_cannot_be_expressed_is_a_deny(
    made: tuple[Resource, list[dict[str, Any]]], spoil: dict[str, Any], data: st.DataObject
) -> None:
    resource, items = made
    at = data.draw(st.integers(0, len(items) - 1))
    spoiled = [*items[:at], {**items[at], **spoil}, *items[at + 1 :]]
    decision, grant = _issue(resource, spoiled, [])
    assert grant is None
    assert decision.effect is Effect.DENY
    assert decision.permissions == ()
    elsewhere = "locations" in spoil and len(items) > 1
    code = "grant.several_resources" if elsewhere else "grant.permission_not_renderable"
    assert decision.reasons[0].code == code


@given(st.lists(database_permissions(), min_size=1, max_size=4))
@settings(max_examples=50)
def test_permissions_are_a_set_whatever_their_order(items: list[dict[str, Any]]) -> None:
    turned = [
        {name: value[::-1] if isinstance(value, list) else value for name, value in item.items()}
        for item in reversed(items)
    ]
    assert permissions_match(turned, items)
    assert renderings.render_all(turned) == renderings.render_all(items)
