"""What `counterfoil explain --lines` says of many SQL texts, in one run of the command."""

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
    lines = folder / "lines.jsonl"
    lines.write_bytes(
        b"".join(
            json.dumps(
                {"tool": "run_sql", "arguments": {"database": "orders", "sql": sql}}
            ).encode()
            + b"\n"
            for sql in listed
        )
    )
    answers = folder / "answers.jsonl"
    with pytest.MonkeyPatch.context() as patch, answers.open("w") as out:
        patch.chdir(folder)
        patch.setattr(sys, "stdout", out)
        # What is read is the matter here, not how soon on a machine that others keep busy.
        patch.setattr(process, "ITEM_SECONDS", 10.0)
        assert main(["explain", "--lines", str(lines), *arguments]) == 0
    said = [json.loads(line) for line in answers.read_text("utf-8").splitlines()]
    return dict(zip(listed, said, strict=True))
