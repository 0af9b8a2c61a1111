"""Joins the parts of SAML logins; `app.py` hangs them beside the other paths."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from flask import Blueprint

from counterfoil.app_saml_provider import service_provider
from counterfoil.config import Config
from counterfoil.flows.saml_codes import LedgerSamlCodes
from counterfoil.flows.saml_login import SamlLoginFlow
from counterfoil.http.saml import saml_blueprint
from counterfoil.ledger.client import LedgerClient
from counterfoil.ports import Clock, Ids
from counterfoil.ports_tokens import SamlCodes
from counterfoil.reading.xml_reader import XmlReader


@dataclass(frozen=True, slots=True, kw_only=True)
class SamlEndpoint:
    """The paths, the codes that `POST /token` and the console take, and how logins start."""

    blueprint: Blueprint
    codes: SamlCodes
    logins: SamlLoginFlow


def saml_endpoint(
    config: Config, *, clock: Clock, ids: Ids, ledger: LedgerClient, reader: XmlReader
) -> SamlEndpoint:
    """The endpoint over one worker's adapters.

    Raises:
        ConfigError: a key that signs requests cannot be used.
    """
    timeout_seconds = config.ledger.timeout_ms / 1000
    codes = LedgerSamlCodes(
        clock=clock,
        ids=ids,
        ledger=ledger,
        answers=ledger,
        random=secrets.token_bytes,
        ledger_timeout_seconds=timeout_seconds,
    )
    flow = SamlLoginFlow(
        clock=clock,
        identity=service_provider(config, clock, reader),
        spent=ledger,
        codes=codes,
        issuer=config.grant.issuer,
        ledger_timeout_seconds=timeout_seconds,
    )
    blueprint = saml_blueprint(flow, max_body_bytes=config.server.max_body_bytes)
    return SamlEndpoint(blueprint=blueprint, codes=codes, logins=flow)
