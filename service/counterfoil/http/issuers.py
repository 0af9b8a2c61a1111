"""What credential issuers call: redeeming a grant, reporting on its credential, following both."""

from __future__ import annotations

import re
from typing import Final, Protocol
from urllib.parse import parse_qsl

from flask import Blueprint

from counterfoil.core.model import JsonObject
from counterfoil.errors import IdentityError, InvalidLauncher, IssuerRefused, SchemaViolation
from counterfoil.flows.grant_feed import MAX_WAIT_SECONDS
from counterfoil.http.certificates import client_certificate
from counterfoil.http.exchange import Environ, Reply, hang, json_reply
from counterfoil.http.inbound import bearer_token, json_body, known_id

_SECONDS: Final = re.compile(r"[0-9]{1,2}", re.ASCII)


class Redeems(Protocol):
    """`flows.redeem.RedeemFlow`."""

    def run(
        self, *, jti: str, body: bytes, unverified_assertion: str | None, certificate: bytes | None
    ) -> JsonObject:
        """Redeem one grant; raises `CounterfoilError`."""


class TakesReports(Protocol):
    """`flows.issued.IssuedFlow`."""

    def run(
        self,
        *,
        decision_id: str,
        body: bytes,
        unverified_assertion: str | None,
        certificate: bytes | None,
    ) -> JsonObject:
        """Record a report; raises `CounterfoilError`."""


class TellsEvents(Protocol):
    """`flows.grant_feed.GrantFeedFlow`."""

    def run(
        self,
        *,
        unverified_after: str | None,
        wait_seconds: int,
        unverified_assertion: str | None,
        certificate: bytes | None,
    ) -> JsonObject:
        """The events after a cursor, after a wait; raises `CounterfoilError`."""


def issuers_blueprint(
    *, redeeming: Redeems, reporting: TakesReports, feed: TellsEvents, max_body_bytes: int
) -> Blueprint:
    """Hang the three paths of issuers."""
    blueprint = Blueprint("issuers", __name__)

    def redeem(environ: Environ, jti: str) -> Reply:
        body = json_body(environ, max_bytes=max_body_bytes)
        assertion, certificate = credential_of(environ)
        value = redeeming.run(
            jti=known_id("jti", jti),
            body=body,
            unverified_assertion=assertion,
            certificate=certificate,
        )
        return json_reply(value)

    def issued(environ: Environ, decision_id: str) -> Reply:
        body = json_body(environ, max_bytes=max_body_bytes)
        assertion, certificate = credential_of(environ)
        value = reporting.run(
            decision_id=known_id("dec", decision_id),
            body=body,
            unverified_assertion=assertion,
            certificate=certificate,
        )
        return json_reply(value)

    def events(environ: Environ) -> Reply:
        after, wait_seconds = _query(environ)
        assertion, certificate = credential_of(environ)
        value = feed.run(
            unverified_after=after,
            wait_seconds=wait_seconds,
            unverified_assertion=assertion,
            certificate=certificate,
        )
        return json_reply(value)

    hang(blueprint, "/grants/<jti>/redeem", "redeem", redeem, method="POST")
    hang(blueprint, "/decisions/<decision_id>/issued", "issued", issued, method="POST")
    hang(blueprint, "/grants/events", "events", events, method="GET")
    return blueprint


def credential_of(environ: Environ) -> tuple[str | None, bytes | None]:
    """The assertion of the header, and the certificate that the proxy tells of; unverified.

    Raises:
        IssuerRefused: another scheme, or not one of either.
    """
    try:
        return bearer_token(environ), client_certificate(environ)
    except (IdentityError, InvalidLauncher) as error:
        raise IssuerRefused(error.detail) from error


def _query(environ: Environ) -> tuple[str | None, int]:
    """`after` and `wait`, each at most once, and nothing else.

    Raises:
        SchemaViolation: another query.
    """
    pairs = parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    found = dict(pairs)
    if len(found) != len(pairs) or not found.keys() <= {"after", "wait"}:
        raise SchemaViolation("the query holds `after` and `wait`, each once", pointer="#")
    wait = found.get("wait", "0")
    if not _SECONDS.fullmatch(wait) or int(wait) > MAX_WAIT_SECONDS:
        raise SchemaViolation(f"wait is 0 to {MAX_WAIT_SECONDS} seconds", pointer="#/wait")
    return found.get("after"), int(wait)
