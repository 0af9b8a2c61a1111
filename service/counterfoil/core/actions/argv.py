"""What a known program would do, read from its words: what `shell` hands over (argv, no shell).

A program has a closed grammar of options. An option that is not in it, an abbreviation of one
that is, and a word too many are all `uncertain.option`: what an unknown option does is not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.actions.roots import Place, Root
from counterfoil.core.model import JsonObject, JsonValue, Operation, Permission, Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """Where a line runs: the registered resources that it may mean, and its folder.

    `cwd` is None where the folder is not known.
    """

    resources: tuple[Resource, ...] = ()
    roots: tuple[Root, ...] = ()
    cwd: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A program's words, read: `words` is what to run instead of them.

    `required` index into these `operations`. `session` is what the runner must hold to.
    """

    operations: tuple[Operation, ...]
    required: tuple[Permission, ...] = ()
    ambient: tuple[Permission, ...] = ()
    words: tuple[str, ...]
    session: JsonObject = field(default_factory=dict)


def joined(
    readings: Sequence[Reading],
) -> tuple[tuple[Operation, ...], tuple[Permission, ...], tuple[Permission, ...]]:
    """The operations of several programs as one list, with permissions that index into it."""
    operations: list[Operation] = []
    required: list[Permission] = []
    ambient: list[Permission] = []
    for reading in readings:
        base = len(operations)
        operations.extend(reading.operations)
        required.extend(_shifted(item, base) for item in reading.required)
        ambient.extend(_shifted(item, base) for item in reading.ambient)
    return tuple(operations), tuple(required), tuple(ambient)


def _shifted(permission: Permission, base: int) -> Permission:
    indexes = permission.get("operations")
    if not isinstance(indexes, (list, tuple)):
        return permission
    moved: list[JsonValue] = [base + index for index in indexes if isinstance(index, int)]
    return {**permission, "operations": moved}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """A closed grammar: options without a value, with one, and those that may have one.

    Short options stand under their long name, as `-q` under `--quiet`.
    """

    flags: frozenset[str] = frozenset()
    values: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()  # --name or --name=value, never --name value
    short: Mapping[str, str] = field(default_factory=dict)
    number: str = ""  # the option that `-5` stands for, as in git and head


def grammar(
    flags: str, values: str = "", optional: str = "", *, number: str = "", **short: str
) -> Options:
    """Options from lists of their names, short ones by letter: `q="--quiet"`."""
    return Options(
        flags=frozenset(flags.split()),
        values=frozenset(values.split()),
        optional=frozenset(optional.split()),
        short={f"-{letter}": name for letter, name in short.items()},
        number=number,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """The options in their order under their long names, and the other words."""

    options: tuple[tuple[str, str | None], ...]
    operands: tuple[str, ...]
    after_dashes: tuple[str, ...] | None  # the words after `--`; None without it

    def has(self, *names: str) -> bool:
        """Whether one of these is there."""
        return any(name in names for name, _ in self.options)

    def value(self, name: str) -> str | None:
        """The one value of an option.

        Raises:
            Unreadable: it is there twice; which one counts is the program's secret.
        """
        found = [value for option, value in self.options if option == name]
        if len(found) > 1:
            raise Unreadable("uncertain.option", f"{name} twice")
        return found[0] if found else None


STOP: Final = "--"


def parse(words: Sequence[str], known: Options) -> Parsed:
    """Read options anywhere among the operands, as GNU getopt and git do.

    Raises:
        Unreadable: an option that the grammar does not know, or one without its value.
    """
    options: list[tuple[str, str | None]] = []
    operands: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == STOP:
            return Parsed(
                options=tuple(options), operands=tuple(operands), after_dashes=tuple(rest)
            )
        if word.startswith("--"):
            options.append(_long(word, rest, known))
        elif word.startswith("-") and len(word) > 1:
            options.extend(_cluster(word, rest, known))
        else:
            operands.append(word)
    return Parsed(options=tuple(options), operands=tuple(operands), after_dashes=None)


def _long(word: str, rest: list[str], known: Options) -> tuple[str, str | None]:
    name, equals, value = word.partition("=")
    if equals:
        if name in known.values or name in known.optional:
            return name, value
    elif name in known.flags or name in known.optional:
        return name, None
    elif name in known.values and rest:
        return name, rest.pop(0)
    raise Unreadable("uncertain.option", word[:64])


def _cluster(word: str, rest: list[str], known: Options) -> Iterable[tuple[str, str | None]]:
    """`-am text`: flags, of which the last may take what is left, or the next word."""
    letters = word[1:]
    if known.number and letters.isascii() and letters.isdigit() and len(letters) < 10:  # noqa: PLR2004
        yield known.number, letters
        return
    for index, letter in enumerate(letters):
        name = known.short.get(f"-{letter}")
        if name in known.values:
            value = letters[index + 1 :] or (rest.pop(0) if rest else None)
            if value is None:
                break
            yield name, value
            return
        if name is None or name not in known.flags:
            break
        yield name, None
    else:
        return
    raise Unreadable("uncertain.option", word[:64])


def written(parsed: Parsed) -> tuple[str, ...]:
    """The options in their long spelling, so that no abbreviation or cluster is left."""
    words: list[str] = []
    for name, value in parsed.options:
        if value is None:
            words.append(name)
        elif name.startswith("--"):
            words.append(f"{name}={value}")
        else:
            words.extend((name, value))
    return tuple(words)


def one(items: Sequence[str], what: str) -> str:
    """The only one.

    Raises:
        Unreadable: there is none, or more.
    """
    if len(items) != 1:
        raise Unreadable("uncertain.operands", what)
    return items[0]
