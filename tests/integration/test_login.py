"""`counterfoil login`: a person logs in, and their agent's program gets its own token alone."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exchange import claims_of
from login_story import TELL, Story, login_story
from saml_cases.workshop import ALICE
from service import PROMPT, prompt_digest, sql_request
from simulators.saml_idp import IDP


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with login_story(tmp_path_factory.mktemp("login")) as story:
        yield story


@pytest.fixture
def story(started: Story) -> Story:
    """The started one, its provider honest again."""
    provider = started.provider
    provider.turn, provider.pending, provider.refreshes, provider.secret = None, 0, True, None
    provider.source_seconds = 300
    provider.asked.clear()
    provider.given.clear()
    return started


def secrets_of(story: Story) -> list[str]:
    """Everything that the provider gave: none of it is the program's."""
    assert len(story.provider.given) >= 3
    return story.provider.given


def test_the_program_gets_a_delegation_token_for_this_person_agent_and_prompt(story: Story) -> None:
    told = story.told()
    claims = claims_of(told["token"])
    assert (claims["sub"], claims["sub_iss"]) == ("alice", story.provider.url)
    assert (claims["act"]["sub"], claims["tenant"]) == ("coder", "acme")
    assert claims["prompt_digest"] == prompt_digest(PROMPT)
    answer = story.service.request(
        "POST", "/authorize", sql_request("SELECT a FROM public.t", None), token=told["token"]
    )
    assert (answer.status, answer.body["effect"]) == (200, "allow")


def test_nothing_of_the_person_is_in_environment_arguments_or_files(story: Story) -> None:
    told = story.told()
    everything = repr(told)
    for secret in secrets_of(story):
        assert secret not in everything
    assert told["files"] == [told["token"]]
    assert told["token"] not in repr(told["environment"])
    assert told["token"] not in told["parent_arguments"]
    assert (told["file_mode"], told["folder_mode"]) == (0o600, 0o700)
    assert not Path(told["path"]).parent.exists()  # gone with the program


def test_the_programs_exit_code_is_ours(story: Story) -> None:
    assert story.login(then=(*TELL, "7")).returncode == 7
    killed = (sys.executable, "-c", "import os; os.kill(os.getpid(), 9)")
    assert story.login(then=killed).returncode == 128 + 9
    missing = story.login(then=("/nowhere/program",))
    assert missing.returncode == 1
    assert "cannot be started" in missing.stderr


def test_arguments_of_the_program_stay_its_own(story: Story) -> None:
    told = story.told(then=(*TELL, "0", "--agent", "other", "--", "x"))
    assert told["arguments"] == ["0", "--agent", "other", "--", "x"]


def test_without_a_program_the_agents_token_is_printed_for_a_shell(story: Story) -> None:
    done = story.login(then=())
    assert done.returncode == 0, done.stderr
    name, _, token = done.stdout.strip().partition("=")
    assert name == "export COUNTERFOIL_TOKEN"
    assert claims_of(token)["act"]["sub"] == "coder"
    for secret in secrets_of(story):
        assert secret not in done.stdout + done.stderr


def test_a_person_logs_in_by_saml(story: Story) -> None:
    told = story.told("--saml")
    claims = claims_of(told["token"])
    assert (claims["sub"], claims["sub_iss"], claims["tenant"]) == (ALICE, IDP, "acme")


def test_a_person_logs_in_on_another_device(story: Story) -> None:
    story.provider.pending = 3  # pending, slow down, pending
    done = story.login("--device")
    assert done.returncode == 0, done.stderr
    assert "WDJB-MJHT" in done.stderr
    assert f"{story.provider.url}/activate" in done.stderr
    polls = [form for path, form in story.provider.asked if path == "/token"]
    assert len(polls) == 4


def test_a_confidential_client_proves_itself_in_the_header(story: Story, tmp_path: Path) -> None:
    story.provider.secret = "s3cret"
    (tmp_path / "secret").write_text("s3cret\n")
    environment = {"COUNTERFOIL_LOGIN__CLIENT_SECRET_FILE": str(tmp_path / "secret")}
    assert story.told(environment=environment)["token"]
    assert not [form for _, form in story.provider.asked if "s3cret" in repr(form)]
    told = story.told(environment=environment)
    assert "COUNTERFOIL_LOGIN__CLIENT_SECRET_FILE" not in told["environment"]


def test_an_access_token_is_exchanged_where_that_is_wanted(story: Story) -> None:
    environment = {"COUNTERFOIL_LOGIN__SOURCE": "access_token"}
    assert claims_of(story.told(environment=environment)["token"])["sub"] == "alice"


def turned(endpoint: str, **changes: Any) -> Any:
    """A provider whose answers at one endpoint are changed; None leaves a member out."""

    def turn(at: str, answer: dict[str, Any]) -> dict[str, Any]:
        if at != endpoint:
            return answer
        return {k: v for k, v in {**answer, **changes}.items() if v is not None}

    return turn


