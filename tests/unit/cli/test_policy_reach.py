"""`policy who-can` says what the service would answer; `what-can` never more than data gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from counterfoil.cli import main
from counterfoil.reading import process
from counterfoil.resources import packaged
from simulators.real_opa import policy_folder

DROP = json.dumps({"database": "orders", "sql": "DROP TABLE public.users"})
BOTH = json.dumps(
    {"database": "orders", "sql": "CREATE TABLE public.a (id int); SELECT id FROM public.users"}
)
Run = Any


@pytest.fixture
def policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Run `counterfoil policy …` in an empty folder; exit code and output."""
    monkeypatch.chdir(tmp_path)
    # Who may is the matter here, not how soon a machine that others keep busy has read it.
    monkeypatch.setattr(process, "ITEM_SECONDS", 10.0)

    def run(*words: str) -> tuple[int, str]:
        code = main(["policy", *words])
        return code, capsys.readouterr().out

    return run


def test_who_can_is_what_the_service_would_answer_each(policy: Run) -> None:
    code, out = policy("who-can", "--arguments", DROP, "--json")
    assert code == 0
    (found,) = json.loads(out)
    assert (found["groups"], found["agent"]["sub"]) == (["developers"], "coder")
    assert found["effect"] == "needs_approval"
    assert found["approval"] == {"approvers": ["database-admins"], "quorum": 1}


def test_nobody_is_told_with_the_reason(policy: Run) -> None:
    arguments = json.dumps({"database": "orders", "sql": "DELETE FROM public.users"})
    code, out = policy("who-can", "--arguments", arguments)
    assert code == 1
    assert out.splitlines()[0] == "nobody"
    assert "policy.default_deny" in out


def test_groups_that_are_enough_only_together_are_named_without_a_third(
    policy: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = "data/access/default/data.json"
    data = json.loads((packaged("rego") / file).read_text("utf-8"))
    agents = data["roles"]["orders-developer"]["agents"]
    data["roles"]["orders-reader"] = {"groups": {"readers": True}, "agents": agents}
    data["database"]["orders"]["public"]["table"]["select"] = {"orders-reader": "allow"}
    folder = policy_folder(tmp_path / "rego", {file: json.dumps(data)})
    monkeypatch.setenv("COUNTERFOIL_POLICY__BUNDLE", str(folder))
    code, out = policy("who-can", "--arguments", BOTH, "--json")
    assert code == 0
    (found,) = json.loads(out)
    assert (found["groups"], found["agent"]["sub"]) == (["developers", "readers"], "coder")
    assert found["effect"] == "allow"


def test_what_can_lists_what_data_gives_and_says_that_it_is_the_most(policy: Run) -> None:
    code, out = policy("what-can", "--group", "developers", "--agent", "coder")
    assert code == 0
    lines = out.splitlines()
    assert [line.split() for line in lines if "/ create" in line] == [
        ["database", "orders", "/", "public", "/", "table", "/", "create", "allow"]
    ]
    (drop,) = [line for line in lines if "/ drop" in line]
    assert drop.endswith("needs approval by 1 of database-admins (database-change)")
    assert lines[-1].startswith("At most:")


@pytest.mark.parametrize(
    ("group", "agent", "why"),
    [
        ("guests", "coder", "guests holds no role"),
        ("developers", "painter", "painter holds no role"),
    ],
)
def test_what_can_says_why_there_is_nothing(policy: Run, group: str, agent: str, why: str) -> None:
    code, out = policy("what-can", "--group", group, "--agent", agent)
    assert code == 1
    assert why in out


def test_what_can_agrees_with_the_policy_on_every_table_right(policy: Run) -> None:
    _, out = policy(
        "what-can", "--group", "developers", "--agent", "coder", "--family", "database", "--json"
    )
    texts = {
        "create": "CREATE TABLE public.a (id int)",
        "select": "SELECT id FROM public.users",
        "alter": "ALTER TABLE public.users ADD COLUMN b int",
        "drop": "DROP TABLE public.users",
    }
    listed = {one["path"][-1]: one["effect"] for one in json.loads(out)}
    assert listed.keys() == texts.keys()
    for verb, sql in texts.items():
        arguments = json.dumps({"database": "orders", "sql": sql})
        _, answer = policy("who-can", "--arguments", arguments, "--json")
        assert [one["effect"] for one in json.loads(answer)] == [listed[verb]], verb
