"""The `git` family: what a git command does to which refs of which repository.

    1. the words, by closed option tables              argv.py, remote.py, local.py
    2. repository and refs, written out in full        refs.py
    3. operations, permissions, and the words to run   remote.py, local.py

A tool of this family says its command as a list of words or as plain text of them. Its resource
is the registered repository; where the tool works on a folder, `folder` among its arguments is a
path beneath a registered root (docs/actions/git.md).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from counterfoil.core.actions.argv import Around, Reading
from counterfoil.core.actions.contract import Limits, Unreadable
from counterfoil.core.actions.git import remote
from counterfoil.core.actions.git.local import local
from counterfoil.core.actions.git.refs import GIT
from counterfoil.core.actions.roots import FILESYSTEM, Place, root_of
from counterfoil.core.model import Command, Execute, Interpretation, JsonValue, Resource

MAX_WORDS: Final = 256
MAX_CHARACTERS: Final = 4_096
_TEXT: Final = re.compile(r"[A-Za-z0-9_@%+=:,./^~-]+(?: [A-Za-z0-9_@%+=:,./^~-]+)*", re.ASCII)
_REMOTE: Final[dict[str, Callable[[Sequence[str], Around], Reading]]] = {
    "push": remote.push,
    "fetch": remote.fetch,
    "pull": remote.pull,
    "clone": remote.clone,
    "ls-remote": remote.ls_remote,
}
_HARMLESS: Final = frozenset({"--no-pager", "--literal-pathspecs"})


def read_git(words: Sequence[str], around: Around) -> Reading:
    """Read the words of one git command; the first is `git`.

    Raises:
        Unreadable: command, option, repository, ref or path is not sure.
    """
    rest = list(words[1:])
    while rest and rest[0] in _HARMLESS:
        rest.pop(0)
    # Any other option before the command moves it elsewhere or sets its configuration.
    if not rest or words[0] != "git":
        raise Unreadable("uncertain.git_command", " ".join(words)[:64])
    name, operands = rest[0], rest[1:]
    reach = _REMOTE.get(name)
    return reach(operands, around) if reach else local(name, operands, around)


def interpret(command: Command, limits: Limits) -> Interpretation:
    """Read the command of a git tool.

    Raises:
        Unreadable: something in it is not sure.
    """
    del limits  # bounded in words and characters
    resource = command.resource
    if resource is None or resource.type not in {GIT, FILESYSTEM}:
        raise Unreadable("uncertain.resource_type", "a registered git repository is needed")
    value = command.arguments.get(command.command_argument or "")
    words = argument_words(value)
    reading = read_git(words, around(resource))
    run: JsonValue = list(reading.words) if not isinstance(value, str) else _as_text(reading.words)
    return Interpretation(
        operations=reading.operations,
        required=reading.required,
        ambient=reading.ambient,
        execute=Execute(
            arguments={**command.arguments, command.command_argument or "": run},
            session=reading.session,
        ),
    )


def around(resource: Resource) -> Around:
    """What a tool with one registered resource may mean by its words."""
    if resource.type == GIT:
        return Around(resources=(resource,))
    root = root_of(resource)
    return Around(resources=(resource,), roots=(root,), cwd=Place(root=root))


def argument_words(value: JsonValue) -> list[str]:
    """The words of an argument: a list of them, or text in which each is plain.

    Raises:
        Unreadable: it is neither, or longer than is read.
    """
    if isinstance(value, str):
        if len(value) > MAX_CHARACTERS:
            raise Unreadable("uncertain.too_long", f"more than {MAX_CHARACTERS} characters")
        if not _TEXT.fullmatch(value):
            raise Unreadable("uncertain.words", "send a list of words")
        return value.split(" ")
    if not isinstance(value, (list, tuple)) or not value:
        raise Unreadable("uncertain.no_command", "the mapped argument is no list of words")
    words = [word for word in value if isinstance(word, str)]
    if len(words) != len(value):
        raise Unreadable("uncertain.no_command", "the mapped argument is no list of words")
    if len(words) > MAX_WORDS or sum(map(len, words)) > MAX_CHARACTERS:
        raise Unreadable("uncertain.too_long", f"more than {MAX_CHARACTERS} characters")
    if any("\0" in word for word in words):
        raise Unreadable("uncertain.words", "a word holds NUL")
    return words


def _as_text(words: Sequence[str]) -> str:
    text = " ".join(words)
    if not _TEXT.fullmatch(text):
        raise Unreadable("uncertain.words", "send a list of words")
    return text
