"""`counterfoil actors` tells who is registered, tenant by tenant."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from counterfoil.cli import main

TOML = """
[server]
proxy_socket = "proxy.sock"
[grant]
issuer = "https://counterfoil.example.com"
[[identity.launcher]]
id = "desk"
jwks_file = "desk.json"
[[identity.launcher]]
id = "other-desk"
tenant = "other"
jwks_file = "other.json"
[[identity.launcher]]
id = "certified"
certificate_file = "certified.pem"
[[identity.agent]]
name = "coder"
launchers = ["desk"]
ceiling = ["writer", "reader"]
hands_on_to = ["reviewer"]
[[identity.agent]]
name = "reviewer"
launchers = []
ceiling = []
[[identity.agent]]
name = "coder"
tenant = "other"
launchers = ["other-desk"]
ceiling = ["reader"]
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "counterfoil.toml"
    path.write_text(TOML)
    return f"--config={path}"


def test_actors_are_told_with_ceiling_launchers_and_whom_they_hand_on_to(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["actors", config]) == 0
    said = capsys.readouterr().out
    assert said.startswith("issuer https://counterfoil.example.com\n")
    assert "coder  (tenant default)\n  ceiling      reader, writer\n  launchers    desk\n" in said
    assert "  hands on to  reviewer\n" in said
    assert "reviewer  (tenant default)\n  ceiling      -\n  launchers    -\n" in said
    assert "launcher other-desk  (tenant other, private_key_jwt)" in said
    assert "launcher certified  (tenant default, self_signed_tls_client_auth)" in said


def test_actors_of_one_tenant_are_told_alone(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["actors", config, "--tenant", "other", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said == {
        "issuer": "https://counterfoil.example.com",
        "agents": [
            {
                "tenant": "other",
                "name": "coder",
                "ceiling": ["reader"],
                "launchers": ["other-desk"],
                "hands_on_to": [],
            }
        ],
        "launchers": [{"tenant": "other", "id": "other-desk", "authentication": "private_key_jwt"}],
    }


def test_the_development_actors_are_those_of_serve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["actors", "--dev", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert {agent["name"] for agent in said["agents"]} == {"coder", "reviewer"}
    assert [one["authentication"] for one in said["launchers"]] == ["client_secret_post"]
    assert main(["actors", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["agents"] == []
