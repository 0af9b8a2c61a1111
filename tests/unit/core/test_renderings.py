from __future__ import annotations

import json
from typing import Any

import pgparse
import pytest

from counterfoil.core.renderings import NotRenderable, kubernetes, postgresql, render_all

DB = "postgresql://db/orders"
CLUSTER = "https://k8s:6443"


def _pg(kind: str, identifier: str, *actions: str, **more: Any) -> dict[str, Any]:
    base = {"type": "postgresql", "locations": [DB], "object": kind, "identifier": identifier}
    return {**base, "actions": list(actions), "operations": [0], **more}


def _k8s(**more: Any) -> dict[str, Any]:
    rule = {
        "apiGroups": ["apps"],
        "resources": ["deployments"],
        "resourceNames": ["api"],
        "verbs": ["create", "patch"],
    }
    base = {"type": "kubernetes", "locations": [CLUSTER], "identifier": "staging"}
    limits = {"images": ["registry.example.com/acme/api"], "powers": ["image"]}
    value = {**base, "rules": [rule], **limits, "operations": [0], **more}
    return {name: item for name, item in value.items() if item is not None}


GOOD = _pg("schema", "public", "create")
EXPRESSIBLE = {
    "schema": (GOOD, 'GRANT CREATE ON SCHEMA "public" TO "{{name}}"'),
    "database": (_pg("database", "orders", "connect"), 'GRANT CONNECT ON DATABASE "orders" TO "{{name}}"'),
    "table": (_pg("table", "public.t", "select", "insert"), 'GRANT INSERT, SELECT ON TABLE "public"."t" TO "{{name}}"'),
    "columns": (
        _pg("table", "public.t", "select", columns=["b", "a"]),
        'GRANT SELECT ("a", "b") ON TABLE "public"."t" TO "{{name}}"',
    ),
    "column-object": (
        _pg("column", "public.t", "update", columns=["a"]),
        'GRANT UPDATE ("a") ON TABLE "public"."t" TO "{{name}}"',
    ),
    "odd-names": (
        _pg("table", 'public."Odd.""Name"', "select", columns=['a", "b', "a.b", "select"]),
        'GRANT SELECT ("a"", ""b", "a.b", "select") ON TABLE "public"."Odd.""Name" TO "{{name}}"',
    ),
    "statement-in-a-name": (
        _pg("schema", '"x"" TO PUBLIC; DROP TABLE t; --"', "usage"),
        'GRANT USAGE ON SCHEMA "x"" TO PUBLIC; DROP TABLE t; --" TO "{{name}}"',
    ),
    "sequence": (_pg("sequence", "public.s", "usage"), 'GRANT USAGE ON SEQUENCE "public"."s" TO "{{name}}"'),
    "type": (_pg("type", "public.t", "usage"), 'GRANT USAGE ON TYPE "public"."t" TO "{{name}}"'),
}  # fmt: skip


@pytest.mark.parametrize("name", EXPRESSIBLE)
def test_one_statement_for_one_object_that_postgresql_reads_the_same(name: str) -> None:
    permission, statement = EXPRESSIBLE[name]
    rendering = render_all([permission])["postgresql"]
    assert isinstance(rendering, dict)
    assert rendering["grants"] == [statement]
    assert rendering["revokes"] == [
        statement.replace("GRANT", "REVOKE", 1).replace(' TO "{{name}}"', ' FROM "{{name}}"')
    ]
    parsed = pgparse.parse(statement)
    assert len(parsed) == 1
    grant = parsed[0]["stmt"]["GrantStmt"]
    assert grant["grantees"][0]["RoleSpec"]["rolename"] == "{{name}}"
    assert "grant_option" not in grant
    words = {item["AccessPriv"]["priv_name"] for item in grant["privileges"]}
    assert words == set(permission["actions"])


