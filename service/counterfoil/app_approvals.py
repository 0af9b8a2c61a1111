"""Builds the flows of approvals, over one way to know who asks: tokens, or console sessions."""

from __future__ import annotations

from typing import Protocol

from counterfoil.config import Config
from counterfoil.core.wire import ApprovalReader
from counterfoil.flows.approval_reading import ApprovalReadingFlow
from counterfoil.flows.approve import AnswerFlow
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
    def schemas(self) -> SchemaRegistry:
        """The published shapes."""

    @property
    def policy(self) -> OpaEngine:
        """Who decides."""

    @property
    def ledger(self) -> LedgerClient:
        """The record."""


def approval_flows(
    config: Config, parts: Parts, identity: IdentityVerifier
) -> tuple[ApprovalReadingFlow, AnswerFlow]:
    """The flows for people and agents, over one way to know who asks."""
    reader = ApprovalReader(
        max_bytes=config.server.max_body_bytes,
        validate_answer=parts.schemas.validator("approval_answer"),
        validate_cancel=parts.schemas.validator("approval_cancel"),
    )
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
