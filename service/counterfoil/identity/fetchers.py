"""What may be called for one provider, by its entry."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from counterfoil.config_model import OidcIssuer, SamlProvider
from counterfoil.core.urls import is_plain_loopback
from counterfoil.errors import ConfigError
from counterfoil.identity.fetch import Fetcher
from counterfoil.identity.saml_metadata import MAX_METADATA_BYTES

SAML_ACCEPT: Final = "application/samlmetadata+xml, application/xml, text/xml"


def make_fetcher(issuer: OidcIssuer) -> Fetcher:
    """What may be called for one issuer.

    Raises:
        ConfigError: its `ca_file` holds no certificates.
    """
    asked = issuer.provider.introspection
    named = (issuer.provider.jwks_uri, asked.uri if asked else None, issuer.entry.issuer)
    plain = any(url is not None and is_plain_loopback(url) for url in named)
    with _authorities(issuer.provider.ca_file, "identity.oidc.ca_file"):
        return Fetcher(ca_file=issuer.provider.ca_file, plain_loopback=plain)


def saml_fetcher(provider: SamlProvider, url: str) -> Fetcher:
    """What may be called for one provider's metadata.

    Raises:
        ConfigError: its `ca_file` holds no certificates.
    """
    with _authorities(provider.ca_file, "identity.saml.ca_file"):
        return Fetcher(
            ca_file=provider.ca_file,
            plain_loopback=is_plain_loopback(url),
            accept=SAML_ACCEPT,
            max_bytes=MAX_METADATA_BYTES,
        )


@contextmanager
def _authorities(file: Path | None, setting: str) -> Iterator[None]:
    """A file of authorities that cannot be used stops the start, by its setting's name."""
    try:
        yield
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"{file} holds no certificate that can be read. Write the authorities' certificates"
            " as PEM.",
            pointer=setting,
        ) from error
