"""The application for several tenants, each with its own issuer, over a running service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from counterfoil.app import create_app
from counterfoil.config import load_config
from counterfoil.http.lean import LeanFlask
from service import Service

_ISSUER = """
[[identity.oidc]]
issuer = "{issuer}"
audience = "counterfoil"
algorithms = ["ES256"]
jwks_file = "{folder}/var/keys/delegation.jwks.json"
may_assert_actor = true
tenant = "{tenant}"
[[role]]
name = "auditor"
tenant = "{tenant}"
issuers = ["{issuer}"]
groups = ["compliance"]
"""
_PLACES = """
[ledger]
url = "sqlite:///{folder}/var/ledger.db"
[keys]
directory = "{folder}/var/keys"
"""


@contextmanager
def tenant_application(
    service: Service, path: Path, issuers: Mapping[str, str], *, more: str = ""
) -> Iterator[LeanFlask]:
    """An application over the service's OPA and ledger; `issuers` by tenant, `more` TOML."""
    entries = [
        _ISSUER.format(issuer=issuer, tenant=tenant, folder=service.folder)
        for tenant, issuer in issuers.items()
    ]
    path.write_text("".join([*entries, _PLACES.format(folder=service.folder), more]))
    app = create_app(load_config(path, service.environment))
    adapters = app.extensions["counterfoil"]
    try:
        yield app
    finally:
        for adapter in (adapters.reader, adapters.policy, adapters.ledger):
            adapter.close()
