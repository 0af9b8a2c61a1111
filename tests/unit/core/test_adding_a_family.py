"""docs/actions/adding.md works: its parts are put together as it says, and each does its own."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from counterfoil.cli import main
from counterfoil.config import load_config
from counterfoil.core.actions.contract import Limits, interpret
from counterfoil.core.model import Command, Interpretation, Resource
from simulators.real_opa import policy_folder

PAGE = (Path(__file__).parents[3] / "docs/actions/adding.md").read_text("utf-8")
STORE = Resource(type="keyvalue", id="cache", location="https://cache.example.com")
ELSEWHERE = Resource(type="postgresql", id="cache", location="postgresql://127.0.0.1/cache")
WORDS = {"GET carts/7": "read", "SET carts/7 open": "write", "DEL carts/7": "delete"}
REFUSED = {
    "": "uncertain.keyvalue_command",
    "GET carts/7\n": "uncertain.keyvalue_command",
    "get carts/7": "uncertain.keyvalue_command",
    "GET carts/*": "uncertain.keyvalue_command",
    "GET carts/7 DEL carts/7": "uncertain.keyvalue_command",
    "GET carts/7" + "7" * 20_000: "uncertain.too_long",
}


def parts(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def family() -> ModuleType:
    (source,) = parts("python")
    module = ModuleType("keyvalue")
    exec(compile(source, "keyvalue.py", "exec"), module.__dict__)  # noqa: S102 -- our own page
    return module


def read(family: ModuleType, text: str, resource: Resource | None = STORE) -> Interpretation:
    command = Command(
        family="keyvalue",
        tool="cache",
        arguments={"command": text},
        command_argument="command",
        resource=resource,
    )
    return interpret(command, {"keyvalue": family.interpret}, Limits())


@pytest.mark.parametrize("text", WORDS)
def test_its_commands_are_read_exactly_and_the_right_fits_the_schema(
    family: ModuleType, text: str
) -> None:
    answer = read(family, text)
    (operation,) = answer.operations
    assert operation.verb == WORDS[text]
    assert operation.object == {
        "kind": "key",
        "database": "cache",
        "namespace": "carts",
        "name": "7",
    }
    assert operation.span == (0, len(text))
    (schema,) = parts("json")
    (permission,) = answer.required
    Draft202012Validator(json.loads(schema)).validate(permission)
    wider: Mapping[str, object] = {**permission, "identifier": "carts/*"}
    assert list(Draft202012Validator(json.loads(schema)).iter_errors(wider))


@pytest.mark.parametrize("text", REFUSED)
def test_anything_else_permits_nothing_and_has_its_code(family: ModuleType, text: str) -> None:
    answer = read(family, text)
    assert [item.code for item in answer.uncertain] == [REFUSED[text]]
    assert not answer.operations
    assert not answer.required


@pytest.mark.parametrize("resource", [None, ELSEWHERE])
def test_another_resource_permits_nothing(family: ModuleType, resource: Resource | None) -> None:
    answer = read(family, "GET carts/7", resource)
    assert [item.code for item in answer.uncertain] == ["uncertain.resource_type"]
    assert not answer.operations


@given(st.text(max_size=40))
def test_no_text_makes_it_raise_or_say_both(text: str) -> None:
    module = ModuleType("keyvalue")
    exec(compile(parts("python")[0], "keyvalue.py", "exec"), module.__dict__)  # noqa: S102
    answer = read(module, text)
    assert bool(answer.operations) != bool(answer.uncertain)


def test_its_policy_passes_the_checks_and_covers_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rule, tests = parts("rego")
    place = "counterfoil/actions/keyvalue/keyvalue"
    folder = policy_folder(tmp_path / "rego", {f"{place}.rego": rule, f"{place}_test.rego": tests})
    assert main(["policy", "check", str(folder)]) == 0
    assert main(["policy", "test", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "pass  counterfoil.actions.keyvalue_test.test_not_allowed[another area]" in out
    assert "coverage 100 %" in out


def test_its_mapping_is_a_configuration(tmp_path: Path) -> None:
    (text,) = parts("toml")
    file = tmp_path / "counterfoil.toml"
    file.write_text(text, encoding="utf-8")
    mapping = load_config(file, {}).actions["cache"]
    assert (mapping.family, mapping.command_argument, mapping.resource_id) == (
        "keyvalue",
        "command",
        "cache",
    )
