"""`[[issuer]]`: the processes that may redeem grants, and what their meaning forbids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from counterfoil.config_findings import finding
from counterfoil.config_model import Config, CredentialIssuer
from counterfoil.config_source import Place
from counterfoil.core.urls import UnsafeUrl, check_callable

DEVELOPMENT_JWKS: Final = "issuer-{}.jwks.json"
"""The public keys of a development issuer of that name, within `keys.directory`."""


def issuers(entries: Sequence[Mapping[str, Any]], base: Path) -> tuple[CredentialIssuer, ...]:
    """The entries as values, defaults filled in before."""
    return tuple(
        CredentialIssuer(
            name=entry["name"],
            tenant=entry["tenant"],
            jwks_file=base / entry["jwks_file"] if "jwks_file" in entry else None,
            algorithms=tuple(entry["algorithms"]),
            certificate_file=(
                base / entry["certificate_file"] if "certificate_file" in entry else None
            ),
            endpoint=entry.get("endpoint"),
        )
        for entry in entries
    )


def issuer_findings(config: Config) -> Iterator[str]:
    """What is wrong with issuers beside the rest."""
    for i, issuer in enumerate(config.issuers):
        place: Place = ("issuer", i)
        if (issuer.jwks_file is None) == (issuer.certificate_file is None):
            remedy = "Write jwks_file, or certificate_file in its place."
            yield finding(place, "needs keys.", remedy)
        elif issuer.certificate_file is not None and config.server.proxy_socket is None:
            remedy = "Write server.proxy_socket, by which the proxy that ends TLS tells of it."
            yield finding((*place, "certificate_file"), "can never be shown.", remedy)
        try:
            check_callable(issuer.endpoint or "https://unset.invalid/", plain_loopback=True)
        except UnsafeUrl as error:
            remedy = "Write an https URL (http on this machine alone)."
            yield finding((*place, "endpoint"), f"cannot be called: {error}.", remedy)
