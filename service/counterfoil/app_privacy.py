"""Joins the parts of `/erasures`, `/holds` and `/retention`; `app.py` hangs them."""

from __future__ import annotations

from flask import Blueprint

from counterfoil.app_identity import Parts
from counterfoil.config import Config
from counterfoil.core.wire import PrivacyRequestReader, RetentionRequestReader
from counterfoil.flows.closing import Closing
from counterfoil.flows.erasure import ErasureFlow
from counterfoil.flows.holds import HoldFlow
from counterfoil.flows.retention import RetentionFlow
from counterfoil.http.credentials import Credentials
from counterfoil.http.privacy import privacy_blueprint


def privacy_endpoints(config: Config, parts: Parts, credentials: Credentials) -> Blueprint:
    """The endpoints over one worker's adapters."""
    limit = config.server.max_body_bytes
    timeout_seconds = config.ledger.timeout_ms / 1000
    erasing = ErasureFlow(
        clock=parts.clock,
        ids=parts.ids,
        read=_reader(parts, "erasure_request", limit).read,
        identity=parts.identity,
        privacy=parts.ledger.privacy,
        closing=Closing(
            clock=parts.clock, ids=parts.ids, ledger=parts.ledger, states=parts.ledger.states
        ),
        ledger_timeout_seconds=timeout_seconds,
    )
    holding = HoldFlow(
        clock=parts.clock,
        ids=parts.ids,
        read=_reader(parts, "hold_request", limit).read,
        identity=parts.identity,
        ledger=parts.ledger,
        states=parts.ledger.states,
        privacy=parts.ledger.privacy,
        ledger_timeout_seconds=timeout_seconds,
    )
    dropping = RetentionFlow(
        clock=parts.clock,
        ids=parts.ids,
        read=RetentionRequestReader(
            max_bytes=limit, validate=parts.schemas.validator("retention_request")
        ).read,
        identity=parts.identity,
        privacy=parts.ledger.privacy,
        retention=parts.ledger.retention,
        days=config.ledger.retention_days,
        ledger_timeout_seconds=timeout_seconds,
    )
    return privacy_blueprint(
        {"erasures": erasing, "holds": holding, "retention": dropping},
        credentials=credentials,
        max_body_bytes=limit,
    )


def _reader(parts: Parts, schema: str, limit: int) -> PrivacyRequestReader:
    return PrivacyRequestReader(max_bytes=limit, validate=parts.schemas.validator(schema))
