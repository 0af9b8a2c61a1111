"""A command line through `/authorize`: exactly its rights, or nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from deciding import rights
from main_path import ask, assert_denied, decisions_of
from service import PROMPT, Answer, Service, running_service
from shell_attacks import ALLOWED, ATTACKS
from shell_read import read_shell, rendered
from simulators.real_opa import policy_folder

CONFIG = """
[[resource]]
type = "filesystem"
id = "workspace"
location = "file:/srv/work"
issuer = "workspace"

[[resource]]
type = "http"
id = "orders-api"
location = "https://orders.example.com"
issuer = "http-orders"

[[action]]
tool = "run_shell"
family = "shell"
command = "{command}"
resource = "workspace"
enforcement = "enforce"
"""
SRC: Mapping[str, Any] = {"effect": "allow", "below": {"src": True}, "trees": True}
MAY: Mapping[str, Any] = {
    "filesystem": {
        "workspace": {
            "read": {"orders-developer": SRC},
            "list": {"orders-developer": SRC},
            "write": {"orders-developer": {"effect": "allow", "below": {"out": True}}},
        }
    },
    "shell": {"*": {"orders-developer": "allow"}},
    "http": {
        "https://orders.example.com": {
            "paths": {"get": {"/v1/orders": {"orders-developer": {"effect": "allow"}}}}
        }
    },
}


@pytest.fixture(scope="module")
def workspace() -> Iterator[Service]:
    with tempfile.TemporaryDirectory(prefix="cf-") as scratch:
        folder = Path(scratch)
        policy_folder(folder / "rego", rights(**MAY))
        (folder / "counterfoil.toml").write_text(CONFIG, "utf-8")
        with running_service(folder, policy__bundle=folder / "rego") as service:
            yield service


def body(line: str) -> dict[str, Any]:
    action = {"name": "run_shell", "properties": {"arguments": {"command": line}}}
    return {"action": action, "context": {"prompt": PROMPT}}


def shell(service: Service, line: str) -> Answer:
    return ask(service, body(line))


def test_a_line_gets_exactly_its_rights_and_runs_quoted(workspace: Service) -> None:
    line = 'grep -n "TODO" src/a.py > out/found.txt'
    answer = shell(workspace, line).body
    assert answer["effect"] == "allow", answer
    assert answer["permissions"] == [
        {
            "type": "filesystem",
            "locations": ["file:/srv/work"],
            "identifier": path,
            "actions": [verb],
            "operations": [index],
        }
        for index, (path, verb) in enumerate([("src/a.py", "read"), ("out/found.txt", "write")])
    ]
    assert "scoped_token_request" not in answer  # files are the hook's to hold, not a credential's
    runs = "cd -- '/srv/work' && 'grep' '-n' '--' 'TODO' './src/a.py' > './out/found.txt'"
    assert answer["execute"]["arguments"] == {"command": runs}
    assert {item["type"] for item in answer["obligations"]} == {"no_symlinks"}
    assert_denied(shell(workspace, "cat secrets/key").body, "policy.default_deny")
    assert_denied(shell(workspace, "cat src/$(id)").body, "uncertain.shell_substitution")


def test_a_query_in_a_line_is_allowed_where_the_query_is(workspace: Service) -> None:
    line = "psql -d orders -c 'CREATE TABLE public.invoices (id int)'"
    answer = shell(workspace, line).body
    assert answer["effect"] == "allow", answer
    assert answer["judged"]["resource"]["id"] == "orders"
    assert [item["actions"] for item in answer["permissions"]] == [["create"]]
    details = answer["scoped_token_request"]["authorization_details"]
    assert details == answer["permissions"]
    drop = "psql -d orders -c 'DROP TABLE public.invoices'"
    assert shell(workspace, drop).body["effect"] == "needs_approval"


def test_the_result_of_a_query_may_go_to_a_file_and_the_grant_is_the_querys(
    workspace: Service,
) -> None:
    line = "psql -d orders -c 'SELECT id FROM public.invoices' > out/rows.txt"
    answer = shell(workspace, line).body
    assert answer["effect"] == "allow", answer
    assert [item["type"] for item in answer["permissions"]] == ["postgresql", "filesystem"]
    request = answer["scoped_token_request"]
    assert request["authorization_details"] == answer["permissions"][:1]
    assert "out/rows.txt" not in str(request)
    assert {item["type"] for item in answer["obligations"]} == {"no_symlinks"}
    elsewhere = shell(workspace, line.replace("out/rows.txt", "secrets/rows.txt")).body
    assert_denied(elsewhere, "policy.default_deny")


def test_a_line_at_two_resources_is_told_how_to_become_two(workspace: Service) -> None:
    query = "psql -d orders -c 'SELECT id FROM public.invoices'"
    call = "curl https://orders.example.com/v1/orders"
    line = f"{query} && {call}"
    answer = shell(workspace, line).body
    assert_denied(answer, "grant.several_resources")
    (reason,) = answer["reasons"]
    parts = {
        item["type"]: [line[start:end] for start, end in item["parts"]]
        for item in reason["details"]["resources"]
    }
    assert parts == {"postgresql": [query], "http": [call]}
    assert reason["parts"] == [query, call]  # what the agent is shown of its own words
    for part in (query, call):  # control: each by itself
        assert shell(workspace, part).body["effect"] == "allow"


@pytest.fixture(scope="module")
def answers(workspace: Service) -> dict[str, Any]:
    asked = {**ATTACKS, **ALLOWED}
    bodies = [body(line) for line in asked.values()]
    return dict(zip(asked, decisions_of(workspace, bodies), strict=True))


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_permits_nothing(answers: dict[str, Any], name: str) -> None:
    assert_denied(answers[name])


@pytest.mark.parametrize("name", ALLOWED)
def test_honest_lines_beside_them_are_allowed(answers: dict[str, Any], name: str) -> None:
    answer = answers[name]
    assert answer["effect"] == "allow", answer["reasons"]
    assert answer["permissions"] == [*read_shell(ALLOWED[name]).required]
    assert answer["execute"]["arguments"]["command"] == rendered(ALLOWED[name])


def test_the_attacks_are_many() -> None:
    assert len(ATTACKS) >= 150
    assert len(set(ATTACKS.values())) == len(ATTACKS)
