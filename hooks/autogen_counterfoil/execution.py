"""Runs a permitted call once, under its own grant, and sees that its outcome is reported.

The call runs in a task of its own: its context holds the grant and nobody else's does, and
a cancellation is answered at once although a tool's thread may live on.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from autogen_counterfoil import refusal
from autogen_counterfoil.cancel import Cancel, Token
from autogen_counterfoil.grant import bind_grant
from autogen_counterfoil.guard import Guard, Permit
from autogen_counterfoil.outcomes import OutcomeStatus, not_run, outcome
from autogen_counterfoil.refusal import ActionRefusedError, Refusal

T = TypeVar("T")
S = TypeVar("S")
KEPT_BACK = "kept back, because it holds a secret of the credential"
GRACE_SECONDS = 0.5
"""A cancelled tool may tidy up this long; then its caller is answered without it."""
_orphans: set[asyncio.Future[Any]] = set()  # cancelled tools that are not done yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[T]):
    """One call of a framework, in the guard's words.

    `start` prepares it from the permitted arguments, at once, and gives what runs it; if it
    raises, nothing ran. `render` gives the text of a result and
    whether the tool itself calls it an error.
    """

    guard: Guard
    name: str
    arguments: bytes
    agent: str | None
    call_id: str | None
    team_id: str | None
    token: Token | None
    start: Callable[[Permit], Awaitable[T]]
    render: Callable[[T], tuple[str, bool]]
    keeps: frozenset[str] = frozenset()  # obligations that whoever runs it keeps by itself


async def perform(call: Call[T]) -> T:
    """Run one call if it is permitted.

    Raises:
        ActionRefusedError: it is not, or it was cancelled.
        Exception: the tool's own.
    """
    cancel = Cancel(call.token)
    permit = await permitted(call, cancel)
    return await run_permitted(call, permit, cancel)


async def permitted(call: Call[T], cancel: Cancel) -> Permit:
    """Return the permit of a call.

    Raises:
        ActionRefusedError: it may not run.
    """
    if cancel.is_set:
        raise ActionRefusedError(refusal.cancelled())
    try:
        verdict = await call.guard.decide(
            name=call.name,
            arguments=call.arguments,
            agent=call.agent,
            call_id=call.call_id,
            team_id=call.team_id,
            cancel=cancel,
            keeps=call.keeps,
        )
    except asyncio.CancelledError:
        if cancel.is_set:  # by the run's own token: an answer, or the agent hangs
            raise ActionRefusedError(refusal.cancelled()) from None
        raise
    if isinstance(verdict, Refusal):
        raise ActionRefusedError(verdict)
    return verdict


async def run_permitted(call: Call[T], permit: Permit, cancel: Cancel) -> T:
    """Run a permitted call once and queue its outcome.

    Raises:
        ActionRefusedError: the run was cancelled; the effect is unknown.
        Exception: the tool's own.
    """
    if cancel.is_set:
        report_not_run(permit)
        raise ActionRefusedError(refusal.cancelled())
    task = spawn(permit, begun(permit, call.start))
    try:
        await cancel.first(task)
    except asyncio.CancelledError:
        await _interrupt(permit, task)
        if cancel.is_set:
            raise ActionRefusedError(refusal.interrupted(permit.decision_id)) from None
        raise
    if not task.done() or task.cancelled():
        await _interrupt(permit, task)
        raise ActionRefusedError(refusal.interrupted(permit.decision_id))
    error = task.exception()
    if error is not None:
        raise _reported(permit, error)
    result = task.result()
    _report_result(call, permit, result)
    hold_to_rows(permit, result)
    return result


def _reported(permit: Permit, error: BaseException) -> BaseException:
    """The tool's own error, reported; without it where it holds a secret of the credential."""
    text = f"{type(error).__name__}: {error}"
    if _leaks(permit, text):
        report(permit, OutcomeStatus.ERROR, f"{type(error).__name__}: {KEPT_BACK}")
        return ActionRefusedError(refusal.secret_kept_back(decision_id=permit.decision_id))
    report(permit, OutcomeStatus.ERROR, text)
    return error


def _leaks(permit: Permit, text: str) -> bool:
    return permit.grant is not None and permit.grant.leaks(text)


def hold_to_rows(permit: Permit, result: object) -> None:
    """Keep a result back that has more rows than the allow says, where they can be counted.

    The tool said that it holds to the number; this is for when it does not.

    Raises:
        ActionRefusedError: it has more; the action ran, and its outcome is reported.
    """
    rows = None if permit.grant is None else permit.grant.max_rows
    if rows is not None and isinstance(result, list | tuple) and len(result) > rows:
        raise ActionRefusedError(refusal.too_many_rows(rows, decision_id=permit.decision_id))


def begun(permit: Permit, start: Callable[[Permit], S]) -> S:
    """Return what `start` gives; if it refuses before anything ran, report just that.

    Raises:
        Exception: of `start`; nothing ran.
    """
    try:
        return start(permit)
    except Exception as error:
        report_not_run(permit, str(error))
        raise


