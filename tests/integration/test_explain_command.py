"""`counterfoil explain` says what the service would answer, for one action and for many."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from commands import MANIFEST
from counterfoil.cli import main
from main_path import CREATE, ask, leaves
from service import PROGRAM, Service

Explain = Callable[..., tuple[int, str]]
MEMBERS = {"effect", "reasons", "operations", "uncertain", "permissions", "ambient"}
TWO = f"{CREATE}; DROP TABLE public.users"

ACTIONS: Sequence[tuple[str, dict[str, Any]]] = (
    ("run_sql", {"database": "orders", "sql": CREATE}),
    ("run_sql", {"database": "orders", "sql": "SELECT id FROM public.invoices WHERE id = 7"}),
    ("run_sql", {"database": "orders", "sql": TWO}),
    ("run_sql", {"database": "orders", "sql": "DROP TABLE public.users"}),
    ("run_sql", {"database": "orders", "sql": "DELETE FROM public.users"}),
    ("run_sql", {"database": "orders", "sql": "SELECT 1"}),
    ("run_sql", {"database": "nowhere", "sql": CREATE}),
    ("run_sql", {"database": "orders", "sql": CREATE, "more": 1}),
    ("kubectl_apply", {"cluster": "main", "manifest": MANIFEST}),
    ("run_shell", {"command": "true"}),
    ("rm_rf", {"path": "/"}),
)


@pytest.fixture
def explain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Explain:
    """Run `counterfoil explain …` in an empty folder; exit code and output."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str]:
        code = main(["explain", *arguments])
        sys.stdout.flush()
        return code, capfd.readouterr().out

    return run


def lines_of(actions: Sequence[tuple[str, dict[str, Any]]]) -> str:
    return "".join(
        json.dumps({"tool": tool, "arguments": arguments}) + "\n" for tool, arguments in actions
    )


def test_it_says_what_the_service_answers(
    service: Service, explain: Explain, tmp_path: Path
) -> None:
    file = tmp_path / "corpus.jsonl"
    file.write_text(lines_of(ACTIONS), "utf-8")
    code, out = explain("--lines", str(file))
    assert code == 0
    explained = [json.loads(line) for line in out.splitlines()]
    assert len(explained) == len(ACTIONS)
    for (tool, arguments), said in zip(ACTIONS, explained, strict=True):
        action = {"name": tool, "properties": {"arguments": arguments}}
        answer = ask(service, {"action": action, "context": {"prompt": "please"}}).body
        assert said.keys() - {"execute"} == MEMBERS
        for name in ("effect", "reasons", "permissions", "ambient", "execute"):
            assert said.get(name) == answer.get(name), (arguments, name)


def test_only_an_allow_shows_permissions(explain: Explain, tmp_path: Path) -> None:
    file = tmp_path / "corpus.jsonl"
    file.write_text(lines_of(ACTIONS), "utf-8")
    _, out = explain("--lines", str(file), "--details")
    explained = [json.loads(line) for line in out.splitlines()]
    effects = {item["effect"] for item in explained}
    assert effects == {"allow", "deny", "needs_approval"}
    for item in explained:
        if item["effect"] == "allow":
            assert item["execute"]["arguments"]
        else:
            assert item["permissions"] == item["ambient"] == []
            assert "execute" not in item
    # control: what it would need is known, and shown apart
    dropped = explained[3]
    assert [right["actions"] for right in dropped["required"]] == [["owner"]]


def test_every_operation_and_doubt_has_its_place(explain: Explain, tmp_path: Path) -> None:
    file = tmp_path / "corpus.jsonl"
    file.write_text(lines_of(ACTIONS), "utf-8")
    _, out = explain("--lines", str(file))
    for (tool, arguments), line in zip(ACTIONS, out.splitlines(), strict=True):
        said = json.loads(line)
        text = arguments.get("sql") or arguments.get("manifest") or ""
        for item in (*said["operations"], *said["uncertain"]):
            start, end = item["span"]
            assert 0 <= start <= end <= max(len(text), 8), (tool, item)
        for item in said["operations"]:
            assert item.keys() - {"columns"} == {"family", "verb", "object", "span"}
        for item in said["uncertain"]:
            assert item.keys() == {"code", "span"}


