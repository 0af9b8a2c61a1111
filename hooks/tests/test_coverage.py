"""Every AutoGen class that can act is guarded or refused: a new release cannot slip through.

The installed sources are read, not imported: many modules need extras that nobody has all
of, and what cannot be imported here can act elsewhere.
"""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from autogen_counterfoil import surfaces

PACKAGES = ("autogen_core", "autogen_agentchat", "autogen_ext")
ACTING = {
    "BaseTool": "tool", "BaseStreamTool": "tool", "BaseToolWithState": "tool", "Tool": "tool",
    "StreamTool": "tool",
    "Workbench": "workbench", "StreamWorkbench": "workbench",
    "CodeExecutor": "executor",
    "ChatAgent": "agent", "BaseChatAgent": "agent",
    "Team": "team", "BaseGroupChat": "team", "TaskRunner": "runner",
    "BaseAgent": "core agent", "RoutedAgent": "core agent", "Agent": "core agent",
}  # fmt: skip
ENTRANCES = {
    "tool": {"run", "run_json", "run_json_stream", "run_stream", "__call__", "save_state_json",
             "load_state_json", "save_state", "load_state"},
    "workbench": {"list_tools", "call_tool", "call_tool_stream", "start", "stop", "reset",
                  "save_state", "load_state"},
    "executor": {"execute_code_blocks", "start", "stop", "restart"},
}  # fmt: skip
"""The ways in that the guards close. Another one in a base class would be a way around them."""
STOCK = {"BaseTool", "BaseStreamTool", "BaseToolWithState", "Tool", "StreamTool"}
KNOWN_DOORS = {
    "McpWorkbench": {
        "read_resource", "get_prompt", "list_prompts", "list_resources", "list_resource_templates",
        "initialize_result", "server_params",
    },
}  # fmt: skip
HARMLESS = {
    "name",
    "description",
    "schema",
    "args_type",
    "return_type",
    "state_type",
    "return_value_as_string",
}


@dataclass(frozen=True)
class Cls:
    name: str
    bases: tuple[str, ...]
    public: frozenset[str]
    path: str


def classes(roots: Iterable[Path]) -> Iterator[Cls]:
    for root in roots:
        for path in sorted(root.rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef):
                    bases = tuple(_name(base) for base in node.bases)
                    public = frozenset(
                        item.name
                        for item in node.body
                        if isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef))
                        and (not item.name.startswith("_") or item.name == "__call__")
                    )
                    yield Cls(node.name, bases, public, str(path))


def _name(base: ast.expr) -> str:
    if isinstance(base, ast.Subscript):
        return _name(base.value)
    return base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")


def installed() -> list[Path]:
    found = [importlib.util.find_spec(name) for name in PACKAGES]
    return [Path(spec.origin).parent for spec in found if spec is not None and spec.origin]


def kinds(all_classes: list[Cls]) -> dict[str, set[str]]:
    """What each class is, by its bases and theirs."""
    known = {name: {kind} for name, kind in ACTING.items()}
    changed = True
    while changed:
        changed = False
        for cls in all_classes:
            inherited = set().union(*(known.get(base, set()) for base in cls.bases), set())
            if not inherited <= known.setdefault(cls.name, set()):
                known[cls.name] |= inherited
                changed = True
    return known


