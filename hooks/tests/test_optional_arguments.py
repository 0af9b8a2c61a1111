"""An optional argument that is left out is absent for the judge, as it is for the tool."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from autogen_core import CancellationToken
from autogen_core.tools import BaseTool, FunctionTool
from pydantic import BaseModel, Field

from autogen_counterfoil import Guard, guard_tools, protect, run
from builders import Ran, assistant, results
from running import PROGRAM, Running
from simulator import Simulator

Token = Callable[[], str]


def send_tool(ran: Ran) -> FunctionTool:
    async def send(to: str, note: str | None = None, region: str | None = "prod") -> str:
        ran.append((to, note, region))
        return "sent"

    return FunctionTool(send, "d", name="send")


@pytest.mark.parametrize(
    ("given", "judged", "runs"),
    [
        ({"to": "a"}, {"to": "a", "region": "prod"}, ("a", None, "prod")),
        ({"to": "a", "note": None}, {"to": "a", "region": "prod"}, ("a", None, "prod")),
        ({"to": "a", "note": "n"}, {"to": "a", "note": "n", "region": "prod"}, ("a", "n", "prod")),
        # here null is not what the tool does when nothing is said
        ({"to": "a", "region": None}, {"to": "a", "region": None}, ("a", None, None)),
    ],
)
async def test_null_is_absent_exactly_where_the_tool_takes_the_two_for_one(  # noqa: PLR0917 -- a table
    sim: Simulator, guard: Guard, token: Token, given: Any, judged: Any, runs: Any
) -> None:
    ran = Ran()
    sim.default = "allow"
    agent = protect(assistant([("send", given)], "done", tools=[send_tool(ran)]), guard)
    ((_, is_error),) = results(await run(guard, agent, task="t", token=token))
    assert [asked.arguments for asked in sim.asked] == [judged]
    assert (ran, is_error) == ([runs], False)


class Named(BaseModel):
    note: str | None = Field(default=None, alias="Note")
    kept: str | None


async def test_argument_under_another_name_is_absent_and_a_required_null_is_not(
    sim: Simulator, guard: Guard, token: Token
) -> None:
    ran = Ran()
    sim.default = "allow"

    class Tool(BaseTool[Named, Any]):
        def __init__(self) -> None:
            super().__init__(Named, str, "named", "d")

        async def run(self, args: Named, cancellation_token: CancellationToken) -> str:
            ran.append((args.note, args.kept))
            return "ok"

    (tool,) = guard_tools([Tool()], guard)
    async with guard.session(token=token, task="t"):
        await tool.run_json({"kept": None}, CancellationToken())
        await tool.run_json({"Note": "n", "kept": None}, CancellationToken())
    assert [asked.arguments for asked in sim.asked] == [{"kept": None}, {"Note": "n", "kept": None}]
    assert ran == [(None, None), ("n", None)]


@pytest.mark.service
@pytest.mark.skipif(not PROGRAM.exists(), reason="the service is not installed here")
async def test_tool_with_an_unused_option_fits_the_closed_schema_of_the_service(
    service: Running, plain: Callable[[], str]
) -> None:
    ran = Ran()

    async def run_sql(database: str, sql: str, schema_hint: str | None = None) -> str:
        ran.append((database, sql, schema_hint))
        return "ok"

    create = {"database": "orders", "sql": "CREATE TABLE public.optional (id integer)"}
    guard = Guard(service.url)
    calls = [[("run_sql", create)], [("run_sql", {**create, "schema_hint": "secret"})]]
    agent = protect(assistant(*calls, "done", tools=[run_sql]), guard)
    plainly, with_option = results(await run(guard, agent, task="t", token=plain))
    assert plainly == ("ok", False)
    assert ran == [("orders", create["sql"], None)]
    assert with_option[1], "an argument that the service does not know was let through"
    assert "uncertain.arguments" in with_option[0]
