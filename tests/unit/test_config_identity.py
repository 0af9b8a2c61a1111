"""`[[identity.oidc]]`: how claims are mapped, and which mappings stop the start."""

from __future__ import annotations

from pathlib import Path

import pytest

from counterfoil.config import load_config
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
