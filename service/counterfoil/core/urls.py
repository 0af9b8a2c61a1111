"""Which URLs may be called, and when two of them are the same."""

from __future__ import annotations

import ipaddress
import re
import string
from urllib.parse import SplitResult, urlsplit

MAX_URL_CHARS = 2_048
_PORTS = {"http": 80, "https": 443}
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset(string.ascii_letters + string.digits + "-._~")
_PRINTABLE = re.compile(r"[\x21-\x7e]+", re.ASCII)


class UnsafeUrl(ValueError):
    """Not a URL that may be called."""


def check_callable(url: str, *, plain_loopback: bool) -> None:
    """See that a URL is https; plain http only to this machine, and only where it may be.

    Args:
        url: absolute.
        plain_loopback: whether http to a loopback address counts. A provider beyond this
            machine must never send us to a service that listens on it.

    Raises:
        UnsafeUrl: another scheme, no host, a user name, a fragment, or not a URL at all.
    """
    parts = _split(url)
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise UnsafeUrl("it holds a user name")
    if "#" in url:
        raise UnsafeUrl("it holds a fragment")
    if parts.scheme == "https":
        return
    if parts.scheme == "http" and plain_loopback and is_loopback_host(parts.hostname or ""):
        return
    raise UnsafeUrl("it is not https")


def is_plain_loopback(url: str) -> bool:
    """Whether it is http to this machine: a provider of a test or of development."""
    try:
        parts = _split(url)
    except UnsafeUrl:
        return False
    return parts.scheme == "http" and is_loopback_host(parts.hostname or "")


def is_loopback_host(host: str) -> bool:
    """True for a loopback address or `localhost`; other names may mean anything."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def target_of(url: str) -> str | None:
    """A request's target as RFC 9449 §4.3 compares it, or None for what is none.

    Without query and fragment; scheme and host in lower case, no default port, an empty path
    as `/`, and escapes that need none undone (RFC 3986 §6.2.2, §6.2.3). Dot segments stay:
    no client sends them, and no path of ours has them.
    """
    try:
        parts = _split(url)
    except UnsafeUrl:
        return None
    if parts.scheme not in _PORTS or "@" in parts.netloc or parts.hostname is None:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = "" if parts.port in {None, _PORTS[parts.scheme]} else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}{_ESCAPE.sub(_unescaped, parts.path) or '/'}"


def _unescaped(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return character if character in _UNRESERVED else f"%{escape[1].upper()}"


def _split(url: str) -> SplitResult:
    if len(url) > MAX_URL_CHARS or not _PRINTABLE.fullmatch(url):
        raise UnsafeUrl("it is too long, or not printable ASCII")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UnsafeUrl("it is no URL") from error
    if not parts.hostname or port == 0 or "\\" in url:
        raise UnsafeUrl("it names no host")
    return parts
