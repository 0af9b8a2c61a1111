"""Claims: said only once they hold."""

from __future__ import annotations

from typing import TypeVar

from demo.errors import NotAsToldError
from demo.page import Page

T = TypeVar("T")


def hold(claim: str, *, expected: T, found: T) -> None:
    """See that a claim holds, without a word.

    Raises:
        NotAsToldError: it does not.
    """
    if found != expected:
        raise NotAsToldError(claim, expected=expected, found=found)


def tick(page: Page, claim: str, *, expected: T, found: T) -> None:
    """See that a claim holds, and say so.

    Raises:
        NotAsToldError: it does not.
    """
    hold(claim, expected=expected, found=found)
    page.tick(claim)
