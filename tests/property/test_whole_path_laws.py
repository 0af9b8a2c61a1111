"""The seven laws of the scoped token request, on answers of the real service.

1 set equality · 2 only an allow carries one · 3 monotone · 4 ids never shared · 5 no caller's
token anywhere · 6 no wildcard of its own · 7 inexpressible is a refusal, never wider.
"""

from __future__ import annotations

import json
from typing import Any

import jwt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commands import MANIFEST
from counterfoil.core.renderings import kubernetes, postgresql
from main_path import (
    ask,
    assert_denied,
    assert_secret,
    everything_stored,
    kubectl_request,
    new_run,
)
from service import Answer, Service, sql_request
from simulators.hostile_session import SCHEMAS

EXAMPLES = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
TARGETS: dict[str, Any] = {"postgresql": postgresql, "kubernetes": kubernetes}
SEEN: dict[str, str] = {}  # id → its decision, over all examples

tables = st.sampled_from(["public.a", "public.b", 'public."Odd.Name"', 'public."*"', "secret.a"])
columns = st.lists(st.sampled_from(["id", "name", '"*"']), min_size=1, max_size=3, unique=True)
statements = st.one_of(
    st.builds("CREATE TABLE {} (id int)".format, tables),
    st.builds("SELECT {} FROM {}".format, columns.map(", ".join), tables),
    st.builds("SELECT a.id FROM {} AS a, {} AS b WHERE a.id = b.id".format, tables, tables),
    st.builds("DELETE FROM {}".format, tables),
    st.builds("UPDATE {} SET id = 1".format, tables),
    st.builds("INSERT INTO {} (id) VALUES (1)".format, tables),
    st.builds("{}; {}".format, st.just("SELECT 1"), st.builds("DROP TABLE {}".format, tables)),
    st.sampled_from(
        ["", "SELECT", "DO ''", "SELECT * FROM public.a", "GRANT ALL ON public.a TO x"]
    ),
)
images = st.sampled_from(
    ["registry.example.com/acme/web:1", "registry.example.com/acme/*:1", "evil.example/web:1", "*"]
)
namespaces = st.sampled_from(["staging", "prod", '"*"', "default"])
manifests = st.builds(
    lambda namespace, image: MANIFEST.replace("staging", namespace).replace(
        "registry.example.com/acme/web:1.4", json.dumps(image)
    ),
    namespaces,
    images,
)
requests = st.one_of(statements.map(sql_request), manifests.map(kubectl_request))


def answers_to(service: Service, actions: list[Any]) -> tuple[list[dict[str, Any]], str, str]:
    token = service.token(run=new_run())
    answer: Answer = ask(service, {"actions": actions}, token)
    assert answer.status == 200, answer.body
    decisions: list[dict[str, Any]] = answer.body["decisions"]
    assert len(decisions) == len(actions)
    return decisions, token, json.dumps(answer.body)


def claims_of(decision: dict[str, Any]) -> dict[str, Any]:
    signed = decision["scoped_token_request"]["signed_request"]
    claims: dict[str, Any] = jwt.decode(signed, options={"verify_signature": False})
    return claims


def sets_are_equal(decision: dict[str, Any]) -> None:  # 1
    permissions, request = decision["permissions"], decision["scoped_token_request"]
    claims = claims_of(decision)
    for details in (request["authorization_details"], claims["authorization_details"]):
        assert details == permissions
    assert claims["ambient_details"] == decision["ambient"]
    (kind,) = request["renderings"]
    target = TARGETS[kind]
    rights = {right for item in permissions + decision["ambient"] for right in target.rights(item)}
    assert target.parse_back(request["renderings"][kind]) == rights


def ids_are_its_own(decision: dict[str, Any]) -> None:  # 4
    claims, name = claims_of(decision), decision["decision_id"]
    assert claims["txn"] == decision["scoped_token_request"]["decision_id"] == name
    for ident in (claims["jti"], decision["scoped_token_request"]["id"]):
        assert SEEN.setdefault(ident, name) == name
    assert SEEN.setdefault(name, name) == name


def no_wildcard_of_its_own(decision: dict[str, Any]) -> None:  # 6
    asked = json.dumps([decision["permissions"], decision["ambient"]])
    rendered = json.dumps(decision["scoped_token_request"]["renderings"])
    if "*" not in asked:
        assert "*" not in rendered
    assert " ALL " not in rendered
    assert " PUBLIC" not in rendered


@EXAMPLES
@given(st.lists(requests, min_size=1, max_size=8))
def test_the_laws_hold_for_every_answer(service: Service, actions: list[Any]) -> None:
    honest = sql_request("CREATE TABLE public.honest (id int)")
    decisions, token, text = answers_to(service, [*actions, honest])
    assert decisions[-1]["effect"] == "allow"  # the control
    assert_secret(text, [token])  # 5
    for decision in decisions:
        SCHEMAS.validator("authorization_response")(decision)
        assert SEEN.setdefault(decision["receipt"]["event_id"], "") == ""
        SEEN[decision["receipt"]["event_id"]] = "taken"
        if decision["effect"] != "allow":  # 2
            assert_denied(decision)
            continue
        assert decision["permissions"]
        sets_are_equal(decision)
        ids_are_its_own(decision)
        no_wildcard_of_its_own(decision)


@EXAMPLES
@given(columns, columns)
def test_a_column_less_is_a_column_less_everywhere(
    service: Service, some: list[str], more: list[str]
) -> None:
    """3: the renderings follow the operations, and nothing appears that they do not require."""
    all_columns = list(dict.fromkeys([*some, *more]))
    sql = "SELECT {} FROM public.a"
    actions = [sql_request(sql.format(", ".join(names))) for names in (some, all_columns)]
    (fewer, whole), _, _ = answers_to(service, actions)
    assert set(fewer["permissions"][0]["columns"]) == {name.strip('"') for name in some}
    rendered = [
        postgresql.parse_back(decision["scoped_token_request"]["renderings"]["postgresql"])
        for decision in (fewer, whole)
    ]
    assert rendered[0] <= rendered[1]
    assert len(rendered[1] - rendered[0]) == len(set(all_columns) - set(some))


@EXAMPLES
@given(st.sampled_from(["{{name}}", "a{{name}}", "{{name}}b"]))
def test_what_a_target_cannot_express_is_refused(service: Service, name: str) -> None:
    """7, with its control in the same request."""
    statement = 'SELECT id FROM public."{}"'.format
    actions = [sql_request(statement(table)) for table in (name, "plain")]
    (refused, control), _, _ = answers_to(service, actions)
    assert_denied(refused, "grant.permission_not_renderable")
    assert control["effect"] == "allow"


def test_no_callers_token_is_kept_or_said_anywhere(service: Service) -> None:
    """5: answers, problems, what the service printed, and every byte of the ledger's files."""
    tokens = [
        service.token(),
        service.token("bob", ["marketing"]),
        service.token(aud="billing"),
        service.token(agent=None),
        service.token(iat=1_700_000_000, nbf=1_700_000_000, exp=1_700_000_600),
    ]
    bodies: list[Any] = [sql_request("SELECT id FROM public.a"), {"subject": 1}, {"actions": []}]
    said = [json.dumps(ask(service, body, token).body) for token in tokens for body in bodies]
    own = service.authorize(token=tokens[0]).body["decision_id"]
    paths = (f"/decisions/{own}", "/nowhere")
    said += [json.dumps(service.request("GET", path, token=tokens[0]).body) for path in paths]
    stored = everything_stored(service)
    assert own in stored  # the control: this decision is in those bytes
    assert_secret("".join([*said, *service.lines, service.metrics(), stored]), tokens)
