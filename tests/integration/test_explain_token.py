"""`counterfoil explain token`: which rule refuses a token, by the service's own code."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service import PROGRAM
from simulators.provider import KEYS, Provider, failing, running_provider


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with running_provider() as running:
        yield running


def explain(
    folder: Path, provider: Provider, token: str, *more: str, beside: str = ""
) -> tuple[int, str]:
    config = folder / "counterfoil.toml"
    config.write_text(
        f'[[identity.oidc]]\nissuer = "{provider.url}"\naudience = "counterfoil"\n'
        f'login_client_id = "login"\n{beside}'
    )
    command = (*PROGRAM, "explain", "token", "-", "--config", str(config), *more)
    done = subprocess.run(
        command, input=token, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout


def lines(text: str, word: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(word)]


def test_good_token_passes_every_rule(tmp_path: Path, provider: Provider) -> None:
    code, text = explain(tmp_path, provider, provider.token() + "\n")
    assert (code, lines(text, "FAIL"), lines(text, "not reached")) == (0, [], [])
    assert len(lines(text, "pass")) == 21


CASES: dict[str, tuple[dict[str, Any], str, str]] = {
    "audience": ({"aud": "other"}, "8 audience", "aud does not hold the entry's audience"),
    "time": ({"exp": 1}, "9 time", "exp has passed"),
    "groups": ({"hasgroups": True}, "14 groups", "hasgroups says that the groups are elsewhere"),
    "actor": ({"act": {"sub": "a"}}, "16 actor", "the issuer may not assert an actor"),
    "proof": ({"cnf": {"jkt": "A" * 43}}, "11 proof", "a proof belongs to a request"),
}


@pytest.mark.parametrize("kind", CASES)
def test_failed_rule_is_named_with_its_reason(
    tmp_path: Path, provider: Provider, kind: str
) -> None:
    claims, rule, reason = CASES[kind]
    token = provider.token(**claims)
    code, text = explain(tmp_path, provider, token)
    (failed,) = lines(text, "FAIL")
    assert code == 1
    assert rule in failed
    assert reason in text
    assert lines(text, "pass")
    assert text.index("pass") < text.index("FAIL")
    assert not any(part in text for part in token.split("."))


def test_unknown_issuer_and_rubbish_are_explained_too(tmp_path: Path, provider: Provider) -> None:
    code, text = explain(tmp_path, provider, provider.token(iss="https://other.example"))
    assert (code, "7 issuer" in lines(text, "FAIL")[0]) == (1, True)
    code, text = explain(tmp_path, provider, "rubbish")
    assert (code, "1 form" in lines(text, "FAIL")[0]) == (1, True)
    assert len(lines(text, "not reached")) == 20


def test_only_the_provider_that_the_token_names_is_asked(
    tmp_path: Path, provider: Provider
) -> None:
    with running_provider() as other:
        beside = f'[[identity.oidc]]\nissuer = "{other.url}"\naudience = "counterfoil"\n'
        assert explain(tmp_path, provider, provider.token(), beside=beside)[0] == 0
        assert other.requests == []
        # Nor anybody for a token that none of them signed.
        asked = len(provider.requests)
        explain(tmp_path, provider, provider.token(iss="https://x.example"), beside=beside)
        assert (other.requests, len(provider.requests)) == ([], asked)


def test_provider_that_gives_no_keys_is_rule_10_with_its_reason(
    tmp_path: Path, provider: Provider
) -> None:
    provider.serve(KEYS, failing)
    try:
        code, text = explain(tmp_path, provider, provider.token())
    finally:
        provider.behave()
    assert (code, "10 key set" in lines(text, "FAIL")[0]) == (1, True)
    assert "HTTP 500" in text


def test_login_judges_an_id_token(tmp_path: Path, provider: Provider) -> None:
    token = provider.token(aud="login", auth_time=int(time.time()))  # noqa: TID251
    assert explain(tmp_path, provider, token)[0] == 1
    assert explain(tmp_path, provider, token, "--login")[0] == 0
