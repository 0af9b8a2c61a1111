"""A provider's metadata: what counts in it, and that it is followed from file and address."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from counterfoil.config import load_config
from counterfoil.config_model import SamlProvider
from counterfoil.errors import ConfigError, IdentityUnavailable, SamlRefused
from counterfoil.identity import saml_metadata
from counterfoil.identity.saml_metadata import FILE_SECONDS, RETRY_SECONDS, MetadataSource
from counterfoil.reading.saml_metadata import read_metadata
from counterfoil.reading.xml_reader import XmlReader
from simulators.document_server import (
    DocumentServer,
    compressed,
    cut,
    document_server,
    drips,
    drips_headers,
    floods,
    redirects,
    status,
)
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


# Following an address


@pytest.fixture
def server() -> Iterator[DocumentServer]:
    with document_server() as started:
        started.document = PLAIN.encode()
        yield started


@pytest.fixture
def source(
    tmp_path: Path, server: DocumentServer, reader: XmlReader, clock: Clock
) -> MetadataSource:
    lines = f'metadata_url = "{server.url}"\nissuer = "{IDP}"\nrefresh_seconds = 300'
    return MetadataSource(provider(tmp_path, lines), reader, clock)


def test_an_address_is_read_once_an_interval(
    source: MetadataSource, server: DocumentServer, clock: Clock
) -> None:
    for _ in range(3):
        assert source.current(NOW).certificates == (OLD.der,)
    assert server.asked == 1
    assert "Authorization" not in server.headers[0]
    server.document = PROVIDER.metadata(OLD, NEW).encode()
    clock.at += 300
    assert source.current(NOW).certificates == (OLD.der, NEW.der)
    assert server.asked == 2


def test_an_unknown_key_is_looked_for_at_once_and_then_once_a_minute(
    source: MetadataSource, server: DocumentServer, clock: Clock
) -> None:
    source.current(NOW)
    clock.at += RETRY_SECONDS
    assert not source.renewed()
    assert server.asked == 2
    server.document = PROVIDER.metadata(NEW).encode()
    for _ in range(50):
        assert not source.renewed()
    assert server.asked == 2
    clock.at += RETRY_SECONDS
    assert source.renewed()
    assert source.current(NOW).certificates == (NEW.der,)


@pytest.mark.parametrize(
    "misbehave",
    [
        redirects("http://127.0.0.1:9/"),
        status(404),
        status(500),
        status(204),
        cut,
        floods,
        compressed,
    ],
)
def test_what_is_no_whole_answer_leaves_the_last_good_metadata(
    source: MetadataSource, server: DocumentServer, clock: Clock, misbehave: object
) -> None:
    assert source.current(NOW).certificates == (OLD.der,)
    server.misbehave = misbehave  # type: ignore[assignment]
    clock.at += 300
    assert source.current(NOW).certificates == (OLD.der,)
    assert server.asked == 2
    server.misbehave, server.document = None, PROVIDER.metadata(NEW).encode()
    assert source.current(NOW).certificates == (OLD.der,)  # not every request asks again
    clock.at += RETRY_SECONDS
    assert source.current(NOW).certificates == (NEW.der,)  # control


def test_a_redirect_is_not_followed_even_to_the_right_document(
    source: MetadataSource, server: DocumentServer
) -> None:
    server.misbehave = redirects(server.url)
    with pytest.raises(IdentityUnavailable):
        source.current(NOW)
    assert server.asked == 1


def test_an_answer_that_drips_is_given_up(
    tmp_path: Path, server: DocumentServer, reader: XmlReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saml_metadata, "FETCH_SECONDS", 0.5)
    lines = f'metadata_url = "{server.url}"\nissuer = "{IDP}"'
    for slow in (drips, drips_headers):
        server.misbehave = slow
        with pytest.raises(IdentityUnavailable):
            MetadataSource(provider(tmp_path, lines), reader, time.monotonic).current(NOW)


def test_an_address_that_is_down_keeps_known_keys_for_an_hour_and_longer(
    source: MetadataSource, server: DocumentServer, clock: Clock
) -> None:
    source.current(NOW)
    server.misbehave = status(503)
    for _ in range(60):
        clock.at += 60
        assert source.current(NOW).certificates == (OLD.der,)


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
