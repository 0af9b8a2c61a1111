"""Several steps in one commit, of one thing and of another, on either store: all, or nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from counterfoil.errors import StateConflict
from counterfoil.ports import Change
from ledgers import CLOCK, Ledger, event, new_id, soon


def step(key: str, expect: int | None, kind: str = "approval") -> Change:
    """A change of one thing that stays open."""
    return Change(
        kind=kind,
        key=key,
        expect_version=expect,
        state="pending" if expect is None else "approved",
        open=True,
        name=f"name of {key}",
        owner="alice's run",
        expires_at=CLOCK.now() + 600,
        most_open=10,
    )


def test_a_thing_is_made_and_moved_beside_another_in_one_commit(any_ledger: Ledger) -> None:
    """An approval that a template answers."""
    client, key, template = any_ledger.client(), new_id("apr"), new_id("tpl")
    first = replace(event(), change=step(template, None, "template"))
    client.append([first], deadline=soon())

    def answer(of: str, version: int) -> None:
        steps = [step(template, version, "template"), step(of, None), step(of, 1)]
        client.append([replace(event(), change=item) for item in steps], deadline=soon())

    answer(key, 1)
    found = client.states.state("default", "approval", key)
    assert found is not None
    assert (found.version, found.state) == (2, "approved")
    late = new_id("apr")
    with pytest.raises(StateConflict):
        answer(late, 1)  # a rival for the use that was just taken
    assert client.states.state("default", "approval", late) is None
    answer(late, 2)
    assert int(any_ledger.rows("SELECT count(*) FROM entries")[0][0]) == 7
