"""Settings of the right shape → `Config`: defaults, placeholders, and what must be unique."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from counterfoil.config_console import console_config, console_findings
from counterfoil.config_documents import registered
from counterfoil.config_export import export_entry, export_findings
from counterfoil.config_findings import finding, schema_finding
from counterfoil.config_identity import oidc_findings, oidc_issuer
from counterfoil.config_issuers import issuer_findings, issuers
from counterfoil.config_ledger import PostgresqlPlace, postgresql_place
from counterfoil.config_login import login_config
from counterfoil.config_model import (
    DEVELOPMENT_ISSUER,
    ApprovalConfig,
    CatalogueConfig,
    Config,
    GrantConfig,
    IdentityConfig,
    KeysConfig,
    LedgerConfig,
    PolicyConfig,
    ServerConfig,
    ToolArguments,
    split_address,
)
from counterfoil.config_registry import agents, delegation_terms, launchers, registry_findings
from counterfoil.config_saml import saml_findings, saml_provider
from counterfoil.config_source import Place, Settings
from counterfoil.core.claims import RoleEntry
from counterfoil.core.model import ActionMapping, Enforcement, JsonObject
from counterfoil.core.urls import is_loopback_host
from counterfoil.errors import ConfigError
from counterfoil.resources import packaged

_CLOSED = {"type": "object", "additionalProperties": False}
_STRING = {"type": "string"}
_REFERENCES = frozenset({"$ref", "$dynamicRef", "$id", "$schema", "$anchor", "$dynamicAnchor"})


class Defaults:
    """Reads settings, falling back to the `default` of the schema."""

    def __init__(self, schema: Mapping[str, Any], settings: Settings) -> None:
        self._schema = schema["properties"]
        self._settings = settings

    def section(self, name: str) -> dict[str, Any]:
        """All members of one table, defaults filled in."""
        return filled(self._schema[name], self._settings.get(name, {}))

    def entries(self, name: str, *, within: str | None = None) -> list[dict[str, Any]]:
        """All entries of an array of tables, defaults filled in."""
        schema = self._schema[within]["properties"] if within else self._schema
        holder = self._settings.get(within, {}) if within else self._settings
        return [filled(schema[name]["items"], entry) for entry in holder.get(name, [])]


def filled(schema: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return `values` with the defaults of `schema` in the gaps."""
    defaults = {
        name: below["default"] for name, below in schema["properties"].items() if "default" in below
    }
    return {
        # JSON Schema calls 5.0 an integer; the dataclasses do not.
        name: int(value) if schema["properties"][name]["type"] == "integer" else value
        for name, value in {**defaults, **values}.items()
    }


def build(
    settings: Settings, schema: Mapping[str, Any], *, base: Path, development: bool
) -> tuple[Config, list[str]]:
    """Build the configuration; findings are what its meaning forbids."""
    read = Defaults(schema, settings)
    server, policy, ledger = (read.section(name) for name in ("server", "policy", "ledger"))
    resources, documents, unread = registered(read.entries("resource"), base)
    actions = read.entries("action")
    config = Config(
        server=_server(server, base),
        policy=PolicyConfig(
            opa_socket=_socket(policy["opa"]),
            bundle=_bundle(settings, policy["bundle"], base),
            entrypoint=policy["entrypoint"],
            timeout_ms=policy["timeout_ms"],
        ),
        ledger=_ledger(ledger, base),
        keys=KeysConfig(directory=base / read.section("keys")["directory"]),
        catalogue=_catalogue(read, base),
        identity=_identity(read, base),
        token=delegation_terms(
            read.section("token"), DEVELOPMENT_ISSUER if development else _public_url(read)
        ),
        grant=_grant(read),
        login=login_config(read.section("login"), base),
        console=console_config(read.section("console"), base, public_url=_public_url(read)),
        roles=tuple(_role(entry) for entry in read.entries("role")),
        resources=MappingProxyType({resource.id: resource for resource in resources}),
        documents=documents,
        actions=MappingProxyType({entry["tool"]: mapping_of(entry) for entry in actions}),
        arguments=MappingProxyType({entry["tool"]: arguments_of(entry) for entry in actions}),
        development=development,
        exports=tuple(export_entry(entry, base) for entry in read.entries("export")),
        approval=ApprovalConfig(**read.section("approval")),
        issuers=issuers(read.entries("issuer"), base),
    )
    findings = [
        *_duplicates(read),
        *oidc_findings(config.identity.oidc, read.entries("oidc", within="identity")),
        *unread,
        *_meaning(config, actions),
        *export_findings(read.entries("export")),
        *console_findings(config),
    ]
    return config, findings


