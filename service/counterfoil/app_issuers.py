"""Joins the parts of what credential issuers call; `app.py` hangs them."""

from __future__ import annotations

from typing import Protocol

from flask import Blueprint

from counterfoil.config import Config
from counterfoil.core.issuing import IssuerRequestReader
from counterfoil.flows.grant_feed import GrantFeedFlow
from counterfoil.flows.issued import IssuedFlow
from counterfoil.flows.redeem import RedeemFlow
from counterfoil.http.issuers import issuers_blueprint
from counterfoil.identity.assertions import AssertionTerms
from counterfoil.identity.issuers import IssuerAuthenticator
from counterfoil.ledger.client import LedgerClient
from counterfoil.ports import Clock, Ids
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
    def ledger(self) -> LedgerClient:
        """The record."""


def issuer_endpoints(config: Config, parts: Parts) -> Blueprint:
    """The endpoints over one worker's adapters."""
    timeout_seconds = config.ledger.timeout_ms / 1000
    reader = IssuerRequestReader(
        max_bytes=config.server.max_body_bytes,
        validate_redeem=parts.schemas.validator("grant_redeem"),
        validate_report=parts.schemas.validator("credential_report"),
    )
    issuers = IssuerAuthenticator(
        config.issuers,
        terms=AssertionTerms(
            audiences=frozenset({config.grant.issuer}),
            spent=parts.ledger,
            clock=parts.clock,
            leeway_seconds=config.identity.leeway_seconds,
            timeout_seconds=timeout_seconds,
        ),
    )
    redeeming = RedeemFlow(
        clock=parts.clock,
        ids=parts.ids,
        read=reader.read_redeem,
        issuers=issuers,
        ledger=parts.ledger,
        states=parts.ledger.states,
        revocations=parts.ledger.revocations,
        ledger_timeout_seconds=timeout_seconds,
    )
    reporting = IssuedFlow(
        clock=parts.clock,
        ids=parts.ids,
        read=reader.read_report,
        issuers=issuers,
        ledger=parts.ledger,
        ledger_timeout_seconds=timeout_seconds,
    )
    feed = GrantFeedFlow(
        clock=parts.clock,
        issuers=issuers,
        ledger=parts.ledger,
        states=parts.ledger.states,
        open_states=parts.ledger.states,
        revocations=parts.ledger.revocations,
        look_for_erasures=parts.ledger.erasures.look,
        ledger_name=parts.ledger.name,
    )
    parts.ledger.erasures.listeners.append(feed.remembered.forget)
    return issuers_blueprint(
        redeeming=redeeming,
        reporting=reporting,
        feed=feed,
        max_body_bytes=config.server.max_body_bytes,
    )
