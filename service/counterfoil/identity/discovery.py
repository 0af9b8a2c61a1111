"""What a provider says about itself (OpenID Connect Discovery 1.0, RFC 8414)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from counterfoil.core.model import JsonObject
from counterfoil.core.strict_json import parse
from counterfoil.core.urls import UnsafeUrl, check_callable, is_plain_loopback
from counterfoil.errors import RequestError
from counterfoil.identity.fetch import MAX_ANSWER_BYTES

WELL_KNOWN: Final = "/.well-known/openid-configuration"


class MalformedMetadata(ValueError):
    """The document cannot be what this issuer says about itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderMetadata:
    """The endpoints of one issuer that may be called; None where it names no such one."""

    issuer: str
    jwks_uri: str | None
    introspection_endpoint: str | None
    authorization_endpoint: str | None
    token_endpoint: str | None
    device_authorization_endpoint: str | None


def metadata_url(issuer: str) -> str:
    """Where the document is (Discovery §4: one trailing slash is removed)."""
    return issuer.removesuffix("/") + WELL_KNOWN


def read_metadata(data: bytes, issuer: str) -> ProviderMetadata:
    """Read the document of exactly this issuer.

    Raises:
        MalformedMetadata: not strict JSON, or another issuer's (Discovery §4.3: else the
            keys of one provider would vouch for the people of another).
    """
    try:
        document = parse(data, max_bytes=MAX_ANSWER_BYTES)
    except RequestError as error:
        raise MalformedMetadata("it is not strict JSON") from error
    if document.get("issuer") != issuer:
        raise MalformedMetadata("its issuer is another one")
    plain_loopback = is_plain_loopback(issuer)
    return ProviderMetadata(
        issuer=issuer,
        jwks_uri=_endpoint(document, "jwks_uri", plain_loopback=plain_loopback),
        introspection_endpoint=_endpoint(
            document, "introspection_endpoint", plain_loopback=plain_loopback
        ),
        authorization_endpoint=_endpoint(
            document, "authorization_endpoint", plain_loopback=plain_loopback
        ),
        token_endpoint=_endpoint(document, "token_endpoint", plain_loopback=plain_loopback),
        device_authorization_endpoint=_endpoint(
            document, "device_authorization_endpoint", plain_loopback=plain_loopback
        ),
    )


def _endpoint(document: JsonObject, name: str, *, plain_loopback: bool) -> str | None:
    """A URL that may be called; one that may not is as good as none."""
    value = document.get(name)
    if not isinstance(value, str):
        return None
    try:
        check_callable(value, plain_loopback=plain_loopback)
    except UnsafeUrl:
        return None
    return value
