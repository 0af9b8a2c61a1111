"""Laws of an approval over any history of its events."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from approval_events import (
    END,
    NOW,
    Told,
    answered,
    caller,
    end,
    told,
    use,
)
from counterfoil.core.approval import Status
from counterfoil.core.approval_rules import (
    check_answer,
    check_withdrawal,
)
from counterfoil.errors import ApprovalError

people = st.sampled_from(["bob", "dora", "eve"])
histories = st.lists(
    st.one_of(
        st.builds(answered, people, st.sampled_from(["approve", "approve", "deny"])),
        st.builds(answered, people, st.just("approve"), erased=st.just(value=True)),
        st.sampled_from([end("cancelled"), end("expired"), end("spent")]),
    ),
    max_size=6,
)


@given(history=histories, quorum=st.integers(1, 3), late=st.booleans())
def test_usable_means_enough_different_people_and_nothing_else_since(
    history: list[Told],
    quorum: int,
    late: bool,  # noqa: FBT001 -- hypothesis names its arguments
) -> None:
    found = told(*history, quorum=quorum)
    approved = {
        event.payload["answer"]
        for event in history
        if event.kind == "approval_answered"
        and event.payload
        and event.plain["answer"] == "approve"
    }
    ended = any(event.kind != "approval_answered" for event in history)
    denied = any(event.plain.get("answer") == "deny" for event in history)
    expected = len(approved) >= quorum and not ended and not denied and not late
    code = use(found, now=float(END) if late else NOW)
    assert (code is None) == expected
    assert found.version == 1 + len(history)


@given(
    history=histories,
    quorum=st.integers(1, 3),
    sub=st.sampled_from(["alice", "coder", "bob", "zoe"]),
)
def test_an_answer_is_taken_only_where_one_is_waited_for(
    history: list[Told], quorum: int, sub: str
) -> None:
    found = told(*history, quorum=quorum)
    person = caller(sub, agent=None)
    try:
        check_answer(found, person, action_digest="A" * 43, now=NOW)
    except ApprovalError:
        taken = False
    else:
        taken = True
    answered_before = any(
        event.payload and f'"{sub}"'.encode() in event.payload["answer"]
        for event in history
        if event.kind == "approval_answered"
    )
    expected = found.status(NOW) is Status.PENDING and sub in {"bob", "zoe"} and not answered_before
    assert taken == expected


@given(history=histories)
def test_only_what_is_open_can_be_withdrawn(history: list[Told]) -> None:
    found = told(*history)
    try:
        check_withdrawal(found, NOW)
    except ApprovalError:
        assert found.status(NOW) not in {Status.PENDING, Status.APPROVED}
    else:
        assert found.status(NOW) in {Status.PENDING, Status.APPROVED}
