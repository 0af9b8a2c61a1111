"""What a provider's own token vouches for, as `POST /token` gets it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from counterfoil.config import load_config
from counterfoil.core.model import Subject
from counterfoil.core.sources import VerifiedSource
from counterfoil.errors import (
    ConfigError,
    ExpiredCredential,
    IdentityError,
    InvalidProof,
    InvalidSignature,
    MissingClaim,
    MissingCredential,
    WrongAudience,
)
from counterfoil.identity.credentials import Verifier
from simulators.idp import ISSUER, NOW, Idp

LOGIN = 'login_client_id = "counterfoil-login"\n'
PEOPLE = "urn:example:people"


@pytest.fixture
def idp(tmp_path: Path) -> Idp:
    return Idp(tmp_path)


def source(idp: Idp, token: str, extra: str = LOGIN) -> VerifiedSource:
    return Verifier(idp.config(extra)).verify_source(token, now=NOW)


def test_access_token_names_its_person(idp: Idp) -> None:
    token = idp.token(jti="tok_1", sid="s_1", auth_time=int(NOW) - 5)
    assert source(idp, token) == VerifiedSource(
        tenant="default",
        provider=ISSUER,
        subject=Subject(issuer=ISSUER, sub="alice", groups=("developers",)),
        expires_at=NOW + 600,
        authenticated_at=NOW - 5,
        session="s_1",
        source_id="tok_1",
        issued_at=NOW,
    )


ID_TOKENS: dict[str, dict[str, Any]] = {
    "alone": {"aud": "counterfoil-login"},
    "alone-in-a-list": {"aud": ["counterfoil-login"]},
    "alone-with-azp": {"aud": "counterfoil-login", "azp": "counterfoil-login"},
    "several-with-azp": {"aud": ["counterfoil-login", "other"], "azp": "counterfoil-login"},
}


@pytest.mark.parametrize("kind", ID_TOKENS)
def test_id_token_of_the_login_client_is_a_source_and_no_credential(idp: Idp, kind: str) -> None:
    token = idp.token(**ID_TOKENS[kind])
    assert source(idp, token).subject.sub == "alice"
    assert source(idp, token, LOGIN + 'clients = ["launcher"]\n').subject.sub == "alice"
    with pytest.raises(WrongAudience):
        Verifier(idp.config(LOGIN)).verify(token, now=NOW)
    with pytest.raises(WrongAudience):
        source(idp, token, "")


REFUSED: dict[str, tuple[dict[str, Any], type[IdentityError]]] = {
    "of another client": ({"aud": "other"}, WrongAudience),
    "of several clients without azp": ({"aud": ["counterfoil-login", "other"]}, WrongAudience),
    "of a client that lists ours": (
        {"aud": ["counterfoil-login", "other"], "azp": "other"},
        WrongAudience,
    ),
    "authorized for another": ({"aud": "counterfoil-login", "azp": "other"}, WrongAudience),
    "authorized for a list": (
        {"aud": "counterfoil-login", "azp": ["counterfoil-login"]},
        WrongAudience,
    ),
    "of an agent": ({"act": {"sub": "coder"}}, MissingClaim),
    "of an agent unnamed": ({"act": None}, MissingClaim),
    "bound without its proof": ({"cnf": {"jkt": "A" * 43}}, InvalidProof),
    "bound to what nobody checks": ({"cnf": {"x5t#S256": "A" * 43}}, MissingClaim),
    "of a logout": ({"events": {}}, MissingClaim),
    "expired": ({"exp": int(NOW)}, ExpiredCredential),
    "with a login of no time": ({"auth_time": "yesterday"}, MissingClaim),
    "with a session of no name": ({"sid": 7}, MissingClaim),
    "of nobody": ({"sub": ""}, MissingClaim),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_vouches_for_no_person_is_no_source(idp: Idp, kind: str) -> None:
    claims, error = REFUSED[kind]
    assert source(idp, idp.token()).subject.sub == "alice"
    with pytest.raises(error) as refusal:
        source(idp, idp.token(**claims))
    assert refusal.value.status == 401


def test_source_is_signed_by_its_provider(idp: Idp) -> None:
    token = idp.token()
    idp.publish([idp.rotate()])
    with pytest.raises(InvalidSignature):
        source(idp, token)
    with pytest.raises(MissingCredential):
        source(idp, "")


def test_client_list_holds_for_access_tokens(idp: Idp) -> None:
    extra = LOGIN + 'clients = ["launcher"]\n'
    assert source(idp, idp.token(azp="launcher"), extra).subject.sub == "alice"
    with pytest.raises(WrongAudience):
        source(idp, idp.token(azp="other"), extra)


def two_providers(folder: Path, first: str = "", second: str = "") -> tuple[Verifier, str, str]:
    (folder / "a").mkdir()
    (folder / "b").mkdir()
    idps = Idp(folder / "a"), Idp(folder / "b")
    issuers = "https://a.example.com", "https://b.example.com"
    lines = []
    for issuer, idp, extra in zip(issuers, idps, (first, second), strict=True):
        lines += [
            "[[identity.oidc]]",
            f'issuer = "{issuer}"',
            'audience = "counterfoil"',
            f'jwks_file = "{idp.jwks_file}"',
            extra,
        ]
    path = folder / "counterfoil.toml"
    path.write_text("\n".join(lines))
    tokens = [idp.token(iss=issuer) for issuer, idp in zip(issuers, idps, strict=True)]
    return Verifier(load_config(path, {})), tokens[0], tokens[1]


def test_same_name_at_two_providers_is_two_people(tmp_path: Path) -> None:
    verifier, one, two = two_providers(tmp_path)
    subjects = [verifier.verify_source(token, now=NOW).subject for token in (one, two)]
    assert subjects[0].sub == subjects[1].sub
    assert subjects[0] != subjects[1]


def test_namespace_at_one_provider_alone_shares_nobody(tmp_path: Path) -> None:
    verifier, one, two = two_providers(tmp_path, f'subject_namespace = "{PEOPLE}"')
    assert verifier.verify_source(one, now=NOW).subject.issuer == PEOPLE
    assert verifier.verify_source(two, now=NOW).subject.issuer == "https://b.example.com"


def test_namespace_at_both_providers_is_one_person(tmp_path: Path) -> None:
    setting = f'subject_namespace = "{PEOPLE}"'
    verifier, one, two = two_providers(tmp_path, setting, setting)
    for token, provider in ((one, "a"), (two, "b")):
        found = verifier.verify_source(token, now=NOW)
        assert found.provider == f"https://{provider}.example.com"
        assert found.subject == verifier.verify(token, now=NOW).subject
        assert (found.subject.issuer, found.subject.sub) == (PEOPLE, "alice")


def test_namespace_shares_no_roles(tmp_path: Path) -> None:
    # A role names the issuer whose word on groups counts; the other's word still does not.
    setting = f'subject_namespace = "{PEOPLE}"'
    role = (
        '\n[[role]]\nname = "auditor"\nissuers = ["https://a.example.com"]\ngroups = ["developers"]'
    )
    verifier, one, two = two_providers(tmp_path, setting, setting + role)
    assert verifier.verify(one, now=NOW).roles == {"auditor"}
    assert verifier.verify(two, now=NOW).roles == frozenset()


def test_namespace_that_is_an_issuer_stops_the_start(tmp_path: Path) -> None:
    idp = Idp(tmp_path)
    idp.config(f'subject_namespace = "{PEOPLE}"')
    theirs = f'[[identity.oidc]]\nissuer = "{PEOPLE}"\naudience = "x"\njwks_file = "keys.json"\n'
    with pytest.raises(ConfigError) as refusal:
        idp.config(f'subject_namespace = "{PEOPLE}"\n{theirs}')
    assert refusal.value.pointer == "identity.oidc[0].subject_namespace"
