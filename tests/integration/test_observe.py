"""Observe mode: the true effect is recorded, nothing is opened or granted beyond it, and
`counterfoil trail --observed` tells what enforcement would have stopped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from approval_story import CREATE, Desk, approving_service, codes, fresh
from counterfoil.cli import main
from main_path import assert_problem, kubectl_request, leaves, new_run

OBSERVE = """
[[action]]
tool = "run_sql"
family = "database"
command = "{sql}"
resource = "{database}"
enforcement = "observe"
"""
SELECT, DELETE = "SELECT id FROM public.invoices", "DELETE FROM public.invoices"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """`run_sql` is observed, everything else enforced."""
    folder = tmp_path_factory.mktemp("observe")
    (folder / "counterfoil.toml").write_text(OBSERVE)
    with approving_service(folder) as service:
        yield Desk(service)


@pytest.mark.parametrize(
    ("sql", "effect"), [(SELECT, "allow"), (DELETE, "deny"), (CREATE, "needs_approval")]
)
def test_the_true_effect_is_decided_and_recorded(desk: Desk, sql: str, effect: str) -> None:
    run = new_run()
    decision = desk.ask(desk.agent(run), sql)
    assert (decision["effect"], decision["enforcement"]) == (effect, "observe")
    (decided,) = leaves(desk.service, run)
    assert (decided["plain"]["effect"], decided["plain"]["enforcement"]) == (effect, "observe")
    granted = effect == "allow"
    assert bool(decision["permissions"]) is granted
    assert ("scoped_token_request" in decision) is granted
    assert ("execute" in decision) is granted


def test_observing_opens_no_approval(desk: Desk) -> None:
    token = fresh(desk)
    decision = desk.ask(token)
    assert decision["effect"] == "needs_approval"
    assert "approval" not in decision
    assert desk.kinds(decision["decision_id"]) == ["decided"]
    assert desk.read("", token).body["approvals"] == []
    assert desk.read("", desk.person()).body["approvals"] == []


def test_observing_takes_no_invented_approval(desk: Desk) -> None:
    decision = desk.ask(fresh(desk), approval="apr_" + "0" * 26)
    assert (decision["effect"], codes(decision)) == ("deny", ["approval.unknown"])


def test_what_is_not_observed_is_enforced(desk: Desk) -> None:
    body = kubectl_request("apiVersion: v1\nkind: Pod\n")
    answer = desk.service.request("POST", "/authorize", body, token=fresh(desk))
    assert (answer.body["effect"], answer.body["enforcement"]) == ("deny", "enforce")


def test_calls_that_ran_unrecorded_are_told_with_the_next_one(desk: Desk) -> None:
    run = new_run()
    token = desk.agent(run)
    for count in ("3", "0", "999999"):
        desk.ask(token, SELECT, Counterfoil_Unrecorded=count)
    desk.ask(token, SELECT)
    told = [leaf["plain"].get("unrecorded") for leaf in leaves(desk.service, run)]
    assert told == [3, None, 999_999, None]


def test_a_repeated_request_does_not_tell_twice(desk: Desk) -> None:
    run = new_run()
    token = desk.agent(run)
    for _ in range(2):
        desk.ask(token, SELECT, Idempotency_Key="k", Counterfoil_Unrecorded="5")
    assert [leaf["plain"].get("unrecorded") for leaf in leaves(desk.service, run)] == [5]


def test_a_batch_tells_once(desk: Desk) -> None:
    run = new_run()
    item = {"action": {"name": "run_sql", "properties": {"arguments": {"database": "orders"}}}}
    body = {"actions": [{**item, "context": {"prompt": "p"}}] * 3}
    headers = {"Counterfoil-Unrecorded": "2"}
    token = desk.agent(run)
    desk.service.request("POST", "/authorize/batch", body, token=token, headers=headers)
    told = [leaf["plain"].get("unrecorded") for leaf in leaves(desk.service, run)]
    assert told == [2, None, None]


@pytest.mark.parametrize("count", ["-1", "1.5", "", "1000000", "1e3", "٣", "1, 2", "x"])
def test_a_malformed_count_is_refused(desk: Desk, count: str) -> None:
    token = fresh(desk)
    answer = desk.service.authorize(
        SELECT, token=token, headers={"Counterfoil-Unrecorded": count.encode().decode("latin-1")}
    )
    assert_problem(answer, 400, "request.header")
    assert desk.ask(token, SELECT)["effect"] == "allow"


# -- the command ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A service of its own with a known history."""
    folder = tmp_path_factory.mktemp("told")
    (folder / "counterfoil.toml").write_text(OBSERVE)
    with approving_service(folder) as service:
        desk = Desk(service)
        token = fresh(desk)
        for sql, times in ((SELECT, 3), (DELETE, 2), (CREATE, 1)):
            for _ in range(times):
                desk.ask(token, sql)
        desk.ask(token, SELECT, Counterfoil_Unrecorded="4")
        desk.ask(token, DELETE, Counterfoil_Unrecorded="2", prompt="\x1b[2Jred")
        yield desk


def _observed(
    desk: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *more: str
) -> str:
    monkeypatch.chdir(desk.service.folder)
    for name, value in desk.service.environment.items():
        monkeypatch.setenv(name, value)
    assert main(["trail", "--observed", *more]) == 0
    return capsys.readouterr().out


def test_the_command_counts_what_would_have_been_stopped(
    told: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    value: dict[str, Any] = json.loads(_observed(told, capsys, monkeypatch, "--json"))
    assert value["observed_decisions"] == 8
    assert value["unrecorded"] == 6
    assert value["counts"] == [
        {"tool": "run_sql", "effect": "deny", "reason": "policy.default_deny", "count": 3},
        {
            "tool": "run_sql",
            "effect": "needs_approval",
            "reason": "policy.approval_required",
            "count": 1,
        },
    ]
    assert len(value["last"]) == 4
    assert {item["effect"] for item in value["last"]} == {"deny", "needs_approval"}
    text = _observed(told, capsys, monkeypatch)
    assert "8 observed decisions; enforcement would have stopped 4." in text
    assert "6 calls ran unrecorded" in text
    assert value["last"][-1]["decision_id"] in text
    assert "\x1b" not in text


def test_the_command_looks_back_as_far_as_asked(
    told: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for since, expected in (
        ("1d", 8),
        ("2999-01-01", 0),
        ("2020-01-01T00:00:00Z", 8),
        ("2999-01-01T00:00:00+02:00", 0),
    ):
        text = _observed(told, capsys, monkeypatch, "--json", "--since", since)
        assert json.loads(text)["observed_decisions"] == expected, since


@pytest.mark.parametrize(
    "arguments",
    [[], ["dec_1", "--observed"], ["dec_1", "--since", "1d"], ["--observed", "--since", "soon"]],
)
def test_the_command_wants_one_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        code: object = main(["trail", *arguments])
    except SystemExit as ended:
        code = ended.code
    assert code == 2
