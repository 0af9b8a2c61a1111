"""What an interpreter is: a command in, certain operations or reasons for doubt out.

There is no third answer. An interpreter is a pure function registered for a family; it
says `Unreadable` where anything in the command is not on its allow-list, and `interpret`
turns that into an `Interpretation` that permits nothing.

A new family is written as docs/actions/adding.md shows. The C parsers are imported by the
family modules, and those only by `registry`, which only the supervised child loads
(docs/adr/0001-parsers.md). The worker knows this module alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from counterfoil.core.model import Command, Interpretation, Operation, Uncertainty

MAX_OPERATIONS = 128
"""Of one command. A person who approves reads each, and policy judges each within its time:
16 KiB of SQL can drop 1,100 tables."""

TOOL_FAMILY = "tool"
"""The family of a tool without a mapping: judged as `tool.call`, denied by default."""

DIALECTS = frozenset({"mysql", "sqlite"})
"""Types of resources whose SQL needs a parser that a child loads only where one is registered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds that are checked before any parser sees a byte.

    Raising one is for tests that need a parser to die. `sql_bytes` lies 8 times below
    the shortest text seen to crash libpg_query; `manifest_bytes` bounds the YAML reader.
    `body_bytes` bounds what is hashed of a request.
    """

    sql_bytes: int = 16_384
    manifest_bytes: int = 65_536
    body_bytes: int = 131_072


DEFAULT_LIMITS = Limits()
Read = Callable[[Command, Limits], Interpretation]
Families = Mapping[str, Read]


class Unreadable(Exception):
    """Something in the command is not known to be harmless; `code` is `uncertain.*`.

    Not a failure: `interpret` turns it into a value, `Uncertainty`.
    """

    def __init__(self, code: str, detail: str = "", span: tuple[int, int] | None = None) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
        self.span = span


def interpret(
    command: Command, families: Families, limits: Limits = DEFAULT_LIMITS
) -> Interpretation:
    """Read one command. Never raises for any input.

    Without an interpreter, or with anything in doubt, the answer holds no operation and
    no permission, and says why.
    """
    if command.family == TOOL_FAMILY:
        return tool_call(command)
    read = families.get(command.family)
    if read is None:
        return uncertain("uncertain.no_interpreter", command.family)
    try:
        reading = read(command, limits)
    except Unreadable as doubt:
        return uncertain(doubt.code, doubt.detail, doubt.span)
    except RecursionError:
        # Deeper than the parser's or our own walk goes; the limit is never raised.
        return uncertain("uncertain.too_deep")
    if len(reading.operations) > MAX_OPERATIONS:
        return uncertain("uncertain.too_deep", f"more than {MAX_OPERATIONS} operations")
    return reading


def tool_call(command: Command) -> Interpretation:
    """The one operation of a tool that the server has no mapping for: calling it."""
    operation = Operation(
        family=TOOL_FAMILY, verb="call", object={"kind": "tool", "name": command.tool}
    )
    return Interpretation(operations=(operation,))


def uncertain(code: str, detail: str = "", span: tuple[int, int] | None = None) -> Interpretation:
    """An answer that permits nothing."""
    return Interpretation(uncertain=(Uncertainty(code=code, span=span, detail=detail),))


def command_text(command: Command) -> str:
    """The text to read: the argument that the mapping names.

    Raises:
        Unreadable: the mapping names none, or the argument is not text.
    """
    text = command.arguments.get(command.command_argument or "")
    if not isinstance(text, str):
        raise Unreadable("uncertain.no_command", "the mapped argument is not text")
    return text


def check_size(text: str, max_bytes: int) -> None:
    """Refuse a text over the bound before a parser sees it.

    Raises:
        Unreadable: more than `max_bytes` in UTF-8 (a lone surrogate counts as three).
    """
    if len(text) * 4 <= max_bytes:
        return
    if len(text.encode("utf-8", "surrogatepass")) > max_bytes:
        raise Unreadable("uncertain.too_long", f"more than {max_bytes} bytes")