def ungoverned(roots: Iterable[Path]) -> list[str]:
    """Classes that can act and that the hook has no answer to."""
    found: list[str] = []
    every = list(classes(roots))
    known = kinds(every)
    tables = {
        "agent": surfaces.GUARDED_AGENTS | surfaces.REFUSED_AGENTS,
        "team": surfaces.GUARDED_TEAMS,
        "core agent": surfaces.CORE_AGENTS | surfaces.RELAYS,
    }
    for cls in every:
        for kind in known.get(cls.name, set()) - {"runner"}:
            if kind in tables:
                if cls.name not in tables[kind] and cls.name not in ACTING:
                    found.append(f"{kind} {cls.name}: {cls.path}")
                continue
            doors = cls.public - ENTRANCES[kind] - HARMLESS - KNOWN_DOORS.get(cls.name, set())
            if kind == "tool" and cls.name not in STOCK | surfaces.SPECIAL_TOOLS.keys():
                doors |= cls.public & {"run_json", "run_json_stream", "__call__"}
                doors -= cls.public - {"run_json", "run_json_stream", "__call__"}
            if kind == "executor":
                doors &= {
                    door for door in doors if "exec" in door or "run" in door or "call" in door
                }
            if cls.name not in surfaces.SPECIAL_TOOLS and doors:
                found.append(f"{kind} {cls.name} has {sorted(doors)}: {cls.path}")
        lone = "runner" in known.get(cls.name, set()) and not known[cls.name] & {"agent", "team"}
        if lone and cls.name != "TaskRunner":
            found.append(f"runner {cls.name}: {cls.path}")
    return found


def test_every_class_that_can_act_is_guarded_or_refused() -> None:
    assert ungoverned(installed()) == []


def test_walk_sees_what_it_must_see() -> None:
    # an empty walk would pass too
    every = list(classes(installed()))
    known = kinds(every)
    for name, kind in {
        "FunctionTool": "tool", "HttpTool": "tool", "AgentTool": "tool", "McpWorkbench": "workbench",
        "StaticStreamWorkbench": "workbench", "LocalCommandLineCodeExecutor": "executor",
        "AssistantAgent": "agent", "FileSurfer": "agent", "OpenAIAgent": "agent", "Swarm": "team",
        "GraphFlow": "team", "MagenticOne": "team", "ToolAgent": "core agent",
    }.items():  # fmt: skip
        assert kind in known[name], name
    assert sum(bool(known.get(cls.name)) for cls in every) > 50


def test_table_names_only_classes_that_exist() -> None:
    names = {cls.name for cls in classes(installed())}
    tables = (
        surfaces.GUARDED_AGENTS, surfaces.GUARDED_TEAMS, surfaces.RELAYS, surfaces.CORE_AGENTS,
        surfaces.GENERIC, surfaces.SPECIAL_TOOLS, surfaces.REFUSED_AGENTS,
    )  # fmt: skip
    assert set().union(*tables) <= names


@pytest.mark.parametrize(
    "source",
    [
        "class DoctorAgent(BaseChatAgent): ...",
        "class Deep(AssistantAgent): ...\nclass Deeper(Deep): ...",
        "class Hive(BaseGroupChat[int]): ...",
        "class Relay(RoutedAgent): ...",
        "class Quick(BaseTool[A, B]):\n  async def run_json(self, args, token): ...",
        "class Callable(FunctionTool):\n  def __call__(self): ...",
        "class Wide(Workbench):\n  async def call_all_tools(self): ...",
        "class Wild(CodeExecutor):\n  async def execute_anything(self): ...",
        "import x\nclass Other(x.Team): ...",
        "class Lone(TaskRunner): ...",
    ],
)
def test_new_class_in_a_release_is_noticed(tmp_path: Path, source: str) -> None:
    (tmp_path / "new.py").write_text(source)
    new = [line for line in ungoverned([*installed(), tmp_path]) if str(tmp_path) in line]
    assert new, "a class that can act slipped through"


@pytest.mark.parametrize(
    "source",
    [
        "class Plain(BaseTool[A, B]):\n  async def run(self, args, token): ...",
        "class Bench(Workbench):\n  async def call_tool(self, name): ...",
        "class Words(BaseModel): ...",
    ],
)
def test_new_class_that_the_generic_guards_hold_is_not_reported(
    tmp_path: Path, source: str
) -> None:
    (tmp_path / "new.py").write_text(source)
    assert [line for line in ungoverned([*installed(), tmp_path]) if str(tmp_path) in line] == []
