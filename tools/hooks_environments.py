"""Makes the environments that the hook is tested in: the newest and the oldest AutoGen.

They are the hook's own, beside `.venv`: the agent's process holds no service, and the
service no AutoGen. Both are pinned by hash (`make lock`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOOKS = ROOT / "hooks"
HIGHEST, LOWEST = ROOT / ".venv-hooks", ROOT / ".venv-hooks-low"
LOCKS = {
    HIGHEST: ROOT / "requirements" / "hooks-highest.txt",
    LOWEST: ROOT / "requirements" / "hooks-lowest.txt",
}
HOOKS_INPUTS = ("hooks/pyproject.toml",)


def make_environment(venv: Path, *, run: Callable[..., None]) -> None:
    """Make one environment anew, with the hook itself in it as it stands in the checkout."""
    pip = (str(venv / "bin" / "pip"), "--disable-pip-version-check", "--no-input")
    run(
        (sys.executable, "-m", "venv", "--clear", str(venv)),
        "the hook's environment could not be made; on Debian and Ubuntu: "
        "apt install python3-venv, then run this again",
    )
    run(
        (*pip, "install", "--require-hashes", "--requirement", str(LOCKS[venv])),
        "the hook's pinned packages could not be installed; check that the package index is "
        "reachable (pip's own settings apply), then run this again",
    )
    run(
        (*pip, "install", "--no-deps", "--no-build-isolation", "--editable", str(HOOKS)),
        "the hook could not be installed; hooks/pyproject.toml is the place to look",
    )
