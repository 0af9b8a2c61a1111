"""What an allow may ask of whoever runs the action, and who can keep it.

An allow holds only if its obligations are kept (XACML 3.0 §7.18): one that nobody here keeps is
a refusal, never a warning. All but the sandbox a tool may keep that `Guard(honours=…)` names;
a sandbox only an executor is, by its class.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from autogen_core.code_executor import CodeExecutor

from autogen_counterfoil.surfaces import autogen_names

MAX_ROWS = "max_rows"
"""No more rows of a result than it says."""
NO_SYMLINKS = "no_symlinks"
"""Open beneath the root without following a link: `open_beneath` does."""
SANDBOX = "sandbox"
"""Run code where it reaches neither this process nor its machine."""
NO_REDIRECTS = "no_redirects"
"""Send the one request that was judged: each hop of a redirect would be another."""
PLAN_DIGEST = "plan_digest"
"""Apply the saved plan whose JSON has this digest, never the configuration."""
MEMBERS = {
    MAX_ROWS: frozenset({"type", "rows"}),
    NO_REDIRECTS: frozenset({"type"}),
    NO_SYMLINKS: frozenset({"type"}),
    SANDBOX: frozenset({"type"}),
    PLAN_DIGEST: frozenset({"type", "sha256"}),
}
"""The obligations that this hook knows, with all of their members but `operations`."""
BY_TOOLS = frozenset({MAX_ROWS, NO_REDIRECTS, NO_SYMLINKS, PLAN_DIGEST})

_DOCKER = frozenset({"DockerCommandLineCodeExecutor"})
_REMOTE = frozenset({"ACADynamicSessionsCodeExecutor"})
_OPENINGS = ("_extra_volumes", "_extra_hosts", "_device_requests")
"""What lets a container out: the host's folders (its Docker socket among them), its address,
its devices. An executor of which this cannot be read counts as open."""


def kept_by(executor: CodeExecutor, sandboxes: Collection[type[CodeExecutor]]) -> frozenset[str]:
    """What an executor keeps: a sandbox, if it is one.

    By its exact class: a subclass can do anything in a method of its own. AutoGen's Docker
    executor counts without openings, its Azure one always; `sandboxes` are the developer's word.
    """
    kind = type(executor)
    if kind in sandboxes:
        return frozenset({SANDBOX})
    name = kind.__name__
    if autogen_names(kind)[:1] != [name]:
        return frozenset()
    sealed = name in _REMOTE or (name in _DOCKER and not _is_open(executor))
    return frozenset({SANDBOX}) if sealed else frozenset()


def _is_open(executor: CodeExecutor) -> bool:
    held: dict[str, Any] = vars(executor)
    return any(name not in held or bool(held[name]) for name in _OPENINGS)
