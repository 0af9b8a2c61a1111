"""The providers' own loop in this process, with a worker's verifier over what it publishes."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from counterfoil.config import Config, load_config
from counterfoil.errors import InvalidSignature, Rule
from counterfoil.identity import providers, published
from counterfoil.identity.credentials import Verifier
from counterfoil.reading.xml_reader import XmlReader
from simulators.provider import Provider

RETRY_SECONDS = 3_600  # between two fetches: longer than any test, unless its clock moves
SECONDS = 20.0  # a loaded machine; usually a tenth of a second


class Clock:
    """A clock that also passes when it is told, for the process and for the workers."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def passes(self, seconds: float) -> None:
        self._ahead += seconds

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead

    def now(self) -> float:
        return now() + self._ahead


def configured(
    folder: Path, provider: Provider, extra: str = "", retry: int = RETRY_SECONDS
) -> Config:
    path = folder / "counterfoil.toml"
    path.write_text(
        f'[server]\nrun_directory = "run"\n[[identity.oidc]]\nissuer = "{provider.url}"\n'
        f'audience = "counterfoil"\njwks_retry_seconds = {retry}\n{extra}'
    )
    (folder / "run").mkdir(exist_ok=True)
    return load_config(path, {})


@contextmanager
def fetching(config: Config, clock: Clock | None = None) -> Iterator[None]:
    """The providers' loop in a thread of this process, and gone afterwards."""
    stop: Callable[[], object] = lambda: None  # noqa: E731 -- replaced below
    ready, reader = threading.Event(), XmlReader()
    monotonic = time.monotonic if clock is None else clock.monotonic

    async def until_stopped() -> None:
        nonlocal stop
        task = asyncio.ensure_future(providers.run(config, reader, monotonic=monotonic))
        loop = asyncio.get_running_loop()
        stop = lambda: loop.call_soon_threadsafe(task.cancel)  # noqa: E731 -- one line says it
        ready.set()
        with suppress(asyncio.CancelledError):
            await task

    thread = threading.Thread(target=asyncio.run, args=(until_stopped(),), daemon=True)
    thread.start()
    assert ready.wait(SECONDS)
    eventually(lambda: at_the_desk(config))
    try:
        yield
    finally:
        stop()
        thread.join(SECONDS)
        reader.close()
        assert not thread.is_alive()


def at_the_desk(config: Config) -> bool:
    """Whether questions are taken: one that makes no sense is heard and not answered."""
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(SECONDS)
        try:
            peer.connect(str(config.server.run_directory / published.SOCKET_NAME))
        except OSError:
            return False
        peer.sendall(b"{}\n")
        return peer.recv(100) == b""


def eventually(check: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def published_file(folder: Path) -> Path | None:
    return next(iter((folder / "run" / published.FOLDER).glob("*.json")), None)


def now() -> float:
    return time.time()  # noqa: TID251


@contextmanager
def running(
    folder: Path,
    provider: Provider,
    extra: str = "",
    retry: int = RETRY_SECONDS,
    clock: Clock | None = None,
) -> Iterator[Config]:
    """Fetched once and published."""
    config = configured(folder, provider, extra, retry)
    with fetching(config, clock):
        eventually(lambda: published_file(folder) is not None)
        yield config


def accepts(verifier: Verifier, token: str, at: float | None = None) -> bool:
    """Whether the token counts; a refusal is one for its key, never a failure."""
    try:
        return verifier.verify(token, now=now() if at is None else at).tenant == "default"
    except InvalidSignature as error:
        return error.rule not in {Rule.KEY, Rule.SIGNATURE}
