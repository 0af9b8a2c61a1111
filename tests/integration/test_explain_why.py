"""`counterfoil explain` names the rule and the data that decided, and only changes that work.

Everything runs on the real reader and the real OPA; each change shown is asked about again.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from counterfoil.cli import explain_why
from counterfoil.core.remedy import Setting, with_settings
from counterfoil.resources import packaged
from explaining import Answers, explained
from simulators.real_opa import policy_folder

ACCESS = "data/access/default/data.json"
DELETE = "DELETE FROM public.invoices WHERE id = 7"
DELETE_ALL = "DELETE FROM public.invoices"
DROP = "DROP TABLE public.users"
CREATE = "CREATE TABLE public.a (id int)"
READ = "SELECT id FROM public.invoices"
SYSTEM = "SELECT relname FROM pg_catalog.pg_class"
BOTH = f"{READ}; {DELETE_ALL}"
ROLE = 'data.data.access.default.roles["orders-developer"]'
DEVELOPER = 'data.data.access.default.database.orders.public.table.%s["orders-developer"]'
LIMITS = {
    "not_columns": {"customers": {"email": True}},
    "max_rows": 100,
    "names": {"customers": True, "invoices": True},
}
HOLDERS = {
    "groups": {"developers": True},
    "agents": {"urn:counterfoil:development": {"coder": True}},
}
LIMITED = {
    "roles": {"clerk": HOLDERS, "keeper": HOLDERS},
    "database": {
        "orders": {
            "public": {
                "table": {
                    "select": {
                        "clerk": {"effect": "allow", **LIMITS},
                        "keeper": {"effect": "allow", "names": {"invoices": True}},
                    },
                    "delete": {"clerk": {"effect": "allow", "keys": {"invoices": [["id"]]}}},
                }
            }
        }
    },
}
COLUMNS = "SELECT name, email FROM public.customers LIMIT 5"
ROWS = "SELECT name FROM public.customers"
MORE = "SELECT name FROM public.customers LIMIT 500"
COLUMNS_AND_ROWS = "SELECT c.email, c.name FROM public.customers c"
HIDDEN = "SELECT name FROM public.customers WHERE email LIKE 'a%' LIMIT 5"


def answers(
    texts: tuple[str, ...], *arguments: str, access: Mapping[str, Any] | None = None
) -> Answers:
    """What explain says of each, on the product's policy or with another tenant's data."""
    with tempfile.TemporaryDirectory(prefix="cf-") as scratch:
        extra = {} if access is None else {ACCESS: json.dumps(access)}
        policy_folder(Path(scratch) / "rego", extra)
        return explained(Path(scratch), texts, "--why", *arguments)


def development() -> dict[str, Any]:
    found = json.loads((packaged("rego") / ACCESS).read_text("utf-8"))
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module")
def said() -> Answers:
    return answers((DELETE, DELETE_ALL, DROP, CREATE, READ, SYSTEM, BOTH, f"{CREATE}; {DROP}"))


@pytest.fixture(scope="module")
def limited() -> Answers:
    texts = (COLUMNS, ROWS, MORE, COLUMNS_AND_ROWS, HIDDEN, DELETE_ALL)
    return answers(texts, access=LIMITED)


def decided(answer: Any, *, held: bool) -> list[dict[str, Any]]:
    return [item for item in answer["decided"] if item["held"] is held]


def commands(answer: Any) -> list[str]:
    return [item["arguments"]["sql"] for item in answer["instead"] if item["change"] == "command"]


def test_an_allow_names_its_rule_and_every_datum_that_it_rests_on(said: Answers) -> None:
    (rule,) = said[CREATE]["decided"]
    assert (rule["rule"], rule["title"], rule["held"]) == ("allow", "Allowed operations", True)
    assert {(item["path"], item.get("value")) for item in rule["data"]} == {
        (DEVELOPER % "create", "allow"),
        (f"{ROLE}.groups.developers", True),
        (f'{ROLE}.agents["urn:counterfoil:development"].coder', True),
    }
    assert said[CREATE]["instead"] == []


def test_the_place_of_a_rule_is_its_own_line(said: Answers) -> None:
    (rule,) = said[CREATE]["decided"]
    file, line = rule["at"].split(":")
    text = (packaged("rego") / file).read_text("utf-8").splitlines()
    assert re.match(r"allow contains i if", text[int(line) - 1])


def test_a_default_deny_names_the_data_that_is_missing(said: Answers) -> None:
    (lack,) = decided(said[DELETE], held=False)
    assert lack["operation"] == 0
    assert lack["data"] == [
        {"path": "data.data.access.default.database.orders.public.table.delete", "found": False}
    ]
    # control: the read that the condition needs is covered, and said so
    assert [item["operation"] for item in decided(said[DELETE], held=True)] == [1]


def test_a_person_without_the_group_is_told_where_it_is_not() -> None:
    answer = answers((READ,), "--sub", "bob", "--group", "guests")[READ]
    (lack,) = decided(answer, held=False)
    assert lack["data"][0]["path"].endswith('roles["orders-developer"].groups.guests')
    assert lack["stopped_at"].startswith("counterfoil/lib/match/match.rego:")


def test_a_deny_names_its_rule_and_no_lack_beside_it(said: Answers) -> None:
    (rule,) = said[SYSTEM]["decided"]
    assert (rule["rule"], rule["operation"]) == ("deny", 0)
    assert rule["data"][0]["path"].endswith("closed_schemas.pg_catalog")
    assert said[SYSTEM]["instead"] == []  # no right opens what a rule closes


def test_the_smallest_grant_covers_what_was_asked_and_nothing_beside_it(said: Answers) -> None:
    (change,) = said[DELETE]["instead"]
    assert change["change"] == "policy"
    (setting,) = change["set"]
    assert setting["path"][-2:] == ["delete", "orders-developer"]
    settings = [Setting(tuple(setting["path"][3:]), setting["value"])]
    access = with_settings(development(), settings)
    assert isinstance(access, dict)
    tried = answers(
        (
            DELETE,
            DELETE_ALL,
            "DELETE FROM public.users WHERE id = 7",
            "DELETE FROM public.invoices WHERE total > 0",
            "UPDATE public.invoices SET total = 0 WHERE id = 7",
            "TRUNCATE public.invoices",
        ),
        access=access,
    )
    assert [item["effect"] for item in tried.values()] == ["allow"] + ["deny"] * 5


def test_where_nobody_holds_a_role_a_new_one_gives_just_this() -> None:
    answer = answers((READ,), "--sub", "bob", "--group", "guests")[READ]
    (change,) = answer["instead"]
    settings = [Setting(tuple(item["path"][3:]), item["value"]) for item in change["set"]]
    access = with_settings(development(), settings)
    assert isinstance(access, dict)
    bob = ("--sub", "bob", "--group", "guests")
    other = "SELECT id FROM public.users"
    tried = answers((READ, other, CREATE, DROP), *bob, access=access)
    assert [item["effect"] for item in tried.values()] == ["allow", "deny", "deny", "deny"]


def test_no_right_is_suggested_for_a_person_without_a_group() -> None:
    assert answers((READ,), "--sub", "bob")[READ]["instead"] == []


def test_what_waits_for_people_says_whom_to_ask(said: Answers) -> None:
    (change,) = said[DROP]["instead"]
    assert change == {"change": "approval", "title": "ask for approval: database-admins"}


def test_the_offending_statement_may_be_left_out(said: Answers) -> None:
    assert commands(said[BOTH]) == [READ]
    assert commands(said[f"{CREATE}; {DROP}"]) == [CREATE]


def test_a_command_comes_before_a_change_of_policy(said: Answers) -> None:
    assert [item["change"] for item in said[BOTH]["instead"]] == ["command", "policy"]


@pytest.mark.parametrize(
    ("sql", "instead"),
    [
        (COLUMNS, ["SELECT name FROM public.customers LIMIT 5"]),
        (ROWS, ["SELECT name FROM public.customers LIMIT 100"]),
        (MORE, ["SELECT name FROM public.customers LIMIT 100"]),
        (COLUMNS_AND_ROWS, ["SELECT  c.name FROM public.customers c LIMIT 100"]),
        (HIDDEN, []),
        (DELETE_ALL, ["DELETE FROM public.invoices WHERE id = 0"]),
    ],
)
def test_a_limit_is_met_by_the_command_and_never_lifted(
    limited: Answers, sql: str, instead: list[str]
) -> None:
    assert limited[sql]["effect"] == "deny"
    assert commands(limited[sql]) == instead
    assert [item for item in limited[sql]["instead"] if item["change"] == "policy"] == []


def test_what_was_stepped_back_out_of_decided_nothing() -> None:
    # A role that allows, and that nobody here holds, comes first: OPA tries it and goes back.
    access = development()
    access["roles"]["a-stranger"] = {"groups": {"guests": True}, "agents": {}}
    rights = access["database"]["orders"]["public"]["table"]["select"]
    named = {"effect": "allow", "names": {"invoices": True}}
    access["database"]["orders"]["public"]["table"]["select"] = {"a-stranger": named, **rights}
    (rule,) = answers((READ,), access=access)[READ]["decided"]
    assert {item["path"] for item in rule["data"]} == {
        DEVELOPER % "select",
        f"{ROLE}.groups.developers",
        f'{ROLE}.agents["urn:counterfoil:development"].coder',
    }


def test_a_change_that_reaches_further_than_what_was_asked_is_never_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    further = "SELECT note FROM public.users"
    for wrong, shown in ((further, []), (READ, [READ])):  # the second is the control
        fault = [("a fault of the writer, put in on purpose", wrong)]
        monkeypatch.setattr(explain_why, "without_statements", lambda *_, made=fault: made)
        said = answers((BOTH, further))
        assert said[further]["effect"] == "allow"  # policy would let it through
        assert commands(said[BOTH]) == shown


def test_where_no_time_is_left_it_says_what_was_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explain_why, "SECONDS", -1.0)
    hurried = answers((DELETE,))[DELETE]
    assert (hurried["effect"], hurried["instead"], hurried["untried"]) == ("deny", [], 3)
    monkeypatch.undo()
    patient = answers((DELETE,))[DELETE]  # control
    assert [item["change"] for item in patient["instead"]] == ["policy"]
    assert "untried" not in patient
