"""Repositories and refspecs: what a push would touch at the remote side, name by name.

`main` is not one name: git pushes a *tag* of that name where there is one, and looks at the
remote to complete a short destination (git-push(1)). So what runs is written out in full.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.model import Resource

GIT: Final = "git"
ORIGIN: Final = "origin"
BRANCHES: Final = "refs/heads/"
TAGS: Final = "refs/tags/"
_LOCATION: Final = re.compile(
    r"https://(?P<host>[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*"
    r"(:[1-9][0-9]{0,4})?)(?P<path>(/[A-Za-z0-9_][A-Za-z0-9._-]*)+)",
    re.ASCII,
)
_COMPONENT: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_+=-]*(\.[A-Za-z0-9_+=-]+)*", re.ASCII)
_SOURCE: Final = re.compile(r"(?P<name>[A-Za-z0-9_./+=-]+)((~[0-9]{0,4}|\^[0-9]?)*)", re.ASCII)
_MAX_NAME: Final = 244  # file systems hold 255 bytes, and git adds `.lock`
_SPECIAL: Final = re.compile(r"[A-Z_]+|@|[0-9a-fA-F]{7,64}", re.ASCII)
"""HEAD and its like, and what may be an object's name: none is taken for a branch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A registered repository, by the parts of its location."""

    id: str
    location: str
    host: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refspec:
    """One change of one ref; `source` is empty where it is deleted."""

    source: str
    destination: str
    force: bool = False

    @property
    def text(self) -> str:
        """The refspec in full, as it is run."""
        return f"{'+' if self.force else ''}{self.source}:{self.destination}"


def repository_of(resource: Resource | None) -> Repository:
    """Read a registered repository.

    Raises:
        Unreadable: it is none, or its location is no plain https URL.
    """
    if resource is None or resource.type != GIT:
        raise Unreadable("uncertain.resource_type", "a registered git repository is needed")
    found = _LOCATION.fullmatch(resource.location)
    if found is None or ".." in resource.location:
        raise Unreadable("uncertain.resource_location", resource.id)
    return Repository(
        id=resource.id, location=resource.location, host=found["host"], path=found["path"]
    )


def named_repository(word: str, resources: Sequence[Resource]) -> Repository:
    """The repository that a word means: its registered URL, or `origin` where there is but one.

    Raises:
        Unreadable: none is registered by that URL. The name of a remote, and every short form
            of a URL, is set by a configuration that nobody here sees.
    """
    known = [item for item in resources if item.type == GIT]
    if word == ORIGIN and len(known) == 1:
        return repository_of(known[0])
    for item in known:
        if item.location == word:
            return repository_of(item)
    raise Unreadable("uncertain.git_repository", word[:128])


def branch_name(name: str) -> str:
    """A short name that can be nothing but a branch's or a tag's (git-check-ref-format(1)).

    Raises:
        Unreadable: it may be something else, or no name at all.
    """
    if _SPECIAL.fullmatch(name) or name.startswith("refs/"):
        raise Unreadable("uncertain.git_ref", name[:128])
    _check(name)
    return name


def full_ref(name: str, within: str = BRANCHES) -> str:
    """The whole name of a ref; a short one lies in `within`.

    Raises:
        Unreadable: it is no name of a ref.
    """
    if not name.startswith("refs/"):
        return within + branch_name(name)
    _check(name)
    if name.count("/") < 2:  # noqa: PLR2004 -- refs/heads/x at least
        raise Unreadable("uncertain.git_ref", name[:128])
    return name


def revision(name: str) -> str:
    """What a commit may be called: a name, HEAD or an object, with `~2` or `^` behind it.

    Raises:
        Unreadable: anything else, such as a range, a search or an option.
    """
    found = _SOURCE.fullmatch(name)
    if found is None or found["name"].startswith("-"):
        raise Unreadable("uncertain.git_ref", name[:128])
    if not _SPECIAL.fullmatch(found["name"]):
        _check(found["name"])
    return name


def refspecs(words: Sequence[str], *, force: bool, delete: bool) -> tuple[Refspec, ...]:
    """What the words after the repository change at the remote side.

    Raises:
        Unreadable: a pattern, a matching push (`:`), or a name that is not sure; or two for one
            ref, or none at all: then `push.default` decides, which nobody here sees.
    """
    found: list[Refspec] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "tag":  # git-push(1): `tag v1` is refs/tags/v1:refs/tags/v1
            if not rest or delete:
                raise Unreadable("uncertain.git_ref", word)
            name = full_ref(TAGS + branch_name(rest.pop(0)))
            found.append(Refspec(source=name, destination=name, force=force))
        else:
            found.append(_refspec(word, force=force, delete=delete))
    if not found or len({item.destination for item in found}) != len(found):
        raise Unreadable("uncertain.git_ref", "each ref must be named, and once")
    return tuple(found)


def _refspec(word: str, *, force: bool, delete: bool) -> Refspec:
    plus = word.startswith("+")
    source, colon, destination = word.removeprefix("+").partition(":")
    if delete:
        if plus or colon:
            raise Unreadable("uncertain.git_ref", word[:128])
        return Refspec(source="", destination=full_ref(source))
    if not colon:
        name = full_ref(source)
        return Refspec(source=name, destination=name, force=force or plus)
    if not destination or (plus and not source):
        raise Unreadable("uncertain.git_ref", word[:128])
    target = full_ref(destination)
    if not source:
        return Refspec(source="", destination=target)
    return Refspec(source=_source(source, target), destination=target, force=force or plus)


def _source(name: str, target: str) -> str:
    """The commit that is sent. A short name is the branch, or the tag where a tag is written."""
    plain = revision(name)
    if name.startswith("refs/") or re.search(r"[~^]", name) or _SPECIAL.fullmatch(name):
        return plain
    return (TAGS if target.startswith(TAGS) else BRANCHES) + name


def _check(name: str) -> None:
    parts = name.split("/")
    if (
        len(name) > _MAX_NAME
        or not all(_COMPONENT.fullmatch(part) for part in parts)
        or any(part.endswith(".lock") for part in parts)
    ):
        raise Unreadable("uncertain.git_ref", name[:128])
