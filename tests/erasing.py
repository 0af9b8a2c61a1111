"""Erasures and legal holds for tests, as the flows ask the ledger for them."""

from __future__ import annotations

from typing import Any

from counterfoil.core.privacy import ERASED, ERASURES, HELD, HOLD, HOLDS, RELEASED
from counterfoil.flows.holds import FOR_EVER, hold_name, names_over
from counterfoil.ledger.client import LedgerClient
from counterfoil.ports import Change, Event, Recorded
from counterfoil.ports_privacy import Person
from ledgers import ALICE, event, new_id, soon

ROOT = ("https://idp.example.test", "root")


def person(subject: tuple[str, str] = ALICE, tenant: str = "default") -> Person:
    return Person(tenant=tenant, issuer=subject[0], sub=subject[1])


def erasure(key: str, **changes: Any) -> Event:
    """The event that root's erasure of a data key leaves."""
    made: dict[str, Any] = {
        "kind": ERASED,
        "subject": ROOT,
        "decision_id": ERASURES,
        "plain": {"key": key},
        "payload": {"reason": b'{"reason":"a request"}'},
    }
    return event(**{**made, **changes})


def erase(client: LedgerClient, whom: tuple[str, str] = ALICE, **changes: Any) -> Recorded | None:
    """Erase a person as `ErasureFlow` does; None where nothing is there."""
    key = client.privacy.key_of(person(whom))
    made = erasure(key or "x" * 22, **changes)
    names = names_over("default", whom)
    return client.privacy.erase(person(whom), made, names, deadline=soon())


def hold(key: str, about: str | None, whom: tuple[str, str] | None = ALICE) -> Event:
    """The event that sets a hold."""
    return _hold(HELD, key, whom, plain={"hold": key, "about": about})


def release(key: str, whom: tuple[str, str] | None = ALICE) -> Event:
    """The event that releases it."""
    return _hold(RELEASED, key, whom, plain={"hold": key})


def _hold(kind: str, key: str, whom: tuple[str, str] | None, plain: dict[str, Any]) -> Event:
    setting = kind == HELD
    name = hold_name("default", whom)
    change = Change(
        kind=HOLD,
        key=key,
        expect_version=None if setting else 1,
        state="set" if setting else "released",
        open=setting,
        name=name,
        owner=name,
        expires_at=FOR_EVER,
        most_open=100,
    )
    return event(kind=kind, subject=ROOT, decision_id=HOLDS, plain=plain, payload={}, change=change)


def new_hold() -> str:
    return new_id("hld")