def _server(server: Mapping[str, Any], base: Path) -> ServerConfig:
    paths = {
        name: base / server[name] for name in ("run_directory", "proxy_socket") if name in server
    }
    return ServerConfig(**{**server, **paths})


def _ledger(ledger: Mapping[str, Any], base: Path) -> LedgerConfig:
    """`[ledger]`.

    Raises:
        ConfigError: the URL of a PostgreSQL ledger cannot be used.
    """
    place: Path | PostgresqlPlace
    if ledger["url"].startswith("sqlite:///"):
        place = base / ledger["url"].removeprefix("sqlite:///")
    else:
        file = ledger.get("password_file")
        try:
            place = postgresql_place(
                ledger["url"],
                password_file=None if file is None else base / file,
                password=ledger.get("password", ""),
            )
        except ConfigError as error:
            raise ConfigError(error.detail, pointer="ledger.url") from error
    taken = ("timeout_ms", "reserve_bytes", "public_hashes", "max_delay_seconds")
    return LedgerConfig(
        place=place,
        retention_days=ledger.get("retention_days"),
        **{name: ledger[name] for name in taken},
    )


def mapping_of(entry: Mapping[str, Any]) -> ActionMapping:
    """One `[[action]]` as the model's value."""
    resource = entry["resource"]
    argument = placeholder(resource)
    return ActionMapping(
        tool=entry["tool"],
        family=entry["family"],
        command_argument=placeholder(entry["command"]),
        resource_argument=argument,
        resource_id=None if argument or not resource else resource,
        enforcement=Enforcement(entry["enforcement"]),
    )


def arguments_of(entry: Mapping[str, Any]) -> ToolArguments:
    """The entry's own schema, or the closed one of its placeholders."""
    schema: JsonObject = entry.get("arguments") or {
        **_CLOSED,
        "required": placeholders(entry),
        "properties": dict.fromkeys(placeholders(entry), _STRING),
    }
    return ToolArguments(schema=schema, fractions=_mentions_number(schema))


def placeholder(text: str) -> str | None:
    """The name inside a lone `{…}`, or None."""
    return text[1:-1] if text.startswith("{") else None


def placeholders(entry: Mapping[str, Any]) -> list[str]:
    """The distinct placeholders of an entry, command first."""
    names = (placeholder(entry["command"]), placeholder(entry["resource"]))
    return list(dict.fromkeys(name for name in names if name))


def is_loopback(address: str) -> bool:
    """True for a loopback address or `localhost`; other names may mean anything."""
    return is_loopback_host(split_address(address)[0])


def _catalogue(read: Defaults, base: Path) -> CatalogueConfig:
    section = read.section("catalogue")
    return CatalogueConfig(**{**section, "directory": base / section["directory"]})


def _identity(read: Defaults, base: Path) -> IdentityConfig:
    section = read.section("identity")
    return IdentityConfig(
        actor_required=section["actor_required"],
        leeway_seconds=section["leeway_seconds"],
        oidc=tuple(oidc_issuer(entry, base) for entry in read.entries("oidc", within="identity")),
        launchers=launchers(read.entries("launcher", within="identity"), base),
        agents=agents(read.entries("agent", within="identity")),
        saml=tuple(saml_provider(entry, base) for entry in read.entries("saml", within="identity")),
        saml_session_seconds=section["saml_session_seconds"],
    )


def _grant(read: Defaults) -> GrantConfig:
    exchange = {
        entry["issuer"]: entry["endpoint"] for entry in read.entries("exchange", within="grant")
    }
    return GrantConfig(issuer=_public_url(read), exchange=MappingProxyType(exchange))


def _public_url(read: Defaults) -> str:
    url: str = read.section("grant").get("issuer", f"http://{read.section('server')['listen']}")
    return url


def _role(entry: Mapping[str, Any]) -> RoleEntry:
    return RoleEntry(
        name=entry["name"],
        tenant=entry["tenant"],
        issuers=frozenset(entry["issuers"]),
        groups=frozenset(entry["groups"]),
    )


def _socket(opa: str) -> Path | None:
    return None if opa == "embedded" else Path(opa.removeprefix("unix://"))


def _bundle(settings: Settings, bundle: str, base: Path) -> Path:
    # Not configured and not beside the configuration: the policy that came with the package.
    path = base / bundle
    configured = "bundle" in settings.get("policy", {})
    return path if configured or path.exists() else packaged(bundle)


