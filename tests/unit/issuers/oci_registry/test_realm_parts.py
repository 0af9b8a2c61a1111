"""A realm never gives more than was asked, nor more than was decided, nor longer."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certificates import ClientCertificate
from counterfoil.errors import ConfigError
from counterfoil.keys import ensure_es256_key
from counterfoil_issuers.oci_registry.accounts import Account, Accounts, hidden
from counterfoil_issuers.oci_registry.scopes import MAX_SCOPES, BadScope, granted
from counterfoil_issuers.oci_registry.tokens import Tokens, signing

NOW = 1_800_000_000
DECIDED = {"acme/api": frozenset({"pull", "push"}), "acme/base": frozenset({"pull"})}
_NAMES = st.sampled_from(["acme/api", "acme/base", "acme/api/x", "acme", "ACME/api", "*"])
_ACTIONS = st.lists(st.sampled_from(["pull", "push", "delete", "*"]), min_size=1, max_size=4)


@given(st.lists(st.tuples(_NAMES, _ACTIONS), max_size=6))
def test_no_scope_gives_more_than_was_asked_or_decided(asked: list[tuple[str, list[str]]]) -> None:
    text = " ".join(f"repository:{name}:{','.join(actions)}" for name, actions in asked)
    for name, actions in granted([text], DECIDED).items():
        assert actions <= DECIDED[name]
        assert actions <= {one for other, many in asked if other == name for one in many}
        assert actions


SCOPES: dict[str, tuple[str, dict[str, set[str]]]] = {
    "as-decided": ("repository:acme/api:pull,push", {"acme/api": {"pull", "push"}}),
    "less": ("repository:acme/api:push", {"acme/api": {"push"}}),
    "more": ("repository:acme/api:delete,pull,*", {"acme/api": {"pull"}}),
    "two": ("repository:acme/api:push repository:acme/base:pull", {"acme/api": {"push"}, "acme/base": {"pull"}}),
    "twice": ("repository:acme/api:push repository:acme/api:pull", {"acme/api": {"pull", "push"}}),
    "star": ("repository:acme/api:*", {}),
    "catalogue": ("registry:catalog:*", {}),
    "another-type": ("plugin:acme/api:pull", {}),
    "another-class": ("repository(plugin):acme/api:pull", {}),
    "with-a-host": ("repository:registry.example.com:5000/acme/api:pull", {}),
    "prefix": ("repository:acme/ap:pull", {}),
    "other-case": ("repository:Acme/api:pull", {}),
    "dots": ("repository:acme/x/../api:pull", {}),
    "none": ("", {}),
}  # fmt: skip


@pytest.mark.parametrize("name", SCOPES)
def test_scopes_give_what_was_decided_of_them(name: str) -> None:
    scope, found = SCOPES[name]
    assert granted([scope], DECIDED) == found
    assert granted([scope, "repository:acme/base:pull"], DECIDED)["acme/base"] == {"pull"}


@pytest.mark.parametrize(
    "scope",
    [
        "repository:acme/api",
        "repository:acme/api:",
        "repository::pull",
        ":acme/api:pull",
        "repository:acme/api:pull,",
        "repository:acme/api:pull\n",
        "repository:acme/api:PULL",
        "Repository:acme/api:pull",
        "repository:acme/api:pull\trepository:acme/base:pull",
        " ".join(["repository:acme/api:pull"] * (MAX_SCOPES + 1)),
    ],
)
def test_scope_that_is_not_the_grammars_is_refused(scope: str) -> None:
    with pytest.raises(BadScope):
        granted([scope], DECIDED)
    assert granted(["repository:acme/api:pull"], DECIDED)


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Tokens:
    key = tmp_path_factory.mktemp("realm") / "token.pem"
    ensure_es256_key(key)
    made, header = signing(key, None, NOW)
    return Tokens(
        issuer="counterfoil", service="images", seconds=30, leeway=60, key=made, header=header
    )


def _account(*, lives: int = 300) -> Account:
    return Account(
        name="cf-a", password_sha256=hidden("right"), rights=DECIDED, deadline=NOW + lives
    )


@pytest.mark.parametrize(("lives", "works"), [(300, 90), (91, 90), (90, 90), (61, 61), (7, 7)])
def test_token_stops_at_the_deadline_however_lenient_the_registry_is(
    tokens: Tokens, lives: int, works: int
) -> None:
    token = tokens.make(_account(lives=lives), DECIDED, NOW)
    claims = jwt.decode(token.text, options={"verify_signature": False})
    assert claims["exp"] + tokens.leeway == token.works_until == NOW + works
    assert claims["nbf"] <= claims["exp"]
    assert 0 < token.expires_in <= works


def test_token_says_who_where_and_what_and_no_two_are_the_same(tokens: Tokens) -> None:
    one, other = (tokens.make(_account(), {"acme/api": DECIDED["acme/api"]}, NOW) for _ in "ab")
    claims = jwt.decode(
        one.text, tokens.key.public_key(), ["ES256"], audience="images", issuer="counterfoil",
        options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
    )  # fmt: skip
    access = [{"type": "repository", "name": "acme/api", "actions": ["pull", "push"]}]
    assert (claims["sub"], claims["access"]) == ("cf-a", access)
    assert one.text != other.text


def test_account_counts_with_its_own_password_before_its_deadline_alone() -> None:
    accounts = Accounts(began=NOW - 1000, longest=90)
    account = _account(lives=10)
    accounts.add(account)
    assert accounts.known("cf-a", "right", NOW + 9.9) is account
    assert accounts.known("cf-a", "right", NOW + 10) is None
    assert accounts.known("cf-a", "wrong", NOW) is None
    assert accounts.known("cf-b", "right", NOW) is None
    assert accounts.known("cf-b", "", NOW) is None
    assert accounts.end("cf-a", NOW) == 0.0
    assert accounts.known("cf-a", "right", NOW) is None


def test_token_that_was_being_made_when_its_account_ended_does_not_leave() -> None:
    accounts = Accounts(began=NOW - 1000, longest=90)
    account = _account()
    accounts.add(account)
    assert accounts.gives(account, NOW + 50)
    accounts.end("cf-a", NOW)
    assert not accounts.gives(account, NOW + 90)
    assert accounts.end("cf-a", NOW + 20) == 30.0
    assert accounts.names(NOW + 49) == {"cf-a"}
    assert accounts.end("cf-a", NOW + 50) == 0.0
    assert accounts.names(NOW + 50) == set()


def test_tokens_of_an_earlier_process_may_work_until_none_of_them_can() -> None:
    accounts = Accounts(began=NOW, longest=90)
    assert accounts.end("cf-of-before", NOW + 1) == 89.0
    assert accounts.end("cf-of-before", NOW + 91) == 0.0
    accounts.add(_account())  # of this process, and never given one
    assert accounts.end("cf-a", NOW + 1) == accounts.end("cf-a", NOW + 2) == 0.0


def test_certificate_of_another_key_or_another_time_stops_the_start(tmp_path: Path) -> None:
    key = ensure_es256_key(tmp_path / "token.pem")
    file = tmp_path / "token.crt"
    file.write_bytes(ClientCertificate.make(key=key).pem)
    _, header = signing(tmp_path / "token.pem", file, NOW)
    assert list(header) == ["x5c"]
    old = ClientCertificate.make(key=key, lasts=dt.timedelta(days=1))
    for wrong in (ClientCertificate.make().pem, old.pem, b"", b"-----BEGIN"):
        file.write_bytes(wrong)
        with pytest.raises(ConfigError):
            signing(tmp_path / "token.pem", file, NOW)
