"""Launchers, agents and our own issuer: what stops the start."""

from __future__ import annotations

from pathlib import Path

import pytest

from counterfoil.config import load_config
from counterfoil.core.agents import RegisteredAgent
from counterfoil.core.delegation import DelegationTerms
from counterfoil.errors import ConfigError

LAUNCHER = '[[identity.launcher]]\nid = "desk"\njwks_file = "desk.json"\n'
PROXY = '[server]\nproxy_socket = "proxy.sock"\n'
AGENT = '[[identity.agent]]\nname = "coder"\nlaunchers = ["desk"]\nceiling = ["writer"]\n'
OTHER = '[[identity.agent]]\nname = "reviewer"\nlaunchers = []\nceiling = []\n'
GOOD = LAUNCHER + AGENT + OTHER


def load(folder: Path, text: str) -> ConfigError | None:
    path = folder / "counterfoil.toml"
    path.write_text(text)
    try:
        load_config(path, {})
    except ConfigError as error:
        return error
    return None


def test_entries_become_the_models_values(tmp_path: Path) -> None:
    path = tmp_path / "counterfoil.toml"
    path.write_text(GOOD)
    config = load_config(path, {})
    assert config.identity.agents[0] == RegisteredAgent(
        name="coder", launchers=frozenset({"desk"}), ceiling=frozenset({"writer"})
    )
    (launcher,) = config.identity.launchers
    assert launcher.jwks_file == tmp_path / "desk.json"
    assert launcher.algorithms == ("ES256", "EdDSA")
    assert config.token == DelegationTerms(
        issuer="http://127.0.0.1:8282", audience="counterfoil", ttl_seconds=900
    )


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        (LAUNCHER.replace('jwks_file = "desk.json"', ""), "identity.launcher[0]"),
        (LAUNCHER.replace("jwks_file", "secret_file"), "identity.launcher[0].secret_file"),
        (LAUNCHER + 'secret_file = "s"\n', "identity.launcher[0].secret_file"),
        (LAUNCHER + LAUNCHER + 'tenant = "b"\n', "identity.launcher[1].id"),
        (
            LAUNCHER.replace("jwks_file", "certificate_file"),
            "identity.launcher[0].certificate_file",
        ),
        (PROXY + LAUNCHER + 'certificate_file = "c"\n', "identity.launcher[0]"),
        (LAUNCHER + AGENT + AGENT, ""),
        (AGENT, "identity.agent[0].launchers"),
        (LAUNCHER + 'tenant = "b"\n' + AGENT, "identity.agent[0].launchers"),
        (GOOD + 'hands_on_to = ["nobody"]\n', "identity.agent[1].hands_on_to"),
        (GOOD + 'hands_on_to = ["reviewer"]\n', "identity.agent[1].hands_on_to"),
        (
            LAUNCHER + AGENT + OTHER + 'tenant = "b"\nhands_on_to = ["coder"]\n',
            "identity.agent[1].hands_on_to",
        ),
        (GOOD.replace('ceiling = ["writer"]\n', ""), "identity.agent[0].ceiling"),
        ("[token]\nttl_seconds = 901\n", "token.ttl_seconds"),
        ("[token]\nmax_run_seconds = 90000\n", "token.max_run_seconds"),
        (
            (
                '[token]\nissuer = "https://i.example"\n[[identity.oidc]]\n'
                'issuer = "https://i.example"\naudience = "a"\njwks_file = "k.json"\n'
            ),
            "token.issuer",
        ),
        ('[token]\nissuer = "urn:counterfoil:development"\n', "token.issuer"),
    ],
)
def test_an_entry_that_cannot_be_meant_stops_the_start(
    tmp_path: Path, text: str, pointer: str
) -> None:
    assert load(tmp_path, GOOD) is None
    refusal = load(tmp_path, text)
    assert refusal is not None
    assert refusal.pointer == pointer or (not pointer and refusal.detail.count("coder") == 2)


def test_a_launcher_of_development_has_a_key_or_a_secret(tmp_path: Path) -> None:
    path = tmp_path / "counterfoil.toml"
    secret = LAUNCHER.replace('jwks_file = "desk.json"', 'secret_file = "desk.secret"')
    for good in (LAUNCHER, secret):
        path.write_text(good)
        load_config(path, {}, dev=True)
    path.write_text(LAUNCHER + 'secret_file = "desk.secret"\n')
    with pytest.raises(ConfigError, match="needs keys"):
        load_config(path, {}, dev=True)


def test_a_launcher_has_certificates_where_a_proxy_can_tell_of_them(tmp_path: Path) -> None:
    text = PROXY + LAUNCHER.replace("jwks_file", "certificate_file")
    path = tmp_path / "counterfoil.toml"
    path.write_text(text)
    config = load_config(path, {})
    assert config.server.proxy_socket == tmp_path / "proxy.sock"
    assert config.identity.launchers[0].certificate_file == tmp_path / "desk.json"


def test_two_tenants_may_each_have_an_agent_of_one_name(tmp_path: Path) -> None:
    theirs = LAUNCHER.replace("desk", "theirs") + 'tenant = "b"\n'
    agent = AGENT.replace("desk", "theirs") + 'tenant = "b"\n'
    assert load(tmp_path, LAUNCHER + AGENT + theirs + agent) is None
