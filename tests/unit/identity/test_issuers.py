"""What proves a credential issuer, and what does not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from certificates import ClientCertificate
from counterfoil.config_model import CredentialIssuer
from counterfoil.core.issuing import Issuer
from counterfoil.errors import (
    CounterfoilError,
    IdentityUnavailable,
    IssuerRefused,
    MissingCredential,
)
from counterfoil.http.certificates import BY_PROXY
from counterfoil.http.issuers import credential_of
from counterfoil.identity.assertions import AssertionTerms
from counterfoil.identity.issuers import IssuerAuthenticator
from granting import URL
from ledgers import CLOCK
from redeeming import IssuerKey

SHOWN, TWICE = ClientCertificate.make("kube"), ClientCertificate.make("twice")
OVER = ClientCertificate.make(
    "over", begins=dt.datetime(2020, 1, 1, tzinfo=dt.UTC), lasts=dt.timedelta(days=1)
)
NOW = CLOCK.now()


class InMemory:
    """What a ledger remembers of spent names, for as long as a test lasts."""

    def __init__(self) -> None:
        self.names: set[tuple[str, ...]] = set()

    def spend(self, scope: Sequence[str], *, expires_at: float, deadline: float) -> bool:
        assert expires_at > NOW
        assert deadline
        fresh = tuple(scope) not in self.names
        self.names.add(tuple(scope))
        return fresh


def entry(name: str, folder: Path, shown: Sequence[ClientCertificate] = ()) -> CredentialIssuer:
    file = folder / f"{name}.pem"
    file.write_bytes(b"".join(one.pem for one in shown))
    return CredentialIssuer(
        name=name,
        tenant="acme",
        jwks_file=None if shown else folder / f"issuer-{name}.jwks.json",
        algorithms=("ES256",),
        certificate_file=file if shown else None,
        endpoint=None,
    )


@pytest.fixture
def pg(tmp_path: Path) -> IssuerKey:
    return IssuerKey.of(tmp_path, "pg")


@pytest.fixture
def issuers(tmp_path: Path, pg: IssuerKey) -> IssuerAuthenticator:
    IssuerKey.of(tmp_path, "other")
    entries = [
        *(entry(pg.name, tmp_path), entry("other", tmp_path)),
        *(entry("kube", tmp_path, [SHOWN, TWICE, OVER]), entry("kube2", tmp_path, [TWICE])),
    ]
    terms = AssertionTerms(
        audiences={URL}, spent=InMemory(), clock=CLOCK, leeway_seconds=60, timeout_seconds=1.0
    )
    return IssuerAuthenticator(entries, terms=terms)


def refused(
    issuers: IssuerAuthenticator, assertion: str | None, certificate: bytes | None = None
) -> type[CounterfoilError]:
    with pytest.raises(CounterfoilError) as refusal:
        issuers.authenticate(assertion, certificate=certificate, now=CLOCK.now())
    return type(refusal.value)


def test_an_assertion_proves_its_issuer_once(issuers: IssuerAuthenticator, pg: IssuerKey) -> None:
    assertion = pg.assertion()
    found = issuers.authenticate(assertion, certificate=None, now=CLOCK.now())
    assert found == Issuer(name="pg", tenant="acme")
    assert refused(issuers, assertion) is IssuerRefused
    assert issuers.authenticate(pg.assertion(), certificate=None, now=CLOCK.now()) == found


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "other", "sub": "other"},  # signed with a key that is not its own
        {"sub": "other"},
        {"iss": "stranger", "sub": "stranger"},
        {"aud": "https://other.example.com"},
        {"aud": [URL, "https://other.example.com"]},
        {"aud": None},
        {"exp": int(NOW) - 1},
        {"exp": int(NOW) + 100_000},
        {"exp": None},
        {"jti": None},
        {"jti": "x"},
        {"nbf": int(NOW) + 100_000},
    ],
    ids="-".join,
)
def test_no_other_assertion_proves_one(
    issuers: IssuerAuthenticator, pg: IssuerKey, claims: dict[str, Any]
) -> None:
    assert refused(issuers, pg.assertion(**claims)) is IssuerRefused
    assert refused(issuers, pg.assertion(**claims), SHOWN.der) is IssuerRefused
    issuers.authenticate(pg.assertion(), certificate=None, now=CLOCK.now())  # control


def test_a_registered_certificate_proves_its_issuer(issuers: IssuerAuthenticator) -> None:
    assert issuers.authenticate(None, certificate=SHOWN.der, now=CLOCK.now()).name == "kube"


@pytest.mark.parametrize(
    "certificate",
    [OVER.der, TWICE.der, b"", SHOWN.pem, ClientCertificate.make("kube", key=SHOWN.key).der],
    ids=["over", "of two", "empty", "pem", "reissued"],
)
def test_no_other_certificate_proves_one(issuers: IssuerAuthenticator, certificate: bytes) -> None:
    assert refused(issuers, None, certificate) is IssuerRefused


def test_nothing_proves_nobody(issuers: IssuerAuthenticator, tmp_path: Path) -> None:
    assert refused(issuers, None) is MissingCredential
    (tmp_path / "kube.pem").unlink()
    assert refused(issuers, None, SHOWN.der) is IdentityUnavailable


def test_a_certificate_counts_by_the_proxys_door_alone() -> None:
    told = {"HTTP_CLIENT_CERT": SHOWN.header}
    assert credential_of({**told, BY_PROXY: True}) == (None, SHOWN.der)
    assert credential_of(told) == (None, None)
    for environ in (
        {"HTTP_CLIENT_CERT": f"{SHOWN.header},{SHOWN.header}", BY_PROXY: True},
        {"HTTP_AUTHORIZATION": "Basic cGc6"},
        {"HTTP_AUTHORIZATION": "DPoP a.b.c"},
        {"HTTP_AUTHORIZATION": "Bearer a.b.c, Bearer d.e.f"},
    ):
        with pytest.raises(IssuerRefused):
            credential_of(environ)
