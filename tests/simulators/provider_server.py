"""An identity provider over HTTP on this machine: OpenID Connect and SAML, with knobs.

Whoever comes is alice: the person's part (name, password) is what a simulator leaves out.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from cryptography.hazmat.primitives.asymmetric import ec

from counterfoil.identity.signing import Es256Signer
from counterfoil.ports_saml import SignOn
from saml_cases.workshop import Workshop
from saml_door import request_of
from simulators.saml_idp import SamlIdp

Form = dict[str, str]
CLIENT = "counterfoil-login"


@dataclass(slots=True)
class ProviderServer:
    """The provider; `turn` changes what it answers: (endpoint, answer) → answer."""

    url: str
    signer: Es256Signer = field(
        default_factory=lambda: Es256Signer(ec.generate_private_key(ec.SECP256R1()), typ="JWT")
    )
    saml: SamlIdp | None = None
    acs_url: str = ""
    source_seconds: int = 300
    secret: str | None = None
    turn: Callable[[str, dict[str, Any]], dict[str, Any]] | None = None
    pending: int = 0
    refreshes: bool = True
    asked: list[tuple[str, Form]] = field(default_factory=list)
    given: list[str] = field(default_factory=list)
    _codes: dict[str, Form] = field(default_factory=dict)

    def publish(self, path: Path) -> Path:
        """Write the key file."""
        path.write_text(json.dumps({"keys": [self.signer.public_jwk]}))
        return path

    def answered(self, endpoint: str, answer: dict[str, Any]) -> dict[str, Any]:
        return answer if self.turn is None else self.turn(endpoint, answer)

    def metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "device_authorization_endpoint": f"{self.url}/device",
            "authorization_response_iss_parameter_supported": True,
        }

    def authorize(self, query: Form) -> str:
        """Where the browser goes back to."""
        code = secrets.token_urlsafe(24)
        self._codes[code] = query
        back = {"code": code, "state": query["state"], "iss": self.url}
        return f"{query['redirect_uri']}?{urlencode(self.answered('authorize', back))}"

    def token(self, form: Form) -> dict[str, Any]:
        kind = form.get("grant_type", "")
        nonce: str | None = None
        if kind == "authorization_code":
            asked = self._codes.pop(form["code"], None)
            challenge = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            encoded = urlsafe_b64encode(challenge).rstrip(b"=").decode()
            if asked is None or asked["code_challenge"] != encoded:
                return {"error": "invalid_grant"}
            if asked["redirect_uri"] != form["redirect_uri"]:
                return {"error": "invalid_grant"}
            nonce = asked["nonce"]
        elif kind.endswith("device_code"):
            if self.pending:
                self.pending -= 1
                return {"error": "slow_down" if self.pending % 2 else "authorization_pending"}
        elif kind != "refresh_token" or not self.refreshes:
            return {"error": "invalid_grant", "error_description": "the session has ended"}
        return self._tokens(nonce)

    def _tokens(self, nonce: str | None) -> dict[str, Any]:
        now = int(time.time())  # noqa: TID251
        claims: dict[str, Any] = {
            "iss": self.url,
            "sub": "alice",
            "aud": CLIENT,
            "iat": now,
            "exp": now + self.source_seconds,
            "groups": ["developers"],
            **({} if nonce is None else {"nonce": nonce}),
        }
        claims = self.answered("claims", claims)
        access = self.signer.sign({**claims, "aud": "counterfoil", "jti": secrets.token_hex(8)})
        answer: dict[str, Any] = {
            "id_token": self.signer.sign(claims),
            "access_token": access,
            "refresh_token": f"refresh-{secrets.token_urlsafe(24)}",
        }
        self.given += [str(value) for value in answer.values()]
        return {**answer, "token_type": "Bearer", "expires_in": self.source_seconds}

    def device(self) -> dict[str, Any]:
        return {
            "device_code": secrets.token_urlsafe(24),
            "user_code": "WDJB-MJHT",
            "verification_uri": f"{self.url}/activate",
            "expires_in": 60,
            "interval": 0.01,
        }

    def sso(self, path: str) -> str:
        """A page that posts a signed answer to our ACS."""
        assert self.saml is not None
        request, relay = request_of(SignOn(location=path))
        identifier = request.partition(' ID="')[2].partition('"')[0]
        workshop = Workshop(
            idp=self.saml,
            request_id=identifier,
            now=time.time(),  # noqa: TID251
            acs_url=self.acs_url,
        )
        fields = {
            "SAMLResponse": b64encode(workshop.honest().encode()).decode(),
            "RelayState": relay,
        }
        inputs = "".join(
            f'<input type="hidden" name="{k}" value="{escape(v)}">' for k, v in fields.items()
        )
        return f'<form method="post" action="{escape(self.acs_url)}">{inputs}</form>'


@contextmanager
def provider_server() -> Iterator[ProviderServer]:
    """A started provider."""
    provider: ProviderServer | None = None

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert provider is not None
            parts = urlsplit(self.path)
            provider.asked.append((parts.path, {}))
            if parts.path == "/.well-known/openid-configuration":
                self._json(provider.answered("metadata", provider.metadata()))
            elif parts.path == "/authorize":
                self._redirect(provider.authorize(dict(parse_qsl(parts.query))))
            elif parts.path == "/sso":
                self._reply(200, "text/html", provider.sso(self.path).encode())
            elif parts.path == "/moved/.well-known/openid-configuration":
                self._redirect(f"{provider.url}/.well-known/openid-configuration")
            else:
                self.send_error(404)

        def do_POST(self) -> None:
            assert provider is not None
            length = int(self.headers["Content-Length"])
            form = dict(parse_qsl(self.rfile.read(length).decode(), keep_blank_values=True))
            provider.asked.append((self.path, form))
            if self.path == "/elsewhere":
                self._redirect(f"{provider.url}/token", 307)
                return
            if provider.secret is not None:
                pair = b64encode(f"{CLIENT}:{provider.secret}".encode()).decode()
                if self.headers.get("Authorization") != f"Basic {pair}":
                    self._json({"error": "invalid_client"})
                    return
            answer = provider.device() if self.path == "/device" else provider.token(form)
            self._json(provider.answered(self.path.strip("/"), answer))

        def _json(self, value: dict[str, Any]) -> None:
            status = 400 if "error" in value else 200
            self._reply(status, "application/json", json.dumps(value).encode())

        def _redirect(self, location: str, status: int = 302) -> None:
            self.send_response(status)
            self.send_header("Location", location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _reply(self, status: int, content_type: str, data: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base's name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        provider = ProviderServer(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield provider
        finally:
            server.shutdown()
            thread.join()
