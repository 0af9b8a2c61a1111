"""Of rivals for one approval one wins, the record says which, and nothing runs besides."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import evidence
from approval_story import Desk, approving_service
from counterfoil.ledger.keys import VERIFIER_KEY, read_verifier_key
from counterfoil.ledger.verify import verify_ledger
from fault import approval_races as races
from main_path import adapters_over

RACES: dict[str, Callable[[Desk, int], Counter[str]]] = {
    "two approvers": races.two_approvers,
    "approve and cancel": races.approve_and_cancel,
    "approve and revoke": races.approve_and_revoke,
    "approve at expiry": races.approve_at_expiry,
}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with approving_service(tmp_path_factory.mktemp("races")) as service:
        yield Desk(service)


def _all(desk: Desk, folder: Path, count: int) -> dict[str, dict[str, int]]:
    found = {name: dict(sorted(race(desk, count).items())) for name, race in RACES.items()}
    with adapters_over(desk.service) as adapters, races.changing(folder, adapters) as policy:
        changed = races.policy_changes_between(desk, adapters, policy, count)
    return {**found, "policy change between": dict(sorted(changed.items()))}


def _findings(desk: Desk) -> list[str]:
    desk.service.stop()
    key = read_verifier_key(desk.service.keys / VERIFIER_KEY)
    return [str(item) for item in verify_ledger(desk.service.database, key).findings]


def test_races_for_an_approval_have_one_outcome_which_the_record_tells(
    desk: Desk, tmp_path: Path
) -> None:
    found = _all(desk, tmp_path, 2)
    assert all(sum(outcomes.values()) == 2 for outcomes in found.values()), found
    assert _findings(desk) == []


@pytest.mark.prove
def test_two_hundred_races_of_each_kind(tmp_path_factory: pytest.TempPathFactory) -> None:
    count, began = 200, time.monotonic()
    folder = tmp_path_factory.mktemp("two-hundred")
    with approving_service(folder / "service") as service:
        found = _all(Desk(service), folder / "other", count)
        findings = _findings(Desk(service))
    evidence.record(
        "approval_races",
        "two rivals for one approval at the same moment, then two uses at once; outcomes by kind",
        seed=races.SEED,
        each=count,
        outcomes=found,
        verify_findings=len(findings),
        seconds=round(time.monotonic() - began, 1),
    )
    assert all(sum(outcomes.values()) == count for outcomes in found.values()), found
    assert findings == []
