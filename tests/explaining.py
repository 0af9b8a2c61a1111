"""What `counterfoil explain --lines` says of many calls, in one run of the command."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from counterfoil.cli import main
from counterfoil.reading import process

Answers = Mapping[str, Any]


def explained(folder: Path, texts: Iterable[str], *arguments: str) -> Answers:
    """Each text's explanation, in one run of the command."""
    listed = list(texts)
    calls = [("run_sql", {"database": "orders", "sql": sql}) for sql in listed]
    return dict(zip(listed, explained_calls(folder, calls, *arguments), strict=True))


def explained_calls(
    folder: Path, calls: Iterable[tuple[str, Mapping[str, Any]]], *arguments: str
) -> list[Any]:
    """Each call's explanation, in order, in one run of the command."""
    lines = folder / "lines.jsonl"
    asked = [json.dumps({"tool": tool, "arguments": given}) for tool, given in calls]
    lines.write_text("".join(f"{line}\n" for line in asked), "utf-8")
    answers = folder / "answers.jsonl"
    with pytest.MonkeyPatch.context() as patch, answers.open("w") as out:
        patch.chdir(folder)
        patch.setattr(sys, "stdout", out)
        # What is read is the matter here, not how soon on a machine that others keep busy.
        patch.setattr(process, "ITEM_SECONDS", 10.0)
        assert main(["explain", "--lines", str(lines), *arguments]) == 0
    return [json.loads(line) for line in answers.read_text("utf-8").splitlines()]
