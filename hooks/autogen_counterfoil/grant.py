"""How the grant reaches a tool: `current_grant()`, never a parameter the model could forge."""

from __future__ import annotations

import asyncio
import ssl
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import cast

from autogen_counterfoil.canonical import JsonObject, action_digest, parsed
from autogen_counterfoil.credentials import DelegationToken, unverified_payload
from autogen_counterfoil.errors import (
    AnswerNotTrustedError,
    CredentialError,
    CredentialNotIssuedError,
)
from autogen_counterfoil.issued import Credential, Held
from autogen_counterfoil.wire import Action, Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What one allowed call may do. Made for this call alone and single use."""

    decision_id: str
    action_digest: str
    permissions: tuple[JsonObject, ...]
    ambient: tuple[JsonObject, ...] = ()
    scoped_token_request: JsonObject | None = field(default=None, repr=False)
    session: JsonObject | None = None
    """`execute.session`: search_path and the like, for a tool that declares to honour it."""
    max_rows: int | None = None
    """How many rows the tool may give at most; a tool that `Guard(honours=…)` names holds to it."""
    held: Held | None = field(default=None, repr=False, compare=False)

    def credential(self) -> Credential:
        """Return the credential for exactly these permissions; the first time it is fetched.

        For this call alone: once the tool has returned, it is gone. Blocks until the issuer has
        answered; in a coroutine use `credential_async`.

        Raises:
            CredentialNotIssuedError: there is none; the tool should fail with it.
        """
        if self.held is None:
            raise CredentialNotIssuedError("the decision has no scoped token request")
        return self.held.get()

    async def credential_async(self) -> Credential:
        """As `credential`, without holding up the event loop."""
        return await asyncio.to_thread(self.credential)

    def end(self) -> None:
        """The call is over, and with it the credential."""
        if self.held is not None:
            self.held.end()

    def leaks(self, text: str) -> bool:
        """Whether a text holds a secret of the credential."""
        return self.held is not None and self.held.leaks(text)


_CURRENT: ContextVar[Grant | None] = ContextVar("counterfoil_grant", default=None)


def current_grant() -> Grant | None:
    """Return the grant of the tool call that is running, or None outside of one.

    None as well where observe mode runs a call that was not allowed.
    """
    return _CURRENT.get()


def bind_grant(grant: Grant | None) -> None:
    """Set the grant of the current context; only the execution of a call does this."""
    _CURRENT.set(grant)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuers:
    """How issuers are reached."""

    tls: ssl.SSLContext | None = None
    insecure_http: bool = False


def grant_of(answer: Answer, token: DelegationToken, issuers: Issuers) -> Grant:
    """The grant of an allow; its credential is bound to the key of the token, if it has one."""
    return Grant(
        decision_id=answer.decision_id,
        action_digest=answer.action_digest,
        permissions=answer.permissions,
        ambient=answer.ambient,
        scoped_token_request=answer.scoped_token_request,
        session=answer.session,
        max_rows=answer.max_rows,
        held=_held(answer, token, issuers),
    )


def _held(answer: Answer, token: DelegationToken, issuers: Issuers) -> Held | None:
    request = answer.scoped_token_request
    if request is None:
        return None
    endpoint = request.get("credential_endpoint")
    return Held(
        endpoint=endpoint if isinstance(endpoint, str) else None,
        signed_request=str(request.get("signed_request")),
        permissions=answer.permissions,
        key=token.key,
        tls=issuers.tls,
        insecure_http=issuers.insecure_http,
    )


def hold_to_action(answer: Answer, action: Action, token: DelegationToken, runs: bytes) -> None:
    """Check that an answer is for this action of this person and agent.

    The signature is for issuers to verify. What the hook can see, it compares: a proxy or a
    service that mixed up two calls must not have one run under the other's decision.

    Raises:
        AnswerNotTrustedError: it is another's.
    """
    if answer.judged is None:
        raise AnswerNotTrustedError("it does not say what was judged")
    _hold_to_judged(answer.judged, answer, action, token, runs)
    request = answer.scoped_token_request
    if request is None:
        return
    if request.get("decision_id", answer.decision_id) != answer.decision_id:
        raise AnswerNotTrustedError("its scoped token request is of another decision")
    try:
        claims = unverified_payload(str(request.get("signed_request")))
    except CredentialError as error:
        raise AnswerNotTrustedError("its signed request cannot be read") from error
    expected = {
        "txn": answer.decision_id,
        "action_digest": answer.action_digest,
        "sub": token.unverified_claims.get("sub"),
    }
    if any(claims.get(name) != value for name, value in expected.items()):
        raise AnswerNotTrustedError("its signed request is for another action or person")
    if _sub(claims, "act") != _sub(token.unverified_claims, "act"):
        raise AnswerNotTrustedError("its signed request is for another agent")


def _hold_to_judged(
    judged: JsonObject, answer: Answer, action: Action, token: DelegationToken, runs: bytes
) -> None:
    named = cast("JsonObject", judged.get("action") or {}).get("name")
    if (
        named != action.name
        or _sub(judged, "subject") != token.unverified_claims.get("sub")
        or _sub(judged, "actor") != _sub(token.unverified_claims, "act")
    ):
        raise AnswerNotTrustedError("it was given for another action, person or agent")
    if action_digest(judged, parsed(runs)) != answer.action_digest:
        raise AnswerNotTrustedError("its digest is not of the arguments that would run")


def _sub(claims: JsonObject, name: str) -> object:
    party = claims.get(name)
    return party.get("sub") if isinstance(party, dict) else None
