"""A real AutoGen team against the deployment: what PostgreSQL holds afterwards is what counts."""

from __future__ import annotations

import pytest

from processes import eventually
from servers.compose import Stack, docker
from servers.team import team

pytestmark = pytest.mark.e2e


def create(name: str) -> str:
    return f"CREATE TABLE public.{name} (id int)"


def test_allowed_acts_change_postgresql_and_denied_ones_do_not(stack: Stack) -> None:
    stack.sql("CREATE TABLE public.customers AS SELECT 1 AS id", role="orders_tool")
    stack.sql("CREATE SCHEMA secret; GRANT ALL ON SCHEMA secret TO orders_tool")
    before = stack.tables()
    denied = (
        "TRUNCATE public.customers",
        "CREATE TABLE secret.copy (id int)",
        "DO $$ BEGIN END $$",
    )
    with team(stack.url, stack.token(), stack.dsn(), [create("invoices"), *denied]) as run:
        refused, text = run.step()
        assert (refused, "CREATE TABLE" in text) == (False, True), text
        after = stack.tables()
        assert after == before | {"public.invoices: 0"}
        for _ in denied:
            refused, text = run.step()
            assert refused
            assert "NOT RUN: policy denies" in text
            assert stack.tables() == after
        run.finish()
    stack.sql("TRUNCATE public.customers", role="orders_tool")  # control: the login could
    assert stack.tables() == after - {"public.customers: 1"} | {"public.customers: 0"}


@pytest.mark.parametrize("name", ["service", "opa"])
def test_nothing_runs_while_a_part_is_stopped_and_it_recovers(name: str, stack: Stack) -> None:
    before = stack.tables()
    statements = [create(f"{name}_{word}") for word in ("first", "lost", "last")]
    with team(stack.url, stack.token(), stack.dsn(), statements) as run:
        assert run.step()[0] is False  # control
        url = stack.url
        stack.compose(f"stop {name}")
        refused, text = run.step()
        assert refused
        assert "Asking again can help: yes, later" in text
        assert stack.tables() == before | {f"public.{name}_first: 0"}
        stack.compose(f"start {name}")
        stack.wait_until_ready()
        assert stack.url == url, "the port must stay, or the run cannot find the service again"
        refused, text = run.step()
        assert not refused, text
        run.finish()
    after = stack.tables()
    assert after == before | {f"public.{name}_first: 0", f"public.{name}_last: 0"}


@pytest.mark.parametrize("name", ["service", "opa"])
def test_killed_container_comes_back_by_itself(name: str, stack: Stack) -> None:
    before = stack.inspect(name)
    # From outside, as the kernel's out-of-memory killer would: Docker itself is not asked.
    kill = f"import os; os.kill({before['State']['Pid']}, 9)"
    tools = ("run", "--rm", "--pid=host", "--user=0:0", "--network=none")
    docker(*tools, "--entrypoint=python", "counterfoil-service:e2e", "-I", "-c", kill)
    restarted = before["RestartCount"] + 1
    eventually(lambda: stack.inspect(name)["RestartCount"] == restarted, "it comes back", 60)
    stack.wait_until_ready()
    assert stack.authorize(create("after")).json()["effect"] == "allow"


def test_approval_survives_a_restart_of_the_service(stack: Stack) -> None:
    stack.sql(create("old"), role="orders_tool")
    before = stack.tables()
    with team(stack.url, stack.token(), stack.dsn(), ["DROP TABLE public.old"]) as run:
        run.go()
        pending = run.hear("pending")
        stack.compose("stop service")
        stack.compose("start service")
        stack.wait_until_ready()
        assert stack.tables() == before
        path = f"/approvals/{pending['id']}/answer"
        body = {"answer": "approve", "comment": "seen", "action_digest": pending["digest"]}
        own = stack.token("alice", "database-admins", agent=None)
        assert stack.request("POST", path, body, token=own).status_code == 403
        bob = stack.token("bob", "database-admins", agent=None)
        assert stack.request("POST", path, body, token=bob).status_code == 200
        refused, text = run.result()
        assert not refused, text
        run.finish()
    assert stack.tables() == before - {"public.old: 0"}
    story = ["decided", "approval_requested", "approval_answered", "approval_spent"]
    assert stack.trail(pending["of"]) == story
