"""Revocations for tests: an administrator's or a provider's words, and what works after them."""

from __future__ import annotations

import base64
import json
import secrets
import time
from typing import Any

from counterfoil.core.logout import EVENT
from counterfoil.identity.signing import Es256Signer
from deployment import Deployment, Tenant, now
from service import sql_request
from simulators.hostile_session import SCHEMAS

SELECT = sql_request("SELECT a FROM public.t", None)
FRESH = 0.3  # a little longer than a worker goes without looking


def administrator(tenant: Tenant, **claims: Any) -> str:
    return tenant.person("root", ["administrators"], **claims)


def revoke(deployment: Deployment, tenant: Tenant | None = None, **named: Any) -> dict[str, Any]:
    """A revocation that must succeed, waited for until every worker has looked."""
    of = tenant or deployment.acme
    answer = deployment.call("POST", "/revocations", administrator(of), named)
    assert answer.status == 200, answer.json
    body: dict[str, Any] = answer.json
    SCHEMAS.validator("revocation_response")(body)
    time.sleep(FRESH)
    return body


def works(deployment: Deployment, token: str) -> bool:
    """Whether an agent's token still decides; a refusal is one of identity."""
    answer = deployment.call("POST", "/authorize", token, SELECT)
    assert answer.status in {200, 401}, answer.json
    if answer.status == 401:
        assert answer.json["code"] == "identity.invalid_token"
        assert "revoke" not in json.dumps(answer.json)
    return answer.status == 200


def next_second() -> None:
    """Times in tokens are whole seconds: what is issued from here on is newer."""
    time.sleep(1.05 - time.time() % 1)  # noqa: TID251


def person(name: str) -> dict[str, str]:
    return {"iss": "https://idp.acme.example.com", "sub": name}


def logout_token(
    tenant: Tenant, *, typ: str = "logout+jwt", key: Es256Signer | None = None, **claims: Any
) -> str:
    """A provider's logout token; `claims` replace or add, None removes."""
    body = {
        "iss": tenant.issuer,
        "aud": "counterfoil-login",
        "iat": now(),
        "exp": now() + 120,
        "jti": secrets.token_hex(8),
        "events": {EVENT: {}},
        **claims,
    }
    signer = object.__new__(Es256Signer)
    signer.__dict__.update((key or tenant.idp.signers[-1]).__dict__)
    header = json.dumps({"alg": "ES256", "kid": signer.key_id, "typ": typ}).encode()
    signer._prefix = base64.urlsafe_b64encode(header).rstrip(b"=").decode() + "."
    return signer.sign({name: value for name, value in body.items() if value is not None})
