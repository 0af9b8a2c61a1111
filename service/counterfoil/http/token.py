"""`POST /token`: thin, for everything is in the flow."""

from __future__ import annotations

from typing import Final, Protocol

from flask import Blueprint

from counterfoil.core.model import JsonObject
from counterfoil.errors import InvalidLauncher
from counterfoil.http.certificates import client_certificate
from counterfoil.http.credentials import Credentials
from counterfoil.http.exchange import Environ, Reply, hang, json_reply
from counterfoil.http.inbound import form_body
from counterfoil.http.oauth import in_oauth_form
from counterfoil.ports import Proof

TOKEN_PATH: Final = "/token"  # noqa: S105 -- a path


class GivesTokens(Protocol):
    """`flows.token.TokenFlow`."""

    def run(self, *, body: bytes, proof: Proof | None, certificate: bytes | None) -> JsonObject:
        """Give one token; raises `CounterfoilError`."""


def token_blueprint(
    flow: GivesTokens, *, credentials: Credentials, max_body_bytes: int
) -> Blueprint:
    """Hang the token endpoint; a proof in the header binds the token to its key."""
    blueprint = Blueprint("token", __name__)

    def exchange(environ: Environ) -> Reply:
        body = form_body(environ, max_bytes=max_body_bytes)
        if "HTTP_AUTHORIZATION" in environ:  # RFC 6749 §2.3: one method at a time, and not this
            raise InvalidLauncher
        proof, certificate = credentials.proof(environ), client_certificate(environ)
        return json_reply(flow.run(body=body, proof=proof, certificate=certificate))

    hang(blueprint, TOKEN_PATH, "exchange", in_oauth_form(exchange), method="POST")
    return blueprint
