"""A provider's metadata: what counts in it, and that it is followed from file and address."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from counterfoil.config import load_config
from counterfoil.config_model import SamlProvider
from counterfoil.errors import ConfigError, IdentityUnavailable, SamlRefused
from counterfoil.identity.saml_metadata import FILE_SECONDS, MetadataSource
from counterfoil.reading.saml_metadata import read_metadata
from counterfoil.reading.xml_reader import XmlReader
from simulators.saml_idp import IDP, SamlIdp, instant
from simulators.saml_signing import MORE, Make, Signing, sign

NOW = 1_800_000_000.0
OLD, NEW = Signing.rsa(), Signing.ec()
PROVIDER = SamlIdp(OLD)
PLAIN = PROVIDER.metadata()
FEDERATION_KEY = Signing.ec()
SIGNED = sign(PLAIN, "EntityDescriptor", FEDERATION_KEY, Make(method=f"{MORE}ecdsa-sha256"))


@dataclass
class Clock:
    """A clock that moves when it is told; whoever waits by it has their whole time."""

    at: float = 1_000.0

    def __call__(self) -> float:
        return self.at


CLOCK = Clock()


@pytest.fixture(scope="module")
def reader() -> Iterator[XmlReader]:
    made = XmlReader(monotonic=CLOCK)
    yield made
    made.close()


@pytest.fixture
def clock() -> Clock:
    return CLOCK


def provider(folder: Path, lines: str) -> SamlProvider:
    path = folder / "counterfoil.toml"
    path.write_text(f'[[identity.saml]]\nentity_id = "urn:us"\n{lines}\n')
    return load_config(path, {}).identity.saml[0]


def from_file(folder: Path, document: str, more: str = "") -> SamlProvider:
    (folder / "idp.xml").write_text(document)
    return provider(folder, f'metadata_file = "idp.xml"\n{more}')


# Following a file


def test_a_file_is_followed_when_it_changes(
    tmp_path: Path, reader: XmlReader, clock: Clock
) -> None:
    source = MetadataSource(from_file(tmp_path, PLAIN), reader, clock)
    assert source.current(NOW).certificates == (OLD.der,)
    (tmp_path / "idp.xml").write_text(PROVIDER.metadata(OLD, NEW))
    assert source.current(NOW).certificates == (OLD.der,)  # not looked at yet
    clock.at += FILE_SECONDS
    assert source.current(NOW).certificates == (OLD.der, NEW.der)


@pytest.mark.parametrize("broken", ["", "<x/>", PLAIN[:-9], PLAIN.replace(IDP, "urn:another")])
def test_a_broken_file_leaves_the_last_good_metadata_and_says_so(
    tmp_path: Path, reader: XmlReader, clock: Clock, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    source = MetadataSource(from_file(tmp_path, PLAIN), reader, clock)
    source.current(NOW)
    (tmp_path / "idp.xml").write_text(broken)
    clock.at += FILE_SECONDS
    with caplog.at_level(logging.ERROR):
        assert source.current(NOW).entity_id == IDP
        clock.at += FILE_SECONDS
        assert source.current(NOW).certificates == (OLD.der,)
    assert len(caplog.records) == 1  # once, and not every two seconds
    (tmp_path / "idp.xml").write_text(PROVIDER.metadata(NEW))
    clock.at += FILE_SECONDS
    assert source.current(NOW).certificates == (NEW.der,)


def test_without_a_good_document_nobody_logs_in(tmp_path: Path, reader: XmlReader) -> None:
    source = MetadataSource(from_file(tmp_path, "<x/>"), reader, CLOCK)
    with pytest.raises(IdentityUnavailable):
        source.current(NOW)


def test_metadata_ends_when_it_says_so(tmp_path: Path, reader: XmlReader) -> None:
    until = f'validUntil="{instant(NOW + 60)}"'
    source = MetadataSource(from_file(tmp_path, PROVIDER.metadata(attributes=until)), reader, CLOCK)
    assert source.current(NOW).certificates == (OLD.der,)
    with pytest.raises(IdentityUnavailable, match="validUntil"):
        source.current(NOW + 60)


def test_the_named_provider_is_the_one_of_the_document(tmp_path: Path, reader: XmlReader) -> None:
    entry = from_file(tmp_path, PLAIN, 'issuer = "https://other.example"')
    with pytest.raises(IdentityUnavailable):
        MetadataSource(entry, reader, CLOCK).current(NOW)
    right = replace(entry, issuer=IDP)
    assert MetadataSource(right, reader, CLOCK).current(NOW).entity_id == IDP  # control


def test_a_configured_certificate_asks_for_signed_metadata(
    tmp_path: Path, reader: XmlReader
) -> None:
    (tmp_path / "federation.pem").write_text(FEDERATION_KEY.pem)
    entry = from_file(tmp_path, PLAIN, 'metadata_certificate_file = "federation.pem"')
    with pytest.raises(IdentityUnavailable):
        MetadataSource(entry, reader, CLOCK).current(NOW)
    (tmp_path / "idp.xml").write_text(SIGNED)
    assert MetadataSource(entry, reader, CLOCK).current(NOW).certificates == (OLD.der,)


# Addresses


@pytest.mark.parametrize(
    "url", ["http://idp.example.test/metadata", "file:///etc/passwd", "https://"]
)
def test_only_https_or_this_machine_is_asked(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError) as error:
        provider(tmp_path, f'metadata_url = "{url}"\nissuer = "{IDP}"')
    assert error.value.pointer == "identity.saml[0].metadata_url"


def test_the_child_refuses_what_this_process_refuses(reader: XmlReader) -> None:
    deadline = CLOCK() + 30
    with pytest.raises(SamlRefused):
        reader.metadata(b"<x/>", entity_id=None, trusted=[], deadline=deadline)
    found = reader.metadata(PLAIN.encode(), entity_id=IDP, trusted=[], deadline=deadline)
    assert found == read_metadata(PLAIN.encode(), entity_id=IDP)
