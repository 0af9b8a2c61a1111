"""A failure as a page: for a person whose browser came by itself, in the middle of a login.

It says what the problem details say and no more: nothing of a token or a document, and not why
a credential was refused, which the log alone says, under the request id that stands here too.
"""

from __future__ import annotations

import html
from http import HTTPStatus
from typing import Final

from counterfoil.errors import CounterfoilError
from counterfoil.http.exchange import Headers, Reply
from counterfoil.http.problems import RETRY_AFTER_SECONDS, may_be_told

PATHS_FOR_PEOPLE: Final = frozenset({"/saml/login", "/saml/acs"})
_HTML: Final = "text/html; charset=utf-8"
_HEADERS: Final[Headers] = (
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Frame-Options", "DENY"),
)


def as_page(error: CounterfoilError, *, request_id: str) -> Reply:
    """The page of a failure. What it shows is escaped, a request id too: callers may send one."""
    detail = error.detail if may_be_told(error) else ""
    lines = [f"<p>{html.escape(text)}</p>" for text in (detail, error.solution) if text]
    named = f"{html.escape(error.code)}, request {html.escape(request_id)}"
    page = (
        '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Not logged in</title>'
        f"<h1>{html.escape(error.title)}</h1>{''.join(lines)}<p>Nothing was permitted.</p>"
        f"<p><small>{named}</small></p></html>"
    )
    again: Headers = ()
    if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        again = (("Retry-After", str(RETRY_AFTER_SECONDS)),)
    return Reply(error.status, page.encode(), _HTML, (*_HEADERS, *again), code=error.code)