def _duplicates(read: Defaults) -> Iterator[str]:
    # Tools name a resource by its id alone, so ids are unique across types.
    checks: tuple[tuple[Place, list[dict[str, Any]], str], ...] = (
        (("identity", "oidc"), read.entries("oidc", within="identity"), "issuer"),
        (("identity", "launcher"), read.entries("launcher", within="identity"), "id"),
        (("identity", "saml"), read.entries("saml", within="identity"), "issuer"),
        (("resource",), read.entries("resource"), "id"),
        (("action",), read.entries("action"), "tool"),
        (("export",), read.entries("export"), "name"),
        (("issuer",), read.entries("issuer"), "name"),
        (("grant", "exchange"), read.entries("exchange", within="grant"), "issuer"),
    )
    for place, entries, member in checks:
        names = [entry.get(member) for entry in entries]
        for i, name in enumerate(names):
            if name is not None and name in names[:i]:
                problem = f"{name!r} is there already."
                yield finding((*place, i, member), problem, "Keep one entry of that name.")


def _meaning(config: Config, actions: list[dict[str, Any]]) -> Iterator[str]:
    yield from _addresses(config)
    for i, entry in enumerate(actions):
        yield from _action(config, entry, i)
    yield from registry_findings(config)
    yield from issuer_findings(config)
    issuers = {item.entry.issuer for item in config.identity.oidc}
    yield from saml_findings(config.identity.saml, config.identity.oidc)
    # A provider known by its metadata file alone has its name there.
    named = issuers | {item.issuer for item in config.identity.saml if item.issuer is not None}
    for i, role in enumerate(config.roles):
        for issuer in sorted(role.issuers - named):
            remedy = "Name the issuer of an [[identity.oidc]] or [[identity.saml]] entry."
            yield finding(("role", i, "issuers"), f"{issuer!r} is not configured.", remedy)
    if config.policy.opa_socket is None and config.policy.bundle.name.endswith(".tar.gz"):
        # Who built it is not known here, and the prompt law is proved on the sources.
        remedy = "Name the policy's folder; a built bundle goes with an OPA beside the service."
        yield finding(("policy", "bundle"), "is a built bundle.", remedy)
    if not config.development and DEVELOPMENT_ISSUER in issuers:
        place: Place = ("identity", "oidc")
        yield finding(place, "names the development issuer.", "Start with --dev instead.")


def _addresses(config: Config) -> Iterator[str]:
    for name in ("listen", "metrics_listen"):
        address: str = getattr(config.server, name)
        place: Place = ("server", name)
        if split_address(address)[1] > 65_535:  # noqa: PLR2004 -- the highest TCP port
            yield finding(place, "has no such port.", "Ports go to 65535.")
        if config.development and not is_loopback(address):
            remedy = "Use 127.0.0.1 with --dev, or start without --dev."
            yield finding(place, "is not a loopback address.", remedy)
    if config.server.address == config.server.metrics_address:
        remedy = "Give the metrics another port."
        yield finding(("server", "metrics_listen"), "is the same as server.listen.", remedy)


def _action(config: Config, entry: dict[str, Any], i: int) -> Iterator[str]:
    resource_id = mapping_of(entry).resource_id
    if resource_id is not None and resource_id not in config.resources:
        remedy = "Name the id of a [[resource]] entry, or write a placeholder."
        yield finding(("action", i, "resource"), f"{resource_id!r} is not registered.", remedy)
    schema = entry.get("arguments")
    if schema is None:
        return
    place: Place = ("action", i, "arguments")
    problem = schema_finding(schema) or _argument_problem(schema, placeholders(entry))
    if problem:
        yield finding(place, problem, "Write a closed schema that requires every placeholder.")


def _argument_problem(schema: Mapping[str, Any], names: list[str]) -> str | None:
    if schema.get("type") != "object" or schema.get("additionalProperties") is not False:
        return 'is not closed (type = "object", additionalProperties = false).'
    for name in names:
        if name not in schema.get("required", ()):
            return f"does not require {name!r}."
        if schema.get("properties", {}).get(name, {}).get("type") != "string":
            return f"does not declare {name!r} as a string."
    if _mentions(schema, _REFERENCES):
        return "holds a reference."
    return None


def _mentions(value: Any, names: frozenset[str]) -> bool:
    if isinstance(value, dict):
        return not names.isdisjoint(value) or any(_mentions(v, names) for v in value.values())
    return isinstance(value, list) and any(_mentions(item, names) for item in value)


def _mentions_number(value: Any) -> bool:
    if isinstance(value, dict):
        kind = value.get("type")
        declared = kind == "number" or (isinstance(kind, list) and "number" in kind)
        return declared or any(_mentions_number(item) for item in value.values())
    return isinstance(value, list) and any(_mentions_number(item) for item in value)
