"""What was approved in advance fits what was meant, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approval_events import ASKED, DECISION, ID, NOW, PENDING, Told, answered, end, opening
from counterfoil.core.approval import Approval
from counterfoil.core.approval_record import fold
from counterfoil.core.model import JsonObject, SimilarTerms
from counterfoil.core.template import (
    Hole,
    Template,
    check_template,
    holes_json,
    read_holes,
    same_but_for,
    words_of,
)
from counterfoil.core.template_record import given_json
from counterfoil.core.template_rules import answers
from counterfoil.errors import TemplateUnusable

SQL = "DROP TABLE scratch.old_1 CASCADE"
OLD = Hole(argument="sql", value="old_1", prefix="old_")
TERMS = SimilarTerms(uses=5, seconds=600)
ARGUMENTS: JsonObject = {"database": "orders", "sql": SQL}


def of(sql: Any, **more: Any) -> JsonObject:
    return {**ARGUMENTS, "sql": sql, **more}


FITS = {
    SQL: "old_1",
    "DROP TABLE scratch.old_2 CASCADE": "old_2",
    "DROP TABLE scratch.old_archive_2026 CASCADE": "old_archive_2026",
}
NEVER: dict[str, JsonObject] = {
    "another beginning": of("DROP TABLE scratch.new_1 CASCADE"),
    "the bare beginning in other letters": of("DROP TABLE scratch.OLD_1 CASCADE"),
    "a second statement": of("DROP TABLE scratch.old_2; DROP TABLE scratch.orders CASCADE"),
    "a comment": of("DROP TABLE scratch.old_2--x CASCADE"),
    "a quote": of('DROP TABLE scratch."old_2" CASCADE'),
    "another schema": of("DROP TABLE public.old_2 CASCADE"),
    "another white space": of("DROP TABLE  scratch.old_2 CASCADE"),
    "a trailing word": of("DROP TABLE scratch.old_2 CASCADE "),
    "a newline at the end": of("DROP TABLE scratch.old_2 CASCADE\n"),
    "letters of another script": of("DROP TABLE scratch.old_\u0430 CASCADE"),
    "a full-width digit": of("DROP TABLE scratch.old_\uff11 CASCADE"),
    "a zero-width joiner": of("DROP TABLE scratch.old_1\u200d CASCADE"),
    "nothing in the hole": of("DROP TABLE scratch. CASCADE"),
    "a very long word": of(f"DROP TABLE scratch.old_{'x' * 64} CASCADE"),
    "another argument": of(SQL, database="payroll"),
    "one argument more": of(SQL, force="yes"),
    "one argument less": {"sql": SQL},
    "no text": of(7),
    "a list": of([SQL]),
}


@pytest.mark.parametrize("sql", FITS)
def test_what_was_meant_fits(sql: str) -> None:
    assert words_of([OLD], ARGUMENTS, of(sql)) == {"old_1": FITS[sql]}


@pytest.mark.parametrize("what", NEVER)
def test_nothing_else_fits(what: str) -> None:
    assert words_of([OLD], ARGUMENTS, NEVER[what]) is None


@given(text=st.text(max_size=12))
def test_a_hole_holds_one_plain_word_of_its_type(text: str) -> None:
    found = words_of([OLD], ARGUMENTS, of(f"DROP TABLE scratch.{text} CASCADE"))
    plain = text.isascii() and text.replace("_", "a").isalnum() and text.startswith("old_")
    assert (found is not None) == plain


@pytest.mark.parametrize("other", [True, 1.0, "1", None, [1]])
def test_what_python_calls_equal_is_not_what_was_approved(other: Any) -> None:
    asked = of(SQL, options={"force": 1})
    assert words_of([OLD], asked, of(SQL, options={"force": 1})) is not None
    assert words_of([OLD], asked, of(SQL, options={"force": other})) is None


HOLES: dict[str, tuple[Hole, list[str], list[str]]] = {
    "some words": (
        Hole(argument="sql", value="a", one_of=("a", "b")),
        ["a", "b"],
        ["c", "A", "ab", "", "a b"],
    ),
    "a number": (
        Hole(argument="sql", value="5", number=(1, 10)),
        ["1", "5", "10"],
        ["0", "11", "05", "5a", "-5", "5.0", "\u0665", "1" * 16],
    ),
    "no type": (Hole(argument="sql", value="a"), [], ["a", "5"]),
}


@pytest.mark.parametrize("name", HOLES)
def test_each_type_takes_its_own(name: str) -> None:
    hole, good, bad = HOLES[name]
    assert [word for word in [*good, *bad] if hole.takes(word)] == good
    if good:
        assert read_holes(holes_json([hole])) == (hole,)


UNUSABLE: dict[str, tuple[list[Hole], JsonObject, int, int]] = {
    "more uses than policy lets": ([OLD], ARGUMENTS, 6, 600),
    "longer than policy lets": ([OLD], ARGUMENTS, 5, 601),
    "a word that is not there": ([replace(OLD, value="old_9")], ARGUMENTS, 5, 600),
    "a part of a word": ([replace(OLD, value="old", prefix="old")], ARGUMENTS, 5, 600),
    "a word that is there twice": ([OLD], of(SQL + ", old_1"), 5, 600),
    "an argument that is not there": ([replace(OLD, argument="query")], ARGUMENTS, 5, 600),
    "an argument that is no text": ([OLD], of(7), 5, 600),
    "a word that does not fit": ([replace(OLD, prefix="new_")], ARGUMENTS, 5, 600),
    "one word twice": ([OLD, replace(OLD, argument="database")], of(SQL, database="old_1"), 5, 600),
}


@pytest.mark.parametrize("what", UNUSABLE)
def test_a_template_fits_the_action_that_was_read(what: str) -> None:
    holes, arguments, uses, seconds = UNUSABLE[what]
    with pytest.raises(TemplateUnusable):
        check_template(holes, arguments, uses=uses, seconds=seconds, terms=TERMS)
    check_template([OLD], ARGUMENTS, uses=5, seconds=600, terms=TERMS)  # the control


SAME: list[tuple[Any, Any, bool]] = [
    ({"name": "old_1", "span": [1, 2]}, {"name": "old_2", "span": [1, 9]}, True),
    ({"identifier": "scratch.old_1"}, {"identifier": "scratch.old_2"}, True),
    ({"name": "old_1"}, {"name": "old_3"}, False),
    ({"name": "old_1"}, {"name": "old_1"}, False),
    ({"name": "bold_1"}, {"name": "bold_2"}, False),
    ({"verb": "drop"}, {"verb": "truncate"}, False),
    ({"a": 1}, {"a": 1, "b": 2}, False),
    (["old_1"], ["old_2", "old_2"], False),
    ({"limit": 5}, {"limit": 6}, True),
    ({"limit": 5}, {"limit": 7}, False),
    ({"limit": 5}, {"limit": "6"}, False),
    ({"limit": 1}, {"limit": True}, False),
    (None, None, True),
    (None, False, False),
]


@pytest.mark.parametrize(("asked", "now", "same"), SAME)
def test_a_reading_differs_by_the_words_alone(asked: Any, now: Any, *, same: bool) -> None:
    assert same_but_for({"old_1": "old_2", "5": "6"}, asked, now) is same


def test_two_words_that_change_places_are_exchanged_at_once() -> None:
    assert same_but_for({"a": "b", "b": "a"}, "a.b", "b.a")
    assert not same_but_for({"a": "b", "b": "c"}, "a.b", "c.c")


# The whole: a giver and what is wanted, alike but for one thing.

TEMPLATE = Template(
    id="tpl_" + "1" * 26,
    holes=(OLD,),
    uses=2,
    until=int(NOW) + 60,
    person=("https://idp.example.com", "bob"),
    groups=("admins",),
)


def asking(sql: str, name: str, **more: Any) -> Approval:
    value = cast("dict[str, Any]", ASKED["input"])
    asked: JsonObject = {
        **value,
        "action": {"name": "run_sql", "family": "database", "arguments": of(sql)},
        "resource": {"type": "postgresql", "id": "orders", "location": "l"},
        "operations": [{"family": "database", "verb": "drop", "object": {"name": name}}],
        "required": [{"type": "postgresql", "identifier": f"scratch.{name}"}],
        **more,
    }
    execute = {"arguments": of(sql), "session": None}
    terms = replace(PENDING.terms, similar=TERMS)
    return replace(PENDING, terms=terms, asked={**ASKED, "input": asked, "execute": execute})


GIVER = replace(asking(SQL, "old_1"), similar=TEMPLATE)
WANTED = asking("DROP TABLE scratch.old_2 CASCADE", "old_2")


def other(**more: Any) -> Approval:
    return asking("DROP TABLE scratch.old_2 CASCADE", "old_2", **more)


NOT_ANSWERED: dict[str, tuple[Approval, Approval, float]] = {
    "another run": (GIVER, replace(WANTED, asker=replace(WANTED.asker, run="run_2")), NOW),
    "another person": (
        GIVER,
        replace(WANTED, asker=replace(WANTED.asker, subject=("i", "eve"))),
        NOW,
    ),
    "another prompt": (GIVER, replace(WANTED, prompt_digest="C" * 43), NOW),
    "another policy": (GIVER, replace(WANTED, policy_revision="dev+sha256:1"), NOW),
    "other terms": (GIVER, replace(WANTED, terms=replace(WANTED.terms, approvers=("x",))), NOW),
    "another tool": (
        GIVER,
        other(action={"name": "sql2", "family": "database", "arguments": of(SQL)}),
        NOW,
    ),
    "another resource": (
        GIVER,
        other(resource={"type": "postgresql", "id": "orders", "location": "elsewhere"}),
        NOW,
    ),
    "another verb": (
        GIVER,
        other(operations=[{"family": "database", "verb": "truncate", "object": {"name": "old_2"}}]),
        NOW,
    ),
    "one operation more": (
        GIVER,
        other(operations=[{"family": "database", "verb": "drop", "object": {"name": "old_2"}}] * 2),
        NOW,
    ),
    "another permission": (GIVER, other(required=[{"type": "x"}]), NOW),
    "something ambient": (GIVER, other(ambient=[{"type": "x"}]), NOW),
    "another rendering": (
        GIVER,
        replace(WANTED, asked={**WANTED.asked, "execute": {"arguments": of(SQL), "session": None}}),
        NOW,
    ),
    "too late": (GIVER, WANTED, NOW + 60),
    "used up": (replace(GIVER, similar=replace(TEMPLATE, used=2)), WANTED, NOW),
    "ended": (replace(GIVER, similar=replace(TEMPLATE, ended=True)), WANTED, NOW),
    "given by somebody erased": (
        replace(GIVER, similar=replace(TEMPLATE, person=None)),
        WANTED,
        NOW,
    ),
    "nothing given": (replace(GIVER, similar=None), WANTED, NOW),
}


def test_what_is_alike_is_answered() -> None:
    assert answers(GIVER, WANTED, NOW)
    assert answers(replace(GIVER, similar=replace(TEMPLATE, used=1)), WANTED, NOW)


@pytest.mark.parametrize("what", NOT_ANSWERED)
def test_what_differs_in_anything_else_is_not(what: str) -> None:
    giver, wanted, now = NOT_ANSWERED[what]
    assert not answers(giver, wanted, now)


def test_what_gave_it_and_was_withdrawn_answers_nothing() -> None:
    found = _told(end("cancelled"))
    assert found.similar is not None
    assert not answers(replace(GIVER, similar=TEMPLATE, ended=found.ended), WANTED, NOW)


def _given(*, erased: bool = False) -> Told:
    plain: JsonObject = {
        "template": TEMPLATE.id,
        "approval": ID,
        "uses": 2,
        "until": TEMPLATE.until,
    }
    return Told("template_given", plain, {} if erased else {"template": given_json(TEMPLATE)})


def _told(*events: Told, given: Told | None = None) -> Approval:
    start = [opening(), answered("bob", "approve"), given or _given()]
    found = fold([*start, *events], ID, DECISION)
    assert found is not None
    return found


def test_a_template_is_its_events() -> None:
    used = Told("template_used", {"template": TEMPLATE.id, "approval": "apr_x"})
    foreign = Told("template_used", {"template": "tpl_other"})
    over = Told("template_ended", {"template": TEMPLATE.id})
    assert _told().similar == TEMPLATE
    assert _told(foreign).similar == TEMPLATE
    found = _told(used, over).similar
    assert found is not None
    assert (found.used, found.ended, found.version) == (1, True, 3)
    assert _told(used, over).version == 2  # of the approval: opened and answered
    erased = _told(given=_given(erased=True)).similar
    assert erased is not None
    assert not erased.is_open(NOW)
