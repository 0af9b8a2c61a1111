"""Errors of OAuth's endpoints, in OAuth's own form (RFC 6749 §5.2).

    {"error": "invalid_client", "error_description": "…", "error_uri": "urn:counterfoil:…"}

`error_uri` is the problem type of ours that docs/problems/ explains. Like the problem details
of all other paths nothing here shows a token, or why a credential was refused.
"""

from __future__ import annotations

from http import HTTPStatus

from counterfoil.core.model import JsonValue
from counterfoil.errors import (
    CounterfoilError,
    InvalidProof,
    ProofRefused,
    RequestError,
    TokenError,
)
from counterfoil.http.exchange import Environ, Reply, View, json_reply
from counterfoil.http.problems import RETRY_AFTER_SECONDS, TYPE_BASE

_UNTOLD = str.maketrans({'"': "'", "\\": "/"})  # not allowed in a description (§5.2)


def in_oauth_form(view: View) -> View:
    """The view, its failures answered in OAuth's form."""

    def answered(environ: Environ, **values: str) -> Reply:
        try:
            return view(environ, **values)
        except InvalidProof:  # RFC 9449 §5
            return _reply(ProofRefused())
        except CounterfoilError as error:
            return _reply(error)

    return answered


def _reply(error: CounterfoilError) -> Reply:
    text = f"{error.title}. {error.solution}"
    if isinstance(error, TokenError | RequestError) and error.detail:
        text = f"{error.title}: {error.detail}. {error.solution}"
    body: dict[str, JsonValue] = {
        "error": _name(error),
        "error_description": text.translate(_UNTOLD).encode("ascii", "replace").decode("ascii"),
        "error_uri": TYPE_BASE + error.code,
    }
    reply = json_reply(body, status=error.status)
    headers: tuple[tuple[str, str], ...] = (("Pragma", "no-cache"),)
    if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers += (("Retry-After", str(RETRY_AFTER_SECONDS)),)
    return Reply(reply.status, reply.body, reply.content_type, headers, code=error.code)


def _name(error: CounterfoilError) -> str:
    if isinstance(error, TokenError):
        return error.oauth_error
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        # RFC 6749 has these two for the authorization endpoint, §4.1.2.1; they mean the same.
        unavailable = error.status == HTTPStatus.SERVICE_UNAVAILABLE
        return "temporarily_unavailable" if unavailable else "server_error"
    return "invalid_request"
