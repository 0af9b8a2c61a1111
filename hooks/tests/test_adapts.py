"""The denial that the model reads is enough to go on: reason, solution, whether to ask again.

The "model" here can only read: it looks at the text it was given and follows it. AutoGen's
own replay client speaks for it; what it says is chosen from the words of the refusal.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent
from autogen_core.models import CreateResult, FunctionExecutionResultMessage, LLMMessage
from autogen_ext.models.replay import ReplayChatCompletionClient

from autogen_counterfoil import Guard, protect, run
from builders import INFO, Ran, turn
from running import PROGRAM, Running
from simulator import Simulator

Token = Callable[[], str]


def asks(sql: str) -> list[tuple[str, dict[str, str]]]:
    return [("run_sql", {"database": "orders", "sql": sql})]


class Reader(ReplayChatCompletionClient):
    """Replays one turn at a time, the next one chosen by the last tool result's text."""

    def __init__(self, first: str, limit: int = 10) -> None:
        super().__init__([turn(asks(first))], model_info=INFO)
        self.limit = limit
        self.read: list[str] = []

    async def create(self, messages: Sequence[LLMMessage], **options: Any) -> CreateResult:
        last = messages[-1]
        if isinstance(last, FunctionExecutionResultMessage):
            text = last.content[-1].content
            self.read.append(text)
            self.chat_completions.append(turn(self.follow(text)))
        assert len(self.read) < self.limit, "the agent loops"
        return await super().create(messages, **options)

    @staticmethod
    def follow(text: str) -> Any:
        if "NOT RUN" not in text:
            return "done"
        if "Leave the database out" in text:
            return asks("CREATE TABLE public.invoices (id integer)")
        schema = re.search(r"What to do: .*(?:schema |such as )(\w+)", text)
        if schema is not None:
            return asks(f"CREATE TABLE {schema[1]}.invoices (id integer)")
        if re.search(r"Asking again can help: no", text):
            return "I stop here."
        return asks("the same")


def sql_agent(ran: Ran, reader: Reader) -> AssistantAgent:
    async def run_sql(database: str, sql: str) -> str:
        ran.append(sql)
        return "ok"

    return AssistantAgent("coder", reader, tools=[run_sql], max_tool_iterations=20)


def by_schema(body: dict[str, Any]) -> Any:
    sql = body["action"]["properties"]["arguments"]["sql"]
    if " public." in sql:
        return "allow"
    if "DROP" in sql:
        return "needs_approval"
    if "secret" in sql:
        return {
            "effect": "deny",
            "reasons": [
                {
                    "code": "database.schema_not_allowed",
                    "title": "Tables may not be created in schema secret",
                    "solution": "Create the table in schema public instead.",
                }
            ],
        }
    return "deny"


async def test_agent_takes_the_solution_and_asks_for_another_schema(
    sim: Simulator, guard: Guard, token: Token
) -> None:
    ran, reader = Ran(), Reader("CREATE TABLE secret.invoices (id int)")
    sim.default = by_schema
    await run(guard, protect(sql_agent(ran, reader), guard), task="t", token=token)
    assert ran == ["CREATE TABLE public.invoices (id integer)"]
    assert len(sim.asked) == 2
    refusal = reader.read[0]
    assert "Tables may not be created in schema secret [database.schema_not_allowed]" in refusal
    assert "What to do: Create the table in schema public instead." in refusal
    assert "Asking again can help: no. The same call will get the same answer" in refusal


@pytest.mark.service
@pytest.mark.skipif(not PROGRAM.exists(), reason="the service is not installed here")
async def test_agent_takes_the_solution_of_the_real_service(service: Running, plain: Token) -> None:
    # the words are the service's own
    ran, reader = Ran(), Reader("CREATE TABLE billing.public.invoices (id integer)")
    guard = Guard(service.url)
    await run(guard, protect(sql_agent(ran, reader), guard), task="t", token=plain)
    assert ran == ["CREATE TABLE public.invoices (id integer)"]
    assert len(reader.read) == 2
    assert "uncertain.sql_other_database" in reader.read[0]


async def test_agent_stops_where_asking_again_cannot_help(
    sim: Simulator, guard: Guard, token: Token
) -> None:
    ran, reader = Ran(), Reader("TRUNCATE users")
    sim.default = by_schema
    result = await run(guard, protect(sql_agent(ran, reader), guard), task="t", token=token)
    assert ran == []
    assert len(sim.asked) == 1, "the agent asked for the same again"
    assert result.messages[-1].to_text() == "I stop here."


async def test_agent_gets_its_approval_without_knowing_of_it(
    sim: Simulator, guard: Guard, token: Token
) -> None:
    ran, reader = Ran(), Reader("DROP TABLE old")
    sim.default = by_schema
    running = asyncio.create_task(
        run(guard, protect(sql_agent(ran, reader), guard), task="t", token=token)
    )
    sim.answer((await asyncio.to_thread(sim.pending)).id, "approved")
    await running
    assert ran == ["DROP TABLE old"]
    assert reader.read == ["ok"]


async def test_refusal_of_many_words_does_not_crowd_out_the_context(
    sim: Simulator, guard: Guard, token: Token
) -> None:
    ran, reader = Ran(), Reader("x")
    reason = {"code": "a.b", "title": "t" * 50_000, "solution": "s" * 50_000}
    sim.default = lambda _body: {"effect": "deny", "reasons": [reason] * 5}
    await run(guard, protect(sql_agent(ran, reader), guard), task="t", token=token)
    assert len(reader.read[0]) < 5_000
    assert "Asking again can help: no" in reader.read[0]
