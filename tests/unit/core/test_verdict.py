"""The verdict table: everything but an exact, valid, verified answer denies with its own code."""

from __future__ import annotations

import copy
import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.core.canonical import has_float
from counterfoil.core.model import Decision, Effect, Interpretation, JsonValue, Uncertainty
from counterfoil.core.policy_result import NotAResult, read_result
from counterfoil.core.verdict import EXPLANATIONS, judge
from counterfoil.ports import PolicyAnswer
from counterfoil.resources import packaged
from simulators.opa import PERMISSION, REVISION, allow

READING = Interpretation(required=(PERMISSION,))
SCHEMA = json.loads((packaged("schemas") / "policy_result.json").read_text("utf-8"))
VALID = jsonschema.Draft202012Validator(SCHEMA)
REASON = {"code": "a.b", "title": "T", "solution": "S"}
DENY: dict[str, Any] = {"effect": "deny", "reasons": [REASON], "permissions": [], "obligations": []}
TERMS = {"approvers": ["admins"], "quorum": 1, "expires_in_seconds": 60}
WAIT: dict[str, Any] = {**DENY, "effect": "needs_approval", "approval": TERMS}


def each(*groups: str, quorum: int = 2) -> dict[str, Any]:
    """A demand that each of these groups sends somebody."""
    terms = {"approvers": ["admins", "leads"], "quorum": quorum, "each_from": list(groups)}
    return {**WAIT, "approval": {**TERMS, **terms}}


def verdict(
    result: JsonValue, reading: Interpretation = READING, revisions: tuple[str, ...] = (REVISION,)
) -> Decision:
    answer = PolicyAnswer(defined=True, result=result, revisions=revisions)
    return judge(answer, reading, known_revisions={REVISION})


def codes(decision: Decision) -> list[str]:
    return [reason.code for reason in decision.reasons]


def test_honest_allow_is_an_allow_of_exactly_that() -> None:
    decision = verdict(allow())
    assert decision.effect is Effect.ALLOW
    assert decision.permissions == (PERMISSION,)
    assert decision.ttl_seconds == 300
    assert decision.policy_revision == REVISION


def test_order_and_repetition_of_set_members_mean_nothing() -> None:
    wanted = Interpretation(required=({"type": "x", "actions": ["a", "b"]}, {"type": "y"}))
    answered = allow([{"type": "y"}, {"actions": ["b", "a", "b"], "type": "x"}])
    assert verdict(answered, wanted).effect is Effect.ALLOW


@pytest.mark.parametrize(
    "permissions",
    [
        [],
        [PERMISSION, {**PERMISSION, "identifier": "audit"}],
        [{**PERMISSION, "actions": ["create", "usage"]}],
        [{**PERMISSION, "actions": []}],
        [{**PERMISSION, "operations": []}],
        [{**PERMISSION, "locations": ["postgresql://evil/orders"]}],
        [{**PERMISSION, "note": "unknown member"}],
        [{name: value for name, value in PERMISSION.items() if name != "object"}],
    ],
)
def test_fewer_or_more_permissions_deny(permissions: list[Any]) -> None:
    assert codes(verdict(allow(permissions))) == ["policy.permissions_mismatch"]


def test_action_that_requires_nothing_is_granted_nothing() -> None:
    nothing = Interpretation()
    assert verdict(allow([]), nothing).permissions == ()
    assert codes(verdict(allow(), nothing)) == ["policy.permissions_mismatch"]


def test_uncertain_reading_is_denied_whatever_policy_says() -> None:
    doubt = Interpretation(
        required=(PERMISSION,), uncertain=(Uncertainty(code="uncertain.too_long", span=(0, 3)),)
    )
    for result in (allow(), DENY, WAIT):
        decision = verdict(result, doubt)
        assert decision.effect is Effect.DENY
        assert decision.permissions == ()
        assert codes(decision)[0] == "uncertain.too_long"
        assert decision.reasons[0].solution
    assert codes(verdict(allow(), doubt)) == ["uncertain.too_long", "policy.uncertain"]
    assert verdict(allow()).effect is Effect.ALLOW  # control


@pytest.mark.parametrize("revisions", [(), ("",), ("x",), (REVISION, REVISION), (REVISION, "x")])
@pytest.mark.parametrize("result", [allow(), DENY, WAIT], ids=["allow", "deny", "approval"])
def test_answer_of_unverified_policy_is_a_deny(revisions: tuple[str, ...], result: Any) -> None:
    decision = verdict(result, revisions=revisions)
    assert decision.effect is Effect.DENY
    assert codes(decision) == ["policy.revision_unknown"]
    assert decision.policy_revision == ""


def test_undefined_result_is_a_deny() -> None:
    answer = PolicyAnswer(defined=False, result=None, revisions=(REVISION,))
    assert codes(judge(answer, READING, known_revisions={REVISION})) == ["policy.undefined"]


def test_needs_approval_says_which_groups_must_each_send_somebody() -> None:
    terms = read_result(each("admins", "leads")).approval
    assert terms is not None
    assert (terms.each_from, terms.quorum) == (("admins", "leads"), 2)


