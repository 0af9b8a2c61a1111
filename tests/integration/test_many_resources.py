"""One service over PostgreSQL, MySQL and SQLite at once, whose data also knows transactions and tasks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from counterfoil.resources import packaged
from exchange import claims_of, opened
from main_path import ask, assert_allowed, assert_denied
from service import Service, running_service
from simulators.real_opa import policy_folder

RESOURCES = """
[[resource]]
type = "mysql"
id = "shop"
location = "mariadb://127.0.0.1:3306/shop"
issuer = "mysql-shop"

[[resource]]
type = "sqlite"
id = "notes"
location = "sqlite:/srv/notes.db"
issuer = "sqlite-notes"
"""
READ = {"select": {"orders-developer": "allow"}}
RIGHTS = {
    "shop": {"shop": {"table": READ}},
    "notes": {"main": {"table": READ}},
    "orders": {
        "": {"transaction": {"begin": {"orders-developer": "allow"}}},
        "public": {"table": {**READ, "create": {"orders-developer": "allow"}}},
    },
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("many")
    (folder / "counterfoil.toml").write_text(RESOURCES)
    file = "data/access/default/data.json"
    data = json.loads((packaged("rego") / file).read_text("utf-8"))
    data |= {"database": RIGHTS, "tasks": {"read only": {"select": True}}}
    bundle = folder / "policy"
    policy_folder(bundle, {file: json.dumps(data)})
    with running_service(folder, policy__bundle=bundle) as started:
        yield started


def request(database: str, sql: str, **context: str) -> dict[str, Any]:
    arguments = {"database": database, "sql": sql}
    return {
        "action": {"name": "run_sql", "properties": {"arguments": arguments}},
        "context": {"prompt": "Look after the shop", **context},
    }


def decided(service: Service, database: str, sql: str, **context: str) -> dict[str, Any]:
    body: dict[str, Any] = ask(service, request(database, sql, **context)).body
    return body


def right(place: str, kind: str, identifier: str, action: str, **more: Any) -> dict[str, Any]:
    scheme = place.partition(":")[0]
    spoken = {"mariadb": "mysql"}.get(scheme, scheme)
    what = {"object": kind, "identifier": identifier, "actions": [action]}
    return {"type": spoken, "locations": [place], **what, **more}


def test_each_database_is_read_in_its_own_dialect_with_its_own_rights(service: Service) -> None:
    text = "SELECT id, total FROM invoices WHERE id = 7"
    columns = {"columns": ["id", "total"], "operations": [0]}
    postgresql = decided(service, "orders", text)
    place = "postgresql://127.0.0.1:5432/orders"
    assert_allowed(postgresql, [right(place, "table", "public.invoices", "select", **columns)])
    assert postgresql["ambient"] == [
        right(place, "database", "orders", "connect"),
        right(place, "schema", "public", "usage"),
    ]
    shop = decided(service, "shop", text)
    place = "mariadb://127.0.0.1:3306/shop"
    assert_allowed(shop, [right(place, "table", "shop.invoices", "select", **columns)])
    assert "`shop`.`invoices`" in shop["execute"]["arguments"]["sql"]
    notes = decided(service, "notes", text)
    place = "sqlite:/srv/notes.db"
    assert_allowed(notes, [right(place, "table", "main.invoices", "read", **columns)])
    assert notes["execute"]["session"]["authorizer"] == "required"
    for name, answer in (("postgresql", postgresql), ("mysql", shop), ("sqlite", notes)):
        asked = answer["scoped_token_request"]
        assert list(asked["renderings"]) == [name]
        # The credential gets what is required; what everybody has stands beside it, never in it.
        assert asked["authorization_details"] == answer["permissions"]
        assert claims_of(asked["signed_request"])["ambient_details"] == answer["ambient"]


@pytest.mark.parametrize("database", ["shop", "notes"])
def test_another_dialects_words_and_other_verbs_permit_nothing(
    service: Service, database: str
) -> None:
    for sql in ("DELETE FROM invoices", "CREATE TABLE t (id int)", "DROP TABLE invoices"):
        assert_denied(decided(service, database, sql), "policy.default_deny")
    for sql in ("SELECT 1; SELECT 2", "SELECT now()::date FROM invoices", "BEGIN"):
        answer = decided(service, database, sql)
        assert_denied(answer)
        assert answer["reasons"][0]["code"].startswith("uncertain.")
    assert decided(service, database, "SELECT id FROM invoices")["effect"] == "allow"  # control


def test_a_transaction_begins_where_data_says_so_and_needs_nothing_but_to_connect(
    service: Service,
) -> None:
    answer = decided(service, "orders", "BEGIN")
    assert_allowed(answer, [])
    assert [item["actions"] for item in answer["ambient"]] == [["connect"]]
    for sql in ("ROLLBACK", "SAVEPOINT a"):
        assert_denied(decided(service, "orders", sql), "policy.default_deny")
    assert_denied(decided(service, "orders", "BEGIN READ WRITE"), "uncertain.sql_transaction")


def test_a_task_denies_what_data_says_that_its_words_leave_out(service: Service) -> None:
    create, look = "CREATE TABLE public.t (id int)", "SELECT id FROM public.t"
    assert_allowed(  # control
        decided(service, "orders", create, task="Make room"),
        decided(service, "orders", create)["permissions"],
    )
    for context in ({"task": "Count them, READ ONLY"}, {"prompt": "read only, please"}):
        assert_denied(decided(service, "orders", create, **context), "database.beyond_task")
        assert decided(service, "orders", look, **context)["effect"] == "allow"


def test_an_agent_cannot_unsay_what_the_person_said(service: Service) -> None:
    said = opened(service, prompt="Count the invoices, read only")["access_token"]
    body = request("orders", "CREATE TABLE public.t (id int)", task="Make a table")
    del body["context"]["prompt"]
    assert_denied(ask(service, body, said).body, "database.beyond_task")
    free = opened(service, prompt="Add a table")["access_token"]
    assert ask(service, body, free).body["effect"] == "allow"  # control
