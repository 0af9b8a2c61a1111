"""`/metrics` on its own listener: bounded, read-only, and there while no worker is."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from counterfoil.cli import metrics_listener
from counterfoil.cli.children import Child, ChildSpec
from counterfoil.cli.metrics_listener import MetricsListener

Talk = Callable[[bytes], Coroutine[Any, Any, bytes]]


def listening(folder: Path, story: Callable[[Talk], Coroutine[Any, Any, None]]) -> None:
    """Run `story` against a listener for one child that is down."""

    async def main() -> None:
        child = Child(ChildSpec(name="opa", command=("true",), environment={}))
        child.restarts = 3
        with socket.create_server(("127.0.0.1", 0)) as door:
            server = await MetricsListener(door, folder, [child]).serve()
            address = door.getsockname()

            async def talk(data: bytes) -> bytes:
                reader, writer = await asyncio.open_connection(*address)
                writer.write(data)
                try:
                    return await asyncio.wait_for(reader.read(), 30)
                finally:
                    writer.close()

            async with server:
                await story(talk)

    asyncio.run(main())


def test_it_tells_the_children_and_the_workers(tmp_path: Path) -> None:
    async def story(talk: Talk) -> None:
        answer = await talk(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b'counterfoil_child_up{child="opa"} 0\n' in answer
        assert b'counterfoil_child_restarts_total{child="opa"} 3\n' in answer

    listening(tmp_path, story)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST /metrics HTTP/1.1\r\n\r\n",
        b"GET /authorize HTTP/1.1\r\n\r\n",
        b"GET /metrics/../x HTTP/1.1\r\n\r\n",
        b"nonsense\r\n\r\n",
    ],
)
def test_there_is_nothing_else_on_it(tmp_path: Path, request_bytes: bytes) -> None:
    async def story(talk: Talk) -> None:
        assert (await talk(request_bytes)).startswith(b"HTTP/1.1 404 ")

    listening(tmp_path, story)


def test_slow_and_endless_requests_lose_their_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_listener, "READ_SECONDS", 0.2)

    async def story(talk: Talk) -> None:
        assert await talk(b"GET /metrics HTTP/1.1\r\n") == b""
        assert await talk(b"GET /" + b"a" * 9_000) == b""
        assert (await talk(b"GET /metrics HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 200 ")

    listening(tmp_path, story)
