"""The law of approvals, over pairs of actions through the real service:

an approval that was given for one action, used for another, is an allow only if what would
run is byte for byte the same; and what is granted is then exactly what was shown.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from approval_story import Desk, approving_service, codes, fresh

names = st.sampled_from(["a", "b", '"A"', "A", '"a b"', '"a.b"', "invoices"])
columns = st.sampled_from(["id int", "id integer", "id int, b text", "id  int", "id int not null"])
spellings = st.sampled_from(
    [
        "CREATE TABLE public.{name} ({columns})",
        "create table public.{name} ({columns})",
        "CREATE TABLE public.{name}({columns}); ",
        "CREATE TABLE /* approved */ public.{name} ({columns}) -- by bob",
        "CREATE TABLE {name} ({columns})",
        "CREATE TABLE public.{name} ({columns}); DELETE FROM public.users",
        "SELECT id FROM public.{name}",
        "DELETE FROM public.{name}",
    ]
)


@st.composite
def statements(draw: st.DrawFn) -> str:
    return draw(spellings).format(name=draw(names), columns=draw(columns))


CREATING = st.builds("CREATE TABLE public.{} ({})".format, names, columns)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with approving_service(tmp_path_factory.mktemp("laws")) as service:
        yield Desk(service)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(approved=CREATING, used=statements())
def test_an_approval_yields_what_was_shown_or_nothing(desk: Desk, approved: str, used: str) -> None:
    token = fresh(desk)
    approval = desk.approved(token, approved)
    decision = desk.ask(token, used, approval=approval["id"])
    if decision["effect"] == "allow":
        assert decision["action_digest"] == approval["action_digest"]
        assert decision["permissions"] == approval["permissions"]
        assert decision["ambient"] == approval["ambient"]
        assert decision["execute"]["arguments"] == approval["execute"]["arguments"]
        return
    assert decision["effect"] == "deny"
    # A name written without its schema is the same action in another text: its places differ.
    assert codes(decision)[0] in {
        "approval.digest_mismatch",
        "approval.policy_changed",
        "approval.operations_changed",
    } or any(code.startswith("uncertain.") for code in codes(decision))
    # The control: the approval is untouched, and its own action is allowed.
    own = desk.ask(token, approved, approval=approval["id"])
    assert own["effect"] == "allow", codes(own)
    assert own["permissions"] == approval["permissions"]
