"""Metadata from an address: one process fetches, judges and publishes; workers follow its file."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

import fetching
from counterfoil.config import Config, load_config
from counterfoil.errors import IdentityUnavailable
from counterfoil.identity import fetch
from counterfoil.identity.providers import RETRY_SECONDS
from counterfoil.identity.published import FOLDER
from counterfoil.identity.saml_entry import entry_of
from counterfoil.identity.saml_metadata import FILE_SECONDS, MetadataSource
from counterfoil.reading.xml_reader import XmlReader
from simulators.document_server import (
    DocumentServer,
    Misbehave,
    compressed,
    cut,
    document_server,
    drips,
    drips_headers,
    floods,
    redirects,
    status,
)
from simulators.saml_idp import IDP, SamlIdp
from simulators.saml_signing import MORE, Make, Signing, sign

OLD, NEW = Signing.rsa(), Signing.ec()
PROVIDER = SamlIdp(OLD)
PLAIN = PROVIDER.metadata()
FEDERATION_KEY = Signing.ec()
SIGNED = sign(PLAIN, "EntityDescriptor", FEDERATION_KEY, Make(method=f"{MORE}ecdsa-sha256"))


@pytest.fixture
def server() -> Iterator[DocumentServer]:
    with document_server() as started:
        started.document = PLAIN.encode()
        yield started


@dataclass
class Address:
    """A configured address, and the clock of everybody who follows it."""

    config: Config
    clock: fetching.Clock = field(default_factory=fetching.Clock)

    def source(self, reader: XmlReader) -> MetadataSource:
        """As a worker sees it."""
        directory = self.config.server.run_directory
        entry = self.config.identity.saml[0]
        return entry_of(entry, reader, self.clock.monotonic, directory).source

    def certificates(self, source: MetadataSource) -> tuple[bytes, ...]:
        """What counts now, looking at the file again."""
        self.clock.passes(FILE_SECONDS)
        return source.current(self.clock.now()).certificates


@pytest.fixture
def address(server: DocumentServer) -> Iterator[Address]:
    # A socket's name has 107 bytes at most, and pytest's folders are long.
    with tempfile.TemporaryDirectory(prefix="cf-") as name:
        yield Address(configured(Path(name), server))


def configured(folder: Path, server: DocumentServer, more: str = "") -> Config:
    path = folder / "counterfoil.toml"
    path.write_text(
        f'[server]\nrun_directory = "run"\n[[identity.saml]]\nentity_id = "urn:us"\n'
        f'metadata_url = "{server.url}"\nissuer = "{IDP}"\nrefresh_seconds = 3600\n{more}\n'
    )
    (folder / "run").mkdir(exist_ok=True)
    return load_config(path, {})


@pytest.fixture
def reading(address: Address) -> Iterator[XmlReader]:
    """A worker's reader, by the clock that everybody has."""
    made = XmlReader(monotonic=address.clock.monotonic)
    yield made
    made.close()


@contextmanager
def followed(address: Address, reader: XmlReader) -> Iterator[MetadataSource]:
    """Fetched once and published."""
    with fetching.fetching(address.config, address.clock):
        source = address.source(reader)
        fetching.eventually(lambda: readable(source, address))
        yield source


def readable(source: MetadataSource, address: Address) -> bool:
    try:
        return bool(source.current(address.clock.now()).certificates)
    except IdentityUnavailable:
        return False


def test_an_address_is_read_by_one_process_for_all_workers(
    address: Address, server: DocumentServer, reading: XmlReader
) -> None:
    with followed(address, reading):
        for _ in range(4):
            assert address.certificates(address.source(reading)) == (OLD.der,)
        assert server.asked == 1
        assert "Authorization" not in server.headers[0]


def test_a_rotation_counts_at_the_first_answer_by_the_new_key_and_then_once_a_minute(
    address: Address, server: DocumentServer, reading: XmlReader
) -> None:
    with followed(address, reading) as source:
        workers = [source, address.source(reading), address.source(reading)]
        assert [address.certificates(worker) for worker in workers] == [(OLD.der,)] * 3
        server.document = PROVIDER.metadata(OLD, NEW).encode()
        assert not source.renewed(address.clock.now())  # fetched less than a minute ago
        assert server.asked == 1
        address.clock.passes(RETRY_SECONDS + 1)
        assert source.renewed(address.clock.now())
        assert address.certificates(source) == (OLD.der, NEW.der)  # both, while it lasts
        server.document = PROVIDER.metadata(NEW).encode()
        for worker in workers * 5:
            worker.renewed(address.clock.now())
        assert server.asked == 2
        assert [address.certificates(worker) for worker in workers] == [(OLD.der, NEW.der)] * 3
        address.clock.passes(RETRY_SECONDS + 1)
        assert workers[1].renewed(address.clock.now())
        assert [address.certificates(worker) for worker in workers] == [(NEW.der,)] * 3
        assert server.asked == 3


