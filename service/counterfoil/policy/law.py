"""The prompt law, proved on the syntax trees: prompt text can only narrow (DESIGN §2.4).

    Claim: no change of `context.prompt` or `context.task` turns a non-allow into an allow or
    adds a permission.

    1. Only the packages of `LAYOUT` exist, so every rule's full name is known.
    2. No rule but a family's or a tenant's `deny` reads prompt or task. Reading is seen
       because `input` occurs only at the head of a reference whose next names are constants:
       never bare (`x := input`, `walk(input)`), never `input[x]`, never imported.
    3. Nothing outside of `counterfoil.main` refers to a `deny`: `data` occurs only at the head
       of references into base data, into `counterfoil.lib`, or into the tenant's own package.
    4. `with` occurs nowhere else, so neither input, data nor a function is replaced.
    5. `counterfoil.main` is the published one: it uses `deny` only to refuse.

    By 1 to 4 every document but the `deny`s is the same for all prompts; by 5 a `deny` can
    only turn the answer into a refusal.

The trees are those that OPA itself parses (`rego.parse_module`); the compiler adds no access
to `input` that the source does not spell out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from counterfoil.errors import ConfigError
from counterfoil.policy.tools import Node, OpaTool, Tree

MAIN: Final = ("counterfoil", "main")
LIBRARY: Final = ("counterfoil", "lib")
UNTRUSTED: Final = frozenset({"prompt", "task"})
INPUT_MEMBERS: Final = frozenset(
    {
        "tenant",
        "subject",
        "actor",
        "run",
        "action",
        "resource",
        "operations",
        "uncertain",
        "required",
        "ambient",
        "action_digest",
        "context",
        "approvals",
    }
)
_PARSE = (
    "package parse\n\ntrees[path] := rego.parse_module(path, text) if some path, text in input\n"
)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Finding:
    """One thing that is wrong with a policy."""

    file: str
    rule: str
    what: str

    def __str__(self) -> str:
        """For people: `file: rule: what`."""
        return (
            f"{self.file}: {self.rule}: {self.what}" if self.rule else f"{self.file}: {self.what}"
        )


def parse(files: Mapping[str, bytes], tool: OpaTool) -> dict[str, Tree]:
    """The syntax tree of each Rego file, as OPA parses it.

    Raises:
        ConfigError: a file does not parse, or OPA cannot be used.
    """
    texts = {
        path: data.decode("utf-8", "replace")
        for path, data in files.items()
        if path.endswith(".rego")
    }
    query = ["eval", "--stdin-input", "--strict-builtin-errors", "--format=json"]
    value = tool.with_module(query, _PARSE, stdin=orjson.dumps(texts))
    trees = value if isinstance(value, dict) else {}
    parsed = {path: tree for path, tree in trees.items() if isinstance(tree, dict)}
    if parsed.keys() != texts.keys():
        raise ConfigError("OPA did not parse all files of the policy")
    return parsed


def check_law(trees: Mapping[str, Tree], published_main: Tree | None) -> list[Finding]:
    """Everything in which the policy departs from the law; none proves the claim.

    Args:
        trees: the syntax tree of each file that a bundle would hold.
        published_main: the product's own `counterfoil.main`.
    """
    found: list[Finding] = []
    for file, tree in sorted(trees.items()):
        package = package_of(tree)
        if package == MAIN:
            if published_main is None or not _same(tree, published_main):
                what = "differs from the published counterfoil.main, on which the prompt law rests"
                found.append(Finding(file=file, rule="", what=what))
        elif not _in_layout(package):
            what = f"package {'.'.join(package)} is outside of the layout that policy may have"
            found.append(Finding(file=file, rule="", what=what))
        else:
            found += [Finding(file=file, rule=r, what=w) for r, w in _module(tree, package)]
    return sorted(set(found))


def package_of(tree: Tree) -> tuple[str, ...]:
    """The package's path without `data`."""
    package = tree["package"]
    path = package.get("path") if isinstance(package, dict) else None
    terms = path if isinstance(path, list) else []
    return tuple(str(term.get("value")) for term in terms[1:] if isinstance(term, dict))


def _in_layout(package: tuple[str, ...]) -> bool:
    """`LAYOUT`: counterfoil.lib.<name>, counterfoil.actions.<family>, tenants.<t>.<family>."""
    wanted = 3
    return len(package) == wanted and (
        package[:2] in {("counterfoil", "lib"), ("counterfoil", "actions")}
        or package[0] == "tenants"
    )


def _same(tree: Tree, other: Tree) -> bool:
    return all(tree.get(part) == other.get(part) for part in ("package", "imports", "rules"))


