"""Grants for tests: decided ones in a real ledger, and issuers that redeem, report and follow.

`Desk` builds the flows as `app_issuers.py` does, over a client of a started ledger; its issuers
sign with real keys.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from counterfoil.config_model import CredentialIssuer
from counterfoil.core.credential import credential_name
from counterfoil.core.issuing import IssuerRequestReader
from counterfoil.core.model import Caller, Grant, JsonObject
from counterfoil.core.revocation import ORDERS, By, Revocation
from counterfoil.errors import CounterfoilError
from counterfoil.flows.grant_feed import GrantFeedFlow
from counterfoil.flows.grant_steps import grant_of, outcome_step
from counterfoil.flows.issued import IssuedFlow
from counterfoil.flows.redeem import RedeemFlow
from counterfoil.flows.revocation import plain_of
from counterfoil.identity.assertions import AssertionTerms
from counterfoil.identity.issuers import IssuerAuthenticator
from counterfoil.identity.signing import Es256Signer
from counterfoil.keys import ISSUER_KEY_FILE, ensure_issuer_key, load_es256_key
from counterfoil.ledger.client import LedgerClient
from counterfoil.system import RandomIds
from granting import URL, caller, granted
from ledgers import CLOCK, Ledger, event, new_id, soon
from main_path import ShiftedClock
from simulators.hostile_session import SCHEMAS


@dataclass(frozen=True)
class IssuerKey:
    """A registered issuer's key: what it signs to say who it is."""

    name: str
    signer: Es256Signer

    @classmethod
    def of(cls, folder: Path, name: str) -> IssuerKey:
        """The key of that name in a keys folder, made unless it is there."""
        ensure_issuer_key(folder, name)
        key = load_es256_key(folder / ISSUER_KEY_FILE.format(name))
        return cls(name, Es256Signer(key, typ="jwt"))

    def assertion(self, audience: str = URL, *, shifted: float = 0.0, **claims: Any) -> str:
        """A fresh assertion; `claims` replace or add, None removes."""
        now = int(CLOCK.now() + shifted)
        whole = {
            "iss": self.name,
            "sub": self.name,
            "aud": audience,
            "iat": now,
            "exp": now + 60,
            "jti": secrets.token_hex(13),
            **claims,
        }
        return self.signer.sign({name: v for name, v in whole.items() if v is not None})


