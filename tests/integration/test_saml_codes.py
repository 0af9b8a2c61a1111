"""The codes of SAML logins, over a real ledger: single use, bound to a verifier, short-lived."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from counterfoil.core.canonical import digest
from counterfoil.core.model import Subject
from counterfoil.core.sources import VerifiedSource, source_bytes, stored_source
from counterfoil.errors import LedgerUnavailable, SamlCodeRefused
from counterfoil.flows.saml_codes import CODE_SECONDS, LedgerSamlCodes
from counterfoil.ledger.client import LedgerClient
from counterfoil.system import RandomIds
from ledgers import CLOCK, Ledger, running_ledger

IDP = "https://idp.example.test/saml"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk.more~than-43"
SOURCE = VerifiedSource(
    tenant="default",
    provider=IDP,
    subject=Subject(issuer=IDP, sub="alice@example.test", groups=("developers", "on call")),
    expires_at=float(int(CLOCK.now())) + 3600.5,
    authenticated_at=float(int(CLOCK.now())),
    session="_session",
    source_id="_assertion",
)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with running_ledger(tmp_path) as started:
        yield started


def codes_over(client: LedgerClient) -> LedgerSamlCodes:
    return LedgerSamlCodes(
        clock=CLOCK,
        ids=RandomIds(),
        ledger=client,
        answers=client,
        random=secrets.token_bytes,
        ledger_timeout_seconds=20.0,
    )


def keep(codes: LedgerSamlCodes, now: float | None = None, verifier: str = VERIFIER) -> str:
    challenge = digest(verifier.encode())
    return codes.keep(SOURCE, code_challenge=challenge, now=CLOCK.now() if now is None else now)


def test_a_code_gives_the_login_once_on_every_worker(ledger: Ledger) -> None:
    one, two = codes_over(ledger.client()), codes_over(ledger.client())
    code = keep(one)
    assert two.take(code, VERIFIER, now=CLOCK.now()) == SOURCE
    for codes in (one, two):
        with pytest.raises(SamlCodeRefused):
            codes.take(code, VERIFIER, now=CLOCK.now())


def test_a_spent_code_stays_spent_after_a_kill_and_an_unspent_one_is_good(ledger: Ledger) -> None:
    codes = codes_over(ledger.client())
    spent, unspent = keep(codes), keep(codes)
    codes.take(spent, VERIFIER, now=CLOCK.now())
    ledger.kill()
    ledger.start()
    codes = codes_over(ledger.client())
    with pytest.raises(SamlCodeRefused):
        codes.take(spent, VERIFIER, now=CLOCK.now())
    assert codes.take(unspent, VERIFIER, now=CLOCK.now()) == SOURCE  # control


def test_of_many_takers_one_wins(ledger: Ledger) -> None:
    takers = [codes_over(ledger.client()) for _ in range(8)]
    code = keep(takers[0])

    def attempt(codes: LedgerSamlCodes) -> bool:
        try:
            return codes.take(code, VERIFIER, now=CLOCK.now()) == SOURCE
        except SamlCodeRefused:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, takers)) == 1


@pytest.mark.parametrize(
    "verifier",
    ["", "short", VERIFIER[:-1], VERIFIER + "A", VERIFIER.swapcase(), "x" * 129, VERIFIER + "\n"],
)
def test_another_verifier_gets_nothing_and_leaves_the_code_to_its_owner(
    ledger: Ledger, verifier: str
) -> None:
    codes = codes_over(ledger.client())
    code = keep(codes)
    with pytest.raises(SamlCodeRefused):
        codes.take(code, verifier, now=CLOCK.now())
    assert codes.take(code, VERIFIER, now=CLOCK.now()) == SOURCE  # control


def test_the_challenge_is_no_verifier(ledger: Ledger) -> None:
    codes = codes_over(ledger.client())
    code = keep(codes)
    with pytest.raises(SamlCodeRefused):
        codes.take(code, digest(VERIFIER.encode()), now=CLOCK.now())
    assert codes.take(code, VERIFIER, now=CLOCK.now()) == SOURCE  # control


@pytest.mark.parametrize("code", ["", "x", "A" * 43, "A" * 44, "../" * 14 + "A", "\0" * 43])
def test_an_unknown_code_gets_nothing(ledger: Ledger, code: str) -> None:
    with pytest.raises(SamlCodeRefused):
        codes_over(ledger.client()).take(code, VERIFIER, now=CLOCK.now())


def test_a_code_ends_after_its_seconds(ledger: Ledger) -> None:
    codes = codes_over(ledger.client())
    old = keep(codes, now=CLOCK.now() - CODE_SECONDS)
    with pytest.raises(SamlCodeRefused):
        codes.take(old, VERIFIER, now=CLOCK.now())
    fresh = keep(codes, now=CLOCK.now() - CODE_SECONDS + 30)
    assert codes.take(fresh, VERIFIER, now=CLOCK.now()) == SOURCE  # control


def test_a_code_does_not_outlive_its_source(ledger: Ledger) -> None:
    codes = codes_over(ledger.client())
    code = keep(codes)
    with pytest.raises(SamlCodeRefused):
        codes.take(code, VERIFIER, now=SOURCE.expires_at)


def test_without_a_record_there_is_no_code(ledger: Ledger) -> None:
    codes = replace(codes_over(ledger.client()), ledger_timeout_seconds=1.0)
    ledger.stop()
    with pytest.raises(LedgerUnavailable):
        keep(codes)


def test_the_login_is_recorded_and_no_file_holds_code_verifier_or_person(ledger: Ledger) -> None:
    client = ledger.client()
    codes = codes_over(client)
    code = keep(codes)
    (event,) = client._reader.events("default", "login")
    assert json.loads(event.payload["source"])["source_id"] == "_assertion"
    assert event.plain["protocol"] == "saml"
    client.close()
    ledger.stop()
    challenge = digest(VERIFIER.encode())
    for path in ledger.folder.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        for word in (code, VERIFIER, challenge, "alice@example.test", "_assertion", "on call"):
            assert word.encode() not in data, path


def test_a_stored_source_comes_back_as_it_was() -> None:
    assert stored_source(source_bytes(SOURCE)) == SOURCE
    bare = VerifiedSource(
        tenant="t", provider="p", subject=Subject(issuer="i", sub="ü\u2028😀"), expires_at=1.0
    )
    assert stored_source(source_bytes(bare)) == bare
