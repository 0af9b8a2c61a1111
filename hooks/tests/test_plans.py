"""What is applied is the plan that was judged: another, a changed one and a link are not.

The program is a script that shows a file of JSON as it is, as `terraform show -json` shows a plan.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from autogen_core.tools import FunctionTool

from autogen_counterfoil import Guard, judged_plan, plans, protect, run
from autogen_counterfoil.plans import PlanRefusedError
from builders import assistant, results
from simulator import Simulator

Token = Callable[[], str]
PLAN = '{"format_version":"1.2","resource_changes":[]}'
DIGEST = "sha256:" + hashlib.sha256(PLAN.encode()).hexdigest()


@pytest.fixture
def program(tmp_path: Path) -> str:
    script = tmp_path / "shows"
    script.write_text(
        '#!/bin/sh\n[ "$1 $2 $3" = "show -json -no-color" ] || exit 9\n'
        '[ -z "$TF_REATTACH_PROVIDERS" ] || exit 8\ncat "$4"; echo\n'
    )
    script.chmod(0o755)
    return str(script)


def replaced(file: Path) -> None:
    file.write_text("something else", "utf-8")


async def applied(
    sim: Simulator,
    token: Token,
    file: Path,
    program: str,
    *,
    session: dict[str, Any] | None = None,
    honours: tuple[str, ...] = ("terraform_apply",),
) -> tuple[str, bool]:
    """One call of a tool that keeps the obligation; its result is what it would apply."""
    held = {"plan_digest": DIGEST, "environment": {"TF_REATTACH_PROVIDERS": ""}}
    bound = {"type": "plan_digest", "sha256": DIGEST, "operations": [0]}
    sim.default = "allow"
    sim.change = lambda answer: {
        **answer,
        "obligations": [bound],
        "execute": {
            "arguments": {"plan": PLAN},
            **({"session": held} if session is None else {"session": session}),
        },
    }

    async def terraform_apply(plan: str) -> str:
        with judged_plan(file, program=program) as copy:
            replaced(file)  # whoever writes now is late
            assert plan == PLAN
            return copy.read_text("utf-8")

    tool = FunctionTool(terraform_apply, "applies", name="terraform_apply")
    agent = assistant([("terraform_apply", {"plan": PLAN})], "done", tools=[tool])
    guard = Guard(sim.url, deadline_seconds=3, honours=honours)
    ((text, is_error),) = results(await run(guard, protect(agent, guard), task="t", token=token))
    return text, is_error


async def test_the_judged_plan_is_applied_from_a_copy_of_its_own(
    sim: Simulator, token: Token, program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_REATTACH_PROVIDERS", "evil")  # the allow pins it to nothing
    file = tmp_path / "tfplan"
    file.write_text(PLAN, "utf-8")
    assert await applied(sim, token, file, program) == (PLAN, False)
    assert file.read_text("utf-8") == "something else"


async def test_another_plan_is_not_applied(
    sim: Simulator, token: Token, program: str, tmp_path: Path
) -> None:
    file = tmp_path / "tfplan"
    file.write_text(PLAN.replace("[]", "[1]"), "utf-8")
    text, is_error = await applied(sim, token, file, program)
    assert is_error
    assert "another plan" in text
    file.write_text(PLAN, "utf-8")  # control
    assert (await applied(sim, token, file, program))[1] is False


async def test_a_link_to_a_plan_is_not_followed(
    sim: Simulator, token: Token, program: str, tmp_path: Path
) -> None:
    (tmp_path / "real").write_text(PLAN, "utf-8")
    link = tmp_path / "tfplan"
    link.symlink_to(tmp_path / "real")
    assert (await applied(sim, token, link, program))[1] is True
    assert (await applied(sim, token, tmp_path / "real", program))[1] is False  # control


@pytest.mark.parametrize("session", [{}, {"plan_digest": 7}])
async def test_without_a_judged_plan_nothing_is_applied(
    sim: Simulator, token: Token, program: str, tmp_path: Path, session: dict[str, Any]
) -> None:
    file = tmp_path / "tfplan"
    file.write_text(PLAN, "utf-8")
    text, is_error = await applied(sim, token, file, program, session=session)
    assert is_error
    assert "no plan was judged" in text


async def test_a_tool_that_keeps_nothing_does_not_run(
    sim: Simulator, token: Token, program: str, tmp_path: Path
) -> None:
    file = tmp_path / "tfplan"
    file.write_text(PLAN, "utf-8")
    text, is_error = await applied(sim, token, file, program, honours=())
    assert is_error
    assert "hook.obligation_unmet" in text
    assert file.read_text("utf-8") == PLAN


def test_outside_of_a_call_no_plan_is_given(program: str, tmp_path: Path) -> None:
    file = tmp_path / "tfplan"
    file.write_text(PLAN, "utf-8")
    with pytest.raises(PlanRefusedError), judged_plan(file, program=program):
        pytest.fail("nobody judged it")


@pytest.mark.parametrize(
    "case",
    [
        ('cat "$4"; exit 1', "cannot show the plan"),
        ("exec sleep 30", "did not show the plan in time"),
    ],
)
async def test_a_program_that_fails_or_hangs_has_nothing_applied(
    sim: Simulator,
    token: Token,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    case: tuple[str, str],
) -> None:
    script, said = case
    broken = tmp_path / "broken"
    broken.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    broken.chmod(0o755)
    file = tmp_path / "tfplan"
    file.write_text(PLAN, "utf-8")
    monkeypatch.setattr(plans, "SHOW_SECONDS", 5.0 if "exit" in script else 0.3)
    text, is_error = await applied(sim, token, file, str(broken))
    assert is_error
    assert said in text
