from __future__ import annotations

import json
from pathlib import Path

import pytest

from counterfoil.config import Config, find_config, load_config
from counterfoil.config_findings import config_schema
from counterfoil.config_source import leaves
from counterfoil.core.claims import IssuerEntry
from counterfoil.core.model import ActionMapping, Enforcement, Resource
from counterfoil.errors import ConfigError

DOCS = Path(__file__).parents[2] / "docs/configuration.md"
ISSUER = '[[identity.oidc]]\nissuer = "https://i.example"\naudience = "a"\njwks_file = "k.json"\n'
RESOURCE = (
    '[[resource]]\ntype = "postgresql"\nid = "orders"\nlocation = "postgresql://db:5432/orders"\n'
)
ACTION = (
    '[[action]]\ntool = "run_sql"\nfamily = "database"\ncommand = "{sql}"\n'
    'resource = "{database}"\nenforcement = "enforce"\n'
)
ARGUMENTS = (
    '[action.arguments]\ntype = "object"\nadditionalProperties = false\n'
    'required = ["sql", "database"]\n[action.arguments.properties]\n'
    'sql = { type = "string" }\ndatabase = { type = "string" }\n'
)


def _load(folder: Path, text: str, **environ: str) -> Config:
    path = folder / "counterfoil.toml"
    path.write_text(text)
    return load_config(path, environ)


def _refusal(folder: Path, text: str, **environ: str) -> str:
    with pytest.raises(ConfigError) as refusal:
        _load(folder, text, **environ)
    return f"{refusal.value.pointer}: {refusal.value.detail}".removeprefix(": ")


def test_nothing_configured_is_a_valid_start_with_the_published_defaults(tmp_path: Path) -> None:
    config = _load(tmp_path, "")
    assert config.server.address == ("127.0.0.1", 8282)
    assert config.server.metrics_address == ("127.0.0.1", 8283)
    assert (config.server.workers, config.server.max_body_bytes) == (2, 262_144)
    assert config.server.run_directory == tmp_path / "var/run"
    assert config.policy.opa_socket is None
    assert (config.policy.entrypoint, config.policy.timeout_ms) == (
        "counterfoil/main/decision",
        250,
    )
    assert config.ledger.path == tmp_path / "var/ledger.db"
    assert config.ledger.timeout_ms == 1_000
    assert config.keys.directory == tmp_path / "var/keys"
    assert config.identity.actor_required
    assert config.identity.leeway_seconds == 60
    assert config.approval.max_sign_in_age_seconds is None
    assert config.grant.issuer == "http://127.0.0.1:8282"
    assert not config.development
    assert config.identity.oidc == ()
    assert config.roles == ()
    for entries in (config.resources, config.actions, config.arguments, config.grant.exchange):
        assert not entries


def test_issuer_needs_only_its_name_audience_and_keys(tmp_path: Path) -> None:
    issuer = _load(tmp_path, ISSUER).identity.oidc[0]
    assert issuer.entry == IssuerEntry(issuer="https://i.example", audience="a")
    assert issuer.algorithms == ("ES256", "RS256")
    assert issuer.jwks_file == tmp_path / "k.json"


def test_entries_become_the_models_values(tmp_path: Path) -> None:
    config = _load(tmp_path, RESOURCE + 'issuer = "pg"\n' + ACTION)
    assert config.resources["orders"] == Resource(
        type="postgresql", id="orders", location="postgresql://db:5432/orders", issuer="pg"
    )
    assert config.actions["run_sql"] == ActionMapping(
        tool="run_sql",
        family="database",
        command_argument="sql",
        resource_argument="database",
        resource_id=None,
        enforcement=Enforcement.ENFORCE,
    )
    assert config.arguments["run_sql"].schema == {
        "type": "object",
        "additionalProperties": False,
        "required": ["sql", "database"],
        "properties": {"sql": {"type": "string"}, "database": {"type": "string"}},
    }
    assert not config.arguments["run_sql"].fractions


def test_resource_may_be_named_outright(tmp_path: Path) -> None:
    mapping = _load(tmp_path, RESOURCE + ACTION.replace("{database}", "orders")).actions["run_sql"]
    assert (mapping.resource_argument, mapping.resource_id) == (None, "orders")


def test_tool_may_have_neither_command_nor_resource(tmp_path: Path) -> None:
    text = ACTION.replace("{database}", "").replace("{sql}", "")
    config = _load(tmp_path, text)
    mapping = config.actions["run_sql"]
    assert (mapping.command_argument, mapping.resource_argument, mapping.resource_id) == (None,) * 3
    assert config.arguments["run_sql"].schema["required"] == []


