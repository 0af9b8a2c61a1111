"""One `[[identity.saml]]` at work: its metadata, and the service's own keys for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from counterfoil.config_model import SamlProvider
from counterfoil.identity.published import (
    MAX_STALE_SECONDS,
    Providers,
    metadata_path,
    metadata_renewal,
)
from counterfoil.identity.saml_decryption import DecryptionKey, load_decryption_key
from counterfoil.identity.saml_metadata import MetadataSource, Published
from counterfoil.identity.saml_request import RequestKey, load_request_key
from counterfoil.ports_saml import SamlReader


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry with what it takes to use it."""

    provider: SamlProvider
    source: MetadataSource
    key: RequestKey | None
    decryption: DecryptionKey | None

    @property
    def encryption_certificate(self) -> bytes | None:
        """The certificate by which the provider encrypts for us."""
        return None if self.decryption is None else self.decryption.certificate


def entry_of(
    provider: SamlProvider, reader: SamlReader, monotonic: Callable[[], float], run_directory: Path
) -> Entry:
    """Make one ready.

    Raises:
        ConfigError: a key that signs requests or opens assertions cannot be used.
    """
    source = MetadataSource(provider, reader, monotonic, _published(provider, run_directory))
    return Entry(provider, source, _request_key(provider), _decryption_key(provider))


def _request_key(provider: SamlProvider) -> RequestKey | None:
    if provider.signing_key_file is None or provider.signing_certificate_file is None:
        return None
    return load_request_key(provider.signing_key_file, provider.signing_certificate_file)


def _decryption_key(provider: SamlProvider) -> DecryptionKey | None:
    if provider.decryption_key_file is None or provider.decryption_certificate_file is None:
        return None
    return load_decryption_key(
        provider.decryption_key_file,
        provider.decryption_certificate_file,
        provider.earlier_decryption_key_file,
    )


def _published(provider: SamlProvider, run_directory: Path) -> Published | None:
    if provider.metadata_url is None:
        return None
    path = metadata_path(run_directory, provider)
    # A file as old as its interval is not late yet.
    max_age_seconds = MAX_STALE_SECONDS + provider.refresh_seconds
    renewal = metadata_renewal(path, provider, Providers(run_directory))
    return Published(path, max_age_seconds, renewal)
