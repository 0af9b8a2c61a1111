"""`[[identity.oidc]]`: how claims are mapped, and which mappings stop the start."""

from __future__ import annotations

from pathlib import Path

import pytest

from counterfoil.config import load_config
from counterfoil.config_model import OidcIssuer, RemoteProvider
from counterfoil.core.claims import IssuerEntry
from counterfoil.errors import ConfigError

ENTRY = '[[identity.oidc]]\nissuer = "https://i.example"\naudience = "a"\njwks_file = "k.json"\n'
TENANTS = 'tenant_claim = "org.id"\ntenants = { "o-1" = "acme", "O 2" = "other" }\n'


def _entry(folder: Path, text: str, environ: dict[str, str] | None = None) -> IssuerEntry:
    path = folder / "counterfoil.toml"
    path.write_text(ENTRY + text)
    return load_config(path, environ or {}).identity.oidc[0].entry


def test_claims_are_mapped_by_paths(tmp_path: Path) -> None:
    text = 'groups_claim = "realm_access.roles"\nsubject_claim = "oid"\ngroups_separator = ","\n'
    entry = _entry(tmp_path, text + TENANTS)
    assert entry.groups_path == ("realm_access", "roles")
    assert entry.subject_path == ("oid",)
    assert entry.groups_separator == ","
    assert entry.tenant_path == ("org", "id")
    assert entry.tenants == {"o-1": "acme", "O 2": "other"}


def test_tenants_come_from_the_environment_too(tmp_path: Path) -> None:
    environ = {
        "COUNTERFOIL_IDENTITY__OIDC__0__TENANT_CLAIM": "org",
        "COUNTERFOIL_IDENTITY__OIDC__0__TENANTS": '{"o-1": "acme"}',
    }
    assert _entry(tmp_path, "", environ).tenants == {"o-1": "acme"}


def _load(folder: Path, text: str) -> OidcIssuer:
    path = folder / "counterfoil.toml"
    path.write_text(text)
    return load_config(path, {}).identity.oidc[0]


def test_keys_are_discovered_where_no_place_is_named(tmp_path: Path) -> None:
    issuer = _load(tmp_path, ENTRY.replace('jwks_file = "k.json"\n', ""))
    assert issuer.jwks_file is None
    assert issuer.provider == RemoteProvider(
        jwks_uri=None, jwks_refresh_seconds=300, jwks_retry_seconds=30, ca_file=None
    )


def test_keys_come_from_a_named_url(tmp_path: Path) -> None:
    lines = (
        'jwks_uri = "https://keys.example/k"\njwks_refresh_seconds = 60\n'
        'jwks_retry_seconds = 5\nca_file = "ca.pem"\n'
    )
    issuer = _load(tmp_path, ENTRY.replace('jwks_file = "k.json"\n', lines))
    assert issuer.provider == RemoteProvider(
        jwks_uri="https://keys.example/k",
        jwks_refresh_seconds=60,
        jwks_retry_seconds=5,
        ca_file=tmp_path / "ca.pem",
    )


@pytest.mark.parametrize(
    ("issuer", "lines", "pointer"),
    [
        ("http://i.example", "", "issuer"),
        ("urn:example:issuer", "", "issuer"),
        ("https://i.example?a=b", "", "issuer"),
        ("https://i.example#a", "", "issuer"),
        ("https://a@i.example", "", "issuer"),
        ("https://i.example", 'jwks_uri = "http://i.example/k"', "jwks_uri"),
        ("https://i.example", 'jwks_uri = "https://u:p@i.example/k"', "jwks_uri"),
        ("https://i.example", 'jwks_uri = "file:///k.json"', "jwks_uri"),
        ("https://i.example", 'jwks_uri = "https://i.example/k"\njwks_file = "k"', "jwks_uri"),
        ("https://i.example", "jwks_retry_seconds = 0", "jwks_retry_seconds"),
        ("https://i.example", "jwks_refresh_seconds = 9", "jwks_refresh_seconds"),
    ],
)
def test_place_of_keys_that_may_not_be_called_stops_the_start(
    tmp_path: Path, issuer: str, lines: str, pointer: str
) -> None:
    plain = 'audience = "a"\n'
    _load(tmp_path, f'[[identity.oidc]]\nissuer = "https://i.example"\n{plain}')
    _load(tmp_path, f'[[identity.oidc]]\nissuer = "http://127.0.0.1:8180/realms/a"\n{plain}')
    with pytest.raises(ConfigError) as refusal:
        _load(tmp_path, f'[[identity.oidc]]\nissuer = "{issuer}"\n{plain}{lines}\n')
    assert refusal.value.pointer == f"identity.oidc[0].{pointer}"


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        ('groups_claim = "a..b"', "groups_claim"),
        ('subject_claim = ".sub"', "subject_claim"),
        ('tenant_claim = "a."\ntenants = { "x" = "y" }', "tenant_claim"),
        ('tenant_claim = "org"', "tenant_claim"),
        ('tenants = { "o-1" = "acme" }', "tenant_claim"),
        ('tenant_claim = "org"\ntenants = {}', "tenants"),
        ('tenant_claim = "org"\ntenants = { "o-1" = "ACME" }', "tenants.o-1"),
        ('tenant_claim = "org"\ntenants = { "o-1" = 1 }', "tenants.o-1"),
        ('groups_separator = ";"', "groups_separator"),
        ('subject_namespace = "people"', "subject_namespace"),
        ('subject_namespace = "https://i.example"', "subject_namespace"),
    ],
)
def test_mapping_that_cannot_be_meant_stops_the_start(
    tmp_path: Path, text: str, pointer: str
) -> None:
    _entry(tmp_path, TENANTS)
    with pytest.raises(ConfigError) as refusal:
        _entry(tmp_path, text)
    lines = refusal.value.detail.strip().splitlines()
    where = refusal.value.pointer or lines[0].strip().partition(": ")[0]
    assert where == f"identity.oidc[0].{pointer}"
