"""`POST /token`: a person's own token in, a delegation token for one agent and one run out.

1. Request: the form, strictly (`core/token_request.py`).
2. Launcher: it proves who it is. Nothing else is looked at before.
3. Subject: the provider's token, a SAML code, or a delegation token of ours; of the
   launcher's own tenant, and not revoked, nor its run.
4. Agent: registered, and the launcher may start it. From an agent's own token: it may hand on
   to that one, and the chain is short.
5. Run: opened, with the prompt where one is given; or renewed by the launcher that opened
   it; or the same one for the agent that it was handed on to.
6. Token: never more than what it rests on. Its person, run and prompt digest are those of
   the run, its groups at most those of the subject's token and of the run, its end is at most
   15 minutes away and never past the source, the run, or the token that was handed on.
7. Ledger: the event is durable before the token leaves. No record, no token.
8. Response (RFC 8693 §2.2.1), with the receipt.

A proof of possession (RFC 9449 §5) binds the token to its key; a subject token that is bound
wants the proof of its own. The source token is never kept, and is in no event.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from counterfoil.core.agents import AgentRegistry, Launcher
from counterfoil.core.canonical import digest
from counterfoil.core.delegation import Delegation, DelegationTerms, delegation_claims
from counterfoil.core.model import Caller, JsonObject, JsonValue, Subject
from counterfoil.core.response import receipt_json
from counterfoil.core.revocation import LOGOUT_SECONDS, Standing
from counterfoil.core.run_record import Run
from counterfoil.core.sources import VerifiedSource, session_name
from counterfoil.core.token_request import TokenRequest, TokenType
from counterfoil.errors import (
    IdentityError,
    IdentityUnavailable,
    InvalidProof,
    ProofRefused,
    RunRefused,
    SourceRefused,
    StateConflict,
    TokenError,
)
from counterfoil.flows import run_events as record
from counterfoil.ports import (
    Clock,
    Event,
    Ids,
    Ledger,
    Proof,
    SourceVerifier,
)
from counterfoil.ports_tokens import (
    Delegations,
    DelegationSigner,
    Launchers,
    Proofs,
    Revocations,
    SamlCodes,
    SubjectTokens,
)

MAX_TOKENS = 512
"""Of one run: three an hour and agent for a day, many times over. Its trail stays readable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """What is to be given, and the event that says so once the claims stand."""

    delegation: Delegation
    event: Callable[[JsonObject, str], Event]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenFlow:
    """Gives delegation tokens."""

    clock: Clock
    ids: Ids
    read: Callable[[bytes], TokenRequest]
    launchers: Launchers
    sources: SourceVerifier
    saml: SamlCodes
    subjects: SubjectTokens
    proofs: Proofs
    delegations: Delegations
    registry: AgentRegistry
    revocations: Revocations
    signer: DelegationSigner
    ledger: Ledger
    terms: DelegationTerms
    provider_ahead_seconds: float
    ledger_timeout_seconds: float

    def run(
        self, *, body: bytes, proof: Proof | None, certificate: bytes | None = None
    ) -> JsonObject:
        """Give one token; `certificate` (DER) is what the launcher showed in TLS.

        Raises:
            CounterfoilError: nothing was given.
        """
        request = self.read(body)  # 1
        now = self.clock.now()
        launcher = self.launchers.authenticate(  # 2
            request.credential, certificate=certificate, now=now
        )
        if self._is_delegation(request):
            given = self._from_delegation(request, launcher, proof, now=now)
        else:
            given = self._from_source(request, launcher, proof, now=now)
        return self._give(given, now=now)

    def _is_delegation(self, request: TokenRequest) -> bool:
        # An unverified word that only chooses the verifier; each accepts its own kind alone.
        return (
            request.subject_token_type is not TokenType.SAML_CODE
            and self.delegations.issued_here(request.unverified_subject_token)
        )

    def _from_source(
        self, request: TokenRequest, launcher: Launcher, proof: Proof | None, *, now: float
    ) -> _Given:
        source = self._source(request, proof, now=now)  # 3
        if source.tenant != launcher.tenant:
            raise SourceRefused
        if request.run_id is not None:
            return self._renewed_by_source(request, launcher, source, request.run_id, now=now)
        if request.agent is None:
            raise TokenError("agent is missing")
        agent = self.registry.startable(launcher, request.agent)  # 4
        run = Run(  # 5
            id=self.ids.new("run"),
            tenant=source.tenant,
            subject=source.subject,
            launcher=launcher.id,
            agent=agent.name,
            prompt_digest=None if request.prompt is None else digest(request.prompt.encode()),
            opened_at=math.floor(now),
            ends_at=math.floor(now) + self.terms.max_run_seconds,
            source_expires_at=math.floor(source.expires_at),
            session=_session(source),
        )
        delegation = _from_person(run, source)
        return _Given(
            delegation=delegation,
            event=lambda claims, event_id: record.opened(
                delegation, self.terms, claims, prompt=request.prompt, event_id=event_id, now=now
            ),
        )

    def _renewed_by_source(
        self,
        request: TokenRequest,
        launcher: Launcher,
        source: VerifiedSource,
        run_id: str,
        *,
        now: float,
    ) -> _Given:
        run = self._known_run(source.tenant, run_id, source.subject, now=now)
        if run.launcher != launcher.id or request.agent not in {None, run.agent}:
            raise RunRefused
        self.registry.startable(launcher, run.agent)  # 4
        run = replace(  # 5
            run,
            subject=source.subject,
            source_expires_at=math.floor(source.expires_at),
            session=_session(source),
        )
        delegation = _from_person(run, source)
        return _Given(
            delegation=delegation,
            event=lambda claims, event_id: record.renewed(
                delegation, self.terms, claims, by_source=True, event_id=event_id, now=now
            ),
        )

    def _from_delegation(
        self, request: TokenRequest, launcher: Launcher, proof: Proof | None, *, now: float
    ) -> _Given:
        if request.prompt is not None or request.run_id is not None:
            raise TokenError("a delegation token has its run and its prompt already")
        token = request.unverified_subject_token
        with _refusals():
            caller = self.subjects.verify_subject(token, now=now, proof=proof)  # 3
        if caller.tenant != launcher.tenant or caller.actor is None or caller.run_id is None:
            raise SourceRefused
        if self.revocations.covers(Standing.of_caller(caller)):
            raise SourceRefused
        run = self._known_run(caller.tenant, caller.run_id, caller.subject, now=now)
        if run.prompt_digest != caller.prompt_digest:
            raise RunRefused
        chain = (caller.actor.sub, *caller.actor.via)
        if request.agent in {None, caller.actor.sub}:
            return self._renewed_by_token(launcher, caller, run, chain, now=now)
        return self._handed_on(launcher, caller, run, chain, request.agent or "", now=now)

    def _renewed_by_token(
        self, launcher: Launcher, caller: Caller, run: Run, chain: tuple[str, ...], *, now: float
    ) -> _Given:
        # One that was handed on ends with the token behind it; who handed on does so again.
        if len(chain) > 1 or run.launcher != launcher.id or caller.client_id != launcher.id:
            raise RunRefused
        self.registry.startable(launcher, chain[0])  # 4
        delegation = Delegation(
            run=run,
            chain=chain,
            groups=_shared_groups(caller, run),
            launcher=launcher.id,
            key_thumbprint=caller.key_thumbprint,
        )
        return _Given(
            delegation=delegation,
            event=lambda claims, event_id: record.renewed(
                delegation, self.terms, claims, by_source=False, event_id=event_id, now=now
            ),
        )

    def _handed_on(
        self,
        launcher: Launcher,
        caller: Caller,
        run: Run,
        chain: tuple[str, ...],
        name: str,
        *,
        now: float,
    ) -> _Given:
        agent = self.registry.startable(launcher, name)  # 4
        delegation = Delegation(
            run=run,
            chain=self.registry.handed_on(run.tenant, chain, agent),
            groups=_shared_groups(caller, run),
            launcher=launcher.id,
            last=caller.expires_at,
            key_thumbprint=caller.key_thumbprint,
        )
        return _Given(
            delegation=delegation,
            event=lambda claims, event_id: record.handed_on(
                delegation, self.terms, claims, event_id=event_id, now=now
            ),
        )

    def _source(self, request: TokenRequest, proof: Proof | None, *, now: float) -> VerifiedSource:
        token = request.unverified_subject_token
        with _refusals():
            if request.subject_token_type is not TokenType.SAML_CODE:
                source = self.sources.verify_source(token, now=now, proof=proof)
            else:
                key = None if proof is None else self.proofs.prove(proof, now=now)
                source = self.saml.take(token, request.code_verifier or "", now=now)
                source = replace(source, key_thumbprint=key)
        standing = Standing.of_source(source, ahead_seconds=self.provider_ahead_seconds)
        too_old = source.issued_at is not None and now - source.issued_at > LOGOUT_SECONDS
        if too_old or self.revocations.covers(standing):
            raise SourceRefused
        return source

    def _known_run(self, tenant: str, run_id: str, subject: Subject, *, now: float) -> Run:
        run = record.load(self.ledger, tenant, run_id)
        if run is None or (run.subject.issuer, run.subject.sub) != (subject.issuer, subject.sub):
            raise RunRefused
        if now >= run.ends_at or run.tokens >= MAX_TOKENS or self._is_revoked(run):
            raise RunRefused
        return run

    def _is_revoked(self, run: Run) -> bool:
        """Whether the run itself was ended, however fresh what it would go on with is."""
        return self.revocations.covers(Standing.of_run(run, (self.terms.issuer, run.agent)))

    def _give(self, given: _Given, *, now: float) -> JsonObject:
        """Steps 6 to 8."""
        delegation = given.delegation
        claims = delegation_claims(  # 6
            delegation, self.terms, token_id=self.ids.new("tok"), now=now
        )
        if claims is None:
            raise RunRefused("nothing is left of the time of what the token would rest on")
        token = self.signer.sign(claims)
        deadline = self.clock.monotonic() + self.ledger_timeout_seconds
        event = given.event(claims, self.ids.new("evt"))
        try:
            (recorded,) = self.ledger.append([event], deadline=deadline)  # 7
        except StateConflict as error:
            raise RunRefused("too many runs of this session are open") from error
        return {  # 8
            "access_token": token,
            "issued_token_type": TokenType.ACCESS_TOKEN.value,
            "token_type": "Bearer" if delegation.key_thumbprint is None else "DPoP",
            "expires_in": _seconds(claims),
            "run": delegation.run.id,
            "receipt": receipt_json(recorded.receipt),
        }


@contextmanager
def _refusals() -> Iterator[None]:
    """One answer for every subject token that is refused, and one for every proof."""
    try:
        yield
    except IdentityUnavailable:
        raise
    except InvalidProof as error:
        raise ProofRefused from error
    except IdentityError as error:
        raise SourceRefused from error


def _from_person(run: Run, source: VerifiedSource) -> Delegation:
    """What a person's own credential gives the agent that the run's launcher starts."""
    return Delegation(
        run=run,
        chain=(run.agent,),
        groups=source.subject.groups,
        launcher=run.launcher,
        key_thumbprint=source.key_thumbprint,
    )


def _session(source: VerifiedSource) -> str | None:
    return None if source.session is None else session_name(source.provider, source.session)


def _shared_groups(caller: Caller, run: Run) -> tuple[str, ...]:
    """A group that the provider has taken back since is in no later token."""
    return tuple(group for group in caller.subject.groups if group in run.subject.groups)


def _seconds(claims: dict[str, JsonValue]) -> int:
    issued_at, expires_at = claims["iat"], claims["exp"]
    assert isinstance(issued_at, int)  # noqa: S101 -- `delegation_claims` wrote both
    assert isinstance(expires_at, int)  # noqa: S101 -- see above
    return expires_at - issued_at