BROKEN: dict[str, Misbehave | str] = {
    "redirect": redirects("http://127.0.0.1:9/"),
    "404": status(404),
    "500": status(500),
    "204": status(204),
    "cut": cut,
    "endless": floods,
    "compressed": compressed,
    "no metadata": "<x/>",
    "a page": "<html><body>Log in</body></html>",
    "another's": PLAIN.replace(IDP, "urn:another"),
    "without keys": PROVIDER.metadata(keys=""),
    "a DTD": "<!DOCTYPE x>" + PLAIN,
    "half": PLAIN[:-9],
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_no_good_answer_leaves_the_last_good_metadata_also_over_a_restart(
    address: Address, server: DocumentServer, reading: XmlReader, kind: str
) -> None:
    broken = BROKEN[kind]
    with followed(address, reading) as source:
        if isinstance(broken, str):
            server.document = broken.encode()
        else:
            server.misbehave = broken
        address.clock.passes(RETRY_SECONDS + 1)
        assert not source.renewed(address.clock.now())
        assert server.asked == 2
        assert address.certificates(source) == (OLD.der,)
    with fetching.fetching(address.config, address.clock):
        fetching.eventually(lambda: server.asked == 3)
        worker = address.source(reading)
        assert address.certificates(worker) == (OLD.der,)
        assert not worker.renewed(address.clock.now())  # answered when that fetch has ended
        server.misbehave, server.document = None, PROVIDER.metadata(NEW).encode()
        address.clock.passes(RETRY_SECONDS + 1)
        assert worker.renewed(address.clock.now())  # control
        assert address.certificates(worker) == (NEW.der,)


def test_a_redirect_is_not_followed_even_to_the_right_document(
    address: Address, server: DocumentServer, reading: XmlReader
) -> None:
    server.misbehave = redirects(server.url)
    with fetching.fetching(address.config, address.clock):
        fetching.eventually(lambda: server.asked > 0)
        source = address.source(reading)
        assert not source.renewed(address.clock.now())  # answered when that fetch has ended
        with pytest.raises(IdentityUnavailable):
            address.certificates(source)
    assert server.asked == 1


@pytest.mark.parametrize("slow", [drips, drips_headers])
def test_an_answer_that_drips_is_given_up(
    address: Address,
    server: DocumentServer,
    reading: XmlReader,
    slow: Misbehave,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with followed(address, reading) as source:
        monkeypatch.setattr(fetch, "EXCHANGE_SECONDS", 0.5)
        server.misbehave = slow
        address.clock.passes(RETRY_SECONDS + 1)
        assert not source.renewed(address.clock.now())
        assert address.certificates(source) == (OLD.der,)
        assert server.asked == 2


def test_an_address_that_is_down_keeps_known_keys_for_a_day_and_not_for_ever(
    address: Address, server: DocumentServer, reading: XmlReader
) -> None:
    with followed(address, reading) as source:
        server.misbehave = status(503)
        for hours in (1, 1, 22):
            address.clock.passes(hours * 3_600.0)
            assert not source.renewed(address.clock.now())
            assert address.certificates(source) == (OLD.der,)
        address.clock.passes(2 * 3_600.0)
        with pytest.raises(IdentityUnavailable, match="too old"):
            source.current(address.clock.now())


def test_of_a_federation_only_what_it_signed_is_published(server: DocumentServer) -> None:
    with tempfile.TemporaryDirectory(prefix="cf-") as name:
        (Path(name) / "federation.pem").write_text(FEDERATION_KEY.pem)
        line = 'metadata_certificate_file = "federation.pem"'
        address = Address(configured(Path(name), server, line))
        reading = XmlReader(monotonic=address.clock.monotonic)
        with closing(reading), fetching.fetching(address.config, address.clock):
            source = address.source(reading)
            fetching.eventually(lambda: server.asked > 0)
            assert not source.renewed(address.clock.now())
            assert not list((Path(name) / "run" / FOLDER).iterdir())  # unsigned
            server.document = SIGNED.encode()
            address.clock.passes(RETRY_SECONDS + 1)
            assert source.renewed(address.clock.now())
            assert address.certificates(source) == (OLD.der,)


def test_workers_go_on_without_the_providers_process(
    address: Address, server: DocumentServer, reading: XmlReader
) -> None:
    with followed(address, reading):
        pass
    source = address.source(reading)
    assert address.certificates(source) == (OLD.der,)
    assert not source.renewed(address.clock.now())
    assert server.asked == 1


def test_the_process_is_started_for_an_address_alone_and_publishes_what_it_fetched(
    address: Address, server: DocumentServer, reading: XmlReader
) -> None:
    assert address.config.identity.calls_providers  # what the parent asks
    file = address.config.server.run_directory.parent / "counterfoil.toml"
    command = [sys.executable, "-I", "-m", "counterfoil.app_providers", f"--config={file}"]
    with subprocess.Popen(command, env={}) as process:
        try:
            source = address.source(reading)
            fetching.eventually(lambda: readable(source, address))
        finally:
            process.terminate()
        assert process.wait(fetching.SECONDS) == 0
    assert server.asked == 1
    entry = replace(address.config.identity.saml[0], metadata_url=None)
    assert not replace(address.config.identity, saml=(entry,)).calls_providers  # control