@pytest.mark.parametrize(
    ("endpoint", "changes", "said"),
    [
        ("metadata", {"issuer": "https://evil.example"}, "is not the issuer"),
        ("metadata", {"token_endpoint": "http://evil.example/token"}, "http would show"),
        ("metadata", {"token_endpoint": None}, "has no token_endpoint"),
        ("authorize", {"iss": "https://evil.example"}, "another provider (iss)"),
        ("authorize", {"iss": None}, "another provider (iss)"),
        ("authorize", {"code": None}, "sent no code"),
        ("authorize", {"error": "access_denied", "code": None}, "access_denied"),
        ("authorize", {"code": "another"}, "invalid_grant"),
        ("claims", {"nonce": "another"}, "not of this login"),
        ("claims", {"nonce": None}, "not of this login"),
        ("claims", {"aud": "another-client"}, "not of this login"),
        ("claims", {"azp": "another-client"}, "not of this login"),
        ("claims", {"iss": "https://evil.example"}, "not of this login"),
        ("claims", {"exp": 1_700_000_000}, "not of this login"),
        ("token", {"id_token": None}, "gave no id_token"),
        ("token", {"id_token": "rubbish"}, "cannot be read"),
        ("token", {"error": "invalid_grant", "error_description": "no\x1b[2J"}, "invalid_grant"),
    ],
)
def test_a_login_that_somebody_turned_ends_without_a_token(
    story: Story, endpoint: str, changes: dict[str, Any], said: str
) -> None:
    story.provider.turn = turned(endpoint, **changes)
    done = story.login(environment={"COUNTERFOIL_LOGIN__SCOPE": "openid"})
    assert done.returncode == 1
    assert said in done.stderr or (said == "invalid_grant" and "no" in done.stderr)
    assert "\x1b" not in done.stderr
    assert done.stdout == ""
    for secret in story.provider.given:
        assert secret not in done.stderr


def test_the_device_flow_says_that_the_person_refused(story: Story) -> None:
    story.provider.turn = turned("token", error="access_denied", id_token=None)
    done = story.login("--device")
    assert (done.returncode, done.stdout) == (1, "")
    assert "access_denied" in done.stderr


def test_a_redirect_of_the_provider_is_not_followed(story: Story) -> None:
    moved = story.login(environment={"COUNTERFOIL_LOGIN__ISSUER": f"{story.provider.url}/moved"})
    story.provider.turn = turned("metadata", token_endpoint=f"{story.provider.url}/elsewhere")
    for done in (moved, story.login()):
        assert (done.returncode, done.stdout) == (1, "")
        assert "redirects, which is not followed" in done.stderr
    assert not [path for path, _ in story.provider.asked if path == "/token"]


def test_a_launcher_that_is_not_known_is_told_what_to_do(story: Story) -> None:
    done = story.login(environment={"COUNTERFOIL_LOGIN__LAUNCHER": "stranger"})
    assert (done.returncode, done.stdout) == (1, "")
    assert "--launcher-keys" in done.stderr


def test_an_agent_that_the_launcher_may_not_start_is_named(story: Story) -> None:
    command = story.command("--agent", "robot", "--", *TELL)
    done = subprocess.run(
        command, env=story.environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "[[identity.agent]]" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((), 2),
        (("--agent", "coder", "--provider", "x"), 2),
        (("--agent", "coder", "--device", "--saml"), 2),
        (("--agent", "coder", "--prompt", "a", "--prompt-file", "b"), 2),
    ],
)
def test_a_command_line_that_cannot_be_meant_is_refused(
    story: Story, arguments: tuple[str, ...], code: int
) -> None:
    done = subprocess.run(
        story.command(*arguments), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == code
    assert "usage" in done.stderr or "counterfoil login:" in done.stderr


def test_a_missing_setting_is_named_with_its_remedy(tmp_path: Path) -> None:
    config = tmp_path / "counterfoil.toml"
    program = [sys.executable, "-m", "counterfoil.cli", "login", "--config", str(config)]
    for text, pointer in (
        ("", "login.launcher"),
        ('[login]\nlauncher = "desk"\n', "login.launcher_key_file"),
        (f'[login]\nlauncher = "desk"\nlauncher_key_file = "{tmp_path}/key.pem"\n', "login.issuer"),
    ):
        config.write_text(text)
        key = [sys.executable, "-m", "counterfoil.cli", "login", "--launcher-keys"]
        subprocess.run(
            [*key, str(tmp_path / "key.pem")], capture_output=True, check=True, timeout=60
        )
        done = subprocess.run(
            [*program, "--agent", "coder"], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 78
        assert pointer in done.stderr


WATCH = """
import os, pathlib, sys, time
path = pathlib.Path(os.environ["COUNTERFOIL_TOKEN_FILE"])
first = path.read_text()
print(first, flush=True)
until = time.monotonic() + 100
while path.read_text() == first and time.monotonic() < until:
    time.sleep(0.1)
print(path.read_text(), flush=True)
"""


def test_the_token_is_renewed_by_a_fresh_source_while_the_program_runs(story: Story) -> None:
    story.provider.source_seconds = 6  # the delegation token lives no longer
    first, second = story.login(then=(sys.executable, "-c", WATCH)).stdout.split()
    old, new = claims_of(first), claims_of(second)
    assert new["run"] == old["run"]
    assert new["exp"] > old["exp"]
    refreshed = [f for _, f in story.provider.asked if f.get("grant_type") == "refresh_token"]
    assert refreshed
    assert all("code_verifier" not in form for form in refreshed)


def test_what_asks_the_launcher_to_stop_reaches_the_program(story: Story) -> None:
    program = "import os, signal, sys; signal.signal(15, lambda *_: sys.exit(3)); print('up', flush=True); signal.pause()"
    with subprocess.Popen(
        story.command("--agent", "coder", "--", sys.executable, "-c", program),
        env=story.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 3
