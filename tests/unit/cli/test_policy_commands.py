"""`counterfoil policy …` for authors: what is wrong is found, named, and an exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from counterfoil.cli import main
from counterfoil.policy.bundle import read_bundle
from counterfoil.resources import packaged
from simulators.real_opa import policy_folder

DATABASE = "counterfoil/actions/database/database"
GOOD_RULE = """\

# METADATA
# title: Extra
# description: Another rule.
extra := 1
"""


def changed(tmp_path: Path, file: str, old: str, new: str) -> Path:
    text = (packaged("rego") / file).read_text("utf-8")
    assert old in text
    return policy_folder(tmp_path / "rego", {file: text.replace(old, new)})


def test_products_policy_passes_every_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(packaged("rego"))
    assert main(["policy", "check", folder]) == 0
    assert main(["policy", "test", folder]) == 0
    out = capsys.readouterr().out
    assert "coverage 100 %" in out
    assert "pass  counterfoil.main_test.test_decision[a covered operation is allowed]" in out
    output = tmp_path / "b.tar.gz"
    assert main(["policy", "build", folder, "-o", str(output), "--label", "v7"]) == 0
    assert read_bundle(output).label == "v7"
    assert read_bundle(output).revision in capsys.readouterr().out


def test_failing_case_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = f"{DATABASE}_test.rego"
    folder = changed(
        tmp_path,
        file,
        '"another verb": sample.table("insert")',
        '"another verb": sample.table("create")',
    )
    assert main(["policy", "test", str(folder)]) == 1
    out = capsys.readouterr().out
    assert "FAIL  counterfoil.actions.database_test.test_not_allowed[another verb]" in out
    assert "pass  counterfoil.actions.database_test.test_not_allowed[another schema]" in out


EMPTY = {
    "no cases": (
        "database_test.rego",
        (
            "package counterfoil.actions.database_test\n\ncases := {}\n\n"
            "test_nothing[name] if {\n\tsome name, c in cases\n\tc == 1\n}\n"
        ),
        "ran no case",
    ),
    "every over nothing": (
        "database_test.rego",
        "package counterfoil.actions.database_test\n\ntest_nothing if {\n\tevery c in [] { c == 1 }\n}\n",
        "passes over nothing",
    ),
    "no test": (
        "database_test.rego",
        "package counterfoil.actions.database_test\n\nx := 1\n",
        "no test of package counterfoil.actions.database_test ran",
    ),
}


@pytest.mark.parametrize("name", EMPTY)
def test_empty_suite_fails(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, text, expected = EMPTY[name]
    folder = policy_folder(tmp_path / "rego", {f"counterfoil/actions/database/{file}": text})
    assert main(["policy", "test", str(folder), "--threshold", "0"]) == 1
    assert expected in capsys.readouterr().out


def test_filter_that_matches_nothing_fails(capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(packaged("rego"))
    assert main(["policy", "test", folder, "--run", "no_such_test"]) == 1
    assert "no test ran" in capsys.readouterr().out
    assert main(["policy", "test", folder, "--run", "test_allowed"]) == 0  # control


def test_rule_without_a_test_is_a_gap_in_coverage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = f"{DATABASE}.rego"
    text = (packaged("rego") / file).read_text("utf-8") + GOOD_RULE
    folder = policy_folder(tmp_path / "rego", {file: text})
    assert main(["policy", "check", str(folder)]) == 0
    assert main(["policy", "test", str(folder), "--quiet"]) == 1
    out = capsys.readouterr().out
    assert f"not covered  {file}: lines" in out
    assert main(["policy", "test", str(folder), "--quiet", "--threshold", "90"]) == 0


FOUND = {
    "no title": (
        "# title: Allowed operations\n",
        "",
        "METADATA with title and description is missing",
    ),
    "no solution": (
        "#   solution: Work in the schemas of the application.\n",
        "",
        "METADATA with custom.code and custom.solution is missing",
    ),
    "a code of another form": (
        "database.closed_schema",
        "ClosedSchema",
        "is not family.snake_name",
    ),
    "a code that is taken": ("database.closed_schema", "policy.default_deny", "is already used at"),
    "not formatted": (
        "\tmatch.subject(role)\n",
        "    object := operation.object\n",
        "is not formatted",
    ),
    "the prompt": (
        "\tmatch.subject(role)\n",
        '\tmatch.subject(role)\n\tinput.context.prompt != "x"\n',
        "only deny rules may read it",
    ),
    "a misspelt path": ("operation.object.schema]", "operation.object.shema]", "undefined ref"),
}


@pytest.mark.parametrize("name", FOUND)
def test_check_finds(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new, expected = FOUND[name]
    folder = changed(tmp_path, f"{DATABASE}.rego", old, new)
    assert main(["policy", "check", str(folder)]) == 1
    assert expected in capsys.readouterr().out


def test_package_in_the_wrong_place_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (packaged("rego") / "counterfoil/actions/tool/tool.rego").read_text("utf-8")
    moved = {"counterfoil/actions/other/tool.rego": text.replace("actions.tool", "actions.moved")}
    assert main(["policy", "check", str(policy_folder(tmp_path / "rego", moved))]) == 1
    assert "belongs in counterfoil/actions/moved/moved.rego" in capsys.readouterr().out


def test_refused_build_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = "\tmatch.subject(role)\n"
    folder = changed(tmp_path, f"{DATABASE}.rego", old, old + '\tinput.context.task != "x"\n')
    output = tmp_path / "b.tar.gz"
    assert main(["policy", "build", str(folder), "-o", str(output)]) == 1
    assert "input.context.task" in capsys.readouterr().out
    assert not output.exists()


@pytest.mark.parametrize("command", ["check", "test", "build"])
def test_missing_folder_is_a_configuration_error(command: str, tmp_path: Path) -> None:
    assert main(["policy", command, str(tmp_path / "none")]) == 78


@pytest.mark.parametrize(
    "arguments", [["policy"], ["policy", "frobnicate"], ["policy", "test", "--x"]]
)
def test_wrong_usage_is_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["policy", "--help"])
    assert stopped.value.code == 0
    out = capsys.readouterr().out
    assert "counterfoil/actions/<family>/<family>.rego" in out
    assert "exit codes: 0 good, 1 a finding, 2 usage, 78 configuration" in out
