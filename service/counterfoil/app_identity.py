"""Joins the parts of `/token`, `/saml/…`, `/revocations` and `/logout`; `app.py` hangs them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from flask import Blueprint

from counterfoil.app_console import Console, SharedFlows
from counterfoil.app_saml import saml_endpoint
from counterfoil.config import Config
from counterfoil.core.agents import AgentRegistry
from counterfoil.core.model import JsonObject
from counterfoil.core.token_request import LogoutRequestReader, TokenRequestReader
from counterfoil.core.wire import RevocationRequestReader
from counterfoil.errors import LauncherNotAllowed
from counterfoil.flows.closing import Closing
from counterfoil.flows.logout import LogoutFlow
from counterfoil.flows.revocation import RevocationFlow
from counterfoil.flows.token import TokenFlow
from counterfoil.http.credentials import Credentials
from counterfoil.http.logout import logout_blueprint
from counterfoil.http.revocations import revocations_blueprint
from counterfoil.http.token import TOKEN_PATH, token_blueprint
from counterfoil.identity.credentials import Verifier
from counterfoil.identity.delegation import OwnTokens
from counterfoil.identity.launchers import LauncherAuthenticator
from counterfoil.identity.logout import LogoutVerifier
from counterfoil.ledger.client import LedgerClient
from counterfoil.ports import Clock, IdentityVerifier, Ids
from counterfoil.ports_tokens import DelegationSigner, SamlCodes
from counterfoil.reading.xml_reader import XmlReader
from counterfoil.schemas_registry import SchemaRegistry


class Parts(Protocol):
    """What is needed of one worker's adapters (`app.Adapters`)."""

    @property
    def clock(self) -> Clock:
        """Time."""

    @property
    def ids(self) -> Ids:
        """Identifiers."""

    @property
    def schemas(self) -> SchemaRegistry:
        """The published shapes."""

    @property
    def verifier(self) -> Verifier:
        """What providers sign."""

    @property
    def identity(self) -> IdentityVerifier:
        """Who calls, revoked ones left out."""

    @property
    def ledger(self) -> LedgerClient:
        """The record."""

    @property
    def xml_reader(self) -> XmlReader:
        """The child that reads SAML documents."""

    @property
    def delegation_signer(self) -> DelegationSigner | None:
        """Who signs delegation tokens."""


class _NoSigner:
    """Where no agent is registered there is nobody to sign a token for."""

    def sign(self, claims: JsonObject) -> str:  # noqa: ARG002 -- nothing is signed
        raise LauncherNotAllowed


def identity_endpoints(
    config: Config, parts: Parts, credentials: Credentials, shared: SharedFlows
) -> Iterator[Blueprint]:
    """The endpoints over one worker's adapters; `shared` are the console's.

    Raises:
        ConfigError: a launcher's secret cannot be used.
    """
    limit = config.server.max_body_bytes
    timeout_seconds = config.ledger.timeout_ms / 1000
    closing = Closing(
        clock=parts.clock, ids=parts.ids, ledger=parts.ledger, states=parts.ledger.states
    )
    saml = saml_endpoint(
        config,
        clock=parts.clock,
        ids=parts.ids,
        ledger=parts.ledger,
        reader=parts.xml_reader,
    )
    yield saml.blueprint
    yield from Console(config, parts, saml.logins, saml.codes).blueprints(shared)
    token = _token(config, parts, saml.codes)
    yield token_blueprint(token, credentials=credentials, max_body_bytes=limit)
    revoking = RevocationFlow(
        clock=parts.clock,
        ids=parts.ids,
        read=RevocationRequestReader(
            max_bytes=limit, validate=parts.schemas.validator("revocation_request")
        ).read,
        identity=parts.identity,
        revocations=parts.ledger.revocations,
        ledger=parts.ledger,
        closing=closing,
        ledger_timeout_seconds=timeout_seconds,
    )
    yield revocations_blueprint(revoking, credentials=credentials, max_body_bytes=limit)
    ending = LogoutFlow(
        clock=parts.clock,
        ids=parts.ids,
        read=LogoutRequestReader(max_bytes=limit).read,
        tokens=LogoutVerifier(
            parts.verifier,
            leeway_seconds=config.identity.leeway_seconds,
            console=config.console.client,
        ),
        revocations=parts.ledger.revocations,
        ledger=parts.ledger,
        states=parts.ledger.states,
        closing=closing,
        ledger_timeout_seconds=timeout_seconds,
    )
    yield logout_blueprint(ending, max_body_bytes=limit)


def _token(config: Config, parts: Parts, saml: SamlCodes) -> TokenFlow:
    public_url = config.grant.issuer
    timeout_seconds = config.ledger.timeout_ms / 1000
    registry = AgentRegistry.of(config.identity.agents)
    reader = TokenRequestReader(
        max_bytes=config.server.max_body_bytes,
        audiences=frozenset({config.token.audience}),
        resource=public_url,
    )
    launchers = LauncherAuthenticator(
        config.identity.launchers,
        audiences={config.token.issuer, public_url, public_url + TOKEN_PATH},
        spent=parts.ledger,
        clock=parts.clock,
        leeway_seconds=config.identity.leeway_seconds,
        timeout_seconds=timeout_seconds,
    )
    return TokenFlow(
        clock=parts.clock,
        ids=parts.ids,
        read=reader.read,
        launchers=launchers,
        sources=parts.verifier,
        saml=saml,
        subjects=parts.verifier,
        proofs=parts.verifier,
        delegations=OwnTokens(config.token, registry),
        registry=registry,
        revocations=parts.ledger.revocations,
        signer=parts.delegation_signer or _NoSigner(),
        ledger=parts.ledger,
        terms=config.token,
        provider_ahead_seconds=0 if config.development else config.identity.leeway_seconds,
        ledger_timeout_seconds=timeout_seconds,
    )
