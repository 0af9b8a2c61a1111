"""The base of every error of ours."""

from __future__ import annotations

from typing import ClassVar


class CounterfoilError(Exception):
    """Base of every error of ours.

    Class attributes are the contract with callers: `code` is `family.snake_name` and
    is never reused, `status` is the HTTP status, `title` and `solution` are shown to
    people, `type_uri` is the problem's type where a standard gives it one. `detail` is for
    one occurrence and never holds a secret or a token.
    """

    code: ClassVar[str] = "internal.error"
    type_uri: ClassVar[str] = ""
    title: ClassVar[str] = "Something unexpected went wrong"
    status: ClassVar[int] = 500
    solution: ClassVar[str] = "Report it to the operator with the request id."

    def __init__(self, detail: str = "", *, pointer: str = "") -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.pointer = pointer  # JSON Pointer fragment, `#/action/name`, or empty
