"""The command line teaches, starts fast, and ends with the right code."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from counterfoil import cli


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-m", "counterfoil.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_help_names_every_command_and_shows_first_steps(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--help"])
    text = capsys.readouterr().out
    assert ended.value.code == 0
    assert "counterfoil serve --dev" in text
    assert "exit codes" in text
    for name in cli._COMMANDS:
        assert re.search(rf"\n    {name}\s", text)


@pytest.mark.parametrize("name", sorted(cli._COMMANDS))
def test_every_command_has_help(name: str) -> None:
    done = run(name, "--help")
    assert done.returncode == 0, done.stderr
    assert f"usage: counterfoil {name}" in done.stdout


def test_no_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == cli.EXIT_USAGE
    assert "first steps" in capsys.readouterr().out


def test_an_unknown_command_is_a_usage_error() -> None:
    done = run("seve")
    assert done.returncode == cli.EXIT_USAGE
    assert "seve" in done.stderr


def test_a_wrong_configuration_is_78_with_path_and_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COUNTERFOIL_SERVER__WORKERS", "none")
    assert cli.main(["serve", "--dev"]) == cli.EXIT_CONFIG
    said = capsys.readouterr().err
    assert "COUNTERFOIL_SERVER__WORKERS" in said
    assert "Write a whole number" in said


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("counterfoil 0.")


def test_only_the_typed_command_is_imported() -> None:
    script = "import sys; from counterfoil.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\nprint(sorted(m for m in sys.modules if m.startswith('counterfoil.') and not m.startswith('counterfoil.errors.')))"
    done = subprocess.run(
        [sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "['counterfoil.cli', 'counterfoil.errors']"


def test_the_parent_imports_no_web_framework() -> None:
    script = "import sys, counterfoil.cli.serve, counterfoil.cli.parent; print({'flask', 'gevent', 'gunicorn', 'requests'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
