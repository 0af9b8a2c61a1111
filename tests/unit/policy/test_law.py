"""The prompt law holds against policy that tries to get around it.

Every attack is a module that OPA itself accepts (`opa check --strict`), so what refuses it
is the law; the controls show that ordinary policy passes.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from counterfoil.policy.build import published_main, source_files
from counterfoil.policy.law import Finding, check_law, parse
from counterfoil.policy.server import find_opa
from counterfoil.policy.tools import OpaTool
from counterfoil.resources import packaged

TOOL = OpaTool(find_opa())
FAMILY = "counterfoil/actions/evil/evil.rego"
HEAD = "package counterfoil.actions.evil\n\n"
ALLOW = "allow contains i if {\n\tsome i, _ in input.operations\n\t%s\n}\n"

ATTACKS: dict[str, str] = {
    "prompt in an allow": HEAD + ALLOW % 'input.context.prompt == "x"',
    "task in an allow": HEAD + ALLOW % 'input.context.task == "x"',
    "prompt by a text key": HEAD + ALLOW % 'input["context"]["prompt"] == "x"',
    "bare input": HEAD + ALLOW % 'x := input\n\tx.context.prompt == "x"',
    "bare input in an argument": HEAD + ALLOW % "count(input) > 1",
    "bare input in a set": HEAD + ALLOW % '{input}[_].context.prompt == "x"',
    "bare context": HEAD + ALLOW % 'c := input.context\n\tc.prompt == "x"',
    "context by a variable": HEAD + ALLOW % 'some k in ["prompt"]\n\tinput.context[k] == "x"',
    "input by a variable": HEAD + ALLOW % 'some k in ["context"]\n\tinput[k].prompt == "x"',
    "input by a wildcard": HEAD + ALLOW % 'input[_].prompt == "x"',
    "input by an iteration": HEAD + ALLOW % 'some _, v in input\n\tv.prompt == "x"',
    "walk": HEAD + ALLOW % 'walk(input, [["context", "prompt"], "x"])',
    "walk over context": HEAD + ALLOW % 'walk(input.context, [_, "x"])',
    "object.get": HEAD + ALLOW % 'object.get(input, ["context", "prompt"], "") == "x"',
    "json.filter": HEAD + ALLOW % 'json.filter(input, ["context/prompt"]).context.prompt == "x"',
    "a comprehension": HEAD + ALLOW % 'count([1 | input.context.prompt == "x"]) > 0',
    "a negation": HEAD + ALLOW % 'not input.context.prompt == "x"',
    "every": HEAD + ALLOW % 'every c in [1] {\n\t\tc == 1\n\t\tinput.context.prompt == "x"\n\t}',
    "a helper": HEAD + '_said if input.context.prompt == "x"\n\n' + ALLOW % "_said",
    "a function": HEAD + "_said(p) if p == input.context.prompt\n\n" + ALLOW % '_said("x")',
    "a default's function": HEAD
    + '_said := "y" if input.run == "z"\n\nelse := input.context.prompt\n\n'
    + ALLOW % '_said == "x"',
    "in the head": HEAD
    + "needs_approval[0] contains terms if {\n\tterms := input.context.prompt\n}\n",
    "in the head's key": HEAD + "allow contains input.context.prompt if input.run\n",
    "in a template": HEAD + ALLOW % '$"{input.context.prompt}" == "x"',
    "with over input": HEAD + "_a if input.run\n\n" + ALLOW % '_a with input as {"run": "r"}',
    "with over data": HEAD + ALLOW % "input.run with data.data.limits as {}",
    "an imported input": "package counterfoil.actions.evil\n\nimport input.context as c\n\n"
    + ALLOW % 'c.prompt == "x"',
    "deny turned around": HEAD
    + 'deny contains "x" if input.context.prompt == "x"\n\n'
    + ALLOW % "count(deny) > 0",
    "deny by its full name": HEAD + ALLOW % "count(data.counterfoil.actions.evil.deny) > 0",
    "another family's deny": HEAD + ALLOW % "count(data.counterfoil.actions.database.deny) > 0",
    "deny by a variable": HEAD
    + ALLOW % 'some f in ["database"]\n\tcount(data.counterfoil.actions[f].deny) > 0',
    "a whole package": HEAD + ALLOW % "p := data.counterfoil.actions.database\n\tcount(p.deny) > 0",
    "an imported package": "package counterfoil.actions.evil\n\nimport data.counterfoil.actions.database\n\n"
    + ALLOW % "count(database.deny) > 0",
    "the decision itself": HEAD + ALLOW % 'data.counterfoil.main.decision.effect == "deny"',
    "bare data": HEAD + ALLOW % 'walk(data, [_, "x"])',
    "data by a variable": HEAD + ALLOW % 'some k in ["tenants"]\n\tdata[k]',
    "a tenant's deny": HEAD + ALLOW % "data.tenants.acme.evil.deny[_]",
    "a prompt in a library's deny": "package counterfoil.lib.evil\n\ndeny contains 1 if input.context.prompt\n",
}
ALSO_REFUSED_BY_OPA = {"the decision itself", "bare data"}  # a recursion
TENANT = "package tenants.acme.database\n\n"
TENANT_ATTACKS: dict[str, str] = {
    "prompt in needs_approval": TENANT
    + 'needs_approval contains {"a": 1} if input.context.prompt == "x"\n',
    "another tenant's data": TENANT + "deny contains 1 if data.data.access.other.roles\n",
    "every tenant's data": TENANT
    + "deny contains 1 if {\n\tsome t\n\tdata.data.access[t].roles\n}\n",
    "another tenant's package": TENANT + "deny contains 1 if data.tenants.other.database.x\n",
    "its own deny": TENANT + "x contains 1 if data.tenants.acme.shell.deny\n",
}
OUTSIDE: dict[str, str] = {
    "a package beside the layout": "package counterfoil.extra\n\nx := 1\n",
    "a package above a family": "package counterfoil.actions\n\nx := 1\n",
    "a deeper package": "package counterfoil.actions.evil.deep\n\nx := 1\n",
    "a package of the engine's": 'package system.log\n\nmask contains "/input"\n',
    "a foreign package": "package evil\n\nx := 1\n",
    "rules in base data": "package data.access\n\nx := 1\n",
    "a second main": "package counterfoil.main\n\n_all_allowed if input.run\n",
}
CONTROLS: dict[str, str] = {
    "a deny that reads the prompt": HEAD
    + 'deny contains "x" if contains(input.context.prompt, "x")\n',
    "a deny that reads the task": HEAD
    + 'deny contains "x" if {\n\tsome w in ["a"]\n\tcontains(input.context.task, w)\n}\n',
    "a tenant's deny that reads the prompt": TENANT
    + 'deny contains "x" if input.context.prompt == "x"\n',
    "a tenant's own helper": TENANT
    + "_x := 1\n\ndeny contains _x if data.data.access[input.tenant].roles\n",
    "trusted context": HEAD + ALLOW % 'input.context.time > "2026"',
    "base data": HEAD + ALLOW % "data.data.limits.ttl_seconds > 1",
    "a library": "package counterfoil.actions.evil\n\nimport data.counterfoil.lib.match\n\n"
    + ALLOW % 'match.subject("r")',
}


def findings(text: str, name: str = FAMILY) -> list[Finding]:
    files = {name: text.encode()}
    return check_law(parse(files, TOOL), published_main(TOOL))


def compiles(text: str, tmp_path: Path) -> bool:
    """Together with the product's own policy, as a bundle would be."""
    for name, data in {**source_files(packaged("rego")), FAMILY: text.encode()}.items():
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    ran = subprocess.run(
        [str(find_opa()), "check", "--strict", str(tmp_path)],
        capture_output=True,
        check=False,
        timeout=60,
    )
    return ran.returncode == 0


