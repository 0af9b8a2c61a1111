"""The tables of docs/actions pages, made by reading: `python tests/action_pages.py` writes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import word_attacks as attacks
from counterfoil.core.actions.argv import Reading
from counterfoil.core.actions.cloud.calls import CALLS
from counterfoil.core.actions.cloud.terraform import LIMITING
from counterfoil.core.actions.code import LANGUAGES
from counterfoil.core.actions.filesystem import TOOLS
from counterfoil.core.actions.git import read_git
from counterfoil.core.model import Interpretation, Operation
from words import API, AROUND, aws_call, git_call, read_file

PAGES: Final = Path(__file__).parents[1] / "docs/actions"
GIT_LINES: Final = (
    "git push origin main",
    "git push origin HEAD:refs/heads/topic",
    "git push origin +topic",
    "git push --force-with-lease origin topic",
    "git push --delete origin topic",
    "git push origin tag v1",
    "git fetch origin main",
    "git pull --ff-only origin main",
    "git clone --depth 1 " + API.location,
    "git ls-remote --heads origin",
    "git status -sb",
    "git log --oneline -5",
    "git diff HEAD~1..HEAD -- src",
    "git add -A",
    "git commit -am text",
    "git checkout -b topic",
    "git branch -D topic",
    "git restore src/a.py",
    "git merge --ff-only topic",
)


def table(head: str, rows: Iterable[tuple[str, ...]]) -> str:
    """A table of Markdown."""
    titles = head.split("|")
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines
    )


def _on(operation: Operation) -> str:
    target = operation.object
    return str(target.get("ref") or target.get("path"))


def git_lines() -> str:
    def row(line: str) -> tuple[str, ...]:
        reading: Reading = read_git(line.split(), AROUND)
        done = ", ".join(f"{item.verb} `{_on(item)}`" for item in reading.operations)
        rights = ", ".join(
            f"{item['actions'][0]} {item.get('identifier', 'the repository')}"  # type: ignore[index]  # a list
            for item in reading.required
        )
        return f"`{line}`", done, rights or "none"

    return table("command|operations|permission", map(row, GIT_LINES))


def refusals(
    cases: dict[str, Any], read: Callable[[Any], Interpretation], show: Callable[[Any], str]
) -> str:
    """Attacks by their names, each with its code."""
    rows = [
        (name, f"`{show(value)}`", f"`{read(value).uncertain[0].code}`")
        for name, value in cases.items()
    ]
    return table("what|such as|answer", rows)


def file_tools() -> str:
    return table(
        "tool|verb|on|further arguments",
        (
            (f"`{name}`", tool.verb, tool.kind, ", ".join(sorted(tool.arguments)) or "none")
            for name, tool in TOOLS.items()
        ),
    )


def _shown(path: str) -> str:
    text = ascii(path)[1:-1]
    return text if len(text) < 50 else text[:40] + "…"


def aws_rows() -> str:
    def row(service: str, name: str) -> tuple[str, ...]:
        call = CALLS[service][name]
        further = ", ".join(sorted(call.harmless))
        passes = ", and `iam:PassRole` on " + ", ".join(call.passes) if call.passes else ""
        return (
            f"`{service}.{name}`",
            f"`{service}:{call.action}`{passes}",
            ", ".join(call.on) or "`*`",
            further,
        )

    return table("call|action|on|further members", (row(s, n) for s in CALLS for n in CALLS[s]))


def terraform_rows() -> str:
    return table(
        "type|values that must be known",
        ((f"`{kind}`", ", ".join(fields) or "none") for kind, fields in LIMITING.items()),
    )


def languages() -> str:
    return table("said|language", ((f"`{said}`", name) for said, name in LANGUAGES.items()))


TABLES: Final[dict[str, tuple[str, Callable[[], str]]]] = {
    "git-lines": ("git.md", git_lines),
    "git-refusals": ("git.md", lambda: refusals(attacks.GIT, git_call, " ".join)),
    "file-tools": ("filesystem.md", file_tools),
    "paths": ("filesystem.md", lambda: refusals(attacks.PATHS, read_file, _shown)),
    "languages": ("code.md", languages),
    "aws": ("cloud.md", aws_rows),
    "aws-refusals": (
        "cloud.md",
        lambda: refusals(
            attacks.CALLS,
            lambda case: aws_call(case[0], case[1], **case[2]),
            lambda case: f"{case[0]}.{case[1]}",
        ),
    ),
    "terraform": ("cloud.md", terraform_rows),
}


def filled(name: str, page: str) -> str:
    """The page with the table of that name as it is read now.

    Raises:
        LookupError: the page has no place for it.
    """
    place = re.compile(rf"(<!-- table: {name} -->\n).*?(\n<!-- end -->)", re.DOTALL)
    if not place.search(page):
        raise LookupError(name)
    text = TABLES[name][1]()
    return place.sub(lambda found: found[1] + text + found[2], page)


if __name__ == "__main__":
    for name, (file, _) in TABLES.items():
        path = PAGES / file
        path.write_text(filled(name, path.read_text("utf-8")), "utf-8")
