"""The `shell` family: a command line as the list of what its programs would do.

    1. the line, cut into commands of literal words       words.py
    2. `cd` to a literal path first, then redirections     here
    3. each program, by a closed grammar of its options    programs.py
    4. one list of operations and rights, and the line     here
       rendered anew with every word quoted
    5. where something is not sure: which part, and how    explain.py
       to write it

Commands behind `&&` and `||` may not run: the operations are those that could.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from counterfoil.core.actions.argv import Around, Reading, joined
from counterfoil.core.actions.contract import Limits, Unreadable, command_text
from counterfoil.core.actions.roots import FILESYSTEM, Place, Root, root_of, roots_of
from counterfoil.core.actions.shell.explain import explained
from counterfoil.core.actions.shell.ground import Ground, touches
from counterfoil.core.actions.shell.programs import read_command
from counterfoil.core.actions.shell.words import Line, Simple, quoted, read_line
from counterfoil.core.model import (
    Command,
    Execute,
    Interpretation,
    JsonValue,
    Permission,
    Registered,
    Resource,
)

_NULL: Final = "/dev/null"
_STANDARD: Final = frozenset({"/dev/null", "/dev/stdout", "/dev/stderr"})
_HOME: Final = "cd"
_PLAN: Final = "plan"
"""The argument that holds the JSON of a saved plan, for a line that applies it."""
_AFTER_CD: Final = frozenset({("&&",), (";",)})


def interpret(command: Command, limits: Limits) -> Interpretation:
    """Read one command line.

    Raises:
        Unreadable: a part of it is not sure; its place and the way on are in the details.
    """
    text = command_text(command)
    try:
        return _interpret(command, text, limits)
    except Unreadable as doubt:
        raise explained(text, doubt) from doubt


def _interpret(command: Command, text: str, limits: Limits) -> Interpretation:
    line = read_line(text)
    ground, moved = _ground(command, line, limits)
    rest = line.commands[1:] if moved else line.commands
    if not rest:
        raise Unreadable("uncertain.shell_state", _HOME, line.commands[0].span)
    readings = [_command(item, replace(ground, piped=_piped(line, item))) for item in rest]
    operations, required, ambient = joined(readings)
    run = _rendered(line, [reading.words for reading in readings], ground, moved=moved)
    session = _session(readings)
    return Interpretation(
        operations=operations,
        required=required,
        ambient=ambient,
        execute=Execute(
            arguments={**command.arguments, command.command_argument or "": run},
            session=session or None,
        ),
        resource=_resource(command.registered, command.resource, (*required, *ambient)),
    )


def _ground(command: Command, line: Line, limits: Limits) -> tuple[Ground, bool]:
    """Where the line works: the folder that it goes to first, else the tool's own root."""
    resources, roots = _known(command.registered)
    cwd: Place | None = None
    if command.resource is not None:
        if command.resource.type != FILESYSTEM:
            raise Unreadable("uncertain.resource_type", "a registered filesystem root is needed")
        own = root_of(command.resource)
        roots = roots if own in roots else (*roots, own)
        cwd = Place(root=own)
    around = Around(resources=resources, roots=roots, cwd=cwd)
    ground = Ground(
        around=around,
        registered=command.registered,
        limits=limits,
        plan=command.arguments.get(_PLAN),
    )
    first = line.commands[0]
    if first.words[0] != _HOME:
        return ground, False
    target = first.words[1] if len(first.words) == 2 else "-"  # noqa: PLR2004 -- cd and a folder
    if target.startswith("-") or first.redirects or line.operators[:1] not in _AFTER_CD:
        raise Unreadable("uncertain.shell_state", _HOME, first.span)
    try:
        place = ground.place(target)
    except Unreadable as doubt:
        raise Unreadable(doubt.code, doubt.detail, first.span) from doubt
    return replace(ground, around=replace(around, cwd=place)), True


class _Last:
    """The registry that was asked last: a child reads by one, told when it began."""

    registered: Registered | None = None
    known: tuple[tuple[Resource, ...], tuple[Root, ...]] = ((), ())


