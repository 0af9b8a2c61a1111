"""One issuer's configuration file (TOML), judged by `schemas/issuer.json` and its kind's schema.

[issuer]            who it is, where it listens, where its state is
[service]           whose requests it takes, and how it proves itself there
[target]            the system at which it makes credentials, `schemas/issuer_<kind>.json`
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator

from counterfoil.config_findings import findings_of
from counterfoil.config_source import Settings, read_toml
from counterfoil.core.model import JsonValue
from counterfoil.core.urls import UnsafeUrl, check_callable, is_loopback_host, is_plain_loopback
from counterfoil.errors import ConfigError
from counterfoil.identity.signing import Es256Signer
from counterfoil.keys import load_es256_key
from counterfoil.resources import packaged
from counterfoil_issuers.kinds import SCHEMA_PREFIX, kinds
from counterfoil_issuers.server import PATH
from counterfoil_issuers.service_client import ASSERTION_TYPE, Whereabouts, tls_context

UNIX: Final = "unix:"
UNIX_URL: Final = "http://localhost" + PATH
"""What proofs name where an issuer listens on a unix socket: there is no host to name."""
_JWKS: Final = "/.well-known/jwks.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerSettings:
    """A configuration without findings. Relative files are beside the configuration."""

    kind: str
    name: str
    socket: Path | None
    address: tuple[str, int] | None
    url: str
    state: Path
    workers: int
    development: bool
    tls: ssl.SSLContext | None
    service: Whereabouts
    service_issuer: str
    jwks_file: Path | None
    jwks_uri: str
    target: Mapping[str, JsonValue]


def load(kind: str, path: Path) -> IssuerSettings:
    """Read and judge the file.

    Raises:
        ConfigError: one line for each finding, with its place and a remedy.
    """
    if kind not in kinds():
        raise ConfigError(f"{kind!r} is no kind of issuer. Known here: {', '.join(kinds())}.")
    settings = read_toml(path)
    findings = _findings(settings, _schema("issuer")) + [
        f"target.{line}"
        for line in _findings(settings.get("target", {}), _schema(SCHEMA_PREFIX + kind))
    ]
    if findings:
        raise ConfigError("\n".join(findings))
    try:
        return _built(kind, settings, path.resolve().parent)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"a certificate's file cannot be used: {error}") from error


def _built(kind: str, settings: Settings, folder: Path) -> IssuerSettings:
    issuer, service = settings["issuer"], settings["service"]
    socket, address = _listen(issuer, folder)
    tls = _tls(issuer, folder)
    development = bool(issuer.get("development", False))
    loopback = socket is not None or is_loopback_host(address[0] if address else "")
    if not loopback and tls is None:
        raise ConfigError(
            "it listens beyond this machine without TLS. Name certificate_file and key in it,"
            " or listen on a loopback address or a unix socket.",
            pointer="issuer.listen",
        )
    if development and not loopback:
        raise ConfigError("development is for this machine alone.", pointer="issuer.development")
    _check_url(service["url"], "service.url")
    url = issuer.get("url") or _own_url(address, tls)
    _check_url(url, "issuer.url")
    return IssuerSettings(
        kind=kind,
        name=issuer["name"],
        socket=socket,
        address=address,
        url=url,
        state=folder / issuer["state"],
        workers=issuer.get("workers", 8),
        development=development,
        tls=tls,
        service=_whereabouts(issuer["name"], service, folder),
        service_issuer=service.get("issuer", service["url"]),
        jwks_file=folder / service["jwks_file"] if "jwks_file" in service else None,
        jwks_uri=service.get("jwks_uri") or service["url"].rstrip("/") + _JWKS,
        target={name: _beside(name, value, folder) for name, value in settings["target"].items()},
    )


def _beside(name: str, value: JsonValue, folder: Path) -> JsonValue:
    """Members of `[target]` that end in `_file` are files beside the configuration too."""
    return str(folder / value) if name.endswith("_file") and isinstance(value, str) else value


def _listen(issuer: Settings, folder: Path) -> tuple[Path | None, tuple[str, int] | None]:
    listen: str = issuer["listen"]
    if listen.startswith(UNIX):
        return folder / listen.removeprefix(UNIX), None
    host, _, port = listen.rpartition(":")
    return None, (host.strip("[]"), int(port))


def _own_url(address: tuple[str, int] | None, tls: ssl.SSLContext | None) -> str:
    if address is None:
        return UNIX_URL
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    return f"{'http' if tls is None else 'https'}://{host}:{address[1]}{PATH}"


def _tls(issuer: Settings, folder: Path) -> ssl.SSLContext | None:
    if "certificate_file" not in issuer:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(folder / issuer["certificate_file"])
    if "client_ca_file" in issuer:
        context.load_verify_locations(folder / issuer["client_ca_file"])
        context.verify_mode = ssl.CERT_OPTIONAL  # bound by proof, a holder needs none
    return context


def _whereabouts(name: str, service: Settings, folder: Path) -> Whereabouts:
    signer = None
    if "key_file" in service:
        signer = Es256Signer(load_es256_key(folder / service["key_file"]), typ=ASSERTION_TYPE)
    elif "certificate_file" not in service:
        raise ConfigError(
            "nothing proves the issuer to the service. Name key_file or certificate_file.",
            pointer="service.key_file",
        )
    return Whereabouts(
        url=service["url"],
        issuer=name,
        audience=str(service.get("audience") or service.get("issuer") or service["url"]),
        signer=signer,
        tls=tls_context(
            _file(service, "ca_file", folder), _file(service, "certificate_file", folder)
        ),
    )


def _file(table: Settings, name: str, folder: Path) -> str | None:
    return str(folder / table[name]) if name in table else None


def _check_url(url: str, pointer: str) -> None:
    try:
        check_callable(url, plain_loopback=is_plain_loopback(url))
    except UnsafeUrl as error:
        raise ConfigError(f"{url} is not called: {error}.", pointer=pointer) from error
    if urlsplit(url).query:
        raise ConfigError(f"{url} has a query. Name it without.", pointer=pointer)


def _schema(name: str) -> dict[str, Any]:
    path = packaged("schemas") / f"{name}.json"
    try:
        schema: dict[str, Any] = json.loads(path.read_text("utf-8"))
        Draft202012Validator.check_schema(schema)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read. Install the package again.") from error
    return schema


def _findings(settings: Any, schema: Mapping[str, Any]) -> list[str]:
    if not isinstance(settings, dict):
        return ["configuration: it is no table."]
    return findings_of(settings, schema)
