"""`/saml/login`, `/saml/acs`, `/saml/metadata`: a browser comes, and is sent on."""

from __future__ import annotations

import html
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from http import HTTPStatus
from typing import Final, Protocol
from urllib.parse import parse_qsl

from flask import Blueprint

from counterfoil.errors import MalformedBody, SchemaViolation
from counterfoil.flows.saml_login import SamlStart
from counterfoil.http.exchange import Environ, Headers, Reply, hang
from counterfoil.http.inbound import form_body
from counterfoil.ports_saml import SignOn

MAX_FIELDS: Final = 16
MAX_QUERY_CHARACTERS: Final = 4_096
_METADATA_TYPE: Final = "application/samlmetadata+xml"
_HTML: Final = "text/html; charset=utf-8"
_SUBMIT: Final = "document.forms[0].submit()"
_SUBMIT_HASH: Final = b64encode(sha256(_SUBMIT.encode()).digest()).decode()
# Neither page nor code may be framed, kept, or named to whom the browser goes next.
_HEADERS: Final = (("Referrer-Policy", "no-referrer"), ("X-Frame-Options", "DENY"))


class Logins(Protocol):
    """`flows.saml_login.SamlLoginFlow`."""

    def start(self, asked: SamlStart) -> SignOn:
        """How the browser takes a request to the provider; raises `CounterfoilError`."""

    def accept(self, *, unverified_answer: str, unverified_relay: str) -> str:
        """The address with the code; raises `CounterfoilError`."""

    def metadata(self, provider: str | None) -> str:
        """Our metadata; raises `CounterfoilError`."""


def saml_blueprint(logins: Logins, *, max_body_bytes: int) -> Blueprint:
    """Hang the three paths of the service provider."""
    blueprint = Blueprint("saml", __name__)

    def login(environ: Environ) -> Reply:
        query = query_of(environ)
        sign_on = logins.start(
            SamlStart(
                code_challenge=query.get("code_challenge", ""),
                code_challenge_method=query.get("code_challenge_method", ""),
                redirect_uri=query.get("redirect_uri", ""),
                state=query.get("state", ""),
                provider=query.get("provider"),
            )
        )
        return sent_on(sign_on)

    def acs(environ: Environ) -> Reply:
        form = fields_of(form_body(environ, max_bytes=max_body_bytes))
        location = logins.accept(
            unverified_answer=form.get("SAMLResponse", ""),
            unverified_relay=form.get("RelayState", ""),
        )
        return _redirect(HTTPStatus.SEE_OTHER, location)

    def metadata(environ: Environ) -> Reply:
        text = logins.metadata(query_of(environ).get("provider"))
        return Reply(HTTPStatus.OK, text.encode(), _METADATA_TYPE)

    hang(blueprint, "/saml/login", "login", login, method="GET")
    hang(blueprint, "/saml/acs", "acs", acs, method="POST")
    hang(blueprint, "/saml/metadata", "metadata", metadata, method="GET")
    return blueprint


def sent_on(sign_on: SignOn) -> Reply:
    """The browser goes to the provider with a request."""
    if sign_on.fields is None:
        return _redirect(HTTPStatus.FOUND, sign_on.location)
    return _form(sign_on.location, sign_on.fields)


def query_of(environ: Environ) -> dict[str, str]:
    """The parameters of the query; others than ours are let be (RFC 6749 §3.1).

    Raises:
        SchemaViolation: too long, or one of them twice.
    """
    text = environ.get("QUERY_STRING", "")
    if len(text) > MAX_QUERY_CHARACTERS:
        raise SchemaViolation("the query is too long")
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise SchemaViolation("the query cannot be read") from error
    found = dict(pairs)
    if len(found) != len(pairs):
        raise SchemaViolation("a parameter occurs twice")
    return found


def fields_of(body: bytes) -> dict[str, str]:
    """The fields of a form; a provider's own others are let be.

    Raises:
        MalformedBody: no form, too many fields, or one of them twice.
    """
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS
        )
    except ValueError as error:
        raise MalformedBody("the body is not a form") from error
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MalformedBody("a field occurs twice")
    return found


def _redirect(status: HTTPStatus, location: str) -> Reply:
    headers: Headers = (("Location", location), *_HEADERS)
    return Reply(status, b"", "text/plain; charset=utf-8", headers)


def _form(location: str, fields: Mapping[str, str]) -> Reply:
    """A page that posts the request at once (Bindings §3.5.4), or at a click without scripts."""
    inputs = "".join(
        f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
        for name, value in fields.items()
    )
    page = (
        '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Log in</title>'
        f'<form method="post" action="{html.escape(location)}">{inputs}'
        "<noscript><button>Go on to log in</button></noscript></form>"
        f"<script>{_SUBMIT}</script></html>"
    )
    policy = (
        f"default-src 'none'; script-src 'sha256-{_SUBMIT_HASH}'; frame-ancestors 'none';"
        " base-uri 'none'"
    )
    return Reply(
        HTTPStatus.OK, page.encode(), _HTML, (("Content-Security-Policy", policy), *_HEADERS)
    )
