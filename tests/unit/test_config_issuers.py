"""`[[issuer]]`: what it becomes, and what stops the start."""

from __future__ import annotations

from pathlib import Path

import pytest

from counterfoil.config import load_config
from counterfoil.config_model import CredentialIssuer
from counterfoil.errors import ConfigError

ISSUER = '[[issuer]]\nname = "pg"\njwks_file = "pg.json"\n'
PROXY = '[server]\nproxy_socket = "proxy.sock"\n'


def load(folder: Path, text: str) -> tuple[CredentialIssuer, ...]:
    path = folder / "counterfoil.toml"
    path.write_text(text)
    return load_config(path, {}).issuers


def test_an_entry_becomes_the_models_value(tmp_path: Path) -> None:
    (issuer,) = load(tmp_path, ISSUER + 'endpoint = "https://pg.example.com/credential"\n')
    assert issuer == CredentialIssuer(
        name="pg",
        tenant="default",
        jwks_file=tmp_path / "pg.json",
        algorithms=("ES256", "EdDSA"),
        certificate_file=None,
        endpoint="https://pg.example.com/credential",
    )


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        (ISSUER.replace('jwks_file = "pg.json"', ""), "issuer[0]"),
        (PROXY + ISSUER + 'certificate_file = "pg.pem"\n', "issuer[0]"),
        (ISSUER.replace("jwks_file", "certificate_file"), "issuer[0].certificate_file"),
        (ISSUER + ISSUER.replace("pg.json", "other.json"), "issuer[1].name"),
        (ISSUER + ISSUER + 'tenant = "acme"\n', "issuer[1].name"),
        (ISSUER + 'endpoint = "http://pg.example.com/credential"\n', "issuer[0].endpoint"),
        (ISSUER + 'endpoint = "pg.sock"\n', "issuer[0].endpoint"),
        (ISSUER + 'secret_file = "pg.secret"\n', "issuer[0].secret_file"),
        (ISSUER.replace('"pg"', '"p g"'), "issuer[0].name"),
    ],
)
def test_an_entry_that_means_nothing_stops_the_start(
    tmp_path: Path, text: str, pointer: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, text)
    assert refused.value.pointer == pointer
    assert load(tmp_path, PROXY + ISSUER.replace("jwks_file", "certificate_file"))  # control


def test_development_knows_the_issuers_of_its_resources(tmp_path: Path) -> None:
    path = tmp_path / "counterfoil.toml"
    path.write_text("")
    config = load_config(path, {}, dev=True)
    named = {resource.issuer for resource in config.resources.values()} - {None}
    assert {issuer.name for issuer in config.issuers} == named
    for issuer in config.issuers:
        assert issuer.jwks_file == tmp_path / f"var/keys/issuer-{issuer.name}.jwks.json"
        assert issuer.endpoint
