"""Hook and real service together: the main flows of a real AutoGen agent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from autogen_agentchat.agents import CodeExecutorAgent
from autogen_agentchat.messages import TextMessage
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_ext.code_executors.local import LocalCommandLineCodeExecutor

from autogen_counterfoil import Guard, current_grant, protect, run
from autogen_counterfoil.client import AsyncClient
from autogen_counterfoil.credentials import delegation_token
from autogen_counterfoil.exchange import Exchange
from autogen_counterfoil.wire import Action, request_body
from builders import Ran, assistant, results, sql_agent
from running import PROGRAM, Running, running_service
from simulator import validator
from tampering import tampering_proxy

pytestmark = [
    pytest.mark.service,
    pytest.mark.skipif(not PROGRAM.exists(), reason="the service is not installed here"),
]
PROMPT = "Add an invoices table to the orders database"


async def test_allowed_statement_runs_as_judged_with_its_grant_and_its_outcome(
    service: Running, plain: Callable[[], str]
) -> None:
    ran = Ran()
    guard = Guard(service.url)
    agent = sql_agent(ran, "create  table public.a (id INT)")
    team = protect(RoundRobinGroupChat([agent], max_turns=1), guard)
    await run(guard, team, task=PROMPT, token=plain)
    ((database, sql, grant),) = ran
    assert database == "orders"
    assert grant is not None
    assert [(p["identifier"], p["actions"]) for p in grant.permissions] == [("public", ["create"])]
    assert grant.session is not None
    assert sql
    trail = service.command("trail", "--json", grant.decision_id)
    assert '"outcome"' in trail, "the outcome is not in the record"
    assert "coder" in trail


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE public.b (id int); DROP TABLE public.users",
        "DO $$ BEGIN END $$",
        "CREATE TABLE secret.b (id int)",
        "COPY public.b TO PROGRAM 'sh'",
        "TRUNCATE public.b",
    ],
)
async def test_denied_statement_does_not_run_and_the_model_reads_why(
    service: Running, plain: Callable[[], str], sql: str
) -> None:
    ran = Ran()
    guard = Guard(service.url)
    agent = protect(sql_agent(ran, sql), guard)
    ((text, is_error),) = results(await run(guard, agent, task=PROMPT, token=plain))
    assert (ran, is_error) == ([], True)
    assert "NOT RUN: policy denies" in text
    assert "What to do: " in text
    assert "[" in text


async def test_run_opened_with_a_prompt_sends_its_task_as_task(service: Running) -> None:
    ran = Ran()
    guard = Guard(service.url)
    opened = service.token("--prompt", PROMPT)
    agent = protect(sql_agent(ran, "CREATE TABLE public.c (id int)"), guard)
    await run(guard, agent, task="a subtask in other words", token=lambda: opened)
    assert len(ran) == 1


async def test_unmapped_tool_and_code_are_denied_by_default(
    service: Running, plain: Callable[[], str], tmp_path: Any
) -> None:
    ran = Ran()
    guard = Guard(service.url)

    async def launch(n: int) -> str:
        ran.append(n)
        return "launched"

    agent = protect(assistant([("launch", {"n": 1})], "x", tools=[launch]), guard)
    await run(guard, agent, task=PROMPT, token=plain)
    coder = protect(
        CodeExecutorAgent("runner", LocalCommandLineCodeExecutor(work_dir=tmp_path)), guard
    )
    message = TextMessage(content="```python\nopen('mark', 'w')\n```", source="user")
    await run(guard, coder, task=message, token=plain)
    assert ran == []
    assert not (tmp_path / "mark").exists()


async def test_token_of_another_key_runs_nothing(service: Running) -> None:
    ran = Ran()
    guard = Guard(service.url)
    forged = service.token()[:-6] + "AAAAAA"
    agent = protect(sql_agent(ran, "CREATE TABLE public.d (id int)"), guard)
    ((text, is_error),) = results(await run(guard, agent, task=PROMPT, token=lambda: forged))
    assert (ran, is_error) == ([], True)
    assert "credential" in text


async def test_parallel_calls_get_a_grant_each(service: Running, plain: Callable[[], str]) -> None:
    ran = Ran()

    async def run_sql(database: str, sql: str) -> str:
        ran.append(current_grant())
        return "ok"

    calls = [
        ("run_sql", {"database": "orders", "sql": f"CREATE TABLE public.p{n} (id int)"})
        for n in range(12)
    ]
    guard = Guard(service.url)
    agent = protect(assistant(calls, "done", tools=[run_sql]), guard)
    await run(guard, agent, task=PROMPT, token=plain)
    assert len({grant.decision_id for grant in ran}) == 12
    assert len({grant.scoped_token_request["signed_request"] for grant in ran}) == 12


async def test_answer_of_the_real_service_is_of_the_copied_schema(
    service: Running, plain: Callable[[], str]
) -> None:
    client = AsyncClient(service.url)
    action = Action(
        id="k1", name="run_sql",
        arguments=b'{"database":"orders","sql":"CREATE TABLE public.z (id int)"}',
    )  # fmt: skip
    body = request_body(action, prompt=PROMPT, task=None)
    exchange = Exchange(
        method="POST",
        path="/authorize",
        token=delegation_token(plain()),
        body=body,
        idempotency_key="k1",
    )
    first = await client.send(exchange, deadline_seconds=5)
    assert list(validator("authorization_response").iter_errors(json.loads(first))) == []
    again = await client.send(exchange, deadline_seconds=5)
    assert json.loads(again)["decision_id"] == json.loads(first)["decision_id"]
    await client.close()


TAMPERED: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "other arguments to run": lambda answer: {
        **answer,
        "execute": {
            **answer["execute"],
            "arguments": {"database": "orders", "sql": "DROP TABLE public.invoices"},
        },
    },
    "another resource": lambda answer: {
        **answer,
        "judged": {
            **answer["judged"],
            "resource": {**answer["judged"]["resource"], "location": "postgresql://evil:5432/orders"},
        },
    },
    "another person": lambda answer: {
        **answer,
        "judged": {**answer["judged"], "subject": {"iss": "urn:counterfoil:development", "sub": "m"}},
    },
    "nothing said of what was judged": lambda answer: {
        name: value for name, value in answer.items() if name != "judged"
    },
    "another digest": lambda answer: {**answer, "action_digest": "A" * 43},
}  # fmt: skip


@pytest.mark.parametrize("name", TAMPERED)
async def test_answer_that_was_changed_on_its_way_runs_nothing(
    service: Running, plain: Callable[[], str], name: str
) -> None:
    ran = Ran()
    with tampering_proxy(service.url) as between:
        guard = Guard(between.url)
        async with guard.session(token=plain, task=PROMPT) as session:
            await protect(sql_agent(ran, "create table public.t (id int)"), guard).run(task="t")
            assert len(ran) == 1, "control"
            between.change = TAMPERED[name]
            agent = protect(sql_agent(ran, "create table public.t (id int)"), guard)
            ((text, is_error),) = results(await agent.run(task="t"))
        assert (len(ran), is_error) == (1, True)
        assert "hook.answer_not_trusted" in text
        assert session.outbox.lost == 0


async def test_stopped_service_runs_nothing_and_recovers(tmp_path: Any) -> None:
    ran = Ran()
    with running_service(tmp_path) as service:
        guard = Guard(service.url, flush_seconds=0.5)
        value = service.token()
        async with guard.session(token=lambda: value, task=PROMPT):
            await protect(sql_agent(ran, "CREATE TABLE public.a (id int)"), guard).run(task="t")
            assert len(ran) == 1  # control
            await asyncio.to_thread(service.stop)
            stopped = protect(sql_agent(ran, "CREATE TABLE public.b (id int)"), guard)
            ((text, is_error),) = results(await stopped.run(task="t"))
            assert (len(ran), is_error) == (1, True)
            assert "yes, later" in text
            await asyncio.to_thread(service.start)
            again = protect(sql_agent(ran, "CREATE TABLE public.b (id int)"), guard)
            ((_, is_error),) = results(await again.run(task="t"))
            assert (len(ran), is_error) == (2, False)
