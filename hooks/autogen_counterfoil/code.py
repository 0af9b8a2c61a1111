"""The guarded code executor: the right seam for code, whoever brings it.

All blocks of a call are judged before the first runs; then each runs under its own grant.
A block that was judged in another form runs in that form.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any

from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock, CodeExecutor, CodeResult
from pydantic import BaseModel

from autogen_counterfoil.cancel import Cancel
from autogen_counterfoil.canonical import frozen_object, parsed
from autogen_counterfoil.core_tools import refuse_component, team_id
from autogen_counterfoil.execution import Call, permitted, report_not_run, run_permitted
from autogen_counterfoil.guard import Guard, Permit
from autogen_counterfoil.obligations import kept_by
from autogen_counterfoil.refusal import ActionRefusedError
from autogen_counterfoil.shapes import invalid, not_runnable

RUN_CODE, RUN_SHELL = "run_code", "run_shell"
SHELLS = frozenset({"sh", "bash", "shell"})
NOT_RUN_EXIT_CODE = 126  # "found but may not be executed", as shells have it


class GuardedCodeExecutor(CodeExecutor):
    """Any code executor, with each block judged first.

    Args:
        inner: the executor.
        guard: who is asked.
        agent: the agent's name, recorded with each block.
        raise_refusal: for a tool around the executor, which tells an error by raising.
    """

    def __init__(
        self,
        inner: CodeExecutor,
        guard: Guard,
        *,
        agent: str | None = None,
        raise_refusal: bool = False,
    ) -> None:
        self.inner = inner
        self.guard = guard
        self.agent = agent
        self._raise_refusal = raise_refusal

    async def execute_code_blocks(
        self, code_blocks: list[CodeBlock], cancellation_token: CancellationToken
    ) -> CodeResult:
        """Ask, then run; a refusal is a result with an exit code.

        Raises:
            ActionRefusedError: only with `raise_refusal`.
        """
        try:
            calls = [self._call(block, cancellation_token) for block in code_blocks]
            cancel = Cancel(cancellation_token)
            return await _run_all(calls, await _permit_all(calls, cancel), cancel)
        except ActionRefusedError as error:
            if self._raise_refusal:
                raise
            return CodeResult(exit_code=NOT_RUN_EXIT_CODE, output=str(error))

    def _call(self, block: CodeBlock, token: CancellationToken) -> Call[CodeResult]:
        language = block.language.lower()
        shell = language in SHELLS
        shown = {"command": block.code} if shell else {"language": language, "code": block.code}
        try:
            arguments = frozen_object(shown)
        except ValueError as error:
            raise invalid(str(error)) from error

        def start(permit: Permit) -> Awaitable[CodeResult]:
            judged = _block(permit.arguments, language, shell=shell)
            return self.inner.execute_code_blocks([judged], token)

        return Call(
            guard=self.guard,
            name=RUN_SHELL if shell else RUN_CODE,
            arguments=arguments,
            agent=self.agent,
            call_id=None,
            team_id=team_id(),
            token=token,
            start=start,
            render=lambda result: (result.output, result.exit_code != 0),
            keeps=kept_by(self.inner, self.guard.sandboxes),
        )

    async def start(self) -> None:
        """Start the executor itself."""
        await self.inner.start()

    async def stop(self) -> None:
        """Stop the executor itself."""
        await self.inner.stop()

    async def restart(self) -> None:
        """Restart the executor itself."""
        await self.inner.restart()

    def _to_config(self) -> BaseModel:
        refuse_component()


def _block(arguments: bytes, language: str, *, shell: bool) -> CodeBlock:
    """Return the block of exactly the judged arguments."""
    value = parsed(arguments)
    code = value.get("command" if shell else "code")
    if not isinstance(code, str) or (not shell and value.get("language") != language):
        raise not_runnable("it is no code of the same language")
    return CodeBlock(code=code, language=language)


async def _permit_all(calls: Sequence[Call[Any]], cancel: Cancel) -> list[Permit]:
    """Return a permit for each call, or none for any.

    Raises:
        ActionRefusedError: one may not run; the first of them.
    """
    asked = [asyncio.ensure_future(permitted(call, cancel)) for call in calls]
    verdicts: list[Permit | BaseException]
    try:
        verdicts = await asyncio.gather(*asked, return_exceptions=True)
    except asyncio.CancelledError:
        for done in asked:
            if done.done() and not done.cancelled() and done.exception() is None:
                report_not_run(done.result())
        raise
    permits = [verdict for verdict in verdicts if isinstance(verdict, Permit)]
    for verdict in verdicts:
        if isinstance(verdict, BaseException):
            for permit in permits:
                report_not_run(permit, "another block of the same call was refused")
            raise verdict
    return permits


async def _run_all(
    calls: Sequence[Call[CodeResult]], permits: Sequence[Permit], cancel: Cancel
) -> CodeResult:
    """Run block after block as one executor call would: stop at the first that fails."""
    result = CodeResult(exit_code=0, output="")
    output = ""
    for done, (call, permit) in enumerate(zip(calls, permits, strict=True), start=1):
        try:
            result = await run_permitted(call, permit, cancel)
        except BaseException:
            _skip(permits[done:])
            raise
        output += result.output
        if result.exit_code != 0:
            _skip(permits[done:])
            break
    result.output = output
    return result


def _skip(permits: Sequence[Permit]) -> None:
    for permit in permits:
        report_not_run(permit, "an earlier block failed")
