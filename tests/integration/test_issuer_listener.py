"""What serves clients of an issuer: by TLS, for so long, and for so many at once."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import requests
from aiohttp import web

from certificates import Authority
from counterfoil.errors import ConfigError
from counterfoil_issuers import listener as module
from counterfoil_issuers.contract import TargetError
from counterfoil_issuers.listener import Listener, read_address

LOOPBACK = {"listen": "127.0.0.1:0"}


async def _said(request: web.BaseRequest) -> web.Response:
    await request.read()
    return web.Response(text=request.raw_path)


@contextmanager
def _listening(seconds: float = 20.0, **settings: str) -> Iterator[Listener]:
    listener = Listener(_said, read_address({**LOOPBACK, **settings}), connection_seconds=seconds)
    listener.start()
    try:
        yield listener
    finally:
        listener.stop()


def test_served_by_tls_with_its_own_certificate(tmp_path: Path) -> None:
    authority, stranger = (Authority.make(tmp_path, name) for name in ("own", "stranger"))
    authority.server(tmp_path)
    file = str(tmp_path / "server-127.0.0.1.pem")
    with _listening(tls_certificate_file=file, tls_key_file=file) as listener:
        assert listener.url == f"https://127.0.0.1:{listener.port}"
        answer = requests.get(f"{listener.url}/x?y", verify=str(authority.file), timeout=10)
        assert answer.text == "/x?y"
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(listener.url, verify=str(stranger.file), timeout=10)
    with pytest.raises(ConfigError):
        read_address({**LOOPBACK, "tls_certificate_file": "/dev/null", "tls_key_file": file})


def test_connection_that_drips_is_cut() -> None:
    with _listening(seconds=0.3) as listener:
        address = ("127.0.0.1", listener.port)
        with socket.create_connection(address, timeout=20) as connection:
            connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nx")
            with suppress(ConnectionResetError):
                assert connection.recv(1) == b""  # else it waits for the rest, and times out
        assert requests.get(listener.url, timeout=10).text == "/"


def test_no_more_connections_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CONNECTIONS", 2)
    with _listening() as listener:
        address = ("127.0.0.1", listener.port)
        held = [socket.create_connection(address, timeout=20) for _ in range(2)]
        with pytest.raises(requests.ConnectionError):
            requests.get(listener.url, timeout=10)
        for one in held:
            one.sendall(b"GET / HTTP/1.0\r\n\r\n")  # these are served
            assert one.recv(64).startswith(b"HTTP/1.0 200 ")
            one.close()


def test_address_in_use_is_said_and_leaves_nothing() -> None:
    with _listening() as listener:
        taken = read_address({"listen": f"127.0.0.1:{listener.port}"})
        with pytest.raises(TargetError, match="listen"):
            Listener(_said, taken, connection_seconds=1).start()
    with pytest.raises(requests.ConnectionError):
        requests.get(listener.url, timeout=10)
