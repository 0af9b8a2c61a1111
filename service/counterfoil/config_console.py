"""`[console]` → `ConsoleConfig`, and what its meaning forbids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from counterfoil.config_findings import finding
from counterfoil.config_model import Config, ConsoleConfig
from counterfoil.core.urls import UnsafeUrl, check_callable

CALLBACK_PATH: Final = "/console/signin/callback"


def console_config(section: Mapping[str, Any], base: Path, *, public_url: str) -> ConsoleConfig:
    """The section, defaults filled in, its file relative to the configuration's."""
    file = section.get("client_secret_file")
    return ConsoleConfig(
        issuer=section.get("issuer"),
        client_id=section.get("client_id"),
        client_secret_file=None if file is None else base / file,
        scope=section["scope"],
        redirect_uri=section.get("redirect_uri", public_url + CALLBACK_PATH),
        saml_provider=section.get("saml_provider"),
        session_seconds=section["session_seconds"],
        idle_seconds=section["idle_seconds"],
        sign_ins_per_minute=section["sign_ins_per_minute"],
        answers_per_minute=section["answers_per_minute"],
    )


def console_findings(config: Config) -> Iterator[str]:
    """What the section may not say."""
    console = config.console
    if (console.issuer is None) != (console.client_id is None):
        remedy = "console.issuer and console.client_id go together."
        yield finding(("console", "client_id"), "is half of a pair.", remedy)
    issuers = {item.entry.issuer for item in config.identity.oidc}
    if console.issuer is not None and console.issuer not in issuers:
        remedy = "Name the issuer of an [[identity.oidc]] entry."
        yield finding(("console", "issuer"), f"{console.issuer!r} is not configured.", remedy)
    if console.client_secret_file is not None and console.client_id is None:
        remedy = "Write console.client_id, or leave the file out."
        yield finding(("console", "client_secret_file"), "is no client's.", remedy)
    if "openid" not in console.scope.split(" "):
        yield finding(("console", "scope"), "lacks openid.", "Write openid among the scopes.")
    if console.client is not None:
        yield from _redirect(console.redirect_uri)


def _redirect(uri: str) -> Iterator[str]:
    """Session cookies go by https alone; http counts on this machine."""
    place = ("console", "redirect_uri")
    remedy = f"Write https://host{CALLBACK_PATH} (http on this machine alone), or set grant.issuer."
    try:
        check_callable(uri, plain_loopback=True)
    except UnsafeUrl as error:
        yield finding(place, f"cannot be called: {error}.", remedy)
        return
    if urlsplit(uri).path != CALLBACK_PATH or "?" in uri or "#" in uri:
        yield finding(place, "is another path.", remedy)
