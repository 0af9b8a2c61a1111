"""Sets everything up under the checkout: `.venv`, `.tools/opa`, `var/` (`make setup`).

`setup.py tests` adds what only tests need (`make test`), `setup.py hooks` the environments
of the hook's tests (`make test-hooks`), or one of them: `setup.py hooks-highest`.

Needs Python 3.11 and nothing else installed. Each step is skipped when its stamp, a digest
of all that went into it, still holds; so a second run costs a few milliseconds, and a
run that was cut off goes on where it stopped. A lock lets two runs follow each other.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from go_toolchain import TEST_INPUTS, TEST_MODULES, fetch_test_modules
from hooks_environments import HIGHEST, HOOKS_INPUTS, LOCKS, LOWEST, make_environment
from opa_build import OPA_INPUTS, build_opa

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
VENV = ROOT / ".venv"
LOCK = ROOT / "requirements" / "dev.txt"  # holds all of service.txt, at the same pins
PIP = (str(VENV / "bin" / "pip"), "--disable-pip-version-check", "--no-input")
TAIL_LINES = 25

Step = tuple[str, Iterable[Path], Path, Callable[[], None]]
"""Name, what goes in, what must be there afterwards, and how."""


class SetupError(Exception):
    """A step failed; the text says what to do about it."""


def main(words: Sequence[str] = ()) -> int:
    """Run the steps of a stage that are due."""
    if sys.version_info < (3, 11):  # noqa: UP036  # this file runs before any of our metadata is read
        print("setup: Python 3.11 or newer is needed; set PYTHON=/path/to/python3", file=sys.stderr)
        return 1
    TOOLS.mkdir(exist_ok=True)
    try:
        with _one_at_a_time():
            for name, inputs, product, action in _wanted(words):
                _step(name, inputs, product, action)
    except SetupError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    return 0


def _wanted(words: Sequence[str]) -> Iterable[Step]:
    """The steps that a command line asks for.

    Raises:
        SetupError: it asks for something else.
    """
    stages = {
        (): _steps,
        ("tests",): _test_steps,
        ("hooks",): lambda: _hooks_steps(HIGHEST, LOWEST),
        ("hooks-highest",): lambda: _hooks_steps(HIGHEST),
        ("hooks-lowest",): lambda: _hooks_steps(LOWEST),
    }
    stage = stages.get(tuple(words))
    if stage is None:
        message = f"{' '.join(words)} is none of: {', '.join(' '.join(s) for s in stages if s)}"
        raise SetupError(message)
    return stage()


def _steps() -> Iterable[Step]:
    """What the service needs."""
    yield "Python environment", [], VENV / "bin" / "pip", _make_venv
    yield "pinned packages", [LOCK], VENV / "bin" / "pytest", _install_packages
    yield "counterfoil itself", [ROOT / "pyproject.toml"], VENV / "bin" / "counterfoil", _install_us
    yield "OPA", [ROOT / name for name in OPA_INPUTS], TOOLS / "opa", _install_opa
    yield "folders", [], ROOT / "var" / "run", _make_folders


def _test_steps() -> Iterable[Step]:
    """What only tests need: who wants to run the service does not wait for it."""
    inputs = [ROOT / name for name in TEST_INPUTS]
    yield "Go modules of the tests", inputs, TEST_MODULES[0], _fetch_test_modules


def _hooks_steps(*environments: Path) -> Iterable[Step]:
    """What the hook's tests need: AutoGen, which has no place beside the service."""
    for venv in environments:
        inputs = [LOCKS[venv], *(ROOT / name for name in HOOKS_INPUTS)]
        name = f"{LOCKS[venv].stem} environment"
        yield name, inputs, venv / "bin" / "pytest", partial(make_environment, venv, run=_run)


def _step(name: str, inputs: Iterable[Path], product: Path, action: Callable[[], None]) -> None:
    """Do one step unless its stamp still holds; print what is done and how long it took."""
    stamp = TOOLS / f"{name.replace(' ', '-').lower()}.stamp"
    digest = _digest(inputs)
    if product.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == digest:
        return
    started = time.monotonic()
    print(f"setup: {name} …", flush=True)
    stamp.unlink(missing_ok=True)
    action()
    stamp.write_text(digest, encoding="utf-8")
    print(f"setup: {name} ready ({time.monotonic() - started:.1f} s)", flush=True)


def _digest(inputs: Iterable[Path]) -> str:
    """What went into a step. The checkout's place counts too: a moved .venv does not work."""
    digest = hashlib.sha256(f"{ROOT}\n{sys.version_info[:2]}\n".encode())
    for path in inputs:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Hold the lock; say so when another run has it."""
    with (TOOLS / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("setup: another set-up is running here; waiting for it", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make_venv() -> None:
    _run(
        (sys.executable, "-m", "venv", "--clear", str(VENV)),
        "the Python environment could not be made; on Debian and Ubuntu: "
        "apt install python3-venv, then run this again",
    )


def _install_packages() -> None:
    """Everything by hash, then our own build backend is there too (no build isolation)."""
    _run(
        (*PIP, "install", "--require-hashes", "--requirement", str(LOCK)),
        "the pinned packages could not be installed; check that the package index is reachable "
        "(pip's own settings apply), then run this again",
    )


def _install_us() -> None:
    _run(
        (*PIP, "install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT)),
        "the package could not be installed; pyproject.toml is the place to look",
    )


def _install_opa() -> None:
    try:
        build_opa(TOOLS / "opa", pip=PIP, run=_run)
    except OSError as error:
        message = f"OPA could not be put in place: {error}"
        raise SetupError(message) from error


def _fetch_test_modules() -> None:
    try:
        fetch_test_modules(pip=PIP, run=_run)
    except OSError as error:
        message = f"Go could not be put in place: {error}"
        raise SetupError(message) from error


def _make_folders() -> None:
    """What is private is private from the first moment on."""
    for folder in ("var", "var/run", "var/keys"):
        (ROOT / folder).mkdir(mode=0o700, parents=True, exist_ok=True)


def _run(
    command: tuple[str, ...],
    remedy: str,
    *,
    cwd: Path = ROOT,
    environment: dict[str, str] | None = None,
) -> None:
    """Run quietly; on failure show the end of its output and the remedy."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        for line in done.stdout.splitlines()[-TAIL_LINES:]:
            print(f"    {line}", file=sys.stderr)
        raise SetupError(remedy)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
