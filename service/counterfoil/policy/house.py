"""The house's own rules for policy: every rule explains itself, every code is unique.

Reasons are built from annotations (`rego.metadata.rule()`), so a rule without `title`,
`custom.code` or `custom.solution` would refuse people without telling them what to do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from counterfoil.policy.law import LIBRARY, Finding, package_of
from counterfoil.policy.tools import Node, OpaTool, Tree

_CODE: Final = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*", re.ASCII)
MAX_LINES: Final = 120


def check_house(folder: Path, trees: Mapping[str, Tree], tool: OpaTool) -> list[Finding]:
    """Findings about annotations, codes, names and sizes of all policy in `folder`.

    Raises:
        ConfigError: OPA cannot be used.
    """
    annotated = _annotations(tool.tree(["inspect", "--annotations", "--format=json", str(folder)]))
    codes: dict[str, str] = {}
    found: list[Finding] = []
    for file, tree in sorted(trees.items()):
        package = package_of(tree)
        name = ".".join(package)
        if not _says(annotated.get(name), "title", "description"):
            found.append(
                Finding(file=file, rule="", what="the package has no title and description")
            )
        if Path(file).parent.as_posix() != "/".join(package) or Path(file).stem != package[-1]:
            what = f"package {name} belongs in {'/'.join(package)}/{package[-1]}.rego"
            found.append(Finding(file=file, rule="", what=what))
        if len((folder / file).read_text("utf-8").splitlines()) > MAX_LINES:
            found.append(Finding(file=file, rule="", what=f"more than {MAX_LINES} lines"))
        for rule, gives_reason in _rules(tree).items():
            notes = annotated.get(f"{name}.{rule}")
            refuses = rule == "deny" and package[:2] != LIBRARY
            found += [
                Finding(file=file, rule=rule, what=what)
                for what in _rule_findings(
                    notes, f"{file}: {rule}", codes, reason=gives_reason or refuses
                )
            ]
    return sorted(set(found))


def _rule_findings(
    notes: Tree | None, place: str, codes: dict[str, str], *, reason: bool
) -> Iterator[str]:
    if not _says(notes, "title", "description"):
        yield "METADATA with title and description is missing"
    if not reason:
        return
    custom = notes.get("custom") if notes else None
    if not isinstance(custom, dict) or not _says(custom, "code", "solution"):
        yield "METADATA with custom.code and custom.solution is missing"
        return
    code = str(custom["code"])
    if not _CODE.fullmatch(code):
        yield f"custom.code {code} is not family.snake_name"
    if codes.setdefault(code, place) != place:
        yield f"custom.code {code} is already used at {codes[code]}"


def _annotations(inspected: Node) -> dict[str, Tree]:
    """Annotations by full name without `data`; the first of each name that has any."""
    found: dict[str, Tree] = {}
    items = inspected.get("annotations") if isinstance(inspected, dict) else None
    for item in items if isinstance(items, list) else []:
        if not isinstance(item, dict):
            continue
        path, notes = item.get("path"), item.get("annotations")
        names = (
            [str(term.get("value")) for term in path if isinstance(term, dict)]
            if isinstance(path, list)
            else []
        )
        if isinstance(notes, dict):
            found.setdefault(".".join(names[1:]), notes)
    return found


def _rules(tree: Tree) -> dict[str, bool]:
    """The rules' names, and whether any part of one builds a reason out of its annotations."""
    found: dict[str, bool] = {}
    rules = tree.get("rules")
    for rule in rules if isinstance(rules, list) else []:
        head = rule.get("head") if isinstance(rule, dict) else None
        terms = head.get("ref") if isinstance(head, dict) else None
        first = terms[0] if isinstance(terms, list) and terms else None
        name = str(first.get("value")) if isinstance(first, dict) else ""
        found[name] = found.get(name, False) or _calls_metadata(rule)
    return found


def _calls_metadata(node: Node) -> bool:
    stack: list[Node] = [node]
    while stack:
        item = stack.pop()
        if isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, dict):
            if item.get("type") == "string" and item.get("value") == "metadata":
                return True
            stack.extend(item.values())
    return False


def _says(notes: Tree | None, *names: str) -> bool:
    return notes is not None and all(isinstance(notes.get(n), str) and notes[n] for n in names)
