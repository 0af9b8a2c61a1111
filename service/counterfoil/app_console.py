"""Joins the parts of the console; `app.py` hangs them.

The flows are those of the API, over another way to know who asks: sessions instead of tokens.
So no page can do more than the API's path lets that person do.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from flask import Blueprint

from counterfoil.app_reading import reading_flows
from counterfoil.config import DEVELOPMENT_ISSUER, Config
from counterfoil.core.model import JsonValue, Subject
from counterfoil.core.sources import VerifiedSource
from counterfoil.detectors import SecretMasker
from counterfoil.flows.activity import ActivityFlow
from counterfoil.flows.callers import LiveCallers
from counterfoil.flows.console import CodeFlow, ConsoleFlow, SamlStarts
from counterfoil.flows.evidence import EvidenceFlow
from counterfoil.flows.run_before import RunBeforeFlow
from counterfoil.flows.run_prompt import RunPromptFlow
from counterfoil.http.approvals import TakesAnswers
from counterfoil.http.console.activity import activity_blueprint
from counterfoil.http.console.approve import ListsSome, approve_blueprint
from counterfoil.http.console.cookies import Cookies, keeps_secrets
from counterfoil.http.console.door import ConsoleDoor
from counterfoil.http.console.evidence import evidence_blueprint
from counterfoil.http.console.limits import RateLimit
from counterfoil.http.console.pages import Pages
from counterfoil.http.console.policy import policy_blueprint
from counterfoil.http.console.signin import signin_blueprint
from counterfoil.http.console.static import static_blueprint
from counterfoil.http.health import Check
from counterfoil.http.refusals import RefusalLog
from counterfoil.identity.console_oidc import OidcSignIn
from counterfoil.identity.console_sessions import ConsoleSessions
from counterfoil.identity.credentials import Verifier
from counterfoil.identity.published import Providers
from counterfoil.ledger.client import LedgerClient
from counterfoil.ledger.keys import load_master
from counterfoil.ledger.proof_file import InvalidProof, check_proof, read_proof
from counterfoil.ledger.sealing import derived_key
from counterfoil.policy.evidence import access_of
from counterfoil.ports import Clock, IdentityVerifier, Ids
from counterfoil.ports_tokens import SamlCodes


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedFlows:
    """Flows that the API has too, built for those whom a verifier knows; and the checks."""

    approvals: Callable[[IdentityVerifier], tuple[ListsSome, TakesAnswers]]
    evidence: Callable[[IdentityVerifier], EvidenceFlow]
    checks: Callable[[], Mapping[str, Check]]


class Parts(Protocol):
    """What is needed of one worker's adapters (`app.Adapters`)."""

    @property
    def clock(self) -> Clock:
        """Time."""

    @property
    def ids(self) -> Ids:
        """Identifiers."""

    @property
    def verifier(self) -> Verifier:
        """What providers sign."""

    @property
    def ledger(self) -> LedgerClient:
        """The record."""