OWNED: dict[str, tuple[dict[str, Any], str]] = {
    "plain": (_pg("table", "public.invoices", "owner"), 'ALTER TABLE "public"."invoices" OWNER TO "{{name}}"'),
    "odd-names": (
        _pg("table", '"a.b"."c""; DROP TABLE x; --"', "owner"),
        'ALTER TABLE "a.b"."c""; DROP TABLE x; --" OWNER TO "{{name}}"',
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OWNED)
def test_ownership_is_the_transfer_of_exactly_that_table(name: str) -> None:
    permission, statement = OWNED[name]
    rendering = render_all([GOOD, permission])["postgresql"]
    assert rendering == {
        "location": DB,
        "grants": ['GRANT CREATE ON SCHEMA "public" TO "{{name}}"'],
        "revokes": ['REVOKE CREATE ON SCHEMA "public" FROM "{{name}}"'],
        "transfers": [statement],
    }
    parsed = pgparse.parse(statement)
    assert len(parsed) == 1
    alter = parsed[0]["stmt"]["AlterTableStmt"]
    (command,) = (item["AlterTableCmd"] for item in alter["cmds"])
    assert (command["subtype"], command["newowner"]["rolename"]) == ("AT_ChangeOwner", "{{name}}")
    path = (alter["relation"]["schemaname"], alter["relation"]["relname"])
    (right,) = postgresql.rights(permission)
    assert right == postgresql.Right(DB, "table", path, None, "owner")


def test_without_ownership_nothing_is_transferred() -> None:
    rendering: Any = render_all([GOOD, _pg("table", "public.t", "select")])["postgresql"]
    assert "transfers" not in rendering


def test_other_rights_beside_ownership_stay_their_own() -> None:
    both = _pg("table", "public.t", "owner", "select")
    rendering: Any = render_all([both])["postgresql"]
    assert rendering["grants"] == ['GRANT SELECT ON TABLE "public"."t" TO "{{name}}"']
    assert rendering["transfers"] == ['ALTER TABLE "public"."t" OWNER TO "{{name}}"']


FORGED_TRANSFERS = {
    "another-role": 'ALTER TABLE "public"."t" OWNER TO "postgres"',
    "current-user": 'ALTER TABLE "public"."t" OWNER TO CURRENT_USER',
    "every-object": 'REASSIGN OWNED BY "app" TO "{{name}}"',
    "membership": 'GRANT "app" TO "{{name}}"',
    "schema": 'ALTER SCHEMA "public" OWNER TO "{{name}}"',
    "unqualified": 'ALTER TABLE "t" OWNER TO "{{name}}"',
    "three-parts": 'ALTER TABLE "orders"."public"."t" OWNER TO "{{name}}"',
    "two-statements": 'ALTER TABLE "public"."t" OWNER TO "{{name}}"; DROP TABLE "public"."u"',
    "another-form": 'ALTER TABLE "public"."t" DISABLE ROW LEVEL SECURITY, OWNER TO "{{name}}"',
    "last-newline": 'ALTER TABLE "public"."t" OWNER TO "{{name}}"\n',
}


@pytest.mark.parametrize("name", FORGED_TRANSFERS)
def test_a_transfer_of_anything_else_never_reads_back(name: str) -> None:
    honest: Any = render_all([_pg("table", "public.t", "owner")])["postgresql"]
    assert len(postgresql.parse_back(honest)) == 1
    with pytest.raises(NotRenderable):
        postgresql.parse_back({**honest, "transfers": [FORGED_TRANSFERS[name]]})
    with pytest.raises(NotRenderable):
        postgresql.parse_back({**honest, "grants": [FORGED_TRANSFERS[name]]})


def test_a_transfer_more_or_less_is_a_difference() -> None:
    permission = _pg("table", "public.t", "owner")
    honest: Any = render_all([permission])["postgresql"]
    neighbour = 'ALTER TABLE "public"."u" OWNER TO "{{name}}"'
    wanted = postgresql.rights(permission)
    assert postgresql.parse_back(honest) == wanted
    for transfers in ([], [neighbour], [*honest["transfers"], neighbour]):
        assert postgresql.parse_back({**honest, "transfers": transfers}) != wanted


INEXPRESSIBLE: dict[str, dict[str, Any]] = {
    "owner-of-schema": _pg("schema", "public", "owner"),
    "owner-of-database": _pg("database", "orders", "owner"),
    "owner-of-function": _pg("function", "public.f", "owner"),
    "owner-of-role": _pg("role", "app", "owner"),
    "owner-of-columns": _pg("table", "public.t", "owner", columns=["a"]),
    "owner-of-column-object": _pg("column", "public.t", "owner", columns=["a"]),
    "owner-unqualified": _pg("table", "t", "owner"),
    "owner-of-all": _pg("table", "public.*", "owner"),
    "owner-template": _pg("table", 'public."{{name}}"', "owner"),
    "all": _pg("table", "public.t", "all"),
    "upper-action": _pg("table", "public.t", "SELECT"),
    "action-with-option": _pg("table", "public.t", "select with grant option"),
    "create-on-table": _pg("table", "public.t", "create"),
    "no-action": _pg("table", "public.t"),
    "function": _pg("function", "public.f", "execute"),
    "role": _pg("role", "admin", "usage"),
    "unqualified": _pg("table", "t", "select"),
    "three-parts": _pg("table", "orders.public.t", "select"),
    "qualified-schema": _pg("schema", "orders.public", "create"),
    "upper-unquoted": _pg("schema", "Public", "create"),
    "wildcard": _pg("table", "public.*", "select"),
    "two-objects": _pg("table", "public.a, public.b", "select"),
    "unclosed-quote": _pg("schema", '"public', "create"),
    "empty-quote": _pg("schema", '""', "create"),
    "trailing-dot": _pg("schema", "public.", "create"),
    "trailing-text": _pg("schema", "public TO PUBLIC", "create"),
    "newline": _pg("schema", '"a\nb"', "create"),
    "nul": _pg("schema", '"a\0b"', "create"),
    "template": _pg("schema", '"{{name}}"', "create"),
    "template-end": _pg("schema", '"a}}b"', "create"),
    "64-bytes": _pg("schema", "a" * 64, "create"),
    "64-bytes-in-utf8": _pg("schema", '"' + "ä" * 32 + '"', "create"),
    "column-privilege-missing": _pg("table", "public.t", "delete", columns=["a"]),
    "no-columns": _pg("table", "public.t", "select", columns=[]),
    "column-number": _pg("table", "public.t", "select", columns=[1]),
    "columns-of-schema": _pg("schema", "public", "usage", columns=["a"]),
    "column-object-whole": _pg("column", "public.t", "select"),
    "unknown-member": _pg("schema", "public", "create", grantable=True),
    "two-locations": _pg("schema", "public", "create", locations=[DB, "postgresql://db/x"]),
    "no-location": _pg("schema", "public", "create", locations=[]),
    "identifier-missing": _pg("schema", "", "create"),
}


@pytest.mark.parametrize("name", INEXPRESSIBLE)
def test_what_postgresql_cannot_say_exactly_is_refused(name: str) -> None:
    assert render_all([GOOD])
    with pytest.raises(NotRenderable):
        render_all([GOOD, INEXPRESSIBLE[name]])
    with pytest.raises(NotRenderable):  # refused before it is written, not only when read back
        postgresql.rights(INEXPRESSIBLE[name])


def test_two_databases_in_one_request_are_refused() -> None:
    other = _pg("schema", "public", "create", locations=["postgresql://db/other"])
    with pytest.raises(NotRenderable):
        render_all([GOOD, other])


def test_rendering_that_reads_back_otherwise_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # A renderer with a fault: every name becomes another one.
    schema = _pg("schema", "not_rendered_before", "create")
    monkeypatch.setattr(postgresql, "_quote", lambda name: f'"{name}x"')
    with pytest.raises(NotRenderable, match="would not hold exactly"):
        render_all([schema])
    monkeypatch.undo()
    assert render_all([schema])


def test_role_and_its_admission_limits_stand_together() -> None:
    rendering = render_all([_k8s()])["kubernetes"]
    assert rendering == {
        "location": CLUSTER,
        "roles": [
            {
                "role": {
                    "apiVersion": "rbac.authorization.k8s.io/v1",
                    "kind": "Role",
                    "metadata": {"namespace": "staging"},
                    "rules": _k8s()["rules"],
                },
                "admission": {"images": ["registry.example.com/acme/api"], "powers": ["image"]},
            }
        ],
        "discovery": [],
        "lifetime_floor_seconds": 600,
        "early_revocation": "delete the Secret that the token is bound to",
    }


def test_limits_of_one_deployment_are_not_lent_to_another() -> None:
    second = json.loads(json.dumps(_k8s(images=["registry.example.com/acme/web"])))
    second["rules"][0]["resourceNames"] = ["web"]
    rendering: Any = render_all([_k8s(), second])["kubernetes"]
    pairs = {
        (entry["role"]["rules"][0]["resourceNames"][0], entry["admission"]["images"][0])
        for entry in rendering["roles"]
    }
    assert pairs == {
        ("api", "registry.example.com/acme/api"),
        ("web", "registry.example.com/acme/web"),
    }


def test_discovery_belongs_to_no_role() -> None:
    ambient = _k8s(
        identifier="",
        rules=[{"nonResourceURLs": ["/version", "/api/*"], "verbs": ["get"]}],
        images=None,
        powers=[],
        operations=None,
    )
    rendering: Any = render_all([_k8s(), ambient])["kubernetes"]
    assert rendering["discovery"] == ["/api/*", "/version"]
    assert len(rendering["roles"]) == 1


def _rule(**more: Any) -> dict[str, Any]:
    return _k8s(rules=[{**_k8s()["rules"][0], **more}])


def _urls(urls: list[str], **more: Any) -> dict[str, Any]:
    rules = [{"nonResourceURLs": urls, "verbs": ["get"], **more}]
    return _k8s(identifier="", rules=rules, images=None, powers=[])


NO_ROLE: dict[str, dict[str, Any]] = {
    "namespace-missing": _k8s(identifier=""),
    "namespace-wildcard": _k8s(identifier="*"),
    "namespace-upper": _k8s(identifier="Staging"),
    "namespace-newline": _k8s(identifier="staging\n"),
    "verb-wildcard": _rule(verbs=["*"]),
    "resource-wildcard": _rule(resources=["*"]),
    "group-wildcard": _rule(apiGroups=["*"]),
    "name-wildcard": _rule(resourceNames=["*"]),
    "escalate": _rule(verbs=["escalate"]),
    "bind": _rule(verbs=["bind"]),
    "impersonate": _rule(verbs=["impersonate"]),
    "deletecollection-by-name": _rule(verbs=["deletecollection"]),
    "no-verbs": _rule(verbs=[]),
    "no-resources": _rule(resources=[]),
    "empty-names": _rule(resourceNames=[]),
    "no-groups": _rule(apiGroups=[]),
    "group-number": _rule(apiGroups=[1]),
    "unknown-rule-member": _rule(nonResourceURLs=["/"]),
    "unknown-member": _k8s(cluster_wide=True),
    "rule-text": _k8s(rules=["*"]),
    "no-rules": _k8s(rules=[]),
    "image-space": _k8s(images=["registry.example.com/a b"]),
    "image-newline": _k8s(images=["registry.example.com/a\n"]),
    "power-space": _k8s(powers=["any thing"]),
    "two-clusters": _k8s(locations=[CLUSTER, "https://other"]),
    "secret-path": _urls(["/metrics"]),
    "all-paths": _urls(["*"]),
    "path-post": _urls(["/api"], verbs=["post"]),
    "path-with-resources": _urls(["/api"], resources=["pods"]),
}


@pytest.mark.parametrize("name", NO_ROLE)
def test_what_a_role_cannot_say_exactly_is_refused(name: str) -> None:
    assert render_all([_k8s()])
    with pytest.raises(NotRenderable):
        render_all([_k8s(), NO_ROLE[name]])


@pytest.mark.parametrize("limit", ["images", "powers"])
def test_no_limit_and_an_empty_limit_are_not_the_same(limit: str) -> None:
    without, empty = _k8s(**{limit: None}), _k8s(**{limit: []})
    assert kubernetes.rights(without) != kubernetes.rights(empty)
    assert render_all([without]) != render_all([empty])
