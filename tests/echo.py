"""Our gunicorn worker on a real socket, around an application that tells what it was given."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_ECHO = Path(__file__).parent / "simulators" / "echo_service.py"
MAX_BODY = 2_000
WHOLE = b"POST /authorize?a=b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"


@contextmanager
def echo_service(
    *, keepalive: int = 20, body: int = 20, workers: int = 1
) -> Iterator[tuple[int, int]]:
    """Port and process id."""
    with (
        socket.create_server(("127.0.0.1", 0), backlog=64) as door,
        tempfile.TemporaryDirectory(prefix="cf-") as run_directory,
    ):
        process = subprocess.Popen(
            [sys.executable, "-I", str(_ECHO), str(door.fileno()), str(keepalive), str(body)],
            pass_fds=[door.fileno()],
            env={
                "LANG": "C.UTF-8",
                "COUNTERFOIL_SERVER__RUN_DIRECTORY": run_directory,
                "COUNTERFOIL_SERVER__MAX_BODY_BYTES": str(MAX_BODY),
                "COUNTERFOIL_SERVER__WORKERS": str(workers),
            },
        )
        try:
            yield door.getsockname()[1], process.pid
        finally:
            process.terminate()
            assert process.wait(20) in (0, -signal.SIGKILL)  # a test may have killed it


def talk(port: int, data: bytes, *, finish: bool = True) -> bytes:
    """Send bytes, read until the server closes or the answers are whole."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as peer:
        peer.sendall(data)
        if finish:
            peer.shutdown(socket.SHUT_WR)
        received = b""
        while part := peer.recv(65_536):
            received += part
        return received


def seen(answer: bytes) -> dict[str, Any]:
    """What the application saw."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n"), answer
    parsed: dict[str, Any] = json.loads(body)
    return parsed
