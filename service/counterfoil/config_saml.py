"""`[[identity.saml]]` entries → `SamlProvider`, and what their meaning forbids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from counterfoil.config_findings import finding
from counterfoil.config_model import OidcIssuer, SamlProvider
from counterfoil.config_source import Place
from counterfoil.core.saml import EMAIL, PERSISTENT, TRANSIENT, UNSPECIFIED

NAMESPACE_REMEDY = (
    "Write a subject_namespace; the same one in [[identity.oidc]] only where both providers know"
    " the same people by the same names."
)
_FORMATS = {
    "persistent": PERSISTENT,
    "emailAddress": EMAIL,
    "unspecified": UNSPECIFIED,
    "transient": TRANSIENT,
}
_FILES = (
    "metadata_file",
    "metadata_certificate_file",
    "signing_key_file",
    "signing_certificate_file",
    "decryption_key_file",
    "decryption_certificate_file",
    "earlier_decryption_key_file",
    "ca_file",
)


def saml_provider(entry: Mapping[str, Any], base: Path) -> SamlProvider:
    """One entry, defaults filled in, as the value that the service works with."""
    files = {name: base / entry[name] if name in entry else None for name in _FILES}
    return SamlProvider(
        entity_id=entry["entity_id"],
        issuer=entry.get("issuer"),
        metadata_url=entry.get("metadata_url"),
        refresh_seconds=entry["refresh_seconds"],
        tenant=entry["tenant"],
        subject_namespace=entry.get("subject_namespace"),
        subject_attribute=entry.get("subject_attribute"),
        groups_attribute=entry["groups_attribute"],
        name_id_formats=tuple(_FORMATS[name] for name in entry["name_id_formats"]),
        request_binding=entry["request_binding"],
        **files,
    )


def saml_findings(providers: Sequence[SamlProvider], oidc: Sequence[OidcIssuer]) -> Iterator[str]:
    """What each entry may not say, alone or beside others."""
    for i, provider in enumerate(providers):
        place: Place = ("identity", "saml", i)
        for name, problem, remedy in _problems(provider, oidc):
            yield finding((*place, name), problem, remedy)


def shares_a_name(
    provider: SamlProvider, entity_id: str | None, oidc: Sequence[OidcIssuer]
) -> bool:
    """Whether its people would be those of an OIDC issuer, which never agreed to that.

    Keycloak has one name for both; two people may have one name in the two protocols.
    """
    issuers: set[str | None] = {item.entry.issuer for item in oidc}
    if provider.subject_namespace is not None:
        return provider.subject_namespace in issuers
    names = issuers | {item.entry.subject_namespace for item in oidc}
    return entity_id is not None and entity_id in names


def _problems(provider: SamlProvider, oidc: Sequence[OidcIssuer]) -> Iterator[tuple[str, str, str]]:
    if (provider.metadata_file is None) == (provider.metadata_url is None):
        problem = "is not set." if provider.metadata_url is None else "is set beside metadata_url."
        yield "metadata_file", problem, "Write metadata_file or metadata_url, one of them."
    if provider.metadata_url is not None and provider.issuer is None:
        # Else whoever answers at that address chooses whose people come in.
        yield "issuer", "is required.", "With metadata_url, write the provider's entity id."
    for use, key, certificate in (
        ("signing", provider.signing_key_file, provider.signing_certificate_file),
        ("decryption", provider.decryption_key_file, provider.decryption_certificate_file),
    ):
        if (key is None) != (certificate is None):
            remedy = f"Write {use}_key_file and {use}_certificate_file, both or none."
            yield f"{use}_key_file", "is not a pair with its certificate.", remedy
    if provider.earlier_decryption_key_file is not None and provider.decryption_key_file is None:
        remedy = "Write it as decryption_key_file, or the new key beside it."
        yield "earlier_decryption_key_file", "has no key that takes over from it.", remedy
    if provider.ca_file is not None and provider.metadata_url is None:
        yield "ca_file", "is for metadata_url.", "Leave it out: a file is fetched from nobody."
    if TRANSIENT in provider.name_id_formats and provider.subject_attribute is None:
        problem = "transient names another person at each login."
        yield "name_id_formats", problem, "Leave it out, or name a subject_attribute that stays."
    if shares_a_name(provider, provider.issuer, oidc):
        yield "subject_namespace", "would be that of an OIDC issuer.", NAMESPACE_REMEDY
