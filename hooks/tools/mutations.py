"""Removes one guard line at a time and sees that the test named after it fails.

Usage: python hooks/tools/mutations.py [name…]. Each mutation is made in a copy of `hooks/`;
nothing in the checkout changes. Exit code 1 if one survives.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from guard_lines import MUTATIONS, Mutation

HOOKS = Path(__file__).resolve().parents[1]
PACKAGE = "autogen_counterfoil"


def survives(mutation: Mutation) -> bool:
    """Whether the named tests pass although the line is gone."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "hooks"
        shutil.copytree(
            HOOKS, copy, ignore=shutil.ignore_patterns("*.egg-info", "__pycache__", ".*")
        )
        shutil.copy(HOOKS.parent / "pyproject.toml", folder)
        path = copy / PACKAGE / mutation.file
        source = path.read_text()
        if mutation.old not in source:
            raise SystemExit(f"{mutation.name}: the line is not in {mutation.file} any more")
        path.write_text(source.replace(mutation.old, mutation.new))
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-n0", "-p", "no:cacheprovider"]
        try:
            done = subprocess.run(
                [*command, f"tests/{mutation.tests}"],
                cwd=copy,
                capture_output=True,
                check=False,
                timeout=120,
            )
        except subprocess.TimeoutExpired:
            return False  # it hangs, which is noticed
        if done.returncode not in {0, 1}:
            raise SystemExit(
                f"{mutation.name}: pytest did not run:\n{done.stdout.decode()[-2000:]}"
            )
        return done.returncode == 0


NOTHING = Mutation("nothing", "errors.py", "class HookError", "class HookError", "")


def main() -> int:
    """Try all mutations, or the named ones."""
    tests = sorted({mutation.tests.partition("::")[0] for mutation in MUTATIONS})
    for name in tests if not sys.argv[1:] else []:  # control: unchanged, they pass
        if not survives(replace(NOTHING, tests=name)):
            raise SystemExit(f"{name} fails without any mutation")
    chosen = [m for m in MUTATIONS if not sys.argv[1:] or any(w in m.name for w in sys.argv[1:])]
    left = []
    for mutation in chosen:
        alive = survives(mutation)
        print(
            f"{'SURVIVES' if alive else 'killed  '} {mutation.name}: {mutation.tests}", flush=True
        )
        left += [mutation.name] if alive else []
    print(f"{len(chosen) - len(left)} killed, {len(left)} survive")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
