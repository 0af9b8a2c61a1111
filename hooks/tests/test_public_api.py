"""What a user imports, and the three lines as the documentation has them."""

from __future__ import annotations

from pathlib import Path

import autogen_counterfoil
from autogen_counterfoil import Guard, protect, run
from builders import assistant
from simulator import Simulator, delegation

PUBLIC = {
    "ActionRefusedError", "Credential", "CredentialError", "CredentialNotIssuedError", "DPoPKey", "Grant", "Guard", "GuardedCodeExecutor",
    "GuardedComponentError", "GuardedToolAgent", "GuardedWorkbench", "HookError",
    "PathRefusedError", "PendingApproval", "PlanRefusedError", "judged_plan", "Root", "docker_config", "file_tools", "kubeconfig", "UnguardedSurfaceError", "current_grant", "guard_tools", "protect", "run",
    "run_stream", "through_gateway",
}  # fmt: skip


def test_public_names() -> None:
    assert set(autogen_counterfoil.__all__) == PUBLIC
    assert all(hasattr(autogen_counterfoil, name) for name in PUBLIC)


def test_package_is_typed() -> None:
    assert (Path(autogen_counterfoil.__file__).parent / "py.typed").exists()


async def test_three_lines(sim: Simulator) -> None:
    async def act(n: int) -> str:
        return f"did {n}"

    sim.default = "allow"
    team = assistant([("act", {"n": 1})], "done", tools=[act])

    guard = Guard(sim.url)
    team = protect(team, guard)
    result = await run(guard, team, task="…", token=delegation)

    assert result.messages[-1].to_text() == "done"
    assert len(sim.asked) == len(sim.outcomes) == 1