@pytest.mark.parametrize("name", ATTACKS)
def test_attack_on_the_prompt_law_is_refused(name: str, tmp_path: Path) -> None:
    assert compiles(ATTACKS[name], tmp_path) == (name not in ALSO_REFUSED_BY_OPA)
    assert findings(ATTACKS[name]) != []


@pytest.mark.parametrize("name", [*TENANT_ATTACKS])
def test_tenant_cannot_reach_beyond_itself(name: str, tmp_path: Path) -> None:
    assert compiles(TENANT_ATTACKS[name], tmp_path)
    assert findings(TENANT_ATTACKS[name]) != []


@pytest.mark.parametrize("name", [*OUTSIDE])
def test_package_outside_of_the_layout_is_refused(name: str) -> None:
    assert findings(OUTSIDE[name]) != []


@pytest.mark.parametrize("name", [*CONTROLS])
def test_ordinary_policy_passes(name: str, tmp_path: Path) -> None:
    assert compiles(CONTROLS[name], tmp_path)
    assert findings(CONTROLS[name]) == []


def test_products_own_policy_passes() -> None:
    trees = parse(source_files(packaged("rego")), TOOL)
    assert len(trees) >= 7
    assert check_law(trees, published_main(TOOL)) == []


def test_changed_main_is_refused() -> None:
    files: Mapping[str, bytes] = source_files(packaged("rego"))
    name = "counterfoil/main/main.rego"
    changed = files[name].replace(b"count(_refusals) > 0", b"count(_refusals) > 1")
    assert changed != files[name]
    trees = parse({**files, name: changed}, TOOL)
    assert [item.file for item in check_law(trees, published_main(TOOL))] == [name]


def test_dependencies_as_opa_sees_them_agree() -> None:
    """A second opinion: `opa deps` finds no prompt behind any allow of ours."""
    for family in ("database", "kubernetes", "tool"):
        query = f"data.counterfoil.actions.{family}.allow"
        found = TOOL.tree(["deps", f"--bundle={packaged('rego')}", "--format=json", query])
        base = found.get("base") if isinstance(found, dict) else None
        paths = [
            [term.get("value") for term in path if isinstance(term, dict)]
            for path in (base if isinstance(base, list) else [])
            if isinstance(path, list)
        ]
        assert ["input", "operations"] in [path[:2] for path in paths]
        assert not [p for p in paths if p[:1] == ["input"] and (len(p) == 1 or p[1] == "context")]
