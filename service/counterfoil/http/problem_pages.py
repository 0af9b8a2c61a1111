"""The pages of docs/problems/, made from `errors/`: one per code that a caller can meet.

`python -m counterfoil.http.problem_pages docs/problems` writes them; a test compares.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from counterfoil import errors
from counterfoil.http.problems import TYPE_BASE

INDEX = "README.md"


def pages() -> dict[str, str]:
    """Return file names and texts: a page per code, and the index."""
    by_code: defaultdict[str, list[type[errors.CounterfoilError]]] = defaultdict(list)
    for kind in _kinds(errors.CounterfoilError):
        by_code[kind.code].append(kind)
    found = {f"{code}.md": _page(code, kinds) for code, kinds in sorted(by_code.items())}
    found[INDEX] = _index(by_code)
    return found


def _kinds(kind: type[errors.CounterfoilError]) -> Iterator[type[errors.CounterfoilError]]:
    if kind.__module__.startswith(errors.__name__ + ".") and not issubclass(
        kind, errors.ConfigError
    ):
        yield kind
        for child in kind.__subclasses__():
            yield from _kinds(child)


def _page(code: str, kinds: list[type[errors.CounterfoilError]]) -> str:
    lines = [f"# {kinds[0].title}", "", f"Type `{TYPE_BASE}{code}`", ""]
    for status in sorted({kind.status for kind in kinds}):
        lines.append(f"## Status {status}")
        lines.append("")
        of_status = [kind for kind in kinds if kind.status == status]
        lines.extend(f"- {_first_line(kind)}" for kind in of_status)
        lines.extend(("", f"**What to do.** {of_status[0].solution}", ""))
    lines.append("Nothing was permitted. [All problem types](README.md)")
    return "\n".join(lines) + "\n"


def _index(by_code: dict[str, list[type[errors.CounterfoilError]]]) -> str:
    lines = [
        "# Problem types",
        "",
        f"Errors are problem details (RFC 9457). `type` is `{TYPE_BASE}` and the code below;",
        "a code is never reused. Whatever the problem, nothing was permitted.",
        "",
        "| code | status | title |",
        "|---|---|---|",
    ]
    for code, kinds in sorted(by_code.items()):
        statuses = ", ".join(str(status) for status in sorted({kind.status for kind in kinds}))
        lines.append(f"| [{code}]({code}.md) | {statuses} | {kinds[0].title} |")
    return "\n".join(lines) + "\n"


def _first_line(kind: type[errors.CounterfoilError]) -> str:
    return (kind.__doc__ or kind.title).strip().splitlines()[0]


def write(directory: Path) -> None:
    """Write all pages, and remove those of codes that are gone."""
    directory.mkdir(parents=True, exist_ok=True)
    texts = pages()
    for path in directory.glob("*.md"):
        if path.name not in texts:
            path.unlink()
    for name, text in texts.items():
        (directory / name).write_text(text, "utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
