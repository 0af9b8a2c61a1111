"""`curl`: one request, read by the `http` family, and perhaps a file that its answer goes to.

What runs is a curl that reads no configuration, follows no redirect, expands no URL and takes
the request's parts as they were judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from counterfoil.core.actions.argv import Parsed, Reading, joined, parse
from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.actions.http import judged, located, read_request
from counterfoil.core.actions.shell.files import options
from counterfoil.core.actions.shell.ground import Ground, touches

_CURL: Final = options(
    "sSfiIvg", "XHdmo",
    long="silent show-error fail fail-with-body include head verbose compressed globoff http1.1 "
    "http2 no-progress-meter request= header= data= data-raw= data-binary= json= max-time= "
    "connect-timeout= output= retry= url=",
)  # fmt: skip
_SHOWN: Final = frozenset(
    {"-s", "-S", "-f", "-i", "-v", "--silent", "--show-error", "--fail", "--fail-with-body"}
    | {"--include", "--verbose", "--compressed", "--no-progress-meter"}
)
_TIMES: Final = {"-m": "--max-time", "--max-time": "--max-time"} | {
    "--connect-timeout": "--connect-timeout"
}
_FIRST: Final = (
    *("--disable", "--globoff", "--path-as-is", "--max-redirs", "0", "--no-location"),
    *("--proto", "=http,https"),
)
_REDIRECTS: Final = frozenset({"-L", "--location", "--location-trusted"})
_JSON: Final = "application/json"
_NULL: Final = "/dev/null"


def curl(words: Sequence[str], ground: Ground) -> Reading:
    """Read one call of curl.

    Raises:
        Unreadable: an option or a part of the request is not sure.
    """
    if any(_follows(word) for word in words[1:]):
        raise Unreadable("uncertain.shell_redirects", "-L")
    parsed = parse(words[1:], _CURL)
    urls = [*parsed.operands, *(parsed.after_dashes or ()), *_values(parsed, "--url")]
    if len(urls) != 1:
        raise Unreadable("uncertain.operands", "curl with one URL")
    body, kind = _data(parsed)
    method = _method(parsed, body)
    headers = _headers(_values(parsed, "-H", "--header"), kind)
    request = read_request(method, _with_scheme(urls[0]), headers, body, ground.limits)
    resource = located(None, ground.registered, request.url)
    operations, permission = judged(request, ground.registered, resource, (0, 0))
    run = ["curl", *_FIRST, *(name for name, _ in parsed.options if name in _SHOWN)]
    for name, value in parsed.options:
        run += [_TIMES[name], value or ""] if name in _TIMES else []
    run += ["--head"] if method == "HEAD" else ["--request", method]
    for name, value in sorted(request.headers.items()):
        run += ["--header", f"{name}: {value}"]
    run += ["--data-raw", body] if body is not None else []
    found = Reading(
        operations=tuple(replace(item, span=None) for item in operations),
        required=(permission,),
        words=(),
    )
    return _saved(found, parsed, run, request.url.text, ground)


def _follows(word: str) -> bool:
    letters = word[1:] if word.startswith("-") and not word.startswith("--") else ""
    return word in _REDIRECTS or ("L" in letters and letters.isalpha())


def _saved(found: Reading, parsed: Parsed, run: list[str], url: str, ground: Ground) -> Reading:
    """The answer may go to a file beneath a root, or to nowhere."""
    names = _values(parsed, "-o", "--output")
    if len(names) > 1:
        raise Unreadable("uncertain.option", "--output twice")
    if not names or names[0] in {"-", _NULL}:
        run += [word for name in names for word in ("--output", name)]
        return replace(found, words=(*run, "--url", url))
    place = ground.place(names[0])
    written = touches((), [("write", "file", place)])
    operations, required, ambient = joined([found, written])
    run += ["--output", ground.spelled(place)]
    return Reading(
        operations=operations, required=required, ambient=ambient, words=(*run, "--url", url)
    )


def _values(parsed: Parsed, *names: str) -> list[str]:
    return [value or "" for name, value in parsed.options if name in names]


def _data(parsed: Parsed) -> tuple[str | None, str | None]:
    """The body and its media type; `@` would name a file, but not with --data-raw."""
    plain = _values(parsed, "-d", "--data", "--data-binary", "--json")
    if any(text.startswith("@") for text in plain):
        raise Unreadable("uncertain.http_body", "a file")
    json = _values(parsed, "--json")
    texts = [
        value or ""
        for name, value in parsed.options
        if name in {"-d", "--data", "--data-raw", "--data-binary", "--json"}
    ]
    if len(texts) > 1 and json:
        raise Unreadable("uncertain.http_body", "--json beside other data")
    if not texts:
        return None, None
    return "&".join(texts), _JSON if json else "application/x-www-form-urlencoded"


def _method(parsed: Parsed, body: str | None) -> str:
    named = _values(parsed, "-X", "--request")
    if len(named) > 1:
        raise Unreadable("uncertain.http_method", "two")
    head = parsed.has("-I", "--head")
    if head and (named or body is not None):
        raise Unreadable("uncertain.http_method", "--head beside another")
    return "HEAD" if head else named[0] if named else "GET" if body is None else "POST"


def _headers(lines: Sequence[str], kind: str | None) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or line.startswith("@"):
            raise Unreadable("uncertain.http_header", line[:64])
        if name.lower() in {key.lower() for key in headers}:
            raise Unreadable("uncertain.http_header", f"{name} twice")
        headers[name] = value.strip(" ")
    given = {name.lower() for name in headers}
    if kind is not None and "content-type" not in given:
        headers["Content-Type"] = kind
    if kind == _JSON and "accept" not in given:  # as --json does
        headers["Accept"] = kind
    return headers


def _with_scheme(url: str) -> str:
    """Curl takes a URL without a scheme for http; so it is said."""
    return url if "://" in url else f"http://{url}"