def _module(tree: Tree, package: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for path in _imports(tree):
        if path[:1] == ["rego"] or path[:1] == ["future"]:
            continue
        what = _data_reference(path[1:], package) if path[:1] == ["data"] else "input is imported"
        if what:
            yield "import", what
    rules = tree.get("rules")
    for rule in rules if isinstance(rules, list) else []:
        if isinstance(rule, dict):
            yield from _rule(rule, package)


def _imports(tree: Tree) -> Iterator[list[str]]:
    imports = tree.get("imports")
    for item in imports if isinstance(imports, list) else []:
        path = item.get("path") if isinstance(item, dict) else None
        value = path.get("value") if isinstance(path, dict) else None
        if isinstance(value, list):
            yield [str(term.get("value")) for term in value if isinstance(term, dict)]
        else:
            yield [str(value)]


def _rule(rule: Tree, package: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    head = rule.get("head")
    if not isinstance(head, dict):
        yield "", "a rule without a head"
        return
    reference = head.get("ref")
    terms = reference if isinstance(reference, list) else []
    first = terms[0] if terms and isinstance(terms[0], dict) else {}
    name = str(first.get("value", ""))
    may_read = name == "deny" and package[:2] != LIBRARY
    walked: list[Node] = [
        *terms[1:],
        *(value for key, value in head.items() if key not in {"ref", "name"}),
        *(value for key, value in rule.items() if key != "head"),
    ]
    for what in _walk(walked, package, may_read_prompt=may_read):
        yield name, what


def _walk(nodes: Node, package: tuple[str, ...], *, may_read_prompt: bool) -> Iterator[str]:
    """Every node, of whatever kind: what is not known to be harmless is a finding."""
    stack: list[Node] = [nodes]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack.extend(node)
            continue
        if not isinstance(node, dict):
            continue
        if node.get("with"):
            yield "`with` replaces input, data or a function"
        kind, value = node.get("type"), node.get("value")
        if kind == "ref" and isinstance(value, list) and value:
            what = _reference(value, package, may_read_prompt=may_read_prompt)
            if what:
                yield what
            # The head is judged with its reference; the rest may hold references itself.
            stack.extend(value if not _is_root(value[0]) else value[1:])
        elif kind == "var" and value in {"input", "data"}:
            yield f"bare `{value}`: name the member that is meant"
        elif kind == "var" and value == "deny":
            yield "`deny` is used: only counterfoil.main may, to refuse"
        else:
            stack.extend(node.values())


def _is_root(term: Node) -> bool:
    return (
        isinstance(term, dict)
        and term.get("type") == "var"
        and term.get("value") in {"input", "data"}
    )


def _reference(
    value: Sequence[Node], package: tuple[str, ...], *, may_read_prompt: bool
) -> str | None:
    if not _is_root(value[0]):
        return None
    names = _constant_names(value[1:])
    head = value[0].get("value") if isinstance(value[0], dict) else None
    if head == "data":
        return _data_reference(names, package, value[1:])
    if not names:
        return "bare `input` or `input[x]`: name the member that is meant"
    if names[0] not in INPUT_MEMBERS:
        return f"`input.{names[0]}` is not a member of the policy input"
    if names[0] != "context":
        return None
    if len(names) == 1:
        return "bare `input.context` or `input.context[x]`: name the member that is meant"
    if names[1] in UNTRUSTED and not may_read_prompt:
        return f"`input.context.{names[1]}` is untrusted text: only deny rules may read it"
    return None


def _constant_names(terms: Sequence[Node]) -> list[str]:
    names: list[str] = []
    for term in terms:
        if not isinstance(term, dict) or term.get("type") != "string":
            break
        names.append(str(term.get("value")))
    return names


def _data_reference(
    names: Sequence[str], package: tuple[str, ...], terms: Sequence[Node] = ()
) -> str | None:
    """`names` are the constant names after `data`, `terms` all that follow it."""
    if tuple(names[:2]) == LIBRARY:
        return None
    if names[:1] == ["data"]:
        return _base_data(names, package, terms)
    own = 4  # tenants, the tenant, its package, the rule
    if (
        package[0] == "tenants"
        and tuple(names[:2]) == package[:2]
        and len(names) >= own
        and names[own - 1] != "deny"
    ):
        return None
    return f"`data.{'.'.join(names)}…` reaches other rules, a `deny` perhaps"


def _base_data(names: Sequence[str], package: tuple[str, ...], terms: Sequence[Node]) -> str | None:
    """A tenant's package reads its own tenant's access data and what is common, no more."""
    if package[0] != "tenants":
        return None
    third = terms[2] if len(terms) > 2 else None  # noqa: PLR2004 -- data, access, <tenant>
    if len(names) > 1 and names[1] != "access":
        return None
    if len(names) > 2:  # noqa: PLR2004 -- the tenant is a constant
        return None if names[2] == package[1] else "another tenant's data is read"
    if len(names) == 2 and isinstance(third, dict) and third.get("type") == "ref":  # noqa: PLR2004
        value = third.get("value")
        if (
            isinstance(value, list)
            and _constant_names(value[1:]) == ["tenant"]
            and _is_root(value[0])
        ):
            return None
    return "every tenant's data is read"
