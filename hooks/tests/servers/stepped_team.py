"""Runs in the hook's environment: the example's team, whose model waits for a line before each turn.

Prints one JSON object a line: `seen` (what the model reads before a turn), `pending` (what a
person is asked for). One process is one run of the team.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

import sql_team

from autogen_counterfoil import Guard, PendingApproval, protect, run


def say(**members: Any) -> None:
    """Tell the test."""
    print(json.dumps(members), flush=True)  # noqa: T201 -- its only voice


def stepped_model(statements: list[str]) -> Any:
    """The replayed model; it says what it reads, then waits for a line."""
    model: Any = sql_team.replayed((*(("sql", sql) for sql in statements), ("text", "Done.")))
    create = model.create

    async def stepped(messages: Any, **options: Any) -> Any:
        results = getattr(messages[-1], "content", "")
        told = results if isinstance(results, list) else []
        say(seen=[{"is_error": item.is_error, "content": item.content} for item in told])
        await asyncio.to_thread(sys.stdin.readline)
        return await create(messages, **options)

    model.create = stepped
    return model


def asked(pending: PendingApproval) -> None:
    """A person is asked."""
    say(pending={"id": pending.id, "digest": pending.action_digest, "of": pending.decision_id})


async def main() -> None:
    """Run the team once."""
    url = os.environ["COUNTERFOIL_URL"]
    guard = Guard(url, deadline_seconds=10, approval_wait_seconds=240, on_approval=asked)
    team = protect(sql_team.sql_team(stepped_model(sys.argv[1:])), guard)
    await run(guard, team, task=sql_team.TASK)


if __name__ == "__main__":
    asyncio.run(main())
