"""`counterfoil login --dpop`: the agent's tokens are bound to a key that its program has too."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from counterfoil.cli.login_dpop import BindingKey
from counterfoil.cli.login_exchange import Exchange
from counterfoil.cli.login_http import Answered, LoginFailed, Web
from counterfoil.cli.login_settings import launcher_of, settings_of
from counterfoil.core.token_request import TokenType
from exchange import claims_of
from login_story import Story, login_story
from proofs import Prover
from service import sql_request

_PROGRAM = """
import json, os, pathlib, sys, time
token = pathlib.Path(os.environ["COUNTERFOIL_TOKEN_FILE"])
key = pathlib.Path(os.environ["COUNTERFOIL_DPOP_KEY_FILE"])
first = token.read_text()
until = time.monotonic() + (100 if "renewed" in sys.argv else 0)
while token.read_text() == first and time.monotonic() < until:
    time.sleep(0.1)
print(json.dumps({
    "first": first, "token": token.read_text(), "pem": key.read_text(), "path": str(key),
    "mode": key.stat().st_mode & 0o777, "environment": dict(os.environ),
    "parent": pathlib.Path(f"/proc/{os.getppid()}/cmdline").read_text(),
}))
"""
TELL = (sys.executable, "-c", _PROGRAM)


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with login_story(tmp_path_factory.mktemp("login")) as story:
        yield story


@pytest.fixture
def story(started: Story) -> Story:
    started.provider.source_seconds = 300
    return started


def effect(story: Story, token: str, pem: str | None) -> tuple[int, str | None]:
    """What the service says to a call with the token and a proof by that key."""
    headers = {"Authorization": f"Bearer {token}"}
    if pem is not None:
        prover = Prover(load_pem_private_key(pem.encode(), None))
        now = time.time()  # noqa: TID251 -- proofs are of now
        proof = prover.proof(method="POST", url=f"{story.url}/authorize", now=now, token=token)
        headers = {"Authorization": f"DPoP {token}", "DPoP": proof}
    request = sql_request("SELECT a FROM public.t", None)
    answer = story.service.request("POST", "/authorize", request, headers=headers)
    return answer.status, answer.body.get("effect")


@pytest.mark.parametrize("how", [(), ("--device",), ("--saml",)])
def test_the_agents_token_counts_only_with_a_proof_by_the_programs_key(
    story: Story, how: tuple[str, ...]
) -> None:
    told = story.told("--dpop", *how, then=TELL)
    token, pem = told["token"], told["pem"]
    prover = Prover(load_pem_private_key(pem.encode(), None))
    assert claims_of(token)["cnf"] == {"jkt": prover.thumbprint}
    assert effect(story, token, None) == (401, None)
    assert effect(story, token, pem) == (200, "allow")
    other = story.told("--dpop", then=TELL)["pem"]
    assert effect(story, token, other) == (401, None)


def test_the_key_is_in_a_file_of_the_program_alone(story: Story) -> None:
    stale = {"COUNTERFOIL_DPOP_KEY": "of another run"}
    told = story.told("--dpop", then=TELL, environment=stale)
    assert told["mode"] == 0o600
    assert not Path(told["path"]).parent.exists()  # gone with the program
    body = "".join(told["pem"].splitlines()[1:-1])
    assert body not in repr(told["environment"]) + told["parent"]
    assert "COUNTERFOIL_DPOP_KEY" not in told["environment"]


def test_a_login_without_it_hands_on_no_key(story: Story) -> None:
    stale = {"COUNTERFOIL_DPOP_KEY": "old", "COUNTERFOIL_DPOP_KEY_FILE": "/nowhere"}
    told = story.told(environment=stale)
    assert not [name for name in told["environment"] if "DPOP" in name]
    assert "cnf" not in claims_of(told["token"])


def test_renewal_by_a_fresh_source_keeps_the_key(story: Story) -> None:
    story.provider.source_seconds = 6  # the delegation token lives no longer
    told = story.told("--dpop", then=(*TELL, "renewed"))
    old, new = claims_of(told["first"]), claims_of(told["token"])
    assert told["first"] != told["token"]
    assert new["cnf"] == old["cnf"]
    assert effect(story, told["token"], told["pem"]) == (200, "allow")


def test_without_a_program_token_and_key_are_printed_for_a_shell(story: Story) -> None:
    done = story.login("--dpop", then=())
    assert done.returncode == 0, done.stderr
    script = f"{done.stdout}\n{shlex.join((sys.executable, '-c', _SHELL))}"
    told = subprocess.run(
        ["/bin/sh", "-c", script], env=os.environ, capture_output=True, check=True, timeout=60
    )
    token, pem = json.loads(told.stdout)
    assert effect(story, token, pem) == (200, "allow")


_SHELL = """
import json, os
print(json.dumps([os.environ["COUNTERFOIL_TOKEN"], os.environ["COUNTERFOIL_DPOP_KEY"]]))
"""


def test_renewal_by_the_token_itself_keeps_the_key_and_wants_it(story: Story) -> None:
    settings, key = settings_of(story.config), BindingKey.generate()
    launcher = launcher_of(settings)
    web = Web(None)
    exchange = Exchange(url=story.url, launcher=launcher, web=web, key=key)
    source = story.provider.token({"grant_type": "refresh_token"})["id_token"]
    given = exchange.open(source, TokenType.ID_TOKEN, agent="coder", prompt="p")
    renewed = exchange.renew(given)
    assert claims_of(renewed.token)["cnf"] == claims_of(given.token)["cnf"]
    for wrong in (None, BindingKey.generate()):
        with pytest.raises(LoginFailed, match="no token"):
            replace(exchange, key=wrong).renew(given)
    assert exchange.renew(renewed).token  # control


def test_a_token_that_somebody_unbound_on_the_way_is_not_handed_on(story: Story) -> None:
    class Between(Web):
        """Takes the proof away."""

        def post(
            self, url: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None
        ) -> Answered:
            kept = {k: v for k, v in (headers or {}).items() if k != "DPoP"}
            return super().post(url, form, kept)

    launcher = launcher_of(settings_of(story.config))
    exchange = Exchange(
        url=story.url, launcher=launcher, web=Between(None), key=BindingKey.generate()
    )
    source = story.provider.token({"grant_type": "refresh_token"})["id_token"]
    with pytest.raises(LoginFailed, match="not bound"):
        exchange.open(source, TokenType.ID_TOKEN, agent="coder", prompt="p")
    honest = replace(exchange, web=Web(None))
    assert honest.open(source, TokenType.ID_TOKEN, agent="coder", prompt="p").token  # control
