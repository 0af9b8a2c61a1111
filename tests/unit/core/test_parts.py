"""A reason quotes the words of the command that it is about, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from counterfoil.core.actions import uncertain
from counterfoil.core.case import Case
from counterfoil.core.catalog import Located
from counterfoil.core.model import (
    AuthorizationRequest,
    Command,
    Context,
    Decision,
    Effect,
    Enforcement,
    Interpretation,
    Operation,
    Reason,
    Uncertainty,
)
from counterfoil.core.parts import parts_of
from counterfoil.core.response import draft

SQL = "SELECT 1; DROP TABLE users"


def case(*spans: tuple[int, int] | None, sql: object = SQL) -> Case:
    operations = tuple(
        Operation(family="database", verb="drop", object={"kind": "table"}, span=span)
        for span in spans
    )
    command = Command(
        family="database",
        tool="run_sql",
        arguments={"sql": sql},  # type: ignore[dict-item]  # also what no request may hold
        command_argument="sql",
        resource=None,
    )
    return Case(
        decision_id="dec_" + "0" * 26,
        request=AuthorizationRequest(action_name="run_sql", arguments={}, context=Context()),
        located=Located(command=command, enforcement=Enforcement.ENFORCE),
        reading=Interpretation(operations=operations),
        judged={},
        digest="d" * 43,
    )


def reason(**details: Any) -> Reason:
    return Reason(code="policy.default_deny", title="No role", details=details)


def test_an_operation_is_quoted_by_its_place() -> None:
    assert parts_of(reason(operations=[1]), case((7, 8), (21, 26))) == ["users"]


def test_a_doubt_is_quoted_by_its_place() -> None:
    doubt = uncertain.reason(Uncertainty(code="uncertain.sql_syntax", span=(10, 14)))
    assert parts_of(doubt, case()) == ["DROP"]


@pytest.mark.parametrize(
    "details",
    [
        {},
        {"operations": [7]},
        {"operations": [-1]},
        {"operations": [True]},
        {"operations": "01"},
        {"operations": [0]},
        {"span": [1]},
        {"span": "ab"},
        {"span": [900, 901]},
        {"role": "secret"},
    ],
)
def test_what_names_no_place_quotes_nothing(details: dict[str, Any]) -> None:
    assert parts_of(reason(**details), case(None, (21, 26))) == []


def test_a_command_that_is_no_text_quotes_nothing() -> None:
    assert parts_of(reason(operations=[0]), case((0, 3), sql=7)) == []


def test_quotes_are_short_flat_and_few() -> None:
    text = "a\nb " + "c" * 200
    spans = [(0, len(text)), *((i, i + 1) for i in range(5, 20))]
    parts = parts_of(reason(operations=list(range(9))), case(*spans, sql=text + "defghijk" * 9))
    assert parts[0].startswith("a b c")
    assert len(parts[0]) == 80
    assert len(parts) <= 3


def test_the_answer_carries_them_beside_the_reason() -> None:
    refused = Decision(effect=Effect.DENY, reasons=(reason(operations=[0]),))
    reasons: Any = draft(case((21, 26)), refused, None)["reasons"]
    assert [item["parts"] for item in reasons] == [["users"]]
