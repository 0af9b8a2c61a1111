"""Between a client and PostgreSQL: a connection that ends, or stands still, at a COMMIT.

Everything goes through unchanged until `at_commit` says otherwise.
"""

from __future__ import annotations

import contextlib
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Act = Literal["pass", "cut before", "cut after", "hold"]
_BYTES = 262_144


@dataclass(slots=True)
class Proxy:
    """Set `at_commit`; `reached` tells that a COMMIT came; `release` lets a held one go on."""

    folder: Path
    at_commit: Act = "pass"
    only_after: bytes = b""  # a word of the connection's, before its next COMMIT counts
    reached: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)

    def serve(self, listener: socket.socket, server: Path) -> None:
        """Take connections until the listener is closed."""
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            upstream = socket.socket(socket.AF_UNIX)
            try:
                upstream.connect(str(server))
            except OSError:
                client.close()
                continue
            threading.Thread(target=self._up, args=(client, upstream), daemon=True).start()
            threading.Thread(target=_copy, args=(upstream, client), daemon=True).start()

    def _up(self, client: socket.socket, upstream: socket.socket) -> None:
        armed = not self.only_after
        with contextlib.suppress(OSError):
            while data := client.recv(_BYTES):
                armed = armed or self.only_after in data
                if b"COMMIT\x00" in data and armed and self.at_commit != "pass":
                    act, self.at_commit = self.at_commit, "pass"
                    if act == "cut before":
                        break
                    if act == "cut after":
                        client.shutdown(socket.SHUT_RDWR)  # the answer has nowhere to go
                        upstream.sendall(data)
                        self.reached.set()
                        upstream.settimeout(5)
                        upstream.recv(_BYTES)
                        break
                    self.reached.set()
                    self.release.wait(60)
                upstream.sendall(data)
        _end(client, upstream)
        self.reached.set()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(_BYTES):
            target.sendall(data)
    _end(source, target)


def _end(*ends: socket.socket) -> None:
    for end in ends:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


@contextmanager
def proxied(server: Path) -> Iterator[Proxy]:
    """A proxy before the server's socket; its folder goes into a URL as `host`."""
    with tempfile.TemporaryDirectory(prefix="cfp", dir="/tmp") as name:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(f"{name}/.s.PGSQL.5432")
        listener.listen()
        proxy = Proxy(Path(name))
        thread = threading.Thread(target=proxy.serve, args=(listener, server), daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.release.set()
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            thread.join(5)