def test_a_line_that_is_no_request_is_a_refusal_of_its_own(
    explain: Explain, tmp_path: Path
) -> None:
    good = lines_of(ACTIONS[:1]).strip()
    twice = '{"tool":"run_sql","tool":"run_sql","arguments":{}}'
    odd = ["", "no JSON", "[]", "{}", twice, good.replace("}}", '}, "x": 1}'), good]
    file = tmp_path / "corpus.jsonl"
    file.write_text("\n".join(odd) + "\n", "utf-8")
    code, out = explain("--lines", str(file))
    said = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [item["effect"] for item in said] == ["deny"] * 6 + ["allow"]
    for item in said[:6]:
        assert item.keys() == MEMBERS
        assert item["reasons"][0]["code"].startswith("request.")
        assert item["reasons"][0]["solution"]


def test_the_text_is_marked_with_what_each_part_causes(explain: Explain) -> None:
    sql = "SELECT total FROM public.invoices"
    code, out = explain("--arguments", json.dumps({"database": "orders", "sql": sql}))
    assert code == 0
    for part in (sql, "select table orders.public.invoices (total)", "“public.invoices”"):
        assert part in out
    assert "needs select (total) on table public.invoices" in out
    assert "rbac.granted" in out


def test_the_rules_of_a_cluster_are_named(explain: Explain) -> None:
    arguments = json.dumps({"cluster": "main", "manifest": MANIFEST})
    code, out = explain("--tool", "kubectl_apply", "--arguments", arguments)
    assert code == 0
    assert "needs create, patch deployments web on kubernetes staging" in out


def test_a_doubt_is_shown_at_its_place_with_the_way_on(explain: Explain) -> None:
    sql = "SELECT total, pg_sleep(9) FROM public.invoices"
    _, out = explain("--arguments", json.dumps({"database": "orders", "sql": sql}))
    assert "uncertain.sql_function   “pg_sleep”" in out
    assert "→" in out
    assert "allow" not in out


def test_a_command_cannot_repaint_the_terminal(explain: Explain) -> None:
    sql = "SELECT '\x1b[2J' FROM public.invoices"
    _, out = explain("--arguments", json.dumps({"database": "orders", "sql": sql}))
    assert "\x1b" not in out


def test_colours_are_for_terminals_alone(explain: Explain, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("--arguments", json.dumps({"database": "orders", "sql": CREATE}))
    _, plain = explain(*arguments)
    assert "\x1b" not in plain
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    _, coloured = explain(*arguments)
    assert "\x1b[32mallow\x1b[0m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain
    _, as_data = explain("--json", *arguments)
    assert "\x1b" not in as_data


def test_the_command_may_come_from_a_file_or_from_stdin(explain: Explain, tmp_path: Path) -> None:
    file = tmp_path / "change.sql"
    file.write_text(CREATE, "utf-8")
    database = json.dumps({"database": "orders"})
    _, from_file = explain(str(file), "--arguments", database, "--json")
    assert json.loads(from_file)["effect"] == "allow"
    command = [*PROGRAM, "explain", "-", "--arguments", database, "--json"]
    done = subprocess.run(
        command, input=CREATE.encode(), capture_output=True, cwd=tmp_path, check=True
    )
    assert json.loads(done.stdout) == json.loads(from_file)


def test_another_person_or_agent_gets_their_own_answer(explain: Explain) -> None:
    arguments = ("--json", "--arguments", json.dumps({"database": "orders", "sql": CREATE}))
    for who, effect in (
        ((), "allow"),
        (("--sub", "bob", "--group", "developers"), "allow"),
        (("--sub", "bob"), "deny"),
        (("--group", "guests"), "deny"),
        (("--agent", "stranger"), "deny"),
        (("--issuer", "https://evil.example"), "deny"),
    ):
        _, out = explain(*arguments, *who)
        assert json.loads(out)["effect"] == effect, who


def test_nothing_is_recorded(service: Service, explain: Explain, tmp_path: Path) -> None:
    before = len(leaves(service))
    explain("--arguments", json.dumps({"database": "orders", "sql": CREATE}))
    assert len(leaves(service)) == before
    made = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert made == {"bundle.tar.gz"}


@pytest.mark.parametrize(
    "arguments", [(), ("--lines", "x", "--arguments", "{}"), ("--lines", "x", "y")]
)
def test_misuse_is_told(explain: Explain, arguments: tuple[str, ...]) -> None:
    assert explain(*arguments)[0] == 2


def test_a_configuration_of_ones_own_is_judged_by_its_own_entries(
    explain: Explain, tmp_path: Path
) -> None:
    config = tmp_path / "own.toml"
    config.write_text("", "utf-8")
    arguments = json.dumps({"database": "orders", "sql": CREATE})
    _, out = explain("--config", str(config), "--json", "--arguments", arguments)
    said = json.loads(out)
    assert (said["effect"], said["permissions"]) == ("deny", [])
    assert said["operations"][0]["object"] == {"kind": "tool", "name": "run_sql"}
