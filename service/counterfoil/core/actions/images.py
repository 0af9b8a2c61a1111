"""Reads OCI image references by the whole grammar, as distribution/reference v0.6 does.

A prefix is never compared: `host/shop/../x`, a trailing newline and two digests all pass
a prefix. Whole matches only, ASCII only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from counterfoil.core.actions.contract import Unreadable

DEFAULT_HOST: Final = "docker.io"
DEFAULT_TAG: Final = "latest"
_MAX_NAME = 255  # host and repository together
_MAX_REFERENCE = 1_024

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST: Final = re.compile(
    rf"(?:{_LABEL})(?:\.{_LABEL})*(?::(?:[1-9][0-9]{{0,4}}))?|\[[0-9a-f:]+\](?::[1-9][0-9]{{0,4}})?",
    re.ASCII,
)
_REPOSITORY: Final = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*", re.ASCII)
_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII)
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}", re.ASCII)
_BARE_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_RESERVED: Final = frozenset({f"{DEFAULT_HOST}/scratch"})
_MAX_PORT: Final = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageReference:
    """A reference with nothing left to a default."""

    host: str
    path: str
    tag: str | None
    digest: str | None

    @property
    def repository(self) -> str:
        """Host and path: what a permission names."""
        return f"{self.host}/{self.path}"

    @property
    def text(self) -> str:
        """The whole reference, every default written out."""
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.repository}{tag}" + (f"@{self.digest}" if self.digest else "")

    @property
    def pulled(self) -> str:
        """What a pull fetches: with a digest the tag is ignored."""
        suffix = f"@{self.digest}" if self.digest else f":{self.tag}"
        return f"{self.repository}{suffix}"


def parse_image(reference: str) -> ImageReference:
    """Read a reference and write its defaults out.

    Raises:
        Unreadable: it is not the grammar's, or readers disagree about it.
    """
    if len(reference) > _MAX_REFERENCE or _BARE_DIGEST.fullmatch(reference):
        raise _refusal(reference)
    rest, at, digest = reference.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise _refusal(reference)
    host, path = _split_host(rest)
    path, colon, tag = path.partition(":")
    if colon and not _TAG.fullmatch(tag):
        raise _refusal(reference)
    name = f"{host}/{path}"
    if name in _RESERVED or len(name) > _MAX_NAME:
        raise _refusal(reference)
    if host == DEFAULT_HOST and "/" not in path:
        path = f"library/{path}"
    if not _REPOSITORY.fullmatch(path) or not _host_is_plain(host):
        raise _refusal(reference)
    if not colon and not at:
        tag = DEFAULT_TAG
    return ImageReference(host=host, path=path, tag=tag or None, digest=digest or None)


def _split_host(name: str) -> tuple[str, str]:
    """The part before the first `/` is a host only with a dot, a colon, or as localhost."""
    first, slash, rest = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return (DEFAULT_HOST, rest) if first == "index.docker.io" else (first, rest)
    return DEFAULT_HOST, name


def _host_is_plain(host: str) -> bool:
    if not _HOST.fullmatch(host):
        return False
    name, _, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
    if name and port and int(port) > _MAX_PORT:
        return False
    # Punycode hides the letters that a person reads.
    return not any(label.startswith("xn--") for label in host.split("."))


def _refusal(reference: str) -> Unreadable:
    return Unreadable("uncertain.manifest_image", reference[:128])
