"""No attack permits anything, under a narrow policy and under a generous one; honest work runs.

All through `counterfoil explain --lines`, which is the service's own path without its record.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

from commands import read_sql
from counterfoil.resources import packaged
from explaining import Answers, explained
from simulators.real_opa import policy_folder
from sql_attacks import ALLOWED, ATTACKS, BEYOND

VERBS = ("create", "select", "insert", "update", "delete", "truncate", "references", "lock")
RIGHTS = (*VERBS, "alter", "drop", "comment")


@pytest.fixture(scope="module")
def narrow() -> Answers:
    """What the development policy says."""
    with tempfile.TemporaryDirectory(prefix="cf-") as folder:
        return explained(Path(folder), (*ATTACKS.values(), *ALLOWED))


@pytest.fixture(scope="module")
def generous() -> Answers:
    """What a policy says that allows every verb on every table of `public`, without asking."""
    data = json.loads((packaged("rego") / "data/access/default/data.json").read_text("utf-8"))
    rights = {verb: {"orders-developer": "allow"} for verb in RIGHTS}
    data["database"]["orders"] = {"public": {"table": rights}}
    with tempfile.TemporaryDirectory(prefix="cf-") as scratch:
        folder = Path(scratch)
        policy_folder(folder / "rego", {"data/access/default/data.json": json.dumps(data)})
        return explained(folder, (*ATTACKS.values(), *ALLOWED))


def nothing(answer: Any) -> None:
    assert answer["effect"] in {"deny", "needs_approval"}
    assert answer["permissions"] == answer["ambient"] == []
    assert "execute" not in answer
    for reason in answer["reasons"]:
        assert reason["code"]
        assert reason["title"]
        assert reason["solution"]


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_permits_nothing(narrow: Answers, name: str) -> None:
    nothing(narrow[ATTACKS[name]])


@pytest.mark.parametrize("name", BEYOND)
def test_a_trick_permits_nothing_even_under_a_generous_policy(generous: Answers, name: str) -> None:
    nothing(generous[BEYOND[name]])


@pytest.mark.parametrize("sql", ALLOWED)
def test_honest_work_beside_them_is_allowed_with_exactly_its_permissions(
    narrow: Answers, generous: Answers, sql: str
) -> None:
    wanted = json.loads(json.dumps(read_sql(sql).required))
    for answers in (narrow, generous):
        assert answers[sql]["effect"] == "allow", answers[sql]["reasons"]
        assert sorted(map(str, map(sorted, answers[sql]["permissions"]))) == sorted(
            map(str, map(sorted, wanted))
        )


def test_the_attacks_are_many_and_the_generous_policy_is_generous(generous: Answers) -> None:
    assert len(ATTACKS) >= 150
    assert len(set(ATTACKS.values())) == len(ATTACKS)
    allowed = [name for name, sql in ATTACKS.items() if generous[sql]["effect"] == "allow"]
    assert len(allowed) >= 10  # it would let through what only the narrow one stops
