"""What the readers of programs get beside the words, and the two plain answers they give."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from counterfoil.core.actions.argv import Around, Reading
from counterfoil.core.actions.contract import Limits
from counterfoil.core.actions.filesystem import file_operation, file_permission
from counterfoil.core.actions.roots import Place, resolve_word
from counterfoil.core.model import JsonValue, Operation, Permission, Registered


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Where a command of a line runs, and what it may mean.

    `piped` says that its standard input comes from a pipe or a file. `plan` is what the tool
    was given beside the line: the JSON of a saved plan.
    """

    around: Around
    registered: Registered
    limits: Limits
    piped: bool = False
    plan: JsonValue = None

    def place(self, word: str) -> Place:
        """The path of a word beneath a registered root.

        Raises:
            Unreadable: it lies beneath none, or may mean two things.
        """
        return resolve_word(word, self.around.roots, self.around.cwd)

    def spelled(self, place: Place) -> str:
        """The path as it is run: from the folder that the line works in, else whole."""
        cwd = self.around.cwd
        if cwd is None or place.root != cwd.root or place.parts[: len(cwd.parts)] != cwd.parts:
            return place.absolute
        below = "/".join(place.parts[len(cwd.parts) :])
        return f"./{below}" if below else "."


Reader = Callable[[Sequence[str], Ground], Reading]
"""Reads the words of one program, its name first. Raises Unreadable."""

Touch = tuple[str, str, Place]
"""A verb, a kind (`file`, `directory`, or `tree`: all below it) and where."""


def runs(words: Sequence[str]) -> Reading:
    """A program that reaches nothing: it computes, from its words and its input."""
    operation = Operation(family="shell", verb="run", object={"kind": "program", "name": words[0]})
    return Reading(operations=(operation,), words=tuple(words))


def touches(words: Sequence[str], found: Sequence[Touch]) -> Reading:
    """A program that reads or changes files, each an operation with its right.

    Raises:
        Unreadable: it would change a repository's own data.
    """
    if not found:
        return runs(words)
    distinct = list(dict.fromkeys(found))
    operations = tuple(file_operation(verb, place, kind=kind) for verb, kind, place in distinct)
    required: tuple[Permission, ...] = tuple(
        file_permission(verb, place, (index,)) for index, (verb, _, place) in enumerate(distinct)
    )
    return Reading(operations=operations, required=required, words=tuple(words))
