"""Flask with a lean door: its blueprints, rules and extensions, without its per-request cost.

Flask's own `wsgi_app` builds a request, two contexts, a session and a response object, and
fires four signals: 55 to 85 µs of each request, for nothing that an answer of ours uses.
Here a rule's view gets the environ and returns a `Reply`; rules without variables are found
in a dict, the others by Flask's own map. Every answer leaves through `__call__`'s one frame,
so that no error, known or not, leaves in another form (docs/performance.md).
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, TypeAlias, cast

from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed as NoSuchMethod
from werkzeug.routing import MapAdapter

from counterfoil.errors import CounterfoilError, IdentityError, MethodNotAllowed, NotFound
from counterfoil.http.exchange import Environ, Reply, View
from counterfoil.http.hosts import HostRule
from counterfoil.http.metrics import Metrics
from counterfoil.http.pages import PATHS_FOR_PEOPLE, as_page
from counterfoil.http.problems import Problems
from counterfoil.http.refusals import RefusalLog
from counterfoil.http.tracing import request_id, trace_headers

StartResponse: TypeAlias = Callable[[str, list[tuple[str, str]]], Any]
_Found: TypeAlias = tuple[str, View, Mapping[str, Any]]

_STATUS_LINES: Final = {int(status): f"{status.value} {status.phrase}" for status in HTTPStatus}
_UNMATCHED: Final = "unmatched"
_MAX_PATH = 1024  # no path of ours is longer than 80; the map is not asked to match novels
_log = logging.getLogger("counterfoil.http")


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What surrounds every answer."""

    problems: Problems
    metrics: Metrics
    hosts: HostRule
    new_request_id: Callable[[], str]
    refusals: RefusalLog


class LeanFlask(Flask):
    """A Flask application whose views take the environ and return a `Reply`."""

    def __init__(self, import_name: str, *, frame: Frame) -> None:
        super().__init__(import_name, static_folder=None)
        self._frame = frame
        self._exact: dict[tuple[str, str], _Found] = {}
        self._methods: dict[str, list[str]] = {}
        self.url_map.merge_slashes = False  # `//authorize` is another path, not a redirect
        self._adapter: MapAdapter = self.url_map.bind("")

    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: Any = None,
        provide_automatic_options: bool | None = None,  # noqa: ARG002, FBT001 -- Flask's signature; ours never has OPTIONS
        **options: Any,
    ) -> None:
        """Register a rule as Flask does, but with its own methods only."""
        super().add_url_rule(rule, endpoint, view_func, provide_automatic_options=False, **options)
        if "<" in rule:
            return
        allowed = {str(method) for method in options.get("methods") or ("GET",)}
        allowed |= {"HEAD"} if "GET" in allowed else set()
        self._methods[rule] = sorted(allowed)
        self._exact.update({(method, rule): (rule, view_func, {}) for method in allowed})

    def wsgi_app(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request; whatever happens, the answer has one of our forms."""
        started = time.perf_counter()
        frame = self._frame
        ident = request_id(environ, frame.new_request_id)
        method = environ["REQUEST_METHOD"]
        rule = _UNMATCHED
        try:
            frame.hosts.check(environ)
            rule, view, values = self._find(method, environ.get("PATH_INFO", ""))
            reply = view(environ, **values)
        except _NoMethod as error:
            allow = (("Allow", ", ".join(error.allowed)),)
            reply = frame.problems.reply(MethodNotAllowed(), request_id=ident, headers=allow)
        except CounterfoilError as error:
            if isinstance(error, IdentityError):
                frame.refusals.note(error, ident)
            reply = self._wording(rule, environ)(error, request_id=ident)
        except Exception as error:  # noqa: BLE001 -- the outermost frame: the caller sees a bare 500
            _log_unexpected(error, ident)
            reply = self._wording(rule, environ)(CounterfoilError(), request_id=ident)
        start_response(_STATUS_LINES[reply.status], _headers(reply, environ, ident))
        frame.metrics.answered(rule, reply.status, reply.code, time.perf_counter() - started)
        return (b"",) if method == "HEAD" else (reply.body,)

    def _wording(self, rule: str, environ: Environ) -> Callable[..., Reply]:
        """How a failure is worded: for a person where their browser asks on a path for people."""
        for_people = rule in PATHS_FOR_PEOPLE and "text/html" in environ.get("HTTP_ACCEPT", "")
        return as_page if for_people else self._frame.problems.reply

    def _find(self, method: str, path: str) -> _Found:
        found = self._exact.get((method, path))
        if found is not None:
            return found
        if path in self._methods:
            raise _NoMethod(self._methods[path])
        # Flask's map would strip leading slashes, and so give a path a second name
        if len(path) > _MAX_PATH or path[:1] != "/" or path[:2] == "//":
            raise NotFound
        try:
            # PEP 3333 hands bytes as latin-1; no path of ours holds more than ASCII
            rule, values = self._adapter.match(path, method, return_rule=True)
        except NoSuchMethod as error:
            raise _NoMethod(sorted(error.valid_methods or ())) from error
        except HTTPException as error:  # no such path, or one that werkzeug would redirect
            raise NotFound from error
        return rule.rule, cast("View", self.view_functions[rule.endpoint]), values


class _NoMethod(Exception):
    """The path exists, the method does not."""

    def __init__(self, allowed: list[str]) -> None:
        super().__init__()
        self.allowed = allowed


def _headers(reply: Reply, environ: Environ, ident: str) -> list[tuple[str, str]]:
    return [
        ("Content-Type", reply.content_type),
        ("Content-Length", str(len(reply.body))),
        ("Cache-Control", reply.cache_control),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Request-ID", ident),
        *trace_headers(environ),
        *reply.headers,
    ]


def _log_unexpected(error: Exception, ident: str) -> None:
    """Name the kind of error and where; never its text, which may quote a token or a prompt."""
    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{item.name}:{item.lineno}" for item in reversed(frames[-6:]))
    _log.error("unexpected %s in request %s at %s", type(error).__name__, ident, where)
