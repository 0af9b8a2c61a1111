from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from counterfoil.cli import main
from counterfoil.config import load_config
from counterfoil.core.canonical import digest
from counterfoil.identity.credentials import Verifier
from counterfoil.keys import DELEGATION_KEY_FILE, ensure_delegation_key


def _now() -> float:
    # The command reads the real clock, so its reader does too.
    return datetime.now(UTC).timestamp()  # noqa: TID251


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    ensure_delegation_key(tmp_path / "var/keys")
    return tmp_path


def test_minted_token_is_accepted_by_the_development_service(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--sub", "alice", "--group", "developers", "--group", "x", "--agent", "coder"]
    assert main(["token", *arguments, "--prompt", "Add a table", "--run", "run_7"]) == 0
    said = capsys.readouterr()
    verifier = Verifier(load_config(None, {}, dev=True))
    caller = verifier.verify(said.out.removesuffix("\n"), now=_now())
    assert caller.subject.groups == ("developers", "x")
    assert caller.actor is not None
    assert caller.actor.sub == "coder"
    assert caller.run_id == "run_7"
    assert caller.prompt_digest == digest(b"Add a table")
    assert said.out.strip() not in said.err


def test_token_without_an_agent_is_the_persons_own(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["token", "--sub", "carol", "--group", "compliance"]) == 0
    verifier = Verifier(load_config(None, {}, dev=True))
    caller = verifier.verify(capsys.readouterr().out.strip(), now=_now())
    assert caller.actor is None
    assert caller.roles == {"auditor"}


def test_token_of_a_configured_issuer(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = home / "var/keys" / DELEGATION_KEY_FILE
    (home / "other.toml").write_text(
        '[[identity.oidc]]\nissuer = "https://idp.example.com"\naudience = "svc"\n'
        'jwks_file = "var/keys/delegation.jwks.json"\nmay_assert_actor = true\n'
    )
    arguments = ["--key", str(key), "--issuer", "https://idp.example.com", "--audience", "svc"]
    assert main(["token", "--sub", "alice", "--agent", "coder", *arguments]) == 0
    verifier = Verifier(load_config(home / "other.toml", {}))
    assert verifier.verify(capsys.readouterr().out.strip(), now=_now()).run_id


@pytest.mark.parametrize("ttl", ["901", "0", "-1", "x"])
def test_token_never_lives_longer_than_fifteen_minutes(home: Path, ttl: str) -> None:
    with pytest.raises(SystemExit) as refusal:
        main(["token", "--sub", "alice", "--ttl", ttl])
    assert refusal.value.code == 2


@pytest.mark.parametrize("extra", [["--key", "k"], ["--issuer", "i"], ["--prompt", "p"]])
def test_options_that_make_no_sense_alone_are_usage_errors(home: Path, extra: list[str]) -> None:
    assert main(["token", "--sub", "alice", *extra]) == 2


def test_missing_development_key_is_refused_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["token", "--sub", "alice"]) == 78
    said = capsys.readouterr()
    assert said.out == ""
    assert "counterfoil keys make" in said.err
