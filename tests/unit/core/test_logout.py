"""A provider's logout ends sessions and people of its own, and of nobody else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from counterfoil.core.claims import IssuerEntry, VerifiedClaims
from counterfoil.core.logout import EVENT, VerifiedLogout, read_logout
from counterfoil.core.model import JsonValue
from counterfoil.core.revocation import By, Revocation, Standing
from counterfoil.core.sources import session_name
from counterfoil.errors import MissingClaim

NOW = 1_800_000_000
ENTRY = IssuerEntry(issuer="https://idp", audience="counterfoil")


def ended(entry: IssuerEntry = ENTRY, **claims: JsonValue) -> VerifiedLogout:
    said: dict[str, JsonValue] = {
        "iss": entry.issuer,
        "aud": entry.audience,
        "iat": NOW,
        "exp": NOW + 60,
        "jti": "a-logout",
        "events": {EVENT: {}},
        **claims,
    }
    return read_logout(VerifiedClaims(said), entry, now=NOW, leeway_seconds=0)


def ends(logout: VerifiedLogout, *, provider: str, session: str) -> bool:
    """Whether a token that rests on that provider's session is over."""
    assert logout.session is not None
    revocation = Revocation(
        id="rvk", tenant="default", by=By.SESSION, parts=(logout.session,), before=NOW
    )
    standing = Standing(
        tenant="default", subject=("ns", "alice"), session=session_name(provider, session)
    )
    return revocation.ends(standing)


def test_a_session_of_that_name_at_another_provider_of_the_tenant_goes_on() -> None:
    logout = ended(sid="shared")
    assert ends(logout, provider="https://idp", session="shared")
    assert not ends(logout, provider="https://other", session="shared")
    assert not ends(logout, provider="https://idp", session="another")


def test_a_person_is_ended_by_the_name_that_the_entry_calls_them() -> None:
    assert ended(sub="alice").subject == ("https://idp", "alice")
    shared = replace(ENTRY, subject_namespace="urn:acme:people")
    assert ended(shared, sub="alice").subject == ("urn:acme:people", "alice")


def test_a_sub_that_is_not_what_the_entry_calls_a_person_ends_nobody_of_that_name() -> None:
    mapped = replace(ENTRY, subject_path=("employee",))
    with pytest.raises(MissingClaim, match="not what the entry calls a person"):
        ended(mapped, sub="alice")
    assert ended(mapped, sub="alice", sid="s1").subject is None  # control: the session ends
