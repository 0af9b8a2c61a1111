"""Joins approvals to one worker's adapters: the main path's side, people's, and the paths."""

from __future__ import annotations

from typing import Protocol

from flask import Blueprint

from counterfoil.config import Config
from counterfoil.core.wire import AccessRequestReader, ApprovalReader
from counterfoil.flows.access_requests import AccessRequestFlow
from counterfoil.flows.approval_reading import ApprovalReadingFlow
from counterfoil.flows.approvals import ApprovalDesk
from counterfoil.flows.approve import AnswerFlow
from counterfoil.flows.templates import EndTemplateFlow, TemplateDesk
from counterfoil.http.access_requests import access_requests_blueprint
from counterfoil.http.approvals import approvals_blueprint
from counterfoil.http.credentials import Credentials
from counterfoil.ledger.client import LedgerClient
from counterfoil.policy.opa import OpaEngine
from counterfoil.ports import Clock, IdentityVerifier, Ids
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
    def identity(self) -> IdentityVerifier:
        """Who verifies tokens."""

    @property
    def schemas(self) -> SchemaRegistry:
        """The published shapes."""

    @property
    def policy(self) -> OpaEngine:
        """Who decides."""

    @property
    def ledger(self) -> LedgerClient:
        """The record."""


def build_approvals(config: Config, parts: Parts) -> ApprovalDesk:
    """What the main path does with approvals."""
    return ApprovalDesk(
        ledger=parts.ledger,
        states=parts.ledger.states,
        ids=parts.ids,
        revocations=parts.ledger.revocations,
        url=config.grant.issuer,
        templates=TemplateDesk(
            ledger=parts.ledger,
            states=parts.ledger.states,
            ids=parts.ids,
            revocations=parts.ledger.revocations,
        ),
    )


def approval_endpoints(config: Config, parts: Parts, credentials: Credentials) -> Blueprint:
    """The paths of approvals."""
    reading, answering = approval_flows(config, parts, parts.identity)
    ending = EndTemplateFlow(
        clock=parts.clock,
        ids=parts.ids,
        read_cancel=_reader(config, parts).read_cancel,
        identity=parts.identity,
        ledger=parts.ledger,
        states=parts.ledger.states,
        url=config.grant.issuer,
        ledger_timeout_seconds=config.ledger.timeout_ms / 1000,
    )
    return approvals_blueprint(
        reading=reading,
        answering=answering,
        ending=ending,
        credentials=credentials,
        max_body_bytes=config.server.max_body_bytes,
    )


def approval_flows(
    config: Config, parts: Parts, identity: IdentityVerifier
) -> tuple[ApprovalReadingFlow, AnswerFlow]:
    """The flows for people and agents, over one way to know who asks."""
    reader = _reader(config, parts)
    reading = ApprovalReadingFlow(
        clock=parts.clock,
        ids=parts.ids,
        read_cancel=reader.read_cancel,
        identity=identity,
        ledger=parts.ledger,
        states=parts.ledger.states,
        revocations=parts.ledger.revocations,
        url=config.grant.issuer,
        ledger_timeout_seconds=config.ledger.timeout_ms / 1000,
    )
    answering = AnswerFlow(
        clock=parts.clock,
        ids=parts.ids,
        read_answer=reader.read_answer,
        identity=identity,
        policy=parts.policy,
        ledger=parts.ledger,
        states=parts.ledger.states,
        revocations=parts.ledger.revocations,
        url=config.grant.issuer,
        policy_timeout_seconds=config.policy.timeout_ms / 1000,
        ledger_timeout_seconds=config.ledger.timeout_ms / 1000,
        max_sign_in_age_seconds=config.approval.max_sign_in_age_seconds,
    )
    return reading, answering


def access_request_endpoints(config: Config, parts: Parts, credentials: Credentials) -> Blueprint:
    """The same approvals through AuthZEN's profile."""
    reading, _ = approval_flows(config, parts, parts.identity)
    reader = AccessRequestReader(
        max_bytes=config.server.max_body_bytes,
        validate=parts.schemas.validator("access_request"),
    )
    flow = AccessRequestFlow(reading=reading, read_request=reader.read)
    return access_requests_blueprint(
        flow, credentials=credentials, max_body_bytes=config.server.max_body_bytes
    )


def _reader(config: Config, parts: Parts) -> ApprovalReader:
    return ApprovalReader(
        max_bytes=config.server.max_body_bytes,
        validate_answer=parts.schemas.validator("approval_answer"),
        validate_cancel=parts.schemas.validator("approval_cancel"),
    )
