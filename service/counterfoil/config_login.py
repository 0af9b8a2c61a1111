"""`[login]` → `LoginConfig`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from counterfoil.config_model import LoginConfig


def login_config(section: Mapping[str, Any], base: Path) -> LoginConfig:
    """The section, defaults filled in, its files relative to the configuration's."""

    def file(name: str) -> Path | None:
        return base / section[name] if name in section else None

    return LoginConfig(
        url=section.get("url"),
        issuer=section.get("issuer"),
        client_id=section.get("client_id"),
        client_secret_file=file("client_secret_file"),
        scope=section["scope"],
        source=section["source"],
        saml_provider=section.get("saml_provider"),
        launcher=section.get("launcher"),
        launcher_key_file=file("launcher_key_file"),
        launcher_secret_file=file("launcher_secret_file"),
        port=section["port"],
        wait_seconds=section["wait_seconds"],
        ca_file=file("ca_file"),
    )
