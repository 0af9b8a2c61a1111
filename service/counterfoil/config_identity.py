"""`[[identity.oidc]]` entries → `OidcIssuer`, and what their meaning forbids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from counterfoil.config_findings import finding
from counterfoil.config_model import OidcIssuer
from counterfoil.core.claims import IssuerEntry


def oidc_issuer(entry: Mapping[str, Any], base: Path) -> OidcIssuer:
    """One entry of the right shape, defaults filled in."""
    return OidcIssuer(
        entry=IssuerEntry(
            issuer=entry["issuer"],
            audience=entry["audience"],
            tenant=entry["tenant"],
            groups_claim=entry["groups_claim"],
            may_assert_actor=entry["may_assert_actor"],
            clients=frozenset(entry.get("clients", ())),
            max_age_seconds=entry.get("max_age_seconds"),
            login_client_id=entry.get("login_client_id"),
            subject_namespace=entry.get("subject_namespace"),
        ),
        algorithms=tuple(entry["algorithms"]),
        jwks_file=base / entry["jwks_file"],
    )


def oidc_findings(issuers: Sequence[OidcIssuer]) -> Iterator[str]:
    """What each entry may not say beside the others."""
    names = {item.entry.issuer for item in issuers}
    for i, item in enumerate(issuers):
        # A namespace that is an issuer would make the entry's people that issuer's,
        # which never agreed to it.
        if item.entry.subject_namespace in names:
            remedy = "Name a urn of its own at both providers."
            place = ("identity", "oidc", i, "subject_namespace")
            yield finding(place, "is an issuer.", remedy)
