"""Runs the tests of a policy so that none can pass by not running.

OPA lets three empty suites pass: a parametrised test whose cases are empty, a filter that
matches nothing, and `every x in []`. Each is a finding here. Coverage is asked for in a
second run, because OPA's report of it replaces the results.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

from counterfoil.errors import ConfigError
from counterfoil.policy.bundle import read_files
from counterfoil.policy.law import Finding, package_of, parse
from counterfoil.policy.tools import Node, OpaTool, Tree
from counterfoil.resources import packaged


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One test, or one case of a parametrised test."""

    package: str
    test: str
    case: str
    passed: bool
    microseconds: int
    message: str = ""

    @property
    def name(self) -> str:
        """`package.test[case]`."""
        return f"{self.package}.{self.test}" + (f"[{self.case}]" if self.case else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the tests showed."""

    cases: tuple[Case, ...]
    findings: tuple[Finding, ...]
    coverage: float
    uncovered: Mapping[str, tuple[int, ...]]

    def good(self, threshold: float) -> bool:
        """Whether everything ran, passed, and enough was covered."""
        passed = bool(self.cases) and all(case.passed for case in self.cases)
        return passed and not self.findings and self.coverage >= threshold


def run_tests(folder: Path, opa: Path, *, only: str = "") -> Report:
    """Run all tests of a folder, or those whose name matches the expression `only`.

    Raises:
        ConfigError: the policy does not compile, or OPA cannot be used.
    """
    tool = OpaTool(opa)
    files = {n: d for n, d in read_files(folder).items() if n.endswith(".rego")}
    trees = parse(files, tool)
    arguments = ["test", "--bundle", f"--schema={packaged('schemas')}", "--timeout=30s"]
    results = _json(
        tool, [*arguments, "--format=json", *(["--run", only] if only else []), str(folder)]
    )
    cases = tuple(_cases(results))
    findings = [*_suspicious(trees)]
    if not only:
        findings += _unrun(trees, cases)
    findings += _empty(trees, cases, complete=not only)
    coverage, uncovered = _coverage(
        tool, [*arguments, "--coverage", "--format=json", str(folder)], folder
    )
    return Report(
        cases=cases,
        findings=tuple(sorted(set(findings))),
        coverage=coverage,
        uncovered=uncovered,
    )


def _json(tool: OpaTool, arguments: list[str]) -> Node:
    """`opa test` exits 2 when a test fails; that is an answer, not a failure of the run."""
    ran = tool.run(arguments)
    try:
        value: Node = orjson.loads(ran.stdout)
    except orjson.JSONDecodeError as error:
        text = ran.stderr.strip() or ran.stdout.decode("utf-8", "replace").strip()
        raise ConfigError(f"the policy's tests cannot run: {text}") from error
    if isinstance(value, dict) and "errors" in value:
        raise ConfigError(f"the policy does not compile: {ran.stdout.decode()}")
    return value


def _cases(results: Node) -> Iterator[Case]:
    for item in results if isinstance(results, list) else []:
        if not isinstance(item, dict):
            continue
        package = str(item.get("package", "")).removeprefix("data.")
        test, error = str(item.get("name", "")), item.get("error")
        spent = item.get("duration")
        microseconds = spent // 1_000 if isinstance(spent, int) else 0
        failed = bool(item.get("fail")) or bool(item.get("skip")) or error is not None
        parts = list(_sub_results(item, ()))
        if error is not None or not parts:
            parts = [("", failed)]
        for case, case_failed in parts:
            yield Case(
                package=package,
                test=test,
                case=case,
                passed=not case_failed,
                microseconds=microseconds,
                message="" if error is None else str(error),
            )


def _sub_results(item: Tree, path: tuple[str, ...]) -> Iterator[tuple[str, bool]]:
    """The leaves of nested case names."""
    below = item.get("sub_results")
    for name, sub in sorted(below.items()) if isinstance(below, dict) else []:
        if isinstance(sub, dict):
            names = (*path, name)
            if sub.get("sub_results"):
                yield from _sub_results(sub, names)
            else:
                yield ", ".join(names), bool(sub.get("fail"))


def _suspicious(trees: Mapping[str, Tree]) -> Iterator[Finding]:
    for file, name, rule in _tests(trees):
        if _mentions(rule, "domain"):
            what = "`every` in a test passes over nothing; write a parametrised test"
            yield Finding(file=file, rule=name, what=what)


def _empty(
    trees: Mapping[str, Tree], cases: tuple[Case, ...], *, complete: bool
) -> Iterator[Finding]:
    ran = {(case.package, case.test): bool(case.case) for case in cases}
    if not ran:
        yield Finding(file="", rule="", what="no test ran")
    for file, name, rule in _tests(trees):
        package = ".".join(package_of(trees[file]))
        head = rule.get("head")
        terms = head.get("ref") if isinstance(head, dict) else None
        has_cases = ran.get((package, name))
        if has_cases is None and complete:
            yield Finding(file=file, rule=name, what="did not run")
        elif has_cases is False and isinstance(terms, list) and len(terms) > 1:
            yield Finding(file=file, rule=name, what="ran no case: its cases are empty")


def _unrun(trees: Mapping[str, Tree], cases: tuple[Case, ...]) -> Iterator[Finding]:
    """A package without any test of its own beside it."""
    tested = {case.package for case in cases}
    for file, tree in trees.items():
        package = ".".join(package_of(tree))
        if not package.endswith("_test") and f"{package}_test" not in tested:
            yield Finding(file=file, rule="", what=f"no test of package {package}_test ran")


def _tests(trees: Mapping[str, Tree]) -> Iterator[tuple[str, str, Tree]]:
    for file, tree in trees.items():
        rules = tree.get("rules")
        for rule in rules if isinstance(rules, list) else []:
            head = rule.get("head") if isinstance(rule, dict) else None
            terms = head.get("ref") if isinstance(head, dict) else None
            first = terms[0] if isinstance(terms, list) and terms else None
            name = first.get("value") if isinstance(first, dict) else None
            if isinstance(name, str) and name.startswith("test_") and isinstance(rule, dict):
                yield file, name, rule


def _mentions(node: Node, key: str) -> bool:
    stack: list[Node] = [node]
    while stack:
        item = stack.pop()
        if isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, dict):
            if key in item:
                return True
            stack.extend(item.values())
    return False


def _coverage(
    tool: OpaTool, arguments: list[str], folder: Path
) -> tuple[float, dict[str, tuple[int, ...]]]:
    """Per cent of lines, and the uncovered lines by file; 0 where a test failed."""
    ran = tool.run(arguments)
    try:
        value: Node = orjson.loads(ran.stdout)
    except orjson.JSONDecodeError:
        return 0.0, {}
    if not isinstance(value, dict):
        return 0.0, {}
    uncovered: dict[str, tuple[int, ...]] = {}
    files = value.get("files")
    for file, report in files.items() if isinstance(files, dict) else []:
        lines = tuple(sorted(set(_lines(report))))
        if lines:
            uncovered[_relative(file, folder)] = lines
    percent = value.get("coverage")
    return (float(percent) if isinstance(percent, int | float) else 0.0), uncovered


def _lines(report: Node) -> Iterator[int]:
    ranges = report.get("not_covered") if isinstance(report, dict) else None
    for item in ranges if isinstance(ranges, list) else []:
        start, end = (item.get(k) if isinstance(item, dict) else None for k in ("start", "end"))
        if isinstance(start, dict) and isinstance(end, dict):
            first, last = start.get("row"), end.get("row")
            if isinstance(first, int) and isinstance(last, int):
                yield from range(first, last + 1)


def _relative(file: str, folder: Path) -> str:
    """OPA writes the folder before a bundle's file once or twice, with its first slash or not."""
    bare = f"{folder}/".removeprefix("/")
    while (shorter := file.removeprefix("/").removeprefix(bare)) != file:
        file = shorter
    return file
