"""Fetched keys: the providers' own loop, published files and workers' verifiers, all real.

The provider is a real HTTP server with faults on demand (`simulators/provider.py`).
"""

from __future__ import annotations

import json
import logging
import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from counterfoil.errors import IdentityUnavailable
from counterfoil.identity import fetch, published
from counterfoil.identity.credentials import Verifier, check_key_files
from fetching import (
    SECONDS,
    Clock,
    accepts,
    configured,
    eventually,
    fetching,
    now,
    published_file,
    running,
)
from simulators import provider as faults
from simulators.provider import EVIL, KEYS, METADATA, Provider, Serve, running_provider

HOUR = 3_600.0


@pytest.fixture
def provider() -> Iterator[Provider]:
    with running_provider() as running:
        yield running


@pytest.fixture
def folder() -> Iterator[Path]:
    # A socket's name has 107 bytes at most, and pytest's folders are long.
    with tempfile.TemporaryDirectory(prefix="cf-") as name:
        yield Path(name)


def test_keys_come_by_discovery(folder: Path, provider: Provider) -> None:
    with running(folder, provider) as config:
        assert accepts(Verifier(config), provider.token())
    assert (provider.asked(METADATA), provider.asked(KEYS)) == (1, 1)


def test_keys_come_from_the_named_url_alone(folder: Path, provider: Provider) -> None:
    with running(folder, provider, f'jwks_uri = "{provider.url}{KEYS}"') as config:
        assert accepts(Verifier(config), provider.token())
    assert (provider.asked(METADATA), provider.asked(KEYS)) == (0, 1)


def test_keys_from_another_place_never_count_as_this_ones(folder: Path, provider: Provider) -> None:
    with running(folder, provider):
        pass
    elsewhere = configured(folder, provider, f'jwks_uri = "{provider.url}/other"')
    with pytest.raises(IdentityUnavailable):
        Verifier(elsewhere).verify(provider.token(), now=now())