def spawn(permit: Permit, work: Awaitable[T]) -> asyncio.Task[T]:
    """Start `work` in a task whose context holds the grant."""

    async def body() -> T:
        try:
            return await work
        finally:
            if permit.grant is not None:
                permit.grant.end()  # whatever the tool has left running has no credential

    context = contextvars.copy_context()
    context.run(bind_grant, permit.grant)
    return asyncio.get_running_loop().create_task(body(), context=context)


def report(permit: Permit, status: OutcomeStatus, text: str) -> None:
    """Queue the outcome of a permit; a call that nobody decided has none."""
    if permit.decision_id is not None:
        agent = permit.action.agent
        permit.session.outbox.put(outcome(permit.decision_id, status, text, agent=agent))


def report_not_run(permit: Permit, why: str = "") -> None:
    """Queue the outcome of a permit under which nothing was started."""
    if permit.decision_id is not None:
        agent = permit.action.agent
        permit.session.outbox.put(not_run(permit.decision_id, agent=agent, why=why))


async def settle(task: asyncio.Future[T]) -> None:
    """Cancel a task and let it tidy up for a moment; then leave it to itself."""
    task.cancel()
    _orphans.add(task)
    task.add_done_callback(_forget)
    await asyncio.wait({task}, timeout=GRACE_SECONDS)


async def _interrupt(permit: Permit, task: asyncio.Future[T]) -> None:
    # reported first: whatever the tool still does, nobody here will learn of it
    report(permit, OutcomeStatus.CANCELLED_UNKNOWN, "")
    await settle(task)


def _forget(task: asyncio.Future[Any]) -> None:
    _orphans.discard(task)
    if not task.cancelled():
        task.exception()  # seen: nobody waits for it any more


def _report_result(call: Call[T], permit: Permit, result: T) -> None:
    try:
        text, is_error = call.render(result)
    except Exception as error:  # noqa: BLE001 -- a result that cannot be shown is still a result
        text, is_error = f"a {type(result).__name__} without text: {type(error).__name__}", False
    status = OutcomeStatus.ERROR if is_error else OutcomeStatus.OK
    if _leaks(permit, text):
        report(permit, status, KEPT_BACK)
        raise ActionRefusedError(refusal.secret_kept_back(decision_id=permit.decision_id))
    report(permit, status, text)


async def perform_stream(
    call: Call[T], items: Callable[[Permit], AsyncIterator[T]]
) -> AsyncGenerator[T, None]:
    """Run one streaming call if it is permitted, item by item; the last one is its result.

    Raises:
        ActionRefusedError: it may not run, or it was cancelled.
        Exception: the tool's own, after the items before it.
    """
    cancel = Cancel(call.token)
    permit = await permitted(call, cancel)
    queue: asyncio.Queue[T] = asyncio.Queue(maxsize=1)  # the tool does not run ahead
    task = spawn(permit, _pump(begun(permit, items), queue))
    last: list[T] = []
    reported = False
    try:
        while (item := await _next(queue, task, cancel)) is not None:
            last = [item[0]]
            hold_to_rows(permit, item[0])
            if _leaks(permit, str(item[0])):
                raise ActionRefusedError(refusal.secret_kept_back(decision_id=permit.decision_id))
            yield item[0]
        reported = True
        if task.cancelled() or not task.done():
            await _interrupt(permit, task)
            raise ActionRefusedError(refusal.interrupted(permit.decision_id))
        _report_stream(call, permit, task, last)
    except asyncio.CancelledError:
        if cancel.is_set:
            reported = True
            await _interrupt(permit, task)
            raise ActionRefusedError(refusal.interrupted(permit.decision_id)) from None
        raise
    finally:
        if not reported:  # the reader left early
            await _interrupt(permit, task)


async def _pump(source: AsyncIterator[T], queue: asyncio.Queue[T]) -> None:
    async for item in source:
        await queue.put(item)


async def _next(
    queue: asyncio.Queue[T], task: asyncio.Task[None], cancel: Cancel
) -> tuple[T] | None:
    """Return the next item, or None when there is none because of end, error or cancel."""
    getting = asyncio.ensure_future(queue.get())
    either = asyncio.ensure_future(asyncio.wait({getting, task}, return_when="FIRST_COMPLETED"))
    try:
        if cancel.is_set or not await cancel.first(either):
            return None
        if getting.done():
            return (getting.result(),)
        return (queue.get_nowait(),) if not queue.empty() else None
    finally:
        either.cancel()
        getting.cancel()


def _report_stream(call: Call[T], permit: Permit, task: asyncio.Task[None], last: list[T]) -> None:
    error = task.exception()
    if error is not None:
        raise _reported(permit, error)
    if last:
        _report_result(call, permit, last[0])
    else:
        report(permit, OutcomeStatus.OK, "")
