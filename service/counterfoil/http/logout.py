"""`POST /logout/backchannel`: thin, for everything is in the flow."""

from __future__ import annotations

from typing import Protocol

from flask import Blueprint

from counterfoil.http.exchange import Environ, Reply, hang
from counterfoil.http.inbound import form_body
from counterfoil.http.oauth import in_oauth_form


class EndsSessions(Protocol):
    """`flows.logout.LogoutFlow`."""

    def run(self, *, body: bytes) -> None:
        """Record one logout; raises `CounterfoilError`."""


def logout_blueprint(flow: EndsSessions, *, max_body_bytes: int) -> Blueprint:
    """Hang the one path; its answer is empty (Back-Channel Logout 1.0 §2.8)."""
    blueprint = Blueprint("logout", __name__)

    def end(environ: Environ) -> Reply:
        flow.run(body=form_body(environ, max_bytes=max_body_bytes))
        return Reply(200, b"", "text/plain")

    hang(blueprint, "/logout/backchannel", "end", in_oauth_form(end), method="POST")
    return blueprint
