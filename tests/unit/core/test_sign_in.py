"""An ID token ends a sign-in at the console only if it is that sign-in's, for the console."""

from __future__ import annotations

from typing import Any

import pytest

from counterfoil.core.claims import IssuerEntry, VerifiedClaims
from counterfoil.core.sign_in import read_sign_in
from counterfoil.core.sources import VerifiedSource
from counterfoil.errors import IdentityError
from simulators.idp import ISSUER, NOW

ENTRY = IssuerEntry(issuer=ISSUER, audience="counterfoil", clients=frozenset({"counterfoil-login"}))
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "sub": "bob",
    "aud": "the-console",
    "exp": int(NOW) + 300,
    "iat": int(NOW),
    "nonce": "n-1",
    "groups": ["database-admins"],
}


def read(nonce: str = "n-1", **changes: Any) -> VerifiedSource:
    claims = {name: it for name, it in {**CLAIMS, **changes}.items() if it is not None}
    return read_sign_in(
        VerifiedClaims(claims),
        ENTRY,
        client_id="the-console",
        nonce=nonce,
        now=NOW,
        leeway_seconds=60,
    )


def test_the_consoles_own_id_token_says_who_signed_in() -> None:
    source = read()
    assert (source.subject.sub, source.subject.groups) == ("bob", ("database-admins",))
    assert read(aud=["the-console", "x"], azp="the-console").subject == source.subject
    assert read(azp="the-console").subject == source.subject


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "counterfoil"},  # an access token for the service
        {"aud": "counterfoil-login"},  # the launchers' client
        {"aud": ["the-console", "x"]},  # for whom, nobody says
        {"aud": ["the-console", "x"], "azp": "x"},
        {"azp": "counterfoil-login"},
        {"aud": None},
        {"nonce": None},
        {"nonce": "n-2"},
        {"nonce": ["n-1"]},
        {"exp": int(NOW)},
        {"iat": int(NOW) + 120},
        {"act": {"sub": "coder"}},
        {"events": {}},
        {"sub": None},
        {"iss": "https://other.example"},
    ],
)
def test_another_token_signs_nobody_in(changes: dict[str, Any]) -> None:
    assert read().tenant == "default"
    with pytest.raises(IdentityError):
        read(**changes)


def test_no_nonce_is_no_nonce_of_ours() -> None:
    claims = VerifiedClaims({**CLAIMS, "nonce": ""})
    with pytest.raises(IdentityError):
        read_sign_in(claims, ENTRY, client_id="the-console", nonce="", now=NOW, leeway_seconds=60)
