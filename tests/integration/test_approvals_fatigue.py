"""`counterfoil approvals fatigue` counts what is in the record, and what it proposes ends the asking."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from approval_story import CREATE, TWO_PEOPLE, Desk, approving_service, fresh
from counterfoil.cli import main


@pytest.fixture
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with approving_service(tmp_path_factory.mktemp("fatigue")) as service:
        yield Desk(service)


def _change(data: dict[str, Any], change: dict[str, Any]) -> None:
    *path, role = change["path"]
    for part in path:
        data = data[part]
    assert data[role] == change["from"]
    data[role] = change["to"]


def test_a_rule_that_everybody_approves_is_named_with_the_change_that_ends_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(desk.service.folder)
    for name, value in desk.service.environment.items():
        monkeypatch.setenv(name, value)

    def fatigue(*more: str) -> tuple[int, list[dict[str, Any]]]:
        code = main(["approvals", "fatigue", "--json", *more])
        return code, json.loads(capsys.readouterr().out)["rules"]

    assert fatigue() == (0, [])
    token = fresh(desk)
    for number in range(3):
        desk.approved(token, f"CREATE TABLE public.t{number} (id int)")
    two = desk.opened(token, TWO_PEOPLE)
    desk.answer(two, desk.person(), "deny")
    holes = [{"argument": "sql", "value": "old_1", "prefix": "old_"}]
    similar = {"holes": holes, "uses": 2, "expires_in_seconds": 60}
    desk.answer(desk.opened(token, "DROP TABLE scratch.old_1"), desk.person(), similar=similar)
    desk.ask(token, "DROP TABLE scratch.old_2")

    code, rules = fatigue("--least", "3")
    assert code == 1
    habit, drop, denied = rules
    assert (habit["asked"], habit["approved"], habit["denied"], habit["habit"]) == (3, 3, 0, True)
    assert habit["median_seconds"] >= 0
    assert habit["terms_named"] == ["database-change"]
    assert (drop["asked"], drop["approved"], drop["in_advance"], drop["habit"]) == (2, 2, 1, False)
    assert (denied["approved"], denied["denied"], denied["habit"]) == (0, 1, False)
    assert fatigue("--least", "4")[0] == 0
    main(["approvals", "fatigue", "--least", "3"])
    told = capsys.readouterr().out
    path = "database.orders.public.table.create.orders-developer"
    assert f"access.default.{path}: database-change -> allow" in told
    assert told.count("Always approved") == 1

    # What it proposes is what ends it: the same action is allowed, another rule asks as before.
    desk.service.stop()
    file = Path(str(desk.service.environment["COUNTERFOIL_POLICY__BUNDLE"]))
    file = file / "data" / "access" / "default" / "data.json"
    data = json.loads(file.read_text())
    (change,) = habit["changes"]
    _change(data, change)
    file.write_text(json.dumps(data))
    desk.service.start()
    again = fresh(desk)
    assert desk.ask(again, CREATE)["effect"] == "allow"
    assert desk.ask(again, TWO_PEOPLE)["effect"] == "needs_approval"
