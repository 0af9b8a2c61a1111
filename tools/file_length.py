"""Fails when a file outgrew the house: a file that one can no longer read whole hides things."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIMITS = {".py": 350, ".rego": 120}
LINES_OF_A_REGO_TEST = 350  # tables of cases, not rules


def limit_of(path: Path) -> int | None:
    """The most lines that `path` may have, or None where there is no limit."""
    if path.name.endswith("_test.rego"):
        return LINES_OF_A_REGO_TEST
    return LIMITS.get(path.suffix)


def main() -> int:
    """Print each file that is too long; 1 if there is any."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    too_long = 0
    for name in sorted(filter(None, listed.stdout.split("\0"))):
        path = ROOT / name
        limit = limit_of(path)
        if limit is None or not path.is_file():
            continue
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > limit:
            too_long += 1
            print(f"{name}: {lines} lines, the limit is {limit}: split it by what it is about")
    return 1 if too_long else 0


if __name__ == "__main__":
    sys.exit(main())
