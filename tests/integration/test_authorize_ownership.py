"""Dropping and altering wait for people: the running service under the development policy."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from commands import read_sql
from counterfoil.ports import PolicyAnswer, PolicyQuestion
from counterfoil.resources import packaged
from main_path import assert_allowed, assert_denied, leaves, new_run
from service import Service, running_service
from simulators.hostile_session import SCHEMAS
from simulators.real_opa import real_opa

DROP = "DROP TABLE public.invoices"
OWNERSHIP = {
    "type": "postgresql",
    "locations": ["postgresql://127.0.0.1:5432/orders"],
    "object": "table",
    "identifier": "public.invoices",
    "actions": ["owner"],
    "operations": [0],
}
WAITS = [
    DROP,
    "DROP TABLE IF EXISTS public.invoices, public.customers",
    "ALTER TABLE public.invoices ADD COLUMN due date",
    "ALTER TABLE public.invoices ADD PRIMARY KEY (id)",
    "ALTER TABLE public.invoices RENAME TO bills",
]
DENIED = {
    "another schema": ("DROP TABLE secret.invoices", "policy.default_deny"),
    "one of two in another schema": ("DROP TABLE public.invoices, secret.b", "policy.default_deny"),
    "altered in another schema": ("ALTER TABLE secret.invoices ADD a int", "policy.default_deny"),
    "renamed in another schema": ("ALTER TABLE secret.a RENAME TO b", "policy.default_deny"),
    "the schema itself": ("DROP SCHEMA public", "policy.default_deny"),
    "a function": ("DROP FUNCTION public.f(int)", "uncertain.sql_drop_kind"),
    "with all that depends on it": (DROP + " CASCADE", "uncertain.sql_cascade"),
    "given away": ("ALTER TABLE public.invoices OWNER TO evil", "uncertain.sql_alter_form"),
    "a second statement": (f"{DROP}; DROP TABLE public.b", "database.approve_alone"),
}


@pytest.mark.parametrize("sql", WAITS)
def test_dropping_and_altering_wait_for_a_person_and_permit_nothing(
    service: Service, sql: str
) -> None:
    run = new_run()
    answer = service.authorize(sql, token=service.token(run=run))
    assert answer.status == 200
    SCHEMAS.validator("authorization_response")(answer.body)
    assert answer.body["effect"] == "needs_approval"
    assert [reason["code"] for reason in answer.body["reasons"]] == ["policy.approval_required"]
    assert answer.body["permissions"] == answer.body["ambient"] == []
    assert not {"scoped_token_request", "execute"} & answer.body.keys()
    (leaf,) = (leaf for leaf in leaves(service, run) if leaf["event"] == "decided")
    assert leaf["plain"]["effect"] == "needs_approval"
    assert "grant" not in leaf["plain"]


@pytest.mark.parametrize("case", DENIED)
def test_what_nobody_could_approve_is_denied(service: Service, case: str) -> None:
    sql, code = DENIED[case]
    assert_denied(service.authorize(sql).body, code)
    assert service.authorize(DROP).body["effect"] == "needs_approval"


def test_a_stranger_is_not_even_asked_about(service: Service) -> None:
    for token in (service.token(groups=["guests"]), service.token(agent="other")):
        assert_denied(service.authorize(DROP, token=token).body, "policy.default_deny")
    assert service.authorize(DROP).body["effect"] == "needs_approval"


def test_database_admins_are_those_who_approve() -> None:
    with real_opa() as running:
        engine = running.engine()
        answers = engine.ask([_question(sql) for sql in WAITS], deadline=time.monotonic() + 8)
        engine.close()
    assert len(answers) == len(WAITS)
    for answer in answers:
        assert isinstance(answer, PolicyAnswer)
        result: Any = answer.result
        assert (result["effect"], result["permissions"]) == ("needs_approval", [])
        assert result["approval"]["approvers"] == ["database-admins"]


def _question(sql: str) -> PolicyQuestion:
    reading = read_sql(sql)
    issuer = "urn:counterfoil:development"
    document: dict[str, Any] = {
        "tenant": "default",
        "subject": {"iss": issuer, "sub": "alice", "groups": ["developers"]},
        "actor": {"iss": issuer, "sub": "coder"},
        "run": None,
        "action": {"name": "run_sql", "family": "database", "arguments": {}},
        "resource": None,
        "operations": [
            {"family": op.family, "verb": op.verb, "object": op.object, "details": op.details}
            for op in reading.operations
        ],
        "uncertain": [],
        "required": list(reading.required),
        "ambient": list(reading.ambient),
        "action_digest": sql,
        "context": {"time": "2026-11-24T03:10:00.000000Z"},
        "approvals": [],
    }
    return PolicyQuestion(tenant="default", action_digest=sql, input=document)


def test_what_is_changed_has_the_published_shape() -> None:
    schema = json.loads((packaged("schemas") / "policy_input.json").read_text("utf-8"))
    details = schema["$defs"]["operation"]["properties"]["details"]["properties"]
    shape = jsonschema.Draft202012Validator(details["changes"])
    for form in (
        "ADD a int, DROP b, ALTER c TYPE int, ALTER d SET NOT NULL, ADD CHECK (e > 1)",
        "RENAME TO a",
        "RENAME COLUMN a TO b",
    ):
        (operation,) = read_sql(f"ALTER TABLE public.invoices {form}").operations
        shape.validate(operation.details["changes"])
    assert not shape.is_valid([{"name": "a"}])
    assert not shape.is_valid([{"form": "add_column", "cascade": True}])


@pytest.fixture(scope="module")
def lenient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose policy allows dropping and altering without a person."""
    folder = tmp_path_factory.mktemp("lenient")
    policy = folder / "rego"
    shutil.copytree(packaged("rego"), policy)
    file = policy / "data" / "access" / "default" / "data.json"
    text = file.read_text("utf-8").replace('"database-change"}', '"allow"}')
    file.write_text(text, "utf-8")
    with running_service(Path(folder), policy__bundle=policy) as started:
        yield started


def test_an_allowed_drop_is_granted_as_the_transfer_of_that_table(lenient: Service) -> None:
    answer = lenient.authorize(DROP)
    assert_allowed(answer.body, [OWNERSHIP])
    rendering = answer.body["scoped_token_request"]["renderings"]["postgresql"]
    assert rendering["transfers"] == ['ALTER TABLE "public"."invoices" OWNER TO "{{name}}"']
    assert rendering["grants"] == [
        'GRANT CONNECT ON DATABASE "orders" TO "{{name}}"',
        'GRANT USAGE ON SCHEMA "public" TO "{{name}}"',
    ]
    assert answer.body["execute"]["arguments"]["sql"] == DROP


def test_a_name_that_no_transfer_could_hold_is_denied(lenient: Service) -> None:
    answer = lenient.authorize('DROP TABLE public."{{name}}"')
    assert_denied(answer.body, "grant.permission_not_renderable")
    assert lenient.authorize('DROP TABLE public."name"').body["effect"] == "allow"
