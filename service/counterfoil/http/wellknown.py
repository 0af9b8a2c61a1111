"""`/.well-known/`: the keys behind our signatures, and how to get a token for this service."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import orjson
from flask import Blueprint

from counterfoil.core.model import JsonObject, JsonValue
from counterfoil.http.exchange import JSON, Environ, Reply, hang
from counterfoil.http.problems import METADATA_PATH, PROOF_ALGORITHMS

JWKS_PATH = "/.well-known/jwks.json"
CACHE_CONTROL = "public, max-age=300"  # a rotated key is published this long before its first use


def protected_resource(
    *, public_url: str, authorization_servers: Sequence[str], permission_types: Sequence[str]
) -> JsonObject:
    """Return the metadata of RFC 9728 §2."""
    value: dict[str, JsonValue] = {
        "resource": public_url,
        "jwks_uri": public_url + JWKS_PATH,
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": list(PROOF_ALGORITHMS),
        "authorization_details_types_supported": sorted(permission_types),
    }
    if authorization_servers:  # §3.2: members without values are left out
        value["authorization_servers"] = list(authorization_servers)
    return value


def wellknown_blueprint(*, jwks: Callable[[], JsonObject], metadata: JsonObject) -> Blueprint:
    """Hang both documents; the keys as they stand when they are asked for."""
    blueprint = Blueprint("wellknown", __name__)
    resource = _document(metadata, JSON)

    def read_keys(_environ: Environ) -> Reply:
        return _document(jwks(), "application/jwk-set+json")

    def read_resource(_environ: Environ) -> Reply:
        return resource

    hang(blueprint, JWKS_PATH, "jwks", read_keys, method="GET")
    hang(blueprint, METADATA_PATH, "resource", read_resource, method="GET")
    return blueprint


def _document(value: JsonObject, content_type: str) -> Reply:
    return Reply(200, orjson.dumps(value), content_type, cache_control=CACHE_CONTROL)
