"""Opaque tokens: the provider says what they are (RFC 7662), rule 12.

The providers' process asks, with the client's secret, in bounded time; a worker gets the
answer and judges it. `active` must be true, and then the claims must hold as a JWT's do:
`iss`, `aud`, `exp` and `sub` are required here though the RFC leaves them open, because a
token that does not say for whom it is could be anybody's.
"""

from __future__ import annotations

import os
import stat
from base64 import b64encode
from pathlib import Path
from typing import Final
from urllib.parse import quote_plus

from counterfoil.config_model import Introspection
from counterfoil.core.claims import VerifiedClaims
from counterfoil.core.strict_json import parse
from counterfoil.errors import (
    ConfigError,
    IdentityUnavailable,
    InvalidSignature,
    RequestError,
    Rule,
)
from counterfoil.identity.compact import MAX_JSON_DEPTH
from counterfoil.identity.fetch import MAX_ANSWER_BYTES
from counterfoil.identity.published import Providers, ProvidersUnavailable

MAX_OPAQUE_CHARS: Final = 4_096
ASKING_SECONDS: Final = 3.0  # what a request may wait for the provider's word
REMEMBERED_SECONDS: Final = 30.0  # and how long that word counts
MAX_SECRET_BYTES: Final = 4_096
_FORBIDDEN_MODE: Final = stat.S_IWGRP | stat.S_IXGRP | stat.S_IRWXO  # as keys: `keys.py`


def is_opaque(token: str) -> bool:
    """Whether it is no compact JWS, so that no key can tell what it is."""
    return token.isascii() and len(token) <= MAX_OPAQUE_CHARS and token.count(".") != 2  # noqa: PLR2004 -- RFC 7515 §3.1


def introspect(token: str, issuer: str, providers: Providers) -> VerifiedClaims:
    """Return what the issuer says of a token that it calls active.

    Raises:
        InvalidSignature: it does not call it active, or says it in no form that counts.
        IdentityUnavailable: no answer came in time.
    """
    try:
        answer = providers.ask({"introspect": issuer, "token": token}, ASKING_SECONDS)
    except ProvidersUnavailable as error:
        raise IdentityUnavailable("no introspection in time", rule=Rule.ACTIVE) from error
    body = answer.get("body")
    if not isinstance(body, str):
        raise IdentityUnavailable("the issuer did not answer", rule=Rule.ACTIVE)
    try:
        said = parse(body.encode(), max_bytes=MAX_ANSWER_BYTES, max_depth=MAX_JSON_DEPTH)
    except RequestError:
        raise InvalidSignature("not one strict JSON object", rule=Rule.ACTIVE) from None
    if said.get("active") is not True:
        raise InvalidSignature("the issuer does not call it active", rule=Rule.ACTIVE)
    return VerifiedClaims(said)


def client_authorization(settings: Introspection) -> str:
    """The `Authorization` of this service's client at the provider (RFC 6749 §2.3.1).

    Raises:
        ConfigError: the secret's file is missing, empty, or readable by others.
    """
    path = settings.secret_file
    secret = _secret(path)
    pair = f"{quote_plus(settings.client_id)}:{quote_plus(secret)}"
    return "Basic " + b64encode(pair.encode("ascii")).decode("ascii")


def _secret(path: Path) -> str:
    pointer = "identity.oidc.introspection_secret_file"
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            secret = file.read(MAX_SECRET_BYTES).decode("utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path} cannot be read. Write the secret there.", pointer=pointer
        ) from error
    if not stat.S_ISREG(mode) or mode & _FORBIDDEN_MODE:
        raise ConfigError(f"others may use {path}. Run: chmod 600 {path}", pointer=pointer)
    if not secret:
        raise ConfigError(f"{path} is empty. Write the secret there.", pointer=pointer)
    return secret
