"""What holds of each request of a call, beside its shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from counterfoil.core.canonical import digest
from counterfoil.core.model import AuthorizationRequest, Caller
from counterfoil.errors import RequestError, SchemaViolation

Result = TypeVar("Result")


def of_each(
    requests: Sequence[AuthorizationRequest],
    judge_one: Callable[[AuthorizationRequest], Result],
    *,
    batch: bool,
) -> list[Result]:
    """Judge request by request; a batch's refusal points to the item at fault.

    Raises:
        RequestError: what `judge_one` raises.
    """
    results: list[Result] = []
    for index, request in enumerate(requests):
        try:
            results.append(judge_one(request))
        except RequestError as error:
            if batch and error.pointer:
                error.pointer = f"#/actions/{index}{error.pointer.removeprefix('#')}"
            raise
    return results


def hold_prompt_rule(request: AuthorizationRequest, caller: Caller) -> None:
    """The prompt that opened the run is the only one (DESIGN §3, `POST /token`).

    Raises:
        SchemaViolation: the prompt is missing, or another one.
    """
    prompt = request.context.prompt
    if caller.prompt_digest is None:
        if prompt is None:
            raise SchemaViolation(
                "the run was opened without a prompt, so each request states it",
                pointer="#/context/prompt",
            )
    elif prompt is not None and digest(prompt.encode()) != caller.prompt_digest:
        raise SchemaViolation(
            "the prompt differs from the one that opened the run", pointer="#/context/prompt"
        )