def test_rotated_key_counts_at_its_first_token(
    folder: Path, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(published, "RENEWAL_SECONDS", SECONDS)  # for a loaded machine
    clock = Clock()
    with running(folder, provider, retry=60, clock=clock) as config:
        verifier = Verifier(config)
        old = provider.token()
        assert accepts(verifier, old)
        provider.rotate()
        assert not accepts(verifier, provider.token())  # within the interval after a fetch
        clock.passes(61)
        assert accepts(verifier, provider.token(), clock.now())  # at its first try
        assert not accepts(verifier, old)  # and the withdrawn one does not


def test_unknown_kids_fetch_once_per_interval_across_workers(
    folder: Path, provider: Provider
) -> None:
    clock = Clock()
    with running(folder, provider, retry=60, clock=clock) as config:
        workers = [Verifier(config) for _ in range(4)]
        for fetches in (2, 3, 4):
            clock.passes(61)
            for i in range(10):
                token = provider.token(provider.evil, jti=f"{fetches}.{i}")
                at = clock.now() + i
                assert [accepts(worker, token, at) for worker in workers] == [False] * 4
            assert provider.asked(KEYS) == fetches
        assert all(accepts(worker, provider.token()) for worker in workers)


FAULTS: dict[str, Callable[[Provider], Serve]] = {
    "redirect": lambda p: p.redirect,
    "500": lambda _: faults.failing,
    "HTML": lambda _: faults.html,
    "endless": lambda _: faults.huge,
    "compressed": lambda _: faults.compressed,
    "cut": lambda _: faults.cut,
    "hanging": lambda p: p.hang,
    "dripping": lambda p: p.drip,
    "an empty set": lambda _: lambda h: h.answer(b'{"keys": []}'),
    "a secret in the set": lambda _: (
        lambda h: h.answer(b'{"keys": [{"kty": "oct", "k": "AAAA", "kid": "h"}]}')
    ),
}


@pytest.mark.parametrize("path", [KEYS, METADATA])
@pytest.mark.parametrize("kind", FAULTS)
def test_last_good_keys_stay_whatever_the_provider_does(
    folder: Path, provider: Provider, kind: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    with running(folder, provider, retry=60, clock=clock) as config:
        monkeypatch.setattr(fetch, "EXCHANGE_SECONDS", 0.5)
        verifier = Verifier(config)
        known = provider.token()
        assert accepts(verifier, known)
        clock.passes(61)
        provider.serve(path, FAULTS[kind](provider))
        provider.rotate()
        assert not accepts(verifier, provider.token(), clock.now())
        assert not accepts(verifier, provider.token(provider.evil), clock.now())
        assert accepts(Verifier(config), known)
        assert provider.asked(path) == 2
        assert provider.asked(EVIL) == 0
        provider.behave()
        monkeypatch.undo()
        clock.passes(61)
        assert accepts(verifier, provider.token(), clock.now())  # control: only out of order


def test_metadata_of_another_issuer_gives_no_keys(folder: Path, provider: Provider) -> None:
    foreign = json.dumps(provider.metadata(issuer=provider.url + "/")).encode()
    provider.serve(METADATA, lambda h: h.answer(foreign))
    config = configured(folder, provider)
    with fetching(config):
        eventually(lambda: provider.asked(METADATA) > 0)
        with pytest.raises(IdentityUnavailable) as refusal:
            Verifier(config).verify(provider.token(), now=now())
    assert refusal.value.status == 503
    assert provider.asked(KEYS) == 0


def test_known_keys_go_on_while_the_provider_is_down(folder: Path, provider: Provider) -> None:
    """For an hour and most of a day; unknown ones refuse; then the keys are too old."""
    clock = Clock()
    with running(folder, provider, retry=60, clock=clock) as config:
        verifiers = [Verifier(config) for _ in range(2)]
        token = provider.token(exp=int(now() + 30 * HOUR))
        assert all(accepts(verifier, token) for verifier in verifiers)
        provider.serve(METADATA, faults.failing)
        provider.rotate()  # meanwhile, unseen
        for minutes in (0, *range(1, 61, 10), 60, 23 * 60):
            clock.passes(60.0 * minutes - (clock.monotonic() - time.monotonic()))
            for verifier in (*verifiers, Verifier(config)):
                assert accepts(verifier, token, clock.now())
                for unknown in (None, provider.evil):
                    strange = provider.token(unknown, exp=int(now() + 30 * HOUR))
                    assert not accepts(verifier, strange, clock.now())
        assert provider.asked(METADATA) >= 7  # each interval it was tried again
        clock.passes(1.1 * HOUR)
        with pytest.raises(IdentityUnavailable):
            verifiers[0].verify(token, now=clock.now())
        provider.behave()
        clock.passes(61)
        assert accepts(verifiers[0], provider.token())  # control: back at the first try


def test_keys_of_an_earlier_life_count_after_a_restart(folder: Path, provider: Provider) -> None:
    with running(folder, provider):
        pass
    provider.serve(KEYS, faults.failing)
    config = configured(folder, provider)
    with fetching(config):
        assert accepts(Verifier(config), provider.token())


def test_fetch_without_a_change_makes_the_keys_young_again(
    folder: Path, provider: Provider
) -> None:
    with running(folder, provider):
        pass
    path = published_file(folder)
    assert path is not None
    os.utime(path, (1.0, 1.0))
    config = configured(folder, provider)
    with pytest.raises(IdentityUnavailable):
        Verifier(config).verify(provider.token(), now=now())
    with fetching(config):
        eventually(lambda: path.stat().st_mtime > 1.0)
        assert accepts(Verifier(config), provider.token())


def test_slow_provider_keeps_no_known_key_waiting(
    folder: Path, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(published, "RENEWAL_SECONDS", 0.3)
    clock = Clock()
    with running(folder, provider, retry=60, clock=clock) as config:
        verifier = Verifier(config)
        clock.passes(61)
        provider.serve(METADATA, provider.hang)
        assert not accepts(verifier, provider.token(provider.evil), clock.now())  # it still hangs
        assert accepts(verifier, provider.token())
        assert provider.asked(METADATA) >= 2


def test_flood_of_unknown_kids_keeps_few_requests_waiting(
    folder: Path, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against a providers' process that is alive and never answers."""
    with running(folder, provider) as config:
        pass
    monkeypatch.setattr(published, "RENEWAL_SECONDS", 1.0)
    path = config.server.run_directory / published.SOCKET_NAME
    path.unlink()
    verifier = Verifier(config)
    at, refused = now(), []
    with socket.socket(socket.AF_UNIX) as desk:
        desk.bind(str(path))
        desk.listen(128)
        threads = [
            threading.Thread(
                target=lambda token: refused.append(not accepts(verifier, token, at)),
                args=(provider.token(provider.evil, jti=str(i)),),
            )
            for i in range(60)
        ]
        for thread in threads:
            thread.start()
        assert accepts(verifier, provider.token(), at)
        for thread in threads:
            thread.join(SECONDS)
        desk.settimeout(0.0)
        waited = 0
        with suppress(BlockingIOError):
            while True:
                desk.accept()[0].close()
                waited += 1
    assert refused == [True] * 60
    assert 1 <= waited <= published.MAX_WAITING


def test_workers_go_on_without_the_providers_process(
    folder: Path, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    with running(folder, provider) as config:
        pass
    verifier = Verifier(config)
    assert accepts(verifier, provider.token())
    with caplog.at_level(logging.WARNING):
        for _ in range(10):
            assert not accepts(verifier, provider.token(provider.evil), at=now())
    assert 1 <= len(caplog.records) <= 2  # once per second, not per token


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"{}\n",
        b"[]\n",
        b"null\n",
        b'{"renew": "https://unknown.example"}\n',
        b'{"renew": 7}\n',
        b"\xff\n",
        b"x" * 70_000,
        b"[" * 60_000 + b"\n",
    ],
)
def test_senseless_question_gets_no_answer_and_ends_nothing(
    folder: Path, provider: Provider, line: bytes
) -> None:
    with running(folder, provider) as config:
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(SECONDS)
            peer.connect(str(folder / "run" / published.SOCKET_NAME))
            try:
                peer.sendall(line)
                peer.shutdown(socket.SHUT_WR)
                assert peer.recv(100) == b""
            except ConnectionError:
                pass  # it had enough before all was sent
        answer = published.Providers(folder / "run").ask({"renew": provider.url}, SECONDS)
        assert isinstance(answer["rest_seconds"], float)
        assert accepts(Verifier(config), provider.token())


def test_start_needs_no_answer_of_a_provider(folder: Path, provider: Provider) -> None:
    check_key_files(configured(folder, provider), now=now())
    assert provider.requests == []
