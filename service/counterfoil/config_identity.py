"""`[[identity.oidc]]` entries → `OidcIssuer`, and what their meaning forbids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from counterfoil.config_findings import finding
from counterfoil.config_model import Introspection, OidcIssuer, RemoteProvider
from counterfoil.config_source import Place
from counterfoil.core.claim_values import claim_path
from counterfoil.core.claims import IssuerEntry
from counterfoil.core.urls import UnsafeUrl, check_callable


def oidc_issuer(entry: Mapping[str, Any], base: Path) -> OidcIssuer:
    """One entry of the right shape, defaults filled in.

    A path that is none becomes empty, which `oidc_findings` reports.
    """
    return OidcIssuer(
        entry=IssuerEntry(
            issuer=entry["issuer"],
            audience=entry["audience"],
            tenant=entry["tenant"],
            tenant_path=_path(entry.get("tenant_claim")),
            tenants=MappingProxyType(dict(entry.get("tenants", {}))),
            subject_path=_path(entry["subject_claim"]),
            subject_namespace=entry.get("subject_namespace"),
            groups_path=_path(entry["groups_claim"]),
            groups_separator=entry.get("groups_separator"),
            may_assert_actor=entry["may_assert_actor"],
            clients=frozenset(entry.get("clients", ())),
            max_age_seconds=entry.get("max_age_seconds"),
            login_client_id=entry.get("login_client_id"),
        ),
        algorithms=tuple(entry["algorithms"]),
        accept_untyped=entry["accept_untyped"],
        jwks_file=base / entry["jwks_file"] if "jwks_file" in entry else None,
        provider=RemoteProvider(
            jwks_uri=entry.get("jwks_uri"),
            jwks_refresh_seconds=entry["jwks_refresh_seconds"],
            jwks_retry_seconds=entry["jwks_retry_seconds"],
            ca_file=base / entry["ca_file"] if "ca_file" in entry else None,
            introspection=_introspection(entry, base),
        ),
    )


def _introspection(entry: Mapping[str, Any], base: Path) -> Introspection | None:
    if "introspection_client_id" not in entry or "introspection_secret_file" not in entry:
        return None  # half of the pair is a finding
    return Introspection(
        client_id=entry["introspection_client_id"],
        secret_file=base / entry["introspection_secret_file"],
        uri=entry.get("introspection_uri"),
    )


def oidc_findings(
    issuers: Sequence[OidcIssuer], entries: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    """What each entry may not say, alone or beside the others."""
    names = {item.entry.issuer for item in issuers}
    for i, (item, said) in enumerate(zip(issuers, entries, strict=True)):
        place: Place = ("identity", "oidc", i)
        yield from _paths(item.entry, said, place)
        yield from _tenants(said, place)
        yield from _keys(item, place)
        yield from _asking(
            said, place, again=any("introspection_client_id" in e for e in entries[:i])
        )
        # A namespace that is an issuer would make the entry's people that issuer's,
        # which never agreed to it.
        if item.entry.subject_namespace in names:
            remedy = "Name a urn of its own at both providers."
            yield finding((*place, "subject_namespace"), "is an issuer.", remedy)


def _paths(entry: IssuerEntry, said: Mapping[str, Any], place: Place) -> Iterator[str]:
    paths = {
        "groups_claim": entry.groups_path,
        "subject_claim": entry.subject_path,
        "tenant_claim": entry.tenant_path,
    }
    for name, path in paths.items():
        if said.get(name) is not None and not path:
            remedy = r"Write name, or outer.inner; a dot within a name is \."
            yield finding((*place, name), f"{said[name]!r} is no path.", remedy)


def _keys(item: OidcIssuer, place: Place) -> Iterator[str]:
    provider = item.provider
    if item.jwks_file is not None:
        if provider.jwks_uri is not None:
            remedy = "Name one place of the keys: a file, a URL, or neither for discovery."
            yield finding((*place, "jwks_uri"), "stands beside jwks_file.", remedy)
        return
    name, url = "jwks_uri", provider.jwks_uri
    if url is None:
        name, url = "issuer", item.entry.issuer
    try:
        check_callable(url, plain_loopback=True)
        if name == "issuer" and "?" in url:  # OpenID Connect Discovery §3
            raise UnsafeUrl("it holds a query")
    except UnsafeUrl as error:
        remedy = "Keys come by https (http on this machine alone), or from a jwks_file."
        yield finding((*place, name), f"cannot be called: {error}.", remedy)


def _asking(said: Mapping[str, Any], place: Place, *, again: bool) -> Iterator[str]:
    names = ("introspection_client_id", "introspection_secret_file", "introspection_uri")
    if not any(name in said for name in names):
        return
    for name in names[:2]:
        if name not in said:
            remedy = "introspection_client_id and introspection_secret_file go together."
            yield finding((*place, name), "is missing.", remedy)
    if again:
        # An opaque token does not say whose it is: the second provider would get the
        # tokens of the first.
        remedy = "Ask one provider about opaque tokens; let the others issue JWTs."
        yield finding((*place, names[0]), "is there already in another entry.", remedy)
    try:
        check_callable(said.get(names[2], "https://unset.invalid/"), plain_loopback=True)
    except UnsafeUrl as error:
        remedy = "Write an https URL (http on this machine alone)."
        yield finding((*place, names[2]), f"cannot be called: {error}.", remedy)


def _tenants(said: Mapping[str, Any], place: Place) -> Iterator[str]:
    # Half of the pair would mean: everybody is of one tenant after all.
    if ("tenant_claim" in said) != (bool(said.get("tenants"))):
        remedy = "tenant_claim and tenants go together: the claim, and which values count."
        yield finding((*place, "tenant_claim"), "stands alone.", remedy)


def _path(text: str | None) -> tuple[str, ...]:
    try:
        return () if text is None else claim_path(text)
    except ValueError:
        return ()