@pytest.mark.parametrize("result", [each("admins", "others"), each("admins", "leads", quorum=1)])
def test_terms_that_nobody_could_meet_as_shown_are_none(result: Any) -> None:
    """Beyond the schema: a group outside the approvers, a number below that of the groups."""
    with pytest.raises(NotAResult):
        read_result(result)


def test_needs_approval_carries_its_terms_and_nothing_else() -> None:
    decision = verdict(WAIT)
    assert decision.effect is Effect.NEEDS_APPROVAL
    assert decision.permissions == ()
    assert decision.approval is not None
    assert decision.approval.approvers == ("admins",)


def test_every_code_of_the_table_has_a_title_and_a_solution() -> None:
    assert EXPLANATIONS
    for code, (title, solution) in EXPLANATIONS.items():
        assert code.startswith("policy.")
        assert title
        assert solution


def without(value: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: item for key, item in value.items() if key != name}


MALFORMED: dict[str, Any] = {
    **{
        f"no {name}": without(allow(), name)
        for name in ("effect", "reasons", "permissions", "obligations")
    },
    "no reason at all": allow(reasons=[]),
    "too many reasons": {**DENY, "reasons": [REASON] * 65},
    "a reason of text": allow(reasons=["granted"]),
    "a reason without a solution": allow(reasons=[without(REASON, "solution")]),
    "a reason with a newline behind its code": allow(reasons=[{**REASON, "code": "a.b\n"}]),
    "a code of one word": allow(reasons=[{**REASON, "code": "granted"}]),
    "an unknown member of a reason": allow(reasons=[{**REASON, "x": 1}]),
    "details that are a list": allow(reasons=[{**REASON, "details": []}]),
    "details with a fraction": allow(reasons=[{**REASON, "details": {"x": 0.5}}]),
    "permissions as an object": {**allow(), "permissions": {"0": PERMISSION}},
    "a permission of text": allow(["everything"]),
    "a permission without a type": allow([{"actions": ["create"]}]),
    "a deny with permissions": {**DENY, "permissions": [PERMISSION]},
    "a deny with obligations": {**DENY, "obligations": [{"type": "log"}]},
    "a deny with an approval": {**DENY, "approval": TERMS},
    "an allow with an approval": allow(approval=TERMS),
    "an approval without terms": without(WAIT, "approval"),
    "an approval by nobody": {**WAIT, "approval": {**TERMS, "approvers": []}},
    "an approval by the empty group": {**WAIT, "approval": {**TERMS, "approvers": [""]}},
    "a quorum of none": {**WAIT, "approval": {**TERMS, "quorum": 0}},
    "a quorum of true": {**WAIT, "approval": {**TERMS, "quorum": True}},
    "an approval for ever": {**WAIT, "approval": {**TERMS, "expires_in_seconds": 10**9}},
    "an unknown term": {**WAIT, "approval": {**TERMS, "x": 1}},
    "one group that must send one": each("admins"),
    "no group that must send one": each(),
    "a group that must send one twice": each("admins", "admins"),
    "a sign-in of a week ago": {
        **WAIT,
        "approval": {**TERMS, "max_sign_in_age_seconds": 604_800},
    },
    "a sign-in of null": {**WAIT, "approval": {**TERMS, "max_sign_in_age_seconds": None}},
    "a lifetime of none": allow(ttl_seconds=0),
    "a lifetime of true": allow(ttl_seconds=True),
    "a lifetime below nothing": allow(ttl_seconds=-1),
    "a lifetime of text": allow(ttl_seconds="300"),
    "an effect of another type": allow(effect=["allow"]),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_result_is_a_deny(name: str) -> None:
    assert codes(verdict(MALFORMED[name])) == ["policy.malformed_result"]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 70_000_0)
    | st.floats(-1, 2)
    | st.sampled_from(["", "a.b", "allow", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "code", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def places(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    stack = [value]
    while stack:
        item = stack.pop()
        keys = (
            list(item)
            if isinstance(item, dict)
            else list(range(len(item)))
            if isinstance(item, list)
            else []
        )
        for key in keys:
            found.append((item, key))
            stack.append(item[key])
    return found


@given(data=st.data(), start=st.sampled_from([allow(), DENY, WAIT]), drop=st.booleans(), junk=JSON)
def test_reader_and_published_schema_give_the_same_verdict(
    data: st.DataObject,
    start: dict[str, Any],
    drop: bool,  # noqa: FBT001 -- drawn, not passed
    junk: Any,
) -> None:
    value: dict[str, Any] = {"root": copy.deepcopy(start)}
    holder, key = data.draw(st.sampled_from(places(value)))
    if drop:
        del holder[key]
    else:
        holder[key] = junk
    result = value.get("root")
    try:
        read_result(result)
        accepted = True
    except NotAResult:
        accepted = False
    # A fraction is refused by the reader alone (JSON Schema counts 1.0 as an integer).
    assert accepted == (VALID.is_valid(result) and not has_float(result))


@given(junk=JSON)
def test_no_answer_makes_the_judge_raise_or_allow_by_accident(junk: Any) -> None:
    assert verdict(junk).effect is Effect.DENY
