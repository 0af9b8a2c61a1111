"""The folder of `counterfoil evidence`: lists of records, the figures as JSON, and as a page."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from pathlib import Path
from typing import Final

from counterfoil.cli.evidence_page import page_of
from counterfoil.core.evidence_figures import SECTIONS, Figure, Figures
from counterfoil.core.model import JsonObject, JsonValue

_LINES_HELD: Final = 50_000  # then they go to their files: memory does not grow with the log
DATA: Final = "evidence.json"
PAGE: Final = "index.html"


class Lists:
    """The records of each figure, in a file of their own as soon as there are many."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: dict[Figure, str] = {}
        self._held: defaultdict[Figure, list[str]] = defaultdict(list)
        self._count = 0

    def add(self, figure: Figure, line: str) -> None:
        """One more record of a figure."""
        self._held[figure].append(line)
        self._count += 1
        if self._count >= _LINES_HELD:
            self.write()

    def name(self, figure: Figure) -> str:
        """The file of a figure; its number alone, for a tool's name is anybody's word."""
        return self._names.setdefault(figure, f"records/{len(self._names) + 1:05d}.txt")

    def write(self) -> None:
        """Let go of what is held.

        Raises:
            OSError: it cannot be written.
        """
        for figure, lines in self._held.items():
            path = self._folder / self.name(figure)
            path.parent.mkdir(mode=0o700, exist_ok=True)
            with path.open("a", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in lines)
        self._held.clear()
        self._count = 0


def report_of(figures: Figures, lists: Lists, about: JsonObject) -> JsonObject:
    """Everything that was counted, as `evidence.json` says it."""
    lists.write()
    counted: list[JsonValue] = [
        {
            "section": figure[0],
            "of": list(figure[1:]),
            "count": figures.counts[figure],
            "records": lists.name(figure),
        }
        for name in SECTIONS
        for figure in sorted(figures.counts)
        if figure[0] == name
    ]
    return {
        **about,
        "figures": counted,
        "approvals": {
            "seconds_to_first_answer": figures.durations(),
            "each": [
                {
                    "approval": asked.approval,
                    "decision_id": asked.decision_id,
                    "asked": asked.asked,
                    "answered": asked.answered,
                    "seconds": None if asked.seconds is None else round(asked.seconds, 3),
                    "status": asked.status.removeprefix("approval_"),
                }
                for asked in figures.asked.values()
                if asked.within
            ],
        },
        "policies": [
            {"revision": revision, "first_decision": first, "last_decision": last}
            for revision, (first, last) in figures.policies.items()
        ],
        "longest_silences": [
            {"seconds": round(seconds, 3), "after": after, "before": before}
            for seconds, after, before in figures.silences
        ],
    }


def write_report(folder: Path, report: JsonObject) -> bytes:
    """Write page and data, the data last: it holds the hash of every other file.

    Raises:
        OSError: it cannot be written.
    """
    (folder / PAGE).write_text(page_of(report), encoding="utf-8")
    files = {
        path.relative_to(folder).as_posix(): _sha256(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    data = json.dumps({**report, "files": files}, indent=1, ensure_ascii=False).encode() + b"\n"
    (folder / DATA).write_bytes(data)
    return data


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
