"""An allow for a number of rows holds only where somebody holds to the number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from autogen_core.tools import FunctionTool

from autogen_counterfoil import Guard, current_grant, protect, run
from builders import Ran, assistant, results
from simulator import Simulator

Token = Callable[[], str]
ROWS = [{"type": "max_rows", "rows": 2, "operations": [0]}]


async def asked(
    sim: Simulator, token: Token, rows: list[int], **options: Any
) -> tuple[Ran, str, bool]:
    """What ran with which bound, and what the model read."""
    ran = Ran()

    async def read(table: str) -> list[int]:
        grant = current_grant()
        ran.append((table, None if grant is None else grant.max_rows))
        return rows

    tool = FunctionTool(read, "reads", name="read")
    guard = Guard(sim.url, deadline_seconds=3, **options)
    agent = protect(assistant([("read", {"table": "t"})], "done", tools=[tool]), guard)
    ((text, is_error),) = results(await run(guard, agent, task="t", token=token))
    return ran, text, is_error


def bound(sim: Simulator, obligations: list[dict[str, Any]]) -> None:
    sim.default = "allow"
    sim.change = lambda answer: {**answer, "obligations": obligations}


async def test_a_tool_that_holds_to_no_number_is_not_run(sim: Simulator, token: Token) -> None:
    bound(sim, ROWS)
    ran, text, is_error = await asked(sim, token, [1])
    assert (ran, is_error) == ([], True)
    assert "hook.obligation_unmet" in text
    assert "LIMIT 2" in text
    ran, _, is_error = await asked(sim, token, [1], honours=["read"])  # control
    assert (ran, is_error) == ([("t", 2)], False)


async def test_a_tool_that_may_follow_redirects_is_not_run(sim: Simulator, token: Token) -> None:
    bound(sim, [{"type": "no_redirects"}])
    ran, text, is_error = await asked(sim, token, [1])
    assert (ran, is_error) == ([], True)
    assert "hook.obligation_unmet" in text
    assert "follows no redirect" in text
    ran, _, is_error = await asked(sim, token, [1], honours=["read"])  # control
    assert (ran, is_error) == ([("t", None)], False)


async def test_a_result_of_more_rows_is_kept_back(sim: Simulator, token: Token) -> None:
    bound(sim, ROWS)
    ran, text, is_error = await asked(sim, token, [4711, 4712, 4713], honours=["read"])
    assert (ran, is_error) == ([("t", 2)], True)
    assert "hook.too_many_rows" in text
    assert "4711" not in text
    _, text, is_error = await asked(sim, token, [4711, 4712], honours=["read"])  # control
    assert ("4711" in text, is_error) == (True, False)


async def test_of_several_numbers_the_lowest_counts(sim: Simulator, token: Token) -> None:
    bound(sim, [{**ROWS[0], "rows": 9}, *ROWS])
    ran, _, _ = await asked(sim, token, [1], honours=["read"])
    assert ran == [("t", 2)]


@pytest.mark.parametrize(
    "odd",
    [
        {"type": "max_rows"},
        {"type": "max_rows", "rows": True},
        {"type": "max_rows", "rows": -1},
        {"type": "max_rows", "rows": "2"},
        {"type": "max_rows", "rows": 2, "and": "more"},
        {"type": "mask", "rows": 2},
        {"type": "no_redirects", "hosts": ["a"]},
    ],
)
async def test_an_obligation_that_is_not_understood_runs_nothing(
    sim: Simulator, token: Token, odd: dict[str, Any]
) -> None:
    bound(sim, [odd])
    ran, text, is_error = await asked(sim, token, [1], honours=["read"])
    assert (ran, is_error) == ([], True)
    assert "NOT RUN" in text


async def test_an_unknown_obligation_beside_one_that_is_met_runs_nothing(
    sim: Simulator, token: Token
) -> None:
    # XACML: an allow holds only if every obligation is understood; the known one is no licence
    hat: dict[str, Any] = {"type": "wear_a_hat"}
    for obligations in ([*ROWS, hat], [hat, *ROWS]):
        bound(sim, obligations)
        ran, text, is_error = await asked(sim, token, [1], honours=["read"])
        assert (ran, is_error) == ([], True)
        assert "an obligation that this hook does not know" in text
    bound(sim, [*ROWS, *ROWS])  # control
    ran, _, is_error = await asked(sim, token, [1], honours=["read"])
    assert (ran, is_error) == ([("t", 2)], False)


async def test_the_model_reads_which_of_its_words_were_refused(
    sim: Simulator, token: Token
) -> None:
    reason = {
        "code": "policy.default_deny",
        "title": "No role covers it",
        "solution": "Ask for less.",
        "details": {"operations": [1], "role": "secret-role"},
        "parts": ["DROP TABLE t"],
    }
    sim.change = lambda answer: {**answer, "reasons": [reason]}
    _, text, is_error = await asked(sim, token, [1])
    assert is_error
    for part in ("No role covers it [policy.default_deny]", "In: “DROP TABLE t”", "Ask for less."):
        assert part in text
    assert "secret-role" not in text
