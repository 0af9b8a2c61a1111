"""What `counterfoil login` needs to know, from `[login]` of the configuration."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from counterfoil.cli import EXIT_GOOD
from counterfoil.cli.login_exchange import Launcher
from counterfoil.config import Config, find_config, load_config
from counterfoil.config_model import LoginConfig
from counterfoil.errors import ConfigError
from counterfoil.identity.signing import Es256Signer
from counterfoil.keys import (
    ensure_es256_key,
    jwks_document,
    load_es256_key,
    load_secret,
    public_jwk,
)


@dataclass(frozen=True, slots=True)
class LoginSettings:
    """`[login]` with what the rest of the file fills in."""

    config: Config

    @property
    def _login(self) -> LoginConfig:
        return self.config.login

    @property
    def url(self) -> str:
        """The service, as it names itself."""
        return (self._login.url or self.config.grant.issuer).removesuffix("/")

    @property
    def port(self) -> int:
        """Where to listen for the browser; 0 is any port."""
        return self._login.port

    @property
    def wait_seconds(self) -> int:
        """How long the browser may take to come back."""
        return self._login.wait_seconds

    @property
    def scope(self) -> str:
        """What is asked for at the OpenID provider."""
        return self._login.scope

    @property
    def source(self) -> str:
        """Which of the provider's tokens is exchanged."""
        return self._login.source

    @property
    def saml_provider(self) -> str | None:
        """The SAML provider's entity id, None for the only one."""
        return self._login.saml_provider

    @property
    def ca_file(self) -> Path | None:
        """Certificate authorities, None for the system's."""
        return self._login.ca_file

    @property
    def client_secret_file(self) -> Path | None:
        """The client's secret at the OpenID provider, where it has one."""
        return self._login.client_secret_file

    def oidc(self) -> tuple[str, str]:
        """Issuer and client id: of `[login]`, else of the only entry that people log in at.

        Raises:
            ConfigError: neither says.
        """
        entries = [item.entry for item in self.config.identity.oidc if item.entry.login_client_id]
        only = entries[0] if len(entries) == 1 else None
        issuer = self._login.issuer or (only.issuer if only else None)
        client_id = self._login.client_id or (
            only.login_client_id if only and only.issuer == issuer else None
        )
        if issuer is None or client_id is None:
            raise ConfigError(
                "is not set. Write login.issuer and login.client_id, or use --saml.",
                pointer="login.issuer",
            )
        return issuer, client_id


def settings_of(path: Path | None) -> LoginSettings:
    """Read the configuration.

    Raises:
        ConfigError: a setting is wrong.
    """
    return LoginSettings(load_config(find_config(path), os.environ))


def launcher_of(settings: LoginSettings) -> Launcher:
    """Who this launcher is.

    Raises:
        ConfigError: it has no id, or neither key nor secret; or they cannot be used.
    """
    login = settings.config.login
    if login.launcher is None:
        remedy = "Write the id of this launcher's [[identity.launcher]] entry."
        raise ConfigError(f"is not set. {remedy}", pointer="login.launcher")
    if login.launcher_key_file is not None:
        signer = Es256Signer(load_es256_key(login.launcher_key_file), typ="JWT")
        return Launcher(id=login.launcher, signer=signer)
    if login.launcher_secret_file is not None:
        secret = load_secret(login.launcher_secret_file).decode("ascii")
        return Launcher(id=login.launcher, secret=secret)
    remedy = "Make one with counterfoil login --launcher-keys FILE, and name it."
    raise ConfigError(f"is not set. {remedy}", pointer="login.launcher_key_file")


def secret_of(path: Path | None) -> str | None:
    """A client's secret out of its file.

    Raises:
        ConfigError: it cannot be read.
    """
    if path is None:
        return None
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read.", pointer="login.client_secret_file") from error


def print_launcher_keys(path: Path) -> int:
    """Make the launcher's key unless it is there, and print its public half as a JWKS.

    Raises:
        ConfigError: the key cannot be made or used.
    """
    key = ensure_es256_key(path)
    print(json.dumps(jwks_document([public_jwk(key)]), indent=1))
    print(
        f"counterfoil login: {path} holds the key; the operator saves what is printed here and"
        " names it as jwks_file of this launcher's [[identity.launcher]]",
        file=sys.stderr,
    )
    return EXIT_GOOD
