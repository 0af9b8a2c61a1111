from __future__ import annotations

from pathlib import Path

import pytest

from counterfoil.config import DEVELOPMENT_ISSUER, load_config
from counterfoil.errors import ConfigError

OIDC = "COUNTERFOIL_IDENTITY__OIDC__"


def _refusal(environ: dict[str, str], *, dev: bool = False, path: Path | None = None) -> str:
    with pytest.raises(ConfigError) as refusal:
        load_config(path, environ, dev=dev)
    return f"{refusal.value.pointer}: {refusal.value.detail}"


def test_variable_overrides_the_file(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text('[server]\nlisten = "127.0.0.1:1"\nworkers = 3\n')
    config = load_config(path, {"COUNTERFOIL_SERVER__LISTEN": "127.0.0.1:2", "HOME": "/"})
    assert config.server.address == ("127.0.0.1", 2)
    assert config.server.workers == 3


def test_variables_alone_can_name_an_issuer_and_a_tool() -> None:
    config = load_config(
        None,
        {
            f"{OIDC}1__ISSUER": "https://b.example",
            f"{OIDC}1__AUDIENCE": "b",
            f"{OIDC}1__JWKS_FILE": "/b.json",
            f"{OIDC}0__ISSUER": "https://a.example",
            f"{OIDC}0__AUDIENCE": "a",
            f"{OIDC}0__JWKS_FILE": "/a.json",
            f"{OIDC}0__ALGORITHMS": "ES256, EdDSA",
            f"{OIDC}1__ALGORITHMS": '["PS256"]',
            f"{OIDC}0__MAY_ASSERT_ACTOR": "true",
            f"{OIDC}0__MAX_AGE_SECONDS": "60",
            "COUNTERFOIL_ACTION__0__TOOL": "t",
            "COUNTERFOIL_ACTION__0__FAMILY": "shell",
            "COUNTERFOIL_ACTION__0__COMMAND": "{c}",
            "COUNTERFOIL_ACTION__0__RESOURCE": "",
            "COUNTERFOIL_ACTION__0__ENFORCEMENT": "observe",
            "COUNTERFOIL_ACTION__0__ARGUMENTS": '{"type":"object","additionalProperties":false,'
            '"required":["c"],"properties":{"c":{"type":"string"}}}',
        },
    )
    first, second = config.identity.oidc
    assert (first.entry.issuer, second.entry.issuer) == ("https://a.example", "https://b.example")
    assert (first.algorithms, second.algorithms) == (("ES256", "EdDSA"), ("PS256",))
    assert first.entry.may_assert_actor
    assert first.entry.max_age_seconds == 60
    assert config.actions["t"].command_argument == "c"


WRONG = {
    "unknown": ("COUNTERFOIL_SERVER__LISTN", "x", "Did you mean COUNTERFOIL_SERVER__LISTEN?"),
    "one-underscore": (
        "COUNTERFOIL_SERVER_LISTEN",
        "x",
        "Did you mean COUNTERFOIL_SERVER__LISTEN?",
    ),
    "section": ("COUNTERFOIL_SERVER", "{}", "there is no such setting."),
    "too-deep": ("COUNTERFOIL_SERVER__LISTEN__X", "x", "there is no such setting."),
    "integer": ("COUNTERFOIL_SERVER__WORKERS", "2.0", "is not a whole number."),
    "integer-unicode": ("COUNTERFOIL_SERVER__WORKERS", "\u0662", "is not a whole number."),
    "integer-underscore": ("COUNTERFOIL_SERVER__WORKERS", "1_0", "is not a whole number."),
    "boolean": ("COUNTERFOIL_IDENTITY__ACTOR_REQUIRED", "no", "is neither true nor false."),
    "gap": (f"{OIDC}1__ISSUER", "https://a", "entry 1 without entry 0"),
    "list-as-broken-json": (f"{OIDC}0__ALGORITHMS", '["ES256"', "is not JSON."),
    "empty-value": ("COUNTERFOIL_SERVER__LISTEN", "", "is not accepted."),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_variable_stops_the_start(name: str) -> None:
    variable, value, said = WRONG[name]
    assert said in _refusal({variable: value})


def test_variable_that_contradicts_the_shape_of_the_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text('server = "x"')
    assert "in the place of this table" in _refusal(
        {"COUNTERFOIL_SERVER__LISTEN": "127.0.0.1:1"}, path=path
    )


@pytest.mark.parametrize(
    "name",
    [
        "SERVICE_HOST",
        "SERVICE_PORT",
        "SERVICE_PORT_HTTP",
        "PORT",
        "PORT_8282_TCP",
        "PORT_8282_TCP_ADDR",
    ],
)
def test_kubernetes_service_links_are_nobodys_setting(name: str) -> None:
    assert load_config(None, {f"COUNTERFOIL_{name}": "tcp://10.0.0.1:8282"}).server.workers == 2


def test_development_brings_its_issuer_tools_and_targets(tmp_path: Path) -> None:
    config = load_config(None, {"COUNTERFOIL_KEYS__DIRECTORY": str(tmp_path)}, dev=True)
    assert config.development
    issuer = config.identity.oidc[0]
    assert issuer.entry.issuer == DEVELOPMENT_ISSUER
    assert issuer.entry.may_assert_actor
    assert issuer.entry.max_age_seconds == 900
    assert issuer.jwks_file == tmp_path / "delegation.jwks.json"
    assert config.resources["orders"].location == "postgresql://127.0.0.1:5432/orders"
    assert config.resources["main"].issuer == "kubernetes-main"
    assert set(config.actions) == {
        "run_sql", "kubectl_apply", "push_image", "pull_image", "http_request",
        "run_shell", "run_code", "read_file", "write_file", "handoff",
    }  # fmt: skip
    roles = {"auditor", "administrator", "operator", "policy_reader"}
    assert {role.name for role in config.roles} == roles


def test_own_entry_replaces_the_development_one_of_its_name(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(
        '[[resource]]\ntype = "postgresql"\nid = "orders"\nlocation = "postgresql://127.0.0.1:6/o"\n'
        '[[resource]]\ntype = "postgresql"\nid = "more"\nlocation = "postgresql://127.0.0.1:7/m"\n'
    )
    resources = load_config(path, {}, dev=True).resources
    assert resources["orders"].location == "postgresql://127.0.0.1:6/o"
    assert set(resources) == {"orders", "more", "main", "images", "coder", "reviewer", "workspace"}


@pytest.mark.parametrize("name", ["LISTEN", "METRICS_LISTEN"])
@pytest.mark.parametrize(
    "bind", ["0.0.0.0:9", "[::]:9", "10.0.0.1:9", "example.com:9", "localhost.evil.com:9"]
)
def test_development_binds_loopback_only(name: str, bind: str) -> None:
    variable = f"COUNTERFOIL_SERVER__{name}"
    assert "is not a loopback address" in _refusal({variable: bind}, dev=True)
    for loopback in ("127.0.0.1:9", "127.9.9.9:9", "[::1]:9", "localhost:9"):
        assert load_config(None, {variable: loopback}, dev=True).development
    assert not load_config(None, {variable: bind}).development


@pytest.mark.parametrize("key", ["oidc", "saml"])
def test_development_stands_beside_no_other_identity_provider(tmp_path: Path, key: str) -> None:
    path = tmp_path / "c.toml"
    path.write_text(f'[[identity.{key}]]\nissuer = "https://x"\naudience = "a"\njwks_file = "k"\n')
    assert "no other identity provider" in _refusal({}, dev=True, path=path)
