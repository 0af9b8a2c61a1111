"""Ids that follow a request: `X-Request-ID` and W3C Trace Context, echoed if well-formed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from counterfoil.http.exchange import Environ

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,127}", re.ASCII)
# https://www.w3.org/TR/trace-context/#traceparent-header-field-values: version 00, no zero ids
_TRACEPARENT: Final = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_TRACESTATE: Final = re.compile(r"[ -~]{1,512}")


def request_id(environ: Environ, fresh: Callable[[], str]) -> str:
    """Return the caller's `X-Request-ID` if well-formed, else a fresh one."""
    given = environ.get("HTTP_X_REQUEST_ID")
    if given is not None and _REQUEST_ID.fullmatch(given):
        return str(given)
    return fresh()


def trace_headers(environ: Environ) -> list[tuple[str, str]]:
    """Return `traceparent` and `tracestate` as they came, nothing where malformed."""
    parent = environ.get("HTTP_TRACEPARENT")
    if parent is None or not _TRACEPARENT.fullmatch(parent):
        return []
    state = environ.get("HTTP_TRACESTATE")
    if state is None or not _TRACESTATE.fullmatch(state):
        return [("traceparent", parent)]
    return [("traceparent", parent), ("tracestate", state)]
