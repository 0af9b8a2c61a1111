"""Paths beneath registered roots, compared by components and never by a prefix of text.

A root is a `[[resource]]` of type `filesystem` whose location is a `file:` URI. Reading a path
proves only what its words say: symlinks, hard links and mounts are the opener's to refuse
(`assumes`, and the obligation of docs/actions/filesystem.md).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.model import Resource

FILESYSTEM: Final = "filesystem"
ASSUMES: Final = ("no-symlink", "no-hard-link", "no-mount")
"""What no reading of a path can know; the opener proves it while it opens."""
MAX_PATH_BYTES: Final = 4_096
MAX_COMPONENT_BYTES: Final = 255
_KERNEL: Final = frozenset({"proc", "sys", "dev", "run"})
"""Trees in which a name is a door to another process or a device."""
_LOCATION: Final = re.compile(r"file:(?P<path>(?:/[A-Za-z0-9._@+=-]+)+)", re.ASCII)
_DRIVE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_FORBIDDEN: Final = frozenset('\\:*?<>|"$')
_UNSEEN: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})
"""Unicode categories that a person does not see, or that readers treat differently."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """A registered root, its path as components."""

    id: str
    location: str
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A path beneath a root; `parts` are relative to it, and none is the root itself."""

    root: Root
    parts: tuple[str, ...] = ()

    @property
    def relative(self) -> str:
        """The path from the root, `.` for the root itself: what a permission names."""
        return "/".join(self.parts) or "."

    @property
    def absolute(self) -> str:
        """The whole path, in the one spelling that is run."""
        return "/" + "/".join((*self.root.parts, *self.parts))


def root_of(resource: Resource | None) -> Root:
    """Read a registered root.

    Raises:
        Unreadable: it is no filesystem, or its location is no plain `file:` path.
    """
    if resource is None or resource.type != FILESYSTEM:
        raise Unreadable("uncertain.resource_type", "a registered filesystem root is needed")
    found = _LOCATION.fullmatch(resource.location)
    parts = tuple(found["path"].split("/")[1:]) if found else ()
    if not parts or parts[0] in _KERNEL or not {".", ".."}.isdisjoint(parts):
        raise Unreadable("uncertain.resource_location", resource.id)
    return Root(id=resource.id, location=resource.location, parts=parts)


def roots_of(resources: Iterable[Resource]) -> tuple[Root, ...]:
    """The roots among registered resources.

    Raises:
        Unreadable: the location of one is no plain `file:` path.
    """
    return tuple(root_of(item) for item in resources if item.type == FILESYSTEM)


def resolve(path: str, roots: Sequence[Root], cwd: Place | None = None) -> Place:
    """Say which registered root a path lies beneath, and where.

    An absolute path belongs to the deepest root above it. A relative one starts at `cwd`, or
    at the one root there is.

    Raises:
        Unreadable: it lies beneath none, or its text may mean two things.
    """
    absolute = path.startswith("/")
    parts = _components(path[1:] if absolute else path)
    if absolute:
        return _beneath(tuple(parts), roots)
    if cwd is not None:
        return Place(root=cwd.root, parts=(*cwd.parts, *parts))
    if len(roots) != 1:
        raise Unreadable("uncertain.path_root", path[:128])
    return Place(root=roots[0], parts=tuple(parts))


def resolve_word(word: str, roots: Sequence[Root], cwd: Place | None = None) -> Place:
    """Do the same for a word of a command line, where `.`, `./x` and `x/` are usual.

    Each has one meaning once it is written out, and what runs is what is written out. `..` has
    none: behind a symlink it leads elsewhere than its text.

    Raises:
        Unreadable: as `resolve`.
    """
    plain = word.removeprefix("./") if len(word) > 2 else word  # noqa: PLR2004 -- "./" alone
    if plain.endswith("/") and len(plain) > 1:
        plain = plain[:-1]
    if plain != ".":
        return resolve(plain, roots, cwd)
    if cwd is not None:
        return cwd
    if len(roots) != 1:
        raise Unreadable("uncertain.path_root", word)
    return Place(root=roots[0])


def _beneath(parts: tuple[str, ...], roots: Sequence[Root]) -> Place:
    if parts[0] in _KERNEL:
        raise Unreadable("uncertain.path_kernel", "/" + parts[0])
    above = [root for root in roots if parts[: len(root.parts)] == root.parts]
    if not above:
        raise Unreadable("uncertain.path_root", ("/" + "/".join(parts))[:128])
    root = max(above, key=lambda item: len(item.parts))
    return Place(root=root, parts=parts[len(root.parts) :])


def _components(path: str) -> list[str]:
    _check_text(path)
    parts = path.split("/")
    for part in parts:
        if part in {"", ".", ".."}:
            raise Unreadable("uncertain.path_component", repr(part))
        if part.endswith((".", " ")) or part.startswith(" "):
            # Some file systems drop what ends a name, so that two spellings are one file.
            raise Unreadable("uncertain.path_component", repr(part[:64]))
        if len(part.encode()) > MAX_COMPONENT_BYTES:
            raise Unreadable("uncertain.path_component", f"more than {MAX_COMPONENT_BYTES} bytes")
    return parts


def _check_text(path: str) -> None:
    if len(path) > MAX_PATH_BYTES or len(path.encode("utf-8", "surrogatepass")) > MAX_PATH_BYTES:
        raise Unreadable("uncertain.path_text", f"more than {MAX_PATH_BYTES} bytes")
    if path.startswith("~") or _DRIVE.match(path) or not _FORBIDDEN.isdisjoint(path):
        raise Unreadable("uncertain.path_text", path[:128])
    if path.isascii():
        if not path.isprintable():
            raise Unreadable("uncertain.path_text", "a control character")
        return
    if any(unicodedata.category(char) in _UNSEEN for char in path):
        raise Unreadable("uncertain.path_text", "a character that is not seen")
    if unicodedata.normalize("NFC", path) != path:
        raise Unreadable("uncertain.path_text", "not in normal form C")
