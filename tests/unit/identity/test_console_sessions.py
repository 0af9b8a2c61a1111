"""A console session is this service's own, in time, and never anything else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from counterfoil.core.claims import RoleEntry
from counterfoil.core.console_session import ConsoleSession, session_bytes, session_of
from counterfoil.core.model import Subject
from counterfoil.core.revocation import By, Standing
from counterfoil.core.sources import VerifiedSource, session_name
from counterfoil.errors import (
    ExpiredCredential,
    InvalidProof,
    InvalidSignature,
    MissingCredential,
    SessionTooLarge,
)
from counterfoil.identity.console_sessions import ConsoleSessions
from counterfoil.ports import Proof
from simulators.idp import ISSUER, NOW, Idp

KEY, CHANGE_KEY = b"k" * 32, b"c" * 32
ROLES = (
    RoleEntry(
        name="auditor",
        tenant="default",
        issuers=frozenset({ISSUER}),
        groups=frozenset({"compliance"}),
    ),
)
IDLE, LONG = 900.0, 3_600.0


def source(**changes: object) -> VerifiedSource:
    whole = VerifiedSource(
        tenant="default",
        provider=ISSUER,
        subject=Subject(issuer=ISSUER, sub="carol", groups=("compliance",)),
        expires_at=NOW + 300,
        session="sid-1",
        issued_at=NOW,
    )
    return replace(whole, **changes)  # type: ignore[arg-type]  # the fields' own types differ


def session(**changes: object) -> ConsoleSession:
    return session_of(
        source(**changes), session_id="ses_" + "0" * 26, seconds=LONG, ahead_seconds=60.0, now=NOW
    )


@pytest.fixture
def sessions() -> ConsoleSessions:
    return ConsoleSessions(KEY, CHANGE_KEY, ROLES, idle_seconds=IDLE)


def test_a_session_says_who_signed_in_and_what_may_end_it(sessions: ConsoleSessions) -> None:
    caller = sessions.verify(sessions.seal(session()), now=NOW + 1)
    assert (caller.subject.sub, caller.subject.groups) == ("carol", ("compliance",))
    assert (caller.actor, caller.run_id, caller.roles) == (None, None, frozenset({"auditor"}))
    names = set(Standing.of_caller(caller).names())
    for by, parts in (
        (By.SUBJECT, (ISSUER, "carol")),
        (By.SESSION, (session_name(ISSUER, "sid-1"),)),
        (By.TOKEN, ("ses_" + "0" * 26,)),
        (By.EVERYTHING, ()),
    ):
        assert (by, parts) in names
    assert caller.issued_at == NOW - 60  # the provider's clock may be ahead
    assert caller.signed_in_at == NOW


def test_a_password_of_this_morning_is_no_sign_in_of_now(sessions: ConsoleSessions) -> None:
    """The provider knew the browser: what counts is when the person proved who they are."""
    old = session(authenticated_at=NOW - 30_000)
    assert sessions.verify(sessions.seal(old), now=NOW).signed_in_at == NOW - 30_000
    ahead = session(authenticated_at=NOW + 500)  # nobody gets a token before signing in
    assert sessions.verify(sessions.seal(ahead), now=NOW).signed_in_at == NOW
    unsaid = session(issued_at=None)
    assert sessions.verify(sessions.seal(unsaid), now=NOW).signed_in_at is None


@pytest.mark.parametrize(
    ("provider", "tenant", "groups"),
    [("https://other.example", "default", ("compliance",)), (ISSUER, "acme", ("compliance",)), (ISSUER, "default", ("Compliance",))],
)  # fmt: skip
def test_a_role_is_held_by_the_issuers_own_word_in_its_tenant_alone(
    sessions: ConsoleSessions, provider: str, tenant: str, groups: tuple[str, ...]
) -> None:
    subject = Subject(issuer=ISSUER, sub="carol", groups=groups)
    other = session(provider=provider, tenant=tenant, subject=subject)
    assert sessions.verify(sessions.seal(other), now=NOW).roles == frozenset()


def test_a_session_that_nobody_uses_ends(sessions: ConsoleSessions) -> None:
    cookie = sessions.seal(session())
    assert sessions.verify(cookie, now=NOW + IDLE - 1).subject.sub == "carol"
    with pytest.raises(ExpiredCredential):
        sessions.verify(cookie, now=NOW + IDLE)


def test_a_session_that_is_used_ends_too_so_groups_are_never_older(
    sessions: ConsoleSessions,
) -> None:
    used = replace(session(), seen_at=NOW + LONG - 5)
    assert sessions.verify(sessions.seal(used), now=NOW + LONG - 1).subject.sub == "carol"
    with pytest.raises(ExpiredCredential):
        sessions.verify(sessions.seal(used), now=NOW + LONG)


def test_no_bit_of_a_session_can_be_changed(sessions: ConsoleSessions) -> None:
    cookie = sessions.seal(session())
    for index in range(0, len(cookie) - 1, 7):  # the last character may hold unused bits
        letter = "A" if cookie[index] != "A" else "B"
        with pytest.raises(InvalidSignature):
            sessions.verify(cookie[:index] + letter + cookie[index + 1 :], now=NOW)


def test_a_session_of_another_service_opens_nothing(sessions: ConsoleSessions) -> None:
    other = ConsoleSessions(b"o" * 32, CHANGE_KEY, ROLES, idle_seconds=IDLE)
    with pytest.raises(InvalidSignature):
        sessions.verify(other.seal(session()), now=NOW)


def test_a_sign_in_on_its_way_is_no_session_nor_the_reverse(sessions: ConsoleSessions) -> None:
    with pytest.raises(InvalidSignature):
        sessions.verify(sessions.seal_pending(session_bytes(session())), now=NOW)
    with pytest.raises(InvalidSignature):
        sessions.open_pending(sessions.seal(session()))


@pytest.mark.parametrize("change", [{"later": 1}, {"subject": {}}, {"tenant": None}])
def test_a_session_of_another_release_is_no_failure_but_none(
    sessions: ConsoleSessions, change: dict[str, Any]
) -> None:
    value = json.loads(session_bytes(session())) | change
    if value["tenant"] is None:
        del value["tenant"]
    cookie = sessions._sealed(json.dumps(value).encode(), b"counterfoil/console-session/v1")
    with pytest.raises(InvalidSignature):
        sessions.verify(cookie, now=NOW)
    whole = json.dumps(json.loads(session_bytes(session()))).encode()
    cookie = sessions._sealed(whole, b"counterfoil/console-session/v1")
    assert sessions.verify(cookie, now=NOW).subject.sub == "carol"  # control


def test_an_agents_token_never_opens_the_console(sessions: ConsoleSessions, tmp_path: Path) -> None:
    token = Idp(tmp_path).token(act={"sub": "coder"})
    for unverified in (token, token.split(".")[1], "Bearer " + token, "é", "=", "A"):
        with pytest.raises(InvalidSignature):
            sessions.verify(unverified, now=NOW)
    with pytest.raises(MissingCredential):
        sessions.verify("", now=NOW)
    proof = Proof(unverified_jwt="a.b.c", method="GET", url="/console")
    with pytest.raises(InvalidProof):
        sessions.verify(sessions.seal(session()), now=NOW, proof=proof)


def test_two_hundred_groups_fit_and_more_are_said_not_cut(sessions: ConsoleSessions) -> None:
    def people(count: int, name: str) -> ConsoleSession:
        groups = tuple(f"{name}-{number:03d}-{number * 7919:08x}" for number in range(count))
        return session(subject=Subject(issuer=ISSUER, sub="carol", groups=groups))

    caller = sessions.verify(sessions.seal(people(200, "team")), now=NOW)
    assert len(caller.subject.groups) == 200
    with pytest.raises(SessionTooLarge):
        sessions.seal(people(2_000, "team"))


def test_the_token_of_a_change_is_the_sessions_own(sessions: ConsoleSessions) -> None:
    other = ConsoleSessions(KEY, b"x" * 32, ROLES, idle_seconds=IDLE)
    tokens = {sessions.change_token("ses_a"), sessions.change_token("ses_b")}
    assert len(tokens | {other.change_token("ses_a")}) == 3
    assert sessions.change_token("ses_a") in tokens
