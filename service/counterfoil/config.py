"""Reads the configuration once into a frozen object; a wrong value stops the start.

`load_config` is the only reader of `COUNTERFOIL_*`. Everything that is wrong is listed
at once, each with its dotted path and a remedy. What a later release will bring is
refused, never silently ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from counterfoil.config_build import build
from counterfoil.config_findings import config_schema, finding, findings_of
from counterfoil.config_issuers import DEVELOPMENT_JWKS
from counterfoil.config_model import (
    DELEGATION_JWKS_FILE,
    DEVELOPMENT_ISSUER,
    LAUNCHER_SECRET_FILE,
    CatalogueConfig,
    Config,
    GrantConfig,
    IdentityConfig,
    KeysConfig,
    LedgerConfig,
    OidcIssuer,
    PolicyConfig,
    ServerConfig,
    ToolArguments,
)
from counterfoil.config_source import Settings, apply_environment, merge, read_toml
from counterfoil.errors import ConfigError

__all__ = [
    "DEFAULT_FILE",
    "DEVELOPMENT_ISSUER",
    "CatalogueConfig",
    "Config",
    "GrantConfig",
    "IdentityConfig",
    "KeysConfig",
    "LedgerConfig",
    "OidcIssuer",
    "PolicyConfig",
    "ServerConfig",
    "ToolArguments",
    "find_config",
    "load_config",
]

DEFAULT_FILE = "counterfoil.toml"
_DEVELOPMENT_DEFAULTS = Path(__file__).with_name("development.toml")
_ENTRY_KEYS = {
    "action": ("tool",),
    "resource": ("id",),
    "role": ("name", "tenant"),
    "agent": ("name", "tenant"),
    "launcher": ("id",),
    "issuer": ("name",),
}


def find_config(argument: Path | None) -> Path | None:
    """Return the file to read: `--config`, else `counterfoil.toml` where there is one."""
    if argument is None and Path(DEFAULT_FILE).exists():
        return Path(DEFAULT_FILE)
    return argument


def load_config(path: Path | None, environ: Mapping[str, str], *, dev: bool = False) -> Config:
    """Read, merge and judge all settings.

    Args:
        path: the TOML file; None for the defaults alone. Relative paths in it are
            relative to its folder, without a file to the working directory.
        environ: the process environment; only `COUNTERFOIL_*` is looked at.
        dev: add `development.toml`, and refuse what `--dev` must not be used with.

    Raises:
        ConfigError: at least one setting is wrong; `detail` has one line for each.
    """
    schema = config_schema()
    base = (path.parent if path else Path()).resolve()
    settings = read_toml(path) if path else {}
    findings = [*_written_password(settings), *apply_environment(settings, environ, schema)]
    if dev:
        findings += _foreign_issuers(settings)
        settings = _with_development(settings)
    findings += findings_of(settings, schema)
    if not findings:
        config, findings = build(settings, schema, base=base, development=dev)
        if not findings:
            return config
    if len(findings) == 1:
        where, _, problem = findings[0].partition(": ")
        raise ConfigError(problem, pointer=where)
    raise ConfigError("".join(f"\n  {line}" for line in findings))


def _written_password(settings: Settings) -> list[str]:
    # The configuration is shown to people and kept with code.
    ledger = settings.get("ledger")
    if not isinstance(ledger, dict) or "password" not in ledger:
        return []
    remedy = "Name a file in ledger.password_file, or set COUNTERFOIL_LEDGER__PASSWORD."
    return [finding(("ledger", "password"), "stands in the configuration file.", remedy)]


def _foreign_issuers(settings: Settings) -> list[str]:
    # The development issuer's key lies on this machine: beside it no real person's
    # identity may count.
    identity = settings.get("identity")
    if not isinstance(identity, dict) or not (identity.get("oidc") or identity.get("saml")):
        return []
    remedy = "Start without --dev, or leave [[identity.oidc]] out."
    return [finding(("identity",), "--dev stands beside no other identity provider.", remedy)]


def _with_development(settings: Settings) -> Settings:
    keys = settings.get("keys")
    directory = keys.get("directory") if isinstance(keys, dict) else None
    folder = Path(directory if isinstance(directory, str) else "var/keys")
    defaults = read_toml(_DEVELOPMENT_DEFAULTS)
    identity = defaults["identity"]
    identity["oidc"][0]["jwks_file"] = str(folder / DELEGATION_JWKS_FILE)
    identity["launcher"][0]["secret_file"] = str(folder / LAUNCHER_SECRET_FILE)
    for entry in defaults["issuer"]:
        entry["jwks_file"] = str(folder / DEVELOPMENT_JWKS.format(entry["name"]))
    return merge(defaults, settings, keys=_ENTRY_KEYS)
