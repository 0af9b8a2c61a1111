"""What the documentation says of tests is so."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parents[1]


def known() -> set[str]:
    """Names of test functions and files of the hook, and of the repository's files."""
    functions = {
        name
        for path in TESTS.glob("test_*.py")
        for name in re.findall(r"def (test_\w+)", path.read_text())
    }
    files = {path.stem for path in TESTS.glob("test_*.py")}
    return functions | files | {path.stem for path in (ROOT / "tests").rglob("test_*.py")}


def test_every_test_that_the_page_names_is_there() -> None:
    named = set(re.findall(r"\btest_\w+", (ROOT / "docs" / "autogen.md").read_text()))
    assert len(named) > 40
    assert named <= known()


def test_every_mutation_names_a_test_that_is_there() -> None:
    source = (ROOT / "hooks" / "tools" / "guard_lines.py").read_text()
    named = set(re.findall(r'"(test_\w+)\.py(?:::(test_\w+))?"', source))
    assert len(named) > 40
    assert {name for pair in named for name in pair if name} <= known()
