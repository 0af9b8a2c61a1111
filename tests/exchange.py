"""Launchers, forms and tokens for tests of `POST /token`."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric import ec

from counterfoil.core.token_request import JWT_ASSERTION, TokenType
from counterfoil.identity.signing import Es256Signer
from service import Answer, Service

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
FORM = "application/x-www-form-urlencoded"


@dataclass
class LauncherKey:
    """A launcher with a key of its own, whose public half stands in a file."""

    id: str
    signer: Es256Signer = field(
        default_factory=lambda: Es256Signer(ec.generate_private_key(ec.SECP256R1()), typ="JWT")
    )

    def publish(self, path: Path) -> Path:
        """Write the key file that the configuration names."""
        path.write_text(json.dumps({"keys": [self.signer.public_jwk]}))
        return path

    def assertion(self, audience: str, **claims: Any) -> str:
        """A fresh assertion; `claims` replace or add, None removes."""
        now = int(time.time())  # noqa: TID251
        body: dict[str, Any] = {
            "iss": self.id,
            "sub": self.id,
            "aud": audience,
            "iat": now,
            "exp": now + 60,
            "jti": secrets.token_hex(16),
        }
        body.update(claims)
        return self.signer.sign({name: v for name, v in body.items() if v is not None})

    def credential(self, audience: str, **claims: Any) -> dict[str, str]:
        """The form's part that says who the launcher is."""
        return {
            "client_assertion_type": JWT_ASSERTION,
            "client_assertion": self.assertion(audience, **claims),
        }


def development_launcher(service: Service) -> dict[str, str]:
    """The form's part of the launcher that `--dev` has."""
    secret = (service.keys / "launcher.secret").read_text().strip()
    return {"client_id": "development", "client_secret": secret}


def form(service: Service, subject_token: str, **parameters: str | None) -> dict[str, str]:
    """A whole form for the development launcher; None leaves a parameter out."""
    fields: dict[str, str | None] = {
        "grant_type": EXCHANGE,
        "subject_token": subject_token,
        "subject_token_type": TokenType.ACCESS_TOKEN.value,
        **development_launcher(service),
        **parameters,
    }
    return {name: value for name, value in fields.items() if value is not None}


def post(service: Service, fields: Mapping[str, str] | bytes, **headers: str) -> Answer:
    """`POST /token`."""
    body = fields if isinstance(fields, bytes) else urlencode(fields).encode()
    sent = {"Content-Type": FORM, **{name.replace("_", "-"): v for name, v in headers.items()}}
    return service.request("POST", "/token", body, headers=sent)


def person(service: Service, sub: str = "alice", **claims: Any) -> str:
    """The person's own token, as their provider gives it."""
    return service.token(sub, agent=None, **claims)


def opened(
    service: Service, sub: str = "alice", *, source: str | None = None, **parameters: str | None
) -> dict[str, Any]:
    """The answer to a run that was opened: agent coder, with a prompt unless it is None."""
    fields = {"agent": "coder", "prompt": "Add an invoices table", **parameters}
    answer = post(service, form(service, source or person(service, sub), **fields))
    assert answer.status == 200, answer.body
    body: dict[str, Any] = answer.body
    return body


def claims_of(token: str) -> dict[str, Any]:
    """What a token says, unverified."""
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return claims
