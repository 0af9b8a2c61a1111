"""Why the demo ends early."""

from __future__ import annotations

from collections.abc import Sequence


class DemoError(Exception):
    """The demo cannot go on; the text says what is the matter, `remedy` what to do."""

    def __init__(self, problem: str, *, remedy: str = "", shown: Sequence[str] = ()) -> None:
        super().__init__(problem)
        self.remedy = remedy
        self.shown = tuple(shown)


class NotAsToldError(DemoError):
    """What was found is not what the story says: the demo has failed."""

    def __init__(self, claim: str, *, expected: object, found: object) -> None:
        super().__init__(
            f"this does not hold: {claim}",
            remedy="The policy, the service or the hook differs from what this checkout tells.",
            shown=[f"expected  {expected}", f"found     {found}"],
        )