def _known(registered: Registered) -> tuple[tuple[Resource, ...], tuple[Root, ...]]:
    if _Last.registered is not registered:
        resources = tuple(registered.resources.values())
        _Last.known = (resources, roots_of(resources))
        _Last.registered = registered
    return _Last.known


def _piped(line: Line, item: Simple) -> bool:
    index = next(i for i, one in enumerate(line.commands) if one is item)
    return any(sign == "<" for sign, _ in item.redirects) or (
        index > 0 and line.operators[index - 1] == "|"
    )


def _command(item: Simple, ground: Ground) -> Reading:
    """One command with its redirections; its operations point at its place in the text."""
    try:
        if not item.named:
            raise Unreadable("uncertain.shell_syntax", "the program's name is quoted")
        reading = read_command(item.words, ground)
        found = [
            (_verb(sign), "file", ground.place(path))
            for sign, path in item.redirects
            if path and path not in _STANDARD
        ]
    except Unreadable as doubt:
        raise Unreadable(doubt.code, doubt.detail, item.span) from doubt
    if found:
        operations, required, ambient = joined([reading, touches((), found)])
        reading = replace(reading, operations=operations, required=required, ambient=ambient)
    spans = tuple(replace(operation, span=item.span) for operation in reading.operations)
    return replace(reading, operations=spans, words=(*reading.words, *_redirects(item, ground)))


def _verb(sign: str) -> str:
    return "read" if sign == "<" else "write"


class _Operator(str):
    """A word that is rendered as it is: a redirection's sign."""

    __slots__ = ()


def _redirects(item: Simple, ground: Ground) -> list[str]:
    words: list[str] = []
    for sign, path in item.redirects:
        words.append(_Operator(sign))
        if path:
            words.append(path if path in _STANDARD else ground.spelled(ground.place(path)))
    return words


def _rendered(line: Line, commands: Sequence[Sequence[str]], ground: Ground, *, moved: bool) -> str:
    """The line with every word quoted, in the folder that it was read for.

    What follows a `cd` runs only if that came to pass, and all of it does.
    """
    operators = line.operators[1:] if moved else line.operators
    parts = [_quoted(commands[0])]
    for operator, words in zip(operators, commands[1:], strict=True):
        parts += [f"{operator} " if operator == ";" else f" {operator} ", _quoted(words)]
    text = "".join(parts)
    cwd = ground.around.cwd
    if cwd is None:
        return text
    plain = all(operator == "|" for operator in operators)
    return f"cd -- {quoted(cwd.absolute)} && " + (text if plain else f"{{ {text}; }}")


def _quoted(words: Sequence[str]) -> str:
    return " ".join(word if isinstance(word, _Operator) else quoted(word) for word in words)


def _session(readings: Sequence[Reading]) -> dict[str, JsonValue]:
    """What the runner must hold to for all of the programs; variables add up.

    Raises:
        Unreadable: two want the same thing otherwise, which one line cannot give them.
    """
    session: dict[str, JsonValue] = {}
    for reading in readings:
        for name, value in reading.session.items():
            known = session.get(name, value)
            if isinstance(known, Mapping) and isinstance(value, Mapping):
                if any(known.get(key, value[key]) != value[key] for key in value):
                    raise Unreadable("uncertain.shell_session", name)
                session[name] = {**known, **value}
            elif known != value:
                raise Unreadable("uncertain.shell_session", name)
            else:
                session[name] = value
    return session


def _resource(
    registered: Registered, own: Resource | None, permissions: Sequence[Permission]
) -> Resource | None:
    """The registered resource that a credential is needed for, where that is one.

    Files are held to by whoever runs the line: they need none, and stand beside any other.
    """
    places = {
        (str(item["type"]), str(location))
        for item in permissions
        if item["type"] != FILESYSTEM
        for location in _locations(item)
    }
    if len(places) != 1:
        return own
    return registered.places.get(places.pop(), own)


def _locations(permission: Permission) -> Sequence[object]:
    found = permission.get("locations")
    return found if isinstance(found, (list, tuple)) else ()
