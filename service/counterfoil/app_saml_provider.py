"""Builds the SAML service provider, for the workers and for the check at the start."""

from __future__ import annotations

from counterfoil.config import Config
from counterfoil.identity.saml import ServiceProvider
from counterfoil.ledger.keys import load_master
from counterfoil.ledger.sealing import derived_key
from counterfoil.ports import Clock
from counterfoil.reading.xml_reader import XmlReader
from counterfoil.system import SystemClock


def check_saml(config: Config) -> None:
    """Read every metadata file and key once, for the start.

    Raises:
        ConfigError: one cannot be used.
    """
    if not config.identity.saml:
        return
    clock = SystemClock()
    reader = XmlReader(monotonic=clock.monotonic)
    try:
        service_provider(config, clock, reader).check()
    finally:
        reader.close()


def service_provider(config: Config, clock: Clock, reader: XmlReader) -> ServiceProvider:
    """The provider over one process's adapters.

    Raises:
        ConfigError: a key that signs requests cannot be used.
    """
    # One key per purpose, the same on every replica; nothing but requests is keyed with it.
    master = load_master(config.keys.directory, create=config.development)
    return ServiceProvider(
        config.identity,
        public_url=config.grant.issuer,
        request_key=derived_key(master, b"saml-request"),
        reader=reader,
        run_directory=config.server.run_directory,
        now=clock.now,
        monotonic=clock.monotonic,
    )
