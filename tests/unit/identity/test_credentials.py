from __future__ import annotations

import threading
from pathlib import Path

import pytest

from counterfoil.errors import (
    ConfigError,
    ExpiredCredential,
    IdentityError,
    IdentityUnavailable,
    InvalidSignature,
    MissingCredential,
    Rule,
)
from counterfoil.identity import credentials
from counterfoil.identity.credentials import MAX_REMEMBERED_SECONDS, Verifier, check_key_files
from simulators.idp import ISSUER, NOW, Idp
from vectors import jwt_forge as f

AUDITORS = f"""
[[role]]
name = "auditor"
issuers = ["{ISSUER}"]
groups = ["compliance"]
[[role]]
name = "administrator"
tenant = "other"
issuers = ["{ISSUER}"]
groups = ["compliance"]
"""


@pytest.fixture
def idp(tmp_path: Path) -> Idp:
    return Idp(tmp_path)


def test_verified_token_is_remembered(idp: Idp) -> None:
    verifier = Verifier(idp.config())
    token = idp.token()
    assert verifier.verify(token, now=NOW) is verifier.verify(token, now=NOW + 1)


def test_remembered_token_expires_with_the_token(idp: Idp) -> None:
    verifier = Verifier(idp.config())
    token = idp.token(exp=int(NOW) + 10)
    assert verifier.verify(token, now=NOW + 9.9).tenant == "default"
    with pytest.raises(ExpiredCredential):
        verifier.verify(token, now=NOW + 10)


def test_remembered_token_dies_with_its_key(idp: Idp) -> None:
    verifier = Verifier(idp.config())
    token = idp.token()
    assert verifier.verify(token, now=NOW).tenant == "default"
    idp.publish([idp.rotate()])
    with pytest.raises(InvalidSignature):
        verifier.verify(token, now=NOW + 3)
    assert (
        verifier.verify(idp.token(), now=NOW + 3).tenant == "default"
    )  # the control: the new key verifies


def test_remembered_token_is_verified_again_after_the_cap(idp: Idp) -> None:
    verifier = Verifier(idp.config())
    token = idp.token()
    first = verifier.verify(token, now=NOW)
    second = verifier.verify(token, now=NOW + MAX_REMEMBERED_SECONDS)
    assert first == second
    assert first is not second


def test_clock_set_back_verifies_again(idp: Idp) -> None:
    verifier = Verifier(idp.config())
    token = idp.token(iat=int(NOW), nbf=int(NOW))
    assert verifier.verify(token, now=NOW).tenant == "default"
    with pytest.raises(ExpiredCredential):
        verifier.verify(token, now=NOW - 3_600)


def test_refusal_is_never_remembered(idp: Idp) -> None:
    verifier = Verifier(idp.config())
    token = idp.token(nbf=int(NOW) + 100)
    with pytest.raises(ExpiredCredential):
        verifier.verify(token, now=NOW)
    assert len(verifier._remembered) == 0
    assert verifier.verify(token, now=NOW + 100).tenant == "default"


def test_memory_is_bounded_and_keeps_the_latest(idp: Idp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "CACHE_ENTRIES", 4)
    verifier = Verifier(idp.config())
    tokens = [idp.token(jti=f"j{i}") for i in range(10)]
    callers = [verifier.verify(token, now=NOW) for token in tokens]
    assert len(verifier._remembered) == 4
    assert verifier.verify(tokens[-1], now=NOW) is callers[-1]
    assert verifier.verify(tokens[0], now=NOW) is not callers[0]


def test_token_itself_is_not_kept(idp: Idp) -> None:
    verifier = Verifier(idp.config())
    token = idp.token()
    verifier.verify(token, now=NOW)
    assert token not in repr(verifier._remembered)
    assert token.rpartition(".")[2] not in repr(verifier._remembered)


def test_one_changed_character_is_another_token(idp: Idp) -> None:
    verifier = Verifier(idp.config())
    token = idp.token()
    assert verifier.verify(token, now=NOW).tenant == "default"
    for at in range(0, len(token), 7):
        changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        with pytest.raises(IdentityError):
            verifier.verify(changed, now=NOW)


def test_threads_get_each_their_own_caller(idp: Idp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "CACHE_ENTRIES", 8)
    verifier = Verifier(idp.config())
    tokens = {f"person{i}": idp.token(sub=f"person{i}") for i in range(16)}
    wrong: list[str] = []

    def look() -> None:
        for _ in range(20):
            for sub, token in tokens.items():
                if verifier.verify(token, now=NOW).subject.sub != sub:
                    wrong.append(sub)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_empty_token_is_a_missing_credential(idp: Idp) -> None:
    with pytest.raises(MissingCredential):
        Verifier(idp.config()).verify("", now=NOW)


def test_person_holds_roles_by_issuer_group_and_tenant(idp: Idp) -> None:
    verifier = Verifier(idp.config(AUDITORS))
    assert verifier.verify(idp.token(groups=["compliance"]), now=NOW).roles == {"auditor"}
    assert verifier.verify(idp.token(groups=["developers"]), now=NOW).roles == frozenset()


def test_agent_holds_none_of_its_persons_roles(idp: Idp) -> None:
    verifier = Verifier(idp.config(AUDITORS))
    caller = verifier.verify(idp.token(groups=["compliance"], act={"sub": "coder"}), now=NOW)
    assert caller.roles == frozenset()
    assert caller.actor is not None


def test_broken_key_file_stops_the_start_with_its_path(idp: Idp) -> None:
    check_key_files(idp.config(), now=NOW)
    idp.write(b"{}")
    with pytest.raises(ConfigError) as refusal:
        check_key_files(idp.config(), now=NOW)
    assert refusal.value.pointer == "identity.oidc[0].jwks_file"


def test_worker_under_a_broken_key_file_answers_503(idp: Idp) -> None:
    idp.write(b"{}")
    with pytest.raises(IdentityUnavailable) as refusal:
        Verifier(idp.config()).verify(idp.token(), now=NOW)
    assert refusal.value.status == 503


@pytest.mark.parametrize("accepts", [True, False])
def test_untyped_token_counts_only_where_the_entry_says_so(idp: Idp, accepts: bool) -> None:  # noqa: FBT001
    key = f.ec_key("untyped")
    jwk = f.jwk("untyped", key)
    idp.write(f.dumps({"keys": [jwk]}))
    claims = {"iss": ISSUER, "sub": "alice", "aud": "counterfoil", "exp": int(NOW) + 600}
    verifier = Verifier(idp.config(f"accept_untyped = {str(accepts).lower()}\n"))

    def counts(**header: object) -> bool:
        token = f.token({"alg": "ES256", "kid": "untyped", **header}, claims, f.es(key))
        try:
            return verifier.verify(token, now=NOW).tenant == "default"
        except InvalidSignature as error:
            return error.rule is not Rule.TYPE

    assert counts() is accepts
    assert counts(typ="at+jwt")
    assert not any(counts(typ=kind) for kind in (None, "", "logout+jwt", "dpop+jwt"))


def test_no_issuer_configured_refuses_everything(idp: Idp, tmp_path: Path) -> None:
    from counterfoil.config import load_config  # noqa: PLC0415 -- the only test that needs it

    path = tmp_path / "empty.toml"
    path.write_text("")
    with pytest.raises(IdentityError):
        Verifier(load_config(path, {})).verify(idp.token(), now=NOW)
