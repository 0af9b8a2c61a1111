"""Families without a reader, tools without a mapping, and commands that are none."""

from __future__ import annotations

from dataclasses import replace

from commands import codes, sql_command
from counterfoil.core.actions.contract import Limits, interpret
from counterfoil.core.actions.registry import FAMILIES
from counterfoil.core.model import Command, Interpretation


def test_a_tool_without_a_mapping_is_one_call_without_permissions() -> None:
    command = Command(
        family="tool", tool="anything", arguments={}, command_argument=None, resource=None
    )
    reading = interpret(command, FAMILIES)
    (operation,) = reading.operations
    assert (operation.family, operation.verb) == ("tool", "call")
    assert operation.object == {"kind": "tool", "name": "anything"}
    assert (reading.required, reading.ambient, reading.execute) == ((), (), None)


def test_a_family_without_an_interpreter_is_uncertain() -> None:
    for family in ("unknown", "Database", ""):
        command = replace(sql_command("SELECT 1"), family=family)
        assert codes(interpret(command, FAMILIES)) == ["uncertain.no_interpreter"]


def test_a_command_that_is_not_text_is_uncertain() -> None:
    honest = sql_command("SELECT 1")
    assert not interpret(honest, FAMILIES).uncertain
    for changed in (
        replace(honest, command_argument=None),
        replace(honest, command_argument="missing"),
        replace(honest, arguments={"sql": 7}),
        replace(honest, arguments={"sql": ["SELECT 1"]}),
    ):
        assert codes(interpret(changed, FAMILIES)) == ["uncertain.no_command"]


def test_too_deep_for_a_reader_is_uncertain_not_an_error() -> None:
    def endless(command: Command, limits: Limits) -> Interpretation:
        return endless(command, limits)

    assert codes(interpret(sql_command("SELECT 1"), {"database": endless})) == [
        "uncertain.too_deep"
    ]
