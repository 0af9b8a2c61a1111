"""How many people, of which groups, signed in when: held to a search over all ways to pair them."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approval_events import DECISION, ID, NOW, PENDING, answered, caller, opening
from counterfoil.core.approval import Status
from counterfoil.core.approval_quorum import enough, one_from_each, people_of
from counterfoil.core.approval_record import fold
from counterfoil.core.approval_rules import check_answer, check_sign_in
from counterfoil.core.model import ApprovalTerms
from counterfoil.errors import SelfApproval, SignInTooOld

GROUPS = ("admins", "leads", "owners")
members = st.lists(st.frozensets(st.sampled_from(GROUPS)), max_size=5)
BOTH = ApprovalTerms(
    approvers=("admins", "leads"),
    quorum=2,
    expires_in_seconds=60,
    each_from=("admins", "leads"),
)


@given(people=members, wanted=st.lists(st.sampled_from(GROUPS), unique=True, max_size=3))
def test_every_group_has_a_person_of_its_own_or_too_few_came(
    people: list[frozenset[str]], wanted: list[str]
) -> None:
    by_search = any(
        all(group in person for group, person in zip(wanted, order, strict=True))
        for order in permutations(people, len(wanted))
    )
    assert one_from_each(people, wanted) == by_search


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([("bob", ["admins"]), ("carol", ["leads"])], True),
        ([("dora", ["admins", "leads"]), ("carol", ["leads"])], True),
        ([("bob", ["admins"]), ("eve", ["admins"])], False),
        ([("dora", ["admins", "leads"])], False),
        ([("dora", ["admins"]), ("dora", ["leads"])], False),
        ([("dora", ["admins", "leads"]), ("gus", ["guests"])], False),
    ],
)
def test_who_is_in_both_groups_counts_for_one(
    answers: list[tuple[str, list[str]]], *, expected: bool
) -> None:
    assert enough(people_of(answers), BOTH) is expected


def test_two_of_one_group_leave_it_pending_until_the_other_comes() -> None:
    approval = opening(replace(PENDING, terms=BOTH))
    events = [approval, answered("bob", "approve"), answered("eve", "approve")]
    found = fold(events, ID, DECISION)
    assert found is not None
    assert found.status(NOW) is Status.PENDING
    found = fold([*events, answered("carol", "approve", groups=("leads",))], ID, DECISION)
    assert found is not None
    assert found.status(NOW) is Status.APPROVED


def test_terms_and_launcher_are_recorded_and_read_back() -> None:
    terms = replace(BOTH, max_sign_in_age_seconds=300)
    approval = replace(PENDING, terms=terms, launcher="desk")
    assert fold([opening(approval)], ID, DECISION) == approval


def test_the_launcher_that_started_the_agent_answers_nothing_whoever_it_speaks_for() -> None:
    approval = replace(PENDING, launcher="desk")
    for person in (caller("desk", agent=None), caller("bob", agent=None, client_id="desk")):
        with pytest.raises(SelfApproval):
            check_answer(approval, person, action_digest="A" * 43, now=NOW)
    for client in (None, "console"):  # the control: the same person by another way in
        bob = caller("bob", agent=None, client_id=client)
        check_answer(approval, bob, action_digest="A" * 43, now=NOW)
        check_answer(PENDING, bob, action_digest="A" * 43, now=NOW)


@pytest.mark.parametrize(
    ("age", "bounds", "fresh"),
    [
        (10.0, (None, None), True),
        (1e9, (None, None), True),
        (60.0, (60, None), True),
        (60.5, (60, None), False),
        (60.5, (None, 60), False),
        (60.5, (600, 60), False),
        (60.5, (60, 600), False),
        (59.0, (60, 600), True),
    ],
)
def test_the_narrowest_bound_on_the_sign_in_counts(
    age: float, bounds: tuple[int | None, int | None], *, fresh: bool
) -> None:
    bob = caller("bob", agent=None, signed_in_at=NOW - age)
    if fresh:
        check_sign_in(bob, *bounds, now=NOW)
        return
    with pytest.raises(SignInTooOld):
        check_sign_in(bob, *bounds, now=NOW)


def test_a_credential_that_tells_no_sign_in_is_too_old() -> None:
    with pytest.raises(SignInTooOld):
        check_sign_in(caller("bob", agent=None), 86_400, now=NOW)
    check_sign_in(caller("bob", agent=None), None, now=NOW)
