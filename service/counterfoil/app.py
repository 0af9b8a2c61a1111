"""The only place that builds adapters and joins them to flows.

One application per gunicorn worker, made after the fork: the policy client, the ledger
client and the reader children belong to one process each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version

from counterfoil.app_approvals import (
    access_request_endpoints,
    approval_endpoints,
    approval_flows,
    build_approvals,
)
from counterfoil.app_console import SharedFlows
from counterfoil.app_identity import identity_endpoints
from counterfoil.app_issuers import issuer_endpoints
from counterfoil.app_privacy import privacy_endpoints
from counterfoil.app_readers import build_catalog, build_catalogues, build_reader
from counterfoil.app_reading import export_checks, reading_flows
from counterfoil.config import Config
from counterfoil.core.grant import GrantTerms
from counterfoil.core.model import Command, JsonObject, Resource
from counterfoil.core.wire import RequestReader
from counterfoil.flows.authorize import AuthorizeFlow, Settings
from counterfoil.flows.callers import LiveCallers
from counterfoil.flows.evidence import EvidenceFlow
from counterfoil.flows.outcome import OutcomeFlow
from counterfoil.flows.prompts import RunPrompts
from counterfoil.http.authorize import authorize_blueprint
from counterfoil.http.credentials import Credentials
from counterfoil.http.decisions import decisions_blueprint
from counterfoil.http.health import Check, health_blueprint
from counterfoil.http.hosts import HostRule
from counterfoil.http.lean import Frame, LeanFlask
from counterfoil.http.ledger import ledger_blueprint
from counterfoil.http.metrics import Metrics
from counterfoil.http.openapi import bundle, load_source, openapi_blueprint
from counterfoil.http.problems import Problems
from counterfoil.http.refusals import RefusalLog
from counterfoil.http.wellknown import protected_resource, wellknown_blueprint
from counterfoil.identity.credentials import Verifier
from counterfoil.identity.delegation import delegation_signer
from counterfoil.identity.dpop import ProofVerifier
from counterfoil.identity.own_keys import PublishedOwnKeys
from counterfoil.identity.signing import Es256Signer
from counterfoil.keys import load_grant_key
from counterfoil.ledger.channel import SOCKET_NAME
from counterfoil.ledger.client import LedgerClient
from counterfoil.policy.opa import OpaEngine
from counterfoil.ports import Health, IdentityVerifier
from counterfoil.ports_tokens import SingleUse
from counterfoil.reading.pool import ReaderPool
from counterfoil.reading.xml_reader import XmlReader
from counterfoil.resources import packaged
from counterfoil.schemas_registry import SchemaRegistry
from counterfoil.system import RandomIds, SystemClock

HEALTH_SECONDS = 1.0  # a probe that waits longer than this is as good as a failure
_PROBE = Command(
    family="database",
    tool="readyz",
    arguments={"sql": "SELECT 1"},
    command_argument="sql",
    resource=Resource(type="postgresql", id="readyz", location="postgresql://localhost/readyz"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapters:
    """Everything of one worker that holds sockets, keys or children."""

    clock: SystemClock
    ids: RandomIds
    schemas: SchemaRegistry
    verifier: Verifier
    identity: LiveCallers
    reader: ReaderPool
    xml_reader: XmlReader
    policy: OpaEngine
    signer: Es256Signer
    delegation_signer: Es256Signer | None
    ledger: LedgerClient


def create_app(config: Config) -> LeanFlask:
    """Build one worker's application.

    Raises:
        ConfigError: a key, a schema or the policy bundle cannot be used.
    """
    adapters = build_adapters(config)
    metrics = Metrics()
    app = LeanFlask("counterfoil", frame=_frame(config, adapters, metrics))
    app.extensions["counterfoil"] = adapters
    reader = RequestReader(
        max_bytes=config.server.max_body_bytes,
        validate_request=adapters.schemas.validator("authorization_request"),
        validate_batch=adapters.schemas.validator("authorization_batch"),
        validate_outcome=adapters.schemas.validator("outcome"),
    )
    prompts = RunPrompts(adapters.ledger)
    adapters.ledger.erasures.listeners.append(prompts.forget)
    authorize = AuthorizeFlow(
        clock=adapters.clock,
        ids=adapters.ids,
        read=reader.read,
        identity=adapters.identity,
        catalog=build_catalog(config),
        interpreter=adapters.reader,
        policy=adapters.policy,
        signer=adapters.signer,
        ledger=adapters.ledger,
        approvals=build_approvals(config, adapters),
        revocations=adapters.ledger.revocations,
        prompts=prompts,
        receipts=adapters.ledger.receipts,
        settings=Settings(
            actor_required=config.identity.actor_required,
            policy_timeout_seconds=config.policy.timeout_ms / 1000,
            ledger_timeout_seconds=config.ledger.timeout_ms / 1000,
            grant_terms=_grant_terms(config),
        ),
    )
    outcome = OutcomeFlow(
        clock=adapters.clock,
        ids=adapters.ids,
        read_outcome=reader.read_outcome,
        identity=adapters.identity,
        ledger=adapters.ledger,
        ledger_timeout_seconds=config.ledger.timeout_ms / 1000,
    )
    trail, search = reading_flows(
        clock=adapters.clock,
        ids=adapters.ids,
        identity=adapters.identity,
        ledger=adapters.ledger,
        ledger_timeout_seconds=config.ledger.timeout_ms / 1000,
    )
    limit = config.server.max_body_bytes
    credentials = Credentials(config.grant.issuer, by_host=config.development)
    app.register_blueprint(
        authorize_blueprint(
            authorize, credentials=credentials, max_body_bytes=limit, metrics=metrics
        )
    )
    app.register_blueprint(
        decisions_blueprint(
            trail=trail,
            search=search,
            outcome=outcome,
            credentials=credentials,
            max_body_bytes=limit,
        )
    )
    app.register_blueprint(
        ledger_blueprint(_evidence(config, adapters, adapters.identity), credentials=credentials)
    )
    app.register_blueprint(approval_endpoints(config, adapters, credentials))
    app.register_blueprint(access_request_endpoints(config, adapters, credentials))
    for blueprint in identity_endpoints(config, adapters, credentials, _shared(config, adapters)):
        app.register_blueprint(blueprint)
    app.register_blueprint(privacy_endpoints(config, adapters, credentials))
    app.register_blueprint(issuer_endpoints(config, adapters))
    app.extensions["stop_waiting"] = adapters.ledger.states.stop_waiting
    _register_documents(app, config, adapters)
    return app


def _grant_terms(config: Config) -> GrantTerms:
    return GrantTerms(
        issuer=config.grant.issuer,
        exchange=config.grant.exchange,
        credentials={
            (entry.tenant, entry.name): entry.endpoint
            for entry in config.issuers
            if entry.endpoint is not None
        },
    )


def build_adapters(config: Config) -> Adapters:
    """Open everything that one worker needs.

    Raises:
        ConfigError: a key, a schema or the policy bundle cannot be used.
    """
    clock = SystemClock()
    delegation = delegation_signer(config)
    ledger = LedgerClient(
        socket_path=config.server.run_directory / SOCKET_NAME,
        place=config.ledger.place,
        keys_directory=config.keys.directory,
        clock=clock,
    )
    verifier = Verifier(config, _proofs(config, clock, ledger), delegation)
    return Adapters(
        clock=clock,
        ids=RandomIds(),
        schemas=SchemaRegistry.load(packaged("schemas")),
        verifier=verifier,
        identity=LiveCallers(identity=verifier, revocations=ledger.revocations),
        reader=build_reader(config, clock, build_catalogues(config, clock)),
        xml_reader=XmlReader(monotonic=clock.monotonic),
        policy=OpaEngine(config),
        signer=Es256Signer(load_grant_key(config.keys.directory)),
        delegation_signer=delegation,
        ledger=ledger,
    )


def _proofs(config: Config, clock: SystemClock, spent: SingleUse) -> ProofVerifier:
    """Proofs of possession, each spent in the ledger."""
    return ProofVerifier(
        spent=spent,
        monotonic=clock.monotonic,
        leeway_seconds=config.identity.leeway_seconds,
        timeout_seconds=config.ledger.timeout_ms / 1000,
    )


def _shared(config: Config, adapters: Adapters) -> SharedFlows:
    checks = _checks(config, adapters)
    return SharedFlows(
        approvals=lambda identity: approval_flows(config, adapters, identity),
        evidence=lambda identity: _evidence(config, adapters, identity),
        checks=lambda: checks,
    )


def _evidence(config: Config, adapters: Adapters, identity: IdentityVerifier) -> EvidenceFlow:
    return EvidenceFlow(
        clock=adapters.clock,
        identity=identity,
        evidence=adapters.ledger.evidence,
        public_hashes=config.ledger.public_hashes,
    )


def _frame(config: Config, adapters: Adapters, metrics: Metrics) -> Frame:
    hosts = HostRule.loopback(config.server.address[1]) if config.development else HostRule()
    return Frame(
        problems=Problems(public_url=config.grant.issuer),
        metrics=metrics,
        hosts=hosts,
        new_request_id=lambda: adapters.ids.new("req"),
        refusals=RefusalLog(adapters.clock.monotonic),
    )


def _register_documents(app: LeanFlask, config: Config, adapters: Adapters) -> None:
    checks = _checks(config, adapters)
    app.register_blueprint(
        health_blueprint(checks, clock=adapters.clock, version=version("counterfoil"))
    )
    types = sorted({resource.type for resource in config.resources.values()})
    metadata = protected_resource(
        public_url=config.grant.issuer,
        authorization_servers=[item.entry.issuer for item in config.identity.oidc],
        permission_types=types,
    )
    app.register_blueprint(
        wellknown_blueprint(jwks=_published(config, adapters), metadata=metadata)
    )
    document = bundle(
        load_source(packaged("schemas") / "openapi" / "openapi.json"), adapters.schemas.schemas
    )
    app.register_blueprint(openapi_blueprint(document))


def _published(config: Config, adapters: Adapters) -> Callable[[], JsonObject]:
    """One signing key per purpose, and what still counts; `typ` says what a signature is for."""
    signers = {"grant": adapters.signer, "delegation": adapters.delegation_signer}
    signing = {name: s.public_jwk for name, s in signers.items() if s is not None}
    own = PublishedOwnKeys(config.keys.directory, signing)
    return lambda: {"keys": [{**key} for key in own.keys(adapters.clock.now())]}


def _checks(config: Config, adapters: Adapters) -> Mapping[str, Check]:
    def within() -> float:
        return adapters.clock.monotonic() + HEALTH_SECONDS

    def reader() -> Health:
        (reading,) = adapters.reader.interpret([_PROBE], deadline=within())
        return Health(ready=not reading.uncertain)

    return {
        "opa:policy": lambda: adapters.policy.health(deadline=within()),
        "ledger:writable": lambda: adapters.ledger.health(deadline=within()),
        "ledger:tenants": adapters.ledger.receipts.health,
        "reader:parser": reader,
        "identity:keys": lambda: adapters.verifier.health(now=adapters.clock.now()),
        **export_checks(config, adapters.clock),
    }
