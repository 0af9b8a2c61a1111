"""`/metrics` on its own listener: the workers' numbers summed, and the parent's own.

Served by the parent, so that it answers while no worker does.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Final

from counterfoil.cli.children import Child

READ_SECONDS: Final = 5.0
MAX_HEAD_BYTES: Final = 8_192
MAX_CONNECTIONS: Final = 16


class MetricsListener:
    """Answers `GET /metrics` on a bound socket until closed."""

    def __init__(
        self,
        listener: socket.socket,
        folder: Path,
        children: Sequence[Child],
        exports: Callable[[], str] = str,
    ) -> None:
        self._listener, self._folder, self._children = listener, folder, children
        self._exports = exports
        self._slots = asyncio.Semaphore(MAX_CONNECTIONS)

    async def serve(self) -> asyncio.Server:
        """Start answering; the caller closes the server."""
        return await asyncio.start_server(
            self._connection, sock=self._listener, limit=MAX_HEAD_BYTES
        )

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request, one answer, in bounded time; then the connection closes."""
        try:
            async with self._slots, asyncio.timeout(READ_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(self._answer(head.split(b" ", 2)[:2]))
                await writer.drain()
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            pass  # too slow, too long, or gone: there is nobody to answer
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _answer(self, request: Sequence[bytes]) -> bytes:
        if list(request) != [b"GET", b"/metrics"]:
            return _response("404 Not Found", "text/plain", b"GET /metrics\n")
        metrics = import_module("counterfoil.http.metrics")  # 60 ms that no start should wait for
        own = self._own() + self._exports()
        body = metrics.exposition(str(self._folder)) + own.encode("ascii")
        return _response("200 OK", metrics.CONTENT_TYPE, body)

    def _own(self) -> str:
        """The parent's numbers, in the text format."""
        return _family(
            "counterfoil_child_up",
            "gauge",
            "Whether a child process runs.",
            {child.spec.name: int(child.up) for child in self._children},
        ) + _family(
            "counterfoil_child_restarts_total",
            "counter",
            "How often a child process was started again.",
            {child.spec.name: child.restarts for child in self._children},
        )


def _family(name: str, kind: str, text: str, values: dict[str, int]) -> str:
    lines = [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
    lines += [f'{name}{{child="{child}"}} {value}' for child, value in values.items()]
    return "\n".join(lines) + "\n"


def _response(status: str, content_type: str, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode("ascii") + body
