r"""Reads a URL so that every client puts the same bytes on the wire, or not at all.

No parser alone is safe: of `http://a.example\@b.example/` urlsplit reads host b, requests
reads a. So a URL is certain where our own strict grammar (RFC 3986 without what clients treat
differently) and a second parser (ada, the WHATWG's algorithm) agree, and what then runs is the
normalised text, which requests and httpx send as it is (docs/actions/http.md).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

import ada_url

from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.actions.http.hosts import read_host

MAX_CHARACTERS: Final = 2_048
DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_MAX_PORT: Final = 65_535

_SHAPE: Final = re.compile(
    r"(?P<scheme>[A-Za-z]+)://(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])"
    r"(?::(?P<port>[1-9][0-9]{0,4}))?(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?",
    re.ASCII,
)
# `'` is escaped in a query: the WHATWG does so and requests does not.
_PLAIN: Final = "A-Za-z0-9._~!$&()*+,;=:@/"
_PLAIN_PATH: Final = re.compile(rf"[{_PLAIN}'-]*", re.ASCII)
_PLAIN_QUERY: Final = re.compile(rf"[{_PLAIN}?-]*", re.ASCII)
_PIECE: Final = re.compile(r"%[0-9A-Fa-f]{2}|[\s\S]")
_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
# Bytes whose escape some server undoes before it looks where the path ends.
_NEVER_IN_PATH: Final = frozenset("/\\%.;?#")
_DOTS: Final = re.compile(r"\.{1,2}(?:;.*)?", re.ASCII)
_CODES: Final = {"path": "uncertain.http_path", "query": "uncertain.http_query"}
_DOUBLE: Final = re.compile(r"%25[0-9A-Fa-f]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Url:
    """A URL of which nothing is left to a client: `text` is what is sent.

    `path` and `query` are escaped as they are on the wire; `query` is None without a `?`.
    """

    origin: str
    host: str
    path: str
    query: str | None
    text: str

    @property
    def target(self) -> str:
        """Path and query: the request's target (RFC 9112 §3.2.1)."""
        return self.path if self.query is None else f"{self.path}?{self.query}"


def read_url(text: str) -> Url:
    """Read one absolute http or https URL.

    Raises:
        Unreadable: clients may differ about it.
    """
    if len(text) > MAX_CHARACTERS:
        raise Unreadable("uncertain.http_url", f"more than {MAX_CHARACTERS} characters")
    found = _SHAPE.fullmatch(text)
    scheme = found["scheme"].lower() if found else ""
    if found is None or scheme not in DEFAULT_PORTS:
        raise Unreadable("uncertain.http_url", "not http(s)://host[:port]/path?query")
    host = read_host(found["host"], found.span("host"))
    port = found["port"]
    if port is not None and int(port) > _MAX_PORT:
        raise Unreadable("uncertain.http_url", "no such port", found.span("port"))
    shown = "" if port is None or int(port) == DEFAULT_PORTS[scheme] else f":{port}"
    path = _path(found["path"] or "/", found.start("path"))
    query = None if found["query"] is None else _query(found["query"], found.start("query"))
    origin = f"{scheme}://{host}{shown}"
    url = Url(
        origin=origin,
        host=host,
        path=path,
        query=query,
        text=f"{origin}{path}" + ("" if query is None else f"?{query}"),
    )
    second_opinion(text, url)
    return url


def second_opinion(text: str, url: Url) -> None:
    """See that ada reads the same origin in the text, and our form as it stands.

    Raises:
        Unreadable: it does not.
    """
    try:
        origin = f"{url.origin}/"
        same = ada_url.join_url(text, "/") == origin and ada_url.normalize_url(url.text) == url.text
    except ValueError as error:
        raise Unreadable("uncertain.http_url", "a second parser refuses it") from error
    if not same:
        raise Unreadable("uncertain.http_url", "a second parser reads it otherwise")


def _path(path: str, start: int) -> str:
    if not _PLAIN_PATH.fullmatch(path):
        path = _written(path, start, "path", _NEVER_IN_PATH)
    segments = path.split("/")[1:]
    for index, segment in enumerate(segments):
        if _DOTS.fullmatch(segment) or (not segment and index + 1 < len(segments)):
            raise Unreadable("uncertain.http_path", "an empty or a dot segment")
    return path


def _query(query: str, start: int) -> str:
    if not _PLAIN_QUERY.fullmatch(query):
        if _DOUBLE.search(query):
            raise Unreadable("uncertain.http_query", "an escape is escaped")
        query = _written(query, start, "query", frozenset("\\"))
    if any(pair.partition("=")[0].lower() == "_method" for pair in re.split("[&;]", query)):
        raise Unreadable("uncertain.http_query", "_method")
    return query


def _written(text: str, start: int, part: str, never: frozenset[str]) -> str:
    """Escape what needs it (RFC 3986 §2.4), with upper-case digits; refuse what is no text."""
    written = []
    plain = _PLAIN_PATH if part == "path" else _PLAIN_QUERY
    for found in _PIECE.finditer(text):
        piece = found[0]
        if len(piece) > 1:
            byte = chr(int(piece[1:], 16))
            doubtful = byte in _UNRESERVED or byte in never or byte < " " or byte == "\x7f"
            written.append(piece.upper())
        else:
            blank = piece == " " and (part == "path" or found.end() == len(text))
            doubtful = blank or piece in "%\\" or not piece.isprintable()
            written.append(piece if plain.fullmatch(piece) else _escaped(piece))
        if doubtful:
            place = (start + found.start(), start + found.end())
            raise Unreadable(_CODES[part], ascii(piece)[1:-1], place)
    whole = "".join(written)
    try:
        unquote_to_bytes(whole).decode("utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable(_CODES[part], "its escapes are not UTF-8") from error
    return whole


def _escaped(character: str) -> str:
    data = character.encode("utf-8", "surrogatepass")  # none is printable
    return "".join(f"%{byte:02X}" for byte in data)
