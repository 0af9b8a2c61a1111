"""The configuration as frozen values, named as in the TOML file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from counterfoil.config_ledger import PostgresqlPlace
from counterfoil.core.agents import RegisteredAgent
from counterfoil.core.claims import IssuerEntry, RoleEntry
from counterfoil.core.delegation import DelegationTerms
from counterfoil.core.model import ActionMapping, JsonObject, Resource
from counterfoil.errors import ConfigError

DEVELOPMENT_ISSUER = "urn:counterfoil:development"
"""The issuer that `--dev` plays itself; no configuration may name it otherwise."""

DELEGATION_JWKS_FILE = "delegation.jwks.json"
"""Its public keys, within `keys.directory`."""

LAUNCHER_SECRET_FILE = "launcher.secret"  # noqa: S105 -- a file's name
"""The secret of the development launcher, within `keys.directory`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """`[server]`."""

    listen: str
    metrics_listen: str
    workers: int
    max_body_bytes: int
    run_directory: Path
    proxy_socket: Path | None = None
    """Where a proxy that ends TLS, and nobody else, connects."""

    @property
    def address(self) -> tuple[str, int]:
        """Host (without brackets) and port of `listen`."""
        return split_address(self.listen)

    @property
    def metrics_address(self) -> tuple[str, int]:
        """Host (without brackets) and port of `metrics_listen`."""
        return split_address(self.metrics_listen)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyConfig:
    """`[policy]`; `opa_socket` is None where the parent runs OPA itself."""

    opa_socket: Path | None
    bundle: Path
    entrypoint: str
    timeout_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalConfig:
    """`[approval]`: what holds for every approval, beside the terms that policy sets."""

    max_sign_in_age_seconds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerConfig:
    """`[ledger]`; `place` is the file of the `sqlite:///` URL, or a database."""

    place: Path | PostgresqlPlace
    timeout_ms: int
    reserve_bytes: int
    public_hashes: bool
    retention_days: int | None = None
    max_delay_seconds: int

    @property
    def path(self) -> Path:
        """The file.

        Raises:
            ConfigError: the ledger lies on PostgreSQL.
        """
        if isinstance(self.place, PostgresqlPlace):
            raise ConfigError("this works on a SQLite ledger only", pointer="ledger.url")
        return self.place


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysConfig:
    """`[keys]`."""

    directory: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Introspection:
    """How a provider is asked about opaque tokens (RFC 7662); without `uri`, where it says."""

    client_id: str
    secret_file: Path
    uri: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteProvider:
    """How an issuer's provider is called; without `jwks_uri`, its own metadata says where.

    `ca_file` holds the only authorities that count for it; None for the machine's.
    """

    jwks_uri: str | None = None
    jwks_refresh_seconds: int = 300
    jwks_retry_seconds: int = 30
    ca_file: Path | None = None
    introspection: Introspection | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportEntry:
    """One `[[export]]`: a collector at `url`, or files in `directory`."""

    name: str
    tenant: str
    url: str | None = None
    header_file: Path | None = None
    ca_file: Path | None = None
    directory: Path | None = None
    opened: bool = False
    every_seconds: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueConfig:
    """`[catalogue]`: where snapshots of resources lie, and how old one may be."""

    directory: Path
    max_age_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcIssuer:
    """One `[[identity.oidc]]`: how its claims are read, and what verifies its tokens.

    Without `jwks_file` the keys are fetched from the provider.
    """

    entry: IssuerEntry
    algorithms: tuple[str, ...]
    accept_untyped: bool = False
    jwks_file: Path | None = None
    provider: RemoteProvider = RemoteProvider()

    @property
    def calls_provider(self) -> bool:
        """Whether anything of it is asked of the provider while the service runs."""
        return self.jwks_file is None or self.provider.introspection is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class LauncherEntry:
    """One `[[identity.launcher]]`: it has keys, or certificates, or in development a secret."""

    id: str
    tenant: str
    jwks_file: Path | None
    algorithms: tuple[str, ...]
    secret_file: Path | None
    certificate_file: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialIssuer:
    """One `[[issuer]]`: a process that makes credentials at a target, by keys or certificates.

    `name` is what a `[[resource]]` calls it; `endpoint` is where a holder asks it for the
    credential, None where holders know.
    """

    name: str
    tenant: str
    jwks_file: Path | None
    algorithms: tuple[str, ...]
    certificate_file: Path | None
    endpoint: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SamlProvider:
    """One `[[identity.saml]]`; `issuer` is the provider's entity id, `entity_id` our own.

    Exactly one of `metadata_file` and `metadata_url` is set; `issuer` always with the latter.
    """

    entity_id: str
    issuer: str | None
    metadata_file: Path | None
    metadata_url: str | None
    metadata_certificate_file: Path | None
    refresh_seconds: int
    tenant: str
    subject_namespace: str | None
    subject_attribute: str | None
    groups_attribute: str
    name_id_formats: tuple[str, ...]
    request_binding: str
    signing_key_file: Path | None
    signing_certificate_file: Path | None
    decryption_key_file: Path | None = None
    decryption_certificate_file: Path | None = None
    earlier_decryption_key_file: Path | None = None
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityConfig:
    """`[identity]`."""

    actor_required: bool
    leeway_seconds: int
    oidc: tuple[OidcIssuer, ...]
    launchers: tuple[LauncherEntry, ...] = ()
    agents: tuple[RegisteredAgent, ...] = ()
    saml: tuple[SamlProvider, ...] = ()
    saml_session_seconds: int = 3_600

    @property
    def calls_providers(self) -> bool:
        """Whether anything is asked of a provider while the service runs."""
        return any(issuer.calls_provider for issuer in self.oidc) or any(
            provider.metadata_url is not None for provider in self.saml
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginConfig:
    """`[login]`: what `counterfoil login` needs on a person's machine; None is not set."""

    url: str | None
    issuer: str | None
    client_id: str | None
    client_secret_file: Path | None
    scope: str
    source: str
    saml_provider: str | None
    launcher: str | None
    launcher_key_file: Path | None
    launcher_secret_file: Path | None
    port: int
    wait_seconds: int
    ca_file: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleConfig:
    """`[console]`: how people sign in there, and for how long; without `issuer`, not by OIDC.

    `redirect_uri` is where the browser comes back to, and says where the console lives.
    """

    issuer: str | None
    client_id: str | None
    client_secret_file: Path | None
    scope: str
    redirect_uri: str
    saml_provider: str | None
    session_seconds: int
    idle_seconds: int
    sign_ins_per_minute: int
    answers_per_minute: int

    @property
    def client(self) -> tuple[str, str] | None:
        """Issuer and client id, where people sign in by OpenID Connect."""
        if self.issuer is None or self.client_id is None:
            return None
        return self.issuer, self.client_id


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantConfig:
    """`[grant]`: our own `iss`, and the RFC 8693 endpoints by issuer id.

    Those are servers of others; `[[issuer]]` entries are processes that redeem here.
    """

    issuer: str
    exchange: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolArguments:
    """The closed JSON Schema of one tool's arguments.

    `fractions` tells whether the schema declares numbers that are not integers; only
    then has the action digest a form for them.
    """

    schema: JsonObject
    fractions: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything the service was told, read once.

    `resources` by id, `documents` (compiled API documents) by resource id, the others by tool.
    """

    server: ServerConfig
    policy: PolicyConfig
    ledger: LedgerConfig
    keys: KeysConfig
    catalogue: CatalogueConfig
    identity: IdentityConfig
    token: DelegationTerms
    grant: GrantConfig
    login: LoginConfig
    console: ConsoleConfig
    roles: tuple[RoleEntry, ...]
    resources: Mapping[str, Resource]
    documents: Mapping[str, JsonObject]
    actions: Mapping[str, ActionMapping]
    arguments: Mapping[str, ToolArguments]
    development: bool
    exports: tuple[ExportEntry, ...] = ()
    issuers: tuple[CredentialIssuer, ...] = ()
    approval: ApprovalConfig = ApprovalConfig()

    @property
    def calls_providers(self) -> bool:
        """Whether anything is asked of a provider while the service runs."""
        return self.identity.calls_providers or self.console.client is not None


def split_address(text: str) -> tuple[str, int]:
    """Split a valid `host:port` or `[v6]:port`."""
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)