def test_own_argument_schema_is_exposed_and_numbers_are_told(tmp_path: Path) -> None:
    text = RESOURCE + ACTION + ARGUMENTS + 'limit = { type = ["number", "null"] }\n'
    arguments = _load(tmp_path, text).arguments["run_sql"]
    assert arguments.fractions
    assert "limit" in json.dumps(arguments.schema)


WRONG = {
    "unknown-section": (
        "[sever]\nlisten = 1",
        "sever: there is no such setting. Did you mean server?",
    ),
    "unknown-setting": ("[server]\nlisten_on = 1", "server.listen_on: there is no such setting."),
    "typo": (
        "[policy]\ntimout_ms = 1",
        "policy.timout_ms: there is no such setting. Did you mean timeout_ms?",
    ),
    "type": (
        '[server]\nworkers = "2"',
        "server.workers: '2' is not accepted. Write a whole number",
    ),
    "boolean-as-number": ("[server]\nworkers = true", "server.workers: True is not accepted."),
    "nan": ("[server]\nworkers = nan", "server.workers: nan is not accepted."),
    "date": ("[server]\nlisten = 2026-01-01", "server.listen: "),
    "zero-workers": ("[server]\nworkers = 0", "server.workers: 0 is not accepted."),
    "listen-form": (
        '[server]\nlisten = "8282"',
        "server.listen: '8282' is not accepted. Write address:port",
    ),
    "listen-newline": ('[server]\nlisten = "127.0.0.1:8282\\n"', "server.listen: "),
    "port": ('[server]\nlisten = "127.0.0.1:70000"', "server.listen: has no such port."),
    "same-listeners": ('[server]\nlisten = "127.0.0.1:8283"', "server.metrics_listen: is the same"),
    "enforcement": (
        RESOURCE + ACTION.replace('"enforce"', '"warn"'),
        "action[0].enforcement: 'warn' is not accepted.",
    ),
    "issuer-without-audience": (
        ISSUER.replace('audience = "a"\n', ""),
        "identity.oidc[0].audience: is required. Write",
    ),
    "algorithm": (
        ISSUER + 'algorithms = ["HS256"]',
        "identity.oidc[0].algorithms[0]: 'HS256' is not accepted.",
    ),
    "algorithm-none": (
        ISSUER + 'algorithms = ["none"]',
        "identity.oidc[0].algorithms[0]: 'none' is not accepted.",
    ),
    "no-algorithm": (
        ISSUER + "algorithms = []",
        "identity.oidc[0].algorithms: [] is not accepted.",
    ),
    "sign-in-of-two-days": (
        "[approval]\nmax_sign_in_age_seconds = 172800",
        "approval.max_sign_in_age_seconds: 172800 is not accepted.",
    ),
    "leeway": ("[identity]\nleeway_seconds = 61", "identity.leeway_seconds: 61 is not accepted."),
    "duplicate-issuer": (
        ISSUER * 2,
        "identity.oidc[1].issuer: 'https://i.example' is there already.",
    ),
    "duplicate-resource": (
        RESOURCE + RESOURCE.replace("postgresql", "mysql"),
        "resource[1].id: 'orders' is there already.",
    ),
    "duplicate-tool": (RESOURCE + ACTION * 2, "action[1].tool: 'run_sql' is there already."),
    "development-issuer": (
        ISSUER.replace("https://i.example", "urn:counterfoil:development"),
        "identity.oidc: names the development issuer.",
    ),
    "action-incomplete": (
        ACTION.replace('family = "database"\n', ""),
        "action[0].family: is required.",
    ),
    "command-inside-text": (
        ACTION.replace("{sql}", "psql {sql}"),
        "action[0].command: 'psql {sql}' is not accepted.",
    ),
    "two-placeholders": (ACTION.replace("{sql}", "{a}{b}"), "action[0].command: "),
    "unregistered-resource": (
        ACTION.replace("{database}", "orders"),
        "action[0].resource: 'orders' is not registered.",
    ),
    "role-without-group": (
        ISSUER + '[[role]]\nname = "auditor"\nissuers = ["https://i.example"]\n',
        "role[0].groups: is required.",
    ),
    "role-for-nobody": (
        ISSUER + '[[role]]\nname = "auditor"\ngroups = []\nissuers = ["https://i.example"]\n',
        "role[0].groups: [] is not accepted.",
    ),
    "role-of-unknown-issuer": (
        '[[role]]\nname = "auditor"\ngroups = ["g"]\nissuers = ["https://x"]\n',
        "role[0].issuers: 'https://x' is not configured.",
    ),
    "role-name": (
        ISSUER + '[[role]]\nname = "root"\ngroups = ["g"]\nissuers = ["https://i.example"]\n',
        "role[0].name: 'root' is not accepted.",
    ),
    "open-arguments": (
        RESOURCE + ACTION + ARGUMENTS.replace("false", "true"),
        "action[0].arguments: is not closed",
    ),
    "optional-placeholder": (
        RESOURCE + ACTION + ARGUMENTS.replace('"sql", ', ""),
        "action[0].arguments: does not require 'sql'.",
    ),
    "number-placeholder": (
        RESOURCE + ACTION + ARGUMENTS.replace('sql = { type = "string"', 'sql = { type = "number"'),
        "action[0].arguments: does not declare 'sql' as a string.",
    ),
    "referring-arguments": (
        RESOURCE + ACTION + ARGUMENTS + 'x = { "$ref" = "https://evil.example" }',
        "action[0].arguments: holds a reference.",
    ),
    "no-schema": (
        RESOURCE + ACTION + ARGUMENTS + 'x = { type = "text" }',
        "action[0].arguments: is not a JSON Schema",
    ),
    "exchange-http": (
        '[[grant.exchange]]\nissuer = "i"\nendpoint = "http://x"',
        "grant.exchange[0].endpoint: ",
    ),
    "not-toml": ("server.listen", ""),
}
NOT_YET = {
    "signed-bundle": ('[policy]\nverification_key = "k"', "policy.verification_key: is set."),
    "remote-opa": ('[policy]\nopa = "https://opa:8181"', "policy.opa: asks for something else."),
    "bundle-url": (
        '[policy]\nbundle = "https://x/b.tar.gz"',
        "policy.bundle: asks for something else.",
    ),
    "bundle-file": ('[policy]\nbundle = "b.tar.gz"', "policy.bundle: is a built bundle."),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_value_stops_the_start_with_its_path_and_a_remedy(tmp_path: Path, name: str) -> None:
    text, said = WRONG[name]
    refusal = _refusal(tmp_path, text)
    assert refusal.startswith(said)
    assert "\n" not in refusal
    assert refusal.endswith((".", "?")) or name == "not-toml"


@pytest.mark.parametrize("name", NOT_YET)
def test_what_this_release_has_not_is_refused_never_ignored(tmp_path: Path, name: str) -> None:
    text, said = NOT_YET[name]
    assert _refusal(tmp_path, text).startswith(said)


LOCATIONS = {
    "postgresql://db:5432/orders": True,
    "https://127.0.0.1:6443": True,
    "https://[::1]:6443/x?y=1": True,
    "arn:aws:iam::123456789012": True,
    "orders": False,
    "/var/orders": False,
    "//db/orders": False,
    "postgresql://user@db/orders": False,
    "postgresql://user:secret@db/orders": False,
    "postgresql://db/orders#x": False,
    "postgresql://db/or ders": False,
    "postgresql://db/orders\\n": False,
    "PostgreSQL://db/orders": False,
    "postgresql://DB/orders": False,
    "https://*.example.com": False,
    "https://db/%zz": False,
    "https://db\\\\@evil/x": False,
    "https://dü/x": False,
    "https:///x": False,
}


@pytest.mark.parametrize("location", LOCATIONS)
def test_location_is_an_absolute_uri_without_credentials(tmp_path: Path, location: str) -> None:
    text = RESOURCE.replace("postgresql://db:5432/orders", location)
    if LOCATIONS[location]:
        assert _load(tmp_path, text).resources["orders"].location == location
    else:
        assert _refusal(tmp_path, text).startswith("resource[0].location: ")


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    text = "[server]\nworkers = 0\nlisten = 1\n[policy]\ntimeout_ms = 0\n"
    lines = _refusal(tmp_path, text, COUNTERFOIL_NOPE="1").strip().splitlines()
    places = [line.strip().split(":")[0] for line in lines]
    assert places == ["COUNTERFOIL_NOPE", "policy.timeout_ms", "server.listen", "server.workers"]


def test_missing_file_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path / "none.toml", {})


def test_default_file_is_found_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_config(None) is None
    Path("counterfoil.toml").write_text("")
    assert find_config(None) == Path("counterfoil.toml")
    assert find_config(Path("other.toml")) == Path("other.toml")


def test_configuration_cannot_be_changed_afterwards(tmp_path: Path) -> None:
    config = _load(tmp_path, RESOURCE)
    with pytest.raises(AttributeError):
        config.development = True  # type: ignore[misc]
    with pytest.raises(TypeError):
        config.resources["x"] = config.resources["orders"]  # type: ignore[index]


def test_every_setting_is_documented() -> None:
    text = DOCS.read_text("utf-8")
    for template, leaf in leaves(config_schema()):
        name = template[-1]
        assert f"`{name}`" in text, template
        if "default" in leaf and not isinstance(leaf["default"], (list, bool)):
            assert str(leaf["default"]) in text, template