class Console:
    """The console over one worker's adapters.

    Raises:
        ConfigError: the sealing master cannot be used.
    """

    def __init__(self, config: Config, parts: Parts, saml: SamlStarts, codes: SamlCodes) -> None:
        self._config, self._parts = config, parts
        # One key per purpose, the same on every replica.
        master = load_master(config.keys.directory, create=config.development)
        self._sessions = ConsoleSessions(
            derived_key(master, b"console-session"),
            derived_key(master, b"console-change"),
            config.roles,
            idle_seconds=config.console.idle_seconds,
        )
        self.identity = LiveCallers(identity=self._sessions, revocations=parts.ledger.revocations)
        self._saml, self._codes = saml, codes
        parsed = urlsplit(config.console.redirect_uri)
        self.door = ConsoleDoor(
            pages=Pages(config.development),
            cookies=Cookies(secure=parsed.scheme == "https"),
            identity=self.identity,
            sessions=self._sessions,
            clock=parts.clock,
            origin=f"{parsed.scheme}://{parsed.netloc}",
            by_host=config.development,
            refusals=RefusalLog(parts.clock.monotonic),
        )

    def blueprints(self, shared: SharedFlows) -> Iterator[Blueprint]:
        """All of its paths."""
        config, monotonic = self._config, self._parts.clock.monotonic
        yield static_blueprint(self.door)
        limit = RateLimit(config.console.sign_ins_per_minute, monotonic)
        yield signin_blueprint(self.door, self._flow(), limit)
        reading, answering = shared.approvals(self.identity)
        yield approve_blueprint(
            self.door,
            reading=reading,
            answering=answering,
            before=self._before(),
            commands={name: item.command_argument for name, item in config.actions.items()},
            limit=RateLimit(config.console.answers_per_minute, monotonic),
        )
        yield self._activity()
        yield policy_blueprint(self.door, access=self._access)
        yield evidence_blueprint(
            self.door,
            evidence=shared.evidence(self.identity),
            proofs=LedgerProofs(self._parts.ledger),
            checks=shared.checks,
        )

    def _activity(self) -> Blueprint:
        parts = self._parts
        trail, search = reading_flows(
            clock=parts.clock,
            ids=parts.ids,
            identity=self.identity,
            ledger=parts.ledger,
            ledger_timeout_seconds=self._config.ledger.timeout_ms / 1000,
        )
        counting = ActivityFlow(
            clock=parts.clock,
            ids=parts.ids,
            identity=self.identity,
            ledger=parts.ledger,
            searches=parts.ledger.slices,
            ledger_timeout_seconds=self._config.ledger.timeout_ms / 1000,
        )
        parts.ledger.erasures.listeners.append(counting.forget)
        masker = SecretMasker(parts.clock.monotonic)
        return activity_blueprint(
            self.door,
            search=search,
            trail=trail,
            counting=counting,
            prompts=RunPromptFlow(ledger=parts.ledger, masker=masker),
        )

    def _access(self, tenant: str) -> Mapping[str, JsonValue]:
        return access_of(self._config.policy.bundle, tenant)

    def _before(self) -> RunBeforeFlow:
        parts = self._parts
        return RunBeforeFlow(
            clock=parts.clock,
            ids=parts.ids,
            ledger=parts.ledger,
            searches=parts.ledger.slices,
            ledger_timeout_seconds=self._config.ledger.timeout_ms / 1000,
        )

    def _flow(self) -> ConsoleFlow:
        config, parts = self._config, self._parts
        private = keeps_secrets(config.console.redirect_uri)
        return ConsoleFlow(
            clock=parts.clock,
            ids=parts.ids,
            ledger=parts.ledger,
            revocations=parts.ledger.revocations,
            seals=self._sessions,
            codes=self._codes,
            oidc=_oidc(config, parts),
            saml=self._saml if config.identity.saml and private else None,
            saml_provider=config.console.saml_provider,
            development=development_person if config.development else None,
            random=secrets.token_bytes,
            url=config.grant.issuer,
            session_seconds=config.console.session_seconds,
            provider_ahead_seconds=config.identity.leeway_seconds,
            ledger_timeout_seconds=config.ledger.timeout_ms / 1000,
        )


@dataclass(frozen=True, slots=True)
class LedgerProofs:
    """Implements `http.console.evidence.ChecksProofs` with the ledger's own key."""

    ledger: LedgerClient

    def key(self) -> str:
        """The public key, as a C2SP verifier key."""
        return self.ledger.verifier_key().text()

    def problem(self, data: bytes) -> str:
        """What of a proof file does not hold; empty where all does."""
        try:
            check_proof(read_proof(data), self.ledger.verifier_key())
        except InvalidProof as error:
            return str(error)
        return ""


def development_person(sub: str, groups: tuple[str, ...], now: float) -> VerifiedSource:
    """Whoever one says one is: `serve --dev` stands on loopback, beside no real provider."""
    return VerifiedSource(
        tenant="default",
        provider=DEVELOPMENT_ISSUER,
        subject=Subject(issuer=DEVELOPMENT_ISSUER, sub=sub, groups=groups),
        expires_at=now + 1.0,
        authenticated_at=now,
        issued_at=now,
    )


def _oidc(config: Config, parts: Parts) -> CodeFlow | None:
    if config.console.client is None:
        return None
    return OidcSignIn(
        config.console,
        parts.verifier,
        Providers(config.server.run_directory),
        leeway_seconds=config.identity.leeway_seconds,
    )
