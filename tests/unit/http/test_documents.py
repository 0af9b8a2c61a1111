"""Health, well-known documents and the bundled OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from openapi_spec_validator import validate

from counterfoil.core.canonical import action_digest
from counterfoil.errors import ConfigError, LedgerUnavailable
from counterfoil.http.exchange import Environ
from counterfoil.http.health import Check, health_blueprint
from counterfoil.http.hosts import HostRule
from counterfoil.http.lean import Frame, LeanFlask
from counterfoil.http.metrics import Metrics
from counterfoil.http.openapi import bundle, load_source, openapi_blueprint
from counterfoil.http.problems import Problems
from counterfoil.http.refusals import RefusalLog
from counterfoil.http.wellknown import protected_resource, wellknown_blueprint
from counterfoil.ports import Health
from counterfoil.schemas_registry import SchemaRegistry
from counterfoil.system import SystemClock
from simulators.http_door import Answer, honest, send

ROOT = Path(__file__).parents[3]
SCHEMAS = SchemaRegistry.load(ROOT / "schemas")
SOURCE = load_source(ROOT / "schemas" / "openapi" / "openapi.json")
DOCUMENT = bundle(SOURCE, SCHEMAS.schemas)
URL = "https://counterfoil.example.com"


class FixedClock:
    """A clock that stands at one moment."""

    def now(self) -> float:
        return 1_795_489_800.0

    def monotonic(self) -> float:
        return 1.0


def _app(checks: dict[str, Check] | None = None) -> Flask:
    frame = Frame(
        problems=Problems(URL),
        metrics=Metrics(),
        hosts=HostRule(),
        new_request_id=lambda: "req_1",
        refusals=RefusalLog(SystemClock().monotonic),
    )
    app = LeanFlask("documents", frame=frame)
    app.register_blueprint(health_blueprint(checks or {}, clock=FixedClock(), version="1.2.3"))
    metadata = protected_resource(
        public_url=URL,
        authorization_servers=["https://idp.example.com"],
        permission_types=["b", "a"],
    )
    app.register_blueprint(
        wellknown_blueprint(jwks=lambda: {"keys": [{"kty": "EC"}]}, metadata=metadata)
    )
    app.register_blueprint(openapi_blueprint(DOCUMENT))
    return app


def _get(app: Flask, path: str, query: str = "") -> Answer:
    environ: Environ = honest(REQUEST_METHOD="GET", PATH_INFO=path, QUERY_STRING=query)
    del environ["HTTP_AUTHORIZATION"], environ["CONTENT_TYPE"]
    return send(app, environ)


def _dead() -> Health:
    raise LedgerUnavailable("connect /run/ledger.sock")


def test_alive_looks_at_nothing_else() -> None:
    answer = _get(_app({"ledger:writer": _dead}), "/livez")
    assert (answer.status, answer.json["status"]) == (200, "pass")
    assert answer.headers["Content-Type"] == "application/health+json"


@pytest.mark.parametrize(
    ("second", "status", "word"),
    [
        (lambda: Health(ready=True), 200, "pass"),
        (lambda: Health(ready=False, detail="no bundle"), 503, "fail"),
        (_dead, 503, "fail"),
    ],
)
def test_ready_means_that_every_check_passes(second: Check, status: int, word: str) -> None:
    checks: dict[str, Check] = {"opa:policy": lambda: Health(ready=True), "b:c": second}
    short = _get(_app(checks), "/readyz")
    assert (short.status, short.json) == (status, {"status": word, "version": "1.2.3"})
    full = _get(_app(checks), "/readyz", "verbose")
    SCHEMAS.validator("health")(full.json)
    assert full.json["checks"]["opa:policy"][0]["status"] == "pass"
    assert full.json["checks"]["b:c"][0]["status"] == word
    assert b"ledger.sock" not in full.data


def test_keys_and_metadata_are_public_and_cacheable() -> None:
    keys = _get(_app(), "/.well-known/jwks.json")
    assert keys.json == {"keys": [{"kty": "EC"}]}
    assert keys.headers["Content-Type"] == "application/jwk-set+json"
    assert keys.headers["Cache-Control"] == "public, max-age=300"
    assert _get(_app(), "/.well-known/oauth-protected-resource").json == {
        "resource": URL,
        "authorization_servers": ["https://idp.example.com"],
        "jwks_uri": f"{URL}/.well-known/jwks.json",
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": ["ES256", "EdDSA", "PS256", "RS256"],
        "authorization_details_types_supported": ["a", "b"],
    }


def test_metadata_leaves_empty_members_out() -> None:
    value = protected_resource(public_url=URL, authorization_servers=[], permission_types=[])
    assert "authorization_servers" not in value  # RFC 9728 §3.2


def test_the_served_document_is_the_bundled_one_and_valid() -> None:
    served = _get(_app(), "/openapi.json").json
    assert served == DOCUMENT
    validate(served)
    text = json.dumps(served)
    assert "urn:counterfoil:schema:" not in text
    assert '"../' not in text


def test_the_document_describes_the_schemas_that_validate() -> None:
    """Nothing is described twice: a component is its file, but for where references point."""
    for name, component in DOCUMENT["components"]["schemas"].items():
        schema = SCHEMAS.schemas[name]
        assert set(component) | {"$id", "$schema"} == set(schema)
        assert component.get("required") == schema.get("required")
        assert _closed(component) == _closed(schema)


def test_a_reference_to_a_missing_schema_stops_the_start() -> None:
    source = {"paths": {"/a": {"$ref": "../missing.json"}}}
    with pytest.raises(ConfigError, match="missing"):
        bundle(source, SCHEMAS.schemas)


@pytest.mark.parametrize(("name", "text"), [("absent.json", None), ("broken.json", "{")])
def test_a_document_that_cannot_be_read_stops_the_start(
    tmp_path: Path, name: str, text: str | None
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError):
        load_source(tmp_path / name)


@pytest.mark.parametrize("text", ["{", "{}", "[]", '{"$id": "urn:x", "type": 1}'])
def test_a_schema_that_cannot_be_used_stops_the_start(tmp_path: Path, text: str) -> None:
    (tmp_path / "broken.json").write_text(text)
    with pytest.raises(ConfigError):
        SchemaRegistry.load(tmp_path).compiled("broken")


def test_a_schema_that_points_outside_stops_the_start(tmp_path: Path) -> None:
    """Nothing is ever fetched."""
    (tmp_path / "a.json").write_text('{"$id": "urn:a", "$ref": "http://127.0.0.1:9/b.json"}')
    with pytest.raises(ConfigError):
        SchemaRegistry.load(tmp_path).compiled("a")


def _closed(value: Any) -> int:
    return json.dumps(value).count('"unevaluatedProperties": false')


def _operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, item in SOURCE["paths"].items()
        for method, operation in item.items()
    ]


def _media(operation: dict[str, Any]) -> list[dict[str, Any]]:
    contents = [operation.get("requestBody", {}).get("content", {})]
    contents += [item.get("content", {}) for item in operation["responses"].values()]
    return [media for content in contents for media in content.values()]


def test_example_bodies_are_valid() -> None:
    shared = [
        media
        for item in SOURCE["components"]["responses"].values()
        for media in item["content"].values()
    ]
    examples = [media for _, _, operation in _operations() for media in _media(operation)] + shared
    checked = 0
    for media in examples:
        if "example" in media:
            name = Path(media["schema"]["$ref"]).stem
            SCHEMAS.validator(name)(media["example"])
            checked += 1
    assert checked >= 10


@pytest.mark.parametrize(("path", "method", "operation"), _operations())
def test_each_operation_says_who_may_call_it_and_how_it_fails(
    path: str, method: str, operation: dict[str, Any]
) -> None:
    assert operation["x-callers"]
    assert "421" in operation["responses"]
    if "oauth" in operation["tags"]:  # its callers authenticate in the form
        assert {"400", "413", "415", "503"} <= set(operation["responses"])
        assert set(operation["x-callers"]) <= {"launcher", "identity provider"}
        return
    if "saml" in operation["tags"]:  # a browser comes, and only the provider's answer counts
        assert (operation["security"], set(operation["x-callers"])) == ([], {"anyone"})
        if "requestBody" in operation:
            assert {"303", "400", "401", "413", "415", "503"} <= set(operation["responses"])
        return
    if "requestBody" in operation:  # AuthZEN wants 400 for what is 415 and 422 elsewhere
        own = set() if path.startswith("/access/v1/") else {"415", "422"}
        assert {"400", "413"} | own <= set(operation["responses"])
    if "issuers" in operation["tags"]:  # its callers have credentials of their own
        assert {"401", "503"} <= set(operation["responses"])
        assert set(operation["x-callers"]) == {"issuer"}
        return
    if operation.get("security") != []:
        assert {"401", "403", "503"} <= set(operation["responses"])
    else:
        assert operation["x-callers"] == {"anyone": ""}


def test_only_an_allow_may_carry_a_token_request() -> None:
    valid: Callable[[Any], bool] = SCHEMAS.compiled("authorization_response").is_valid
    responses = SOURCE["paths"]["/authorize"]["post"]["responses"]
    allow = responses["200"]["content"]["application/json"]["example"]
    assert valid(allow)
    for effect in ("deny", "needs_approval"):
        assert not valid({**allow, "effect": effect})
        bare = {**allow, "effect": effect, "permissions": [], "ambient": []}
        assert not valid(bare)
        del bare["scoped_token_request"]
        assert not valid(bare), "only an allow says what was judged"
        del bare["judged"]
        assert valid(bare)
        assert not valid({**bare, "permissions": allow["permissions"]})
    assert not valid({key: item for key, item in allow.items() if key != "judged"})
    assert not valid({**allow, "effect": "ALLOW"})
    assert not valid({key: item for key, item in allow.items() if key != "receipt"})


def test_digest_of_the_published_example_can_be_recomputed() -> None:
    responses = SOURCE["paths"]["/authorize"]["post"]["responses"]
    allow = responses["200"]["content"]["application/json"]["example"]
    assert action_digest(allow["judged"], allow["execute"]["arguments"]) == allow["action_digest"]