@dataclass
class Desk:
    """The issuers' paths over one ledger, with the issuers `pg` and `kube`, and a foreign one."""

    ledger: Ledger
    client: LedgerClient = field(init=False)
    keys: dict[str, IssuerKey] = field(init=False)

    def __post_init__(self) -> None:
        self.client = self.ledger.client()
        self.keys = {n: IssuerKey.of(self.ledger.keys, n) for n in ("pg", "kube", "foreign")}

    def issuers(self, **changes: Any) -> IssuerAuthenticator:
        """Who they are; `foreign` is another tenant's."""
        entries = [
            CredentialIssuer(
                name=name,
                tenant="globex" if name == "foreign" else "default",
                jwks_file=self.ledger.keys / f"issuer-{name}.jwks.json",
                algorithms=("ES256",),
                certificate_file=None,
                endpoint=None,
            )
            for name in self.keys
        ]
        terms = AssertionTerms(
            audiences={URL},
            spent=self.client,
            clock=CLOCK,
            leeway_seconds=60,
            timeout_seconds=20.0,
        )
        return IssuerAuthenticator(entries, terms=replace(terms, **changes))

    def parts(self, client: LedgerClient, shifted: float) -> dict[str, Any]:
        """What all flows have in common."""
        return {
            "clock": ShiftedClock(shifted),
            "issuers": self.issuers(),
            "ledger": client,
        }

    def redeem(
        self,
        grant: Grant,
        by: str = "pg",
        *,
        shifted: float = 0.0,
        client: LedgerClient | None = None,
        ledger: Any = None,
        timeout: float = 20.0,
        assertion: str | None = None,
        jti: str | None = None,
        **body: str,
    ) -> JsonObject:
        """Redeem as `by`; `body` replaces members. Raises what the flow raises."""
        client = client or self.client
        flow = RedeemFlow(
            **{**self.parts(client, shifted), "ledger": ledger or client},
            ids=RandomIds(),
            read=reader().read_redeem,
            states=client.states,
            revocations=client.revocations,
            ledger_timeout_seconds=timeout,
        )
        sent = {
            "action_digest": grant.claims["action_digest"],
            "credential": credential_name(grant.jti),
            **body,
        }
        answer = flow.run(
            jti=jti or grant.jti,
            body=json.dumps(sent).encode(),
            unverified_assertion=assertion or self.keys[by].assertion(shifted=shifted),
            certificate=None,
        )
        SCHEMAS.validator("grant_redeemed")(answer)
        return answer

    def report(self, grant: Grant, by: str = "pg", **members: Any) -> JsonObject:
        """Report `issued`, or what `members` say."""
        flow = IssuedFlow(
            **self.parts(self.client, 0.0),
            ids=RandomIds(),
            read=reader().read_report,
            ledger_timeout_seconds=20.0,
        )
        decision = str(members.pop("decision_id", grant.claims["txn"]))
        sent = {
            "jti": grant.jti,
            "credential": credential_name(grant.jti),
            "status": "issued",
            **members,
        }
        answer = flow.run(
            decision_id=decision,
            body=json.dumps(sent).encode(),
            unverified_assertion=self.keys[by].assertion(),
            certificate=None,
        )
        SCHEMAS.validator("credential_recorded")(answer)
        return answer

    def feed(
        self, *, shifted: float = 0.0, client: LedgerClient | None = None, **changes: Any
    ) -> GrantFeedFlow:
        """The flow of a worker that has just started; `changes` replace parts."""
        client = client or self.ledger.client()
        parts = {
            **self.parts(client, shifted),
            "states": client.states,
            "open_states": client.states,
            "revocations": client.revocations,
            "look_for_erasures": client.erasures.look,
            "ledger_name": client.name,
        }
        flow = GrantFeedFlow(**{**parts, **changes})
        client.erasures.listeners.append(flow.remembered.forget)
        return flow

    def ask_feed(
        self,
        flow: GrantFeedFlow,
        by: str = "pg",
        *,
        after: str | None = None,
        wait: int = 0,
        shifted: float = 0.0,
    ) -> Any:
        """Ask that worker what has happened to the grants of `by`."""
        answer = flow.run(
            unverified_after=after,
            wait_seconds=wait,
            unverified_assertion=self.keys[by].assertion(shifted=shifted),
            certificate=None,
        )
        SCHEMAS.validator("grant_events")(answer)
        return answer

    def events(self, by: str = "pg", *, shifted: float = 0.0, **more: Any) -> Any:
        """Ask a worker that has just started, and ends with that."""
        client = self.ledger.client()
        try:
            flow = self.feed(shifted=shifted, client=client)
            return self.ask_feed(flow, by, shifted=shifted, **more)
        finally:
            client.close()

    def granted(self, of: Caller | None = None, **more: Any) -> Grant:
        """A recorded allow."""
        decided, grant = granted(of or caller(), **more)
        self.client.append([decided], deadline=soon())
        return grant

    def finish(self, grant: Grant, tenant: str = "default") -> None:
        """The agent's outcome, as `flows/outcome.py` records it."""
        decision = str(grant.claims["txn"])
        step = outcome_step(grant_of(self.client, tenant, decision), now=CLOCK.now())
        told = event(kind="outcome", decision_id=decision, plain={"status": "ok"}, change=step)
        self.client.append([told], deadline=soon())

    def revoke(self, by: By, *parts: str, before: float | None = None) -> None:
        """An administrator's revocation, as `flows/revocation.py` records it."""
        named = Revocation(
            id=new_id("rvk"),
            tenant="default",
            by=by,
            parts=parts,
            before=CLOCK.now() if before is None else before,
        )
        plain = plain_of(named, self.client.revocations)
        told = event(kind="revoked", decision_id=ORDERS, plain=plain, payload={})
        self.client.append([told], deadline=soon())

    def kinds(self, grant: Grant, tenant: str = "default") -> list[str]:
        """The grant's trail."""
        return [e.kind for e in self.client.trail(tenant, str(grant.claims["txn"]))]


def reader() -> IssuerRequestReader:
    """The published shapes."""
    return IssuerRequestReader(
        max_bytes=65_536,
        validate_redeem=SCHEMAS.validator("grant_redeem"),
        validate_report=SCHEMAS.validator("credential_report"),
    )


def refusal(wanted: type[CounterfoilError], attempt: Any, *args: Any, **more: Any) -> str:
    """The code of a refusal of exactly this kind."""
    with pytest.raises(CounterfoilError) as refused:
        attempt(*args, **more)
    assert type(refused.value) is wanted, refused.value
    return refused.value.code
