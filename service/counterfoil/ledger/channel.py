"""One worker's connection to the writer: a group of requests out, as many answers back.

Whatever happens, an answer is the one to its own request or none: after any failure the
connection is closed, because a late answer would be read as the next one's.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from pathlib import Path

from counterfoil.errors import LedgerUnavailable
from counterfoil.ledger.frames import BadFrame, FrameBuffer, Value, pack_group

SOCKET_NAME = "ledger.sock"
"""Where the writer listens, within the run directory."""


class Channel:
    """Not for two callers at once (the grouper sees to that), nor across `fork`."""

    def __init__(self, path: Path, monotonic: Callable[[], float]) -> None:
        self._path, self._monotonic = str(path), monotonic
        self._peer: socket.socket | None = None
        self._buffer = FrameBuffer()
        self._number = 0

    def exchange(
        self,
        packed_requests: Sequence[bytes],
        deadline: float,
        sent: Callable[[], None] = lambda: None,
    ) -> list[Value]:
        """Send one group and return the answers in order; `sent` is called between, not to wait.

        Raises:
            LedgerUnavailable: no writer, no answer in time, or none at all. The group may
                have been recorded all the same; it is never sent a second time.
        """
        self._number += 1
        try:
            frame = pack_group(self._number, deadline, packed_requests)
            peer = self._send(frame, deadline)
            sent()
            answer = self._receive(peer, deadline)
        except (OSError, BadFrame) as error:
            self.close()
            raise LedgerUnavailable(f"the ledger writer: {error}") from error
        except BaseException:  # killed while it waits: the answer must not meet another request
            self.close()
            raise
        match answer:
            case [number, list(answers)] if number == self._number and len(answers) == len(
                packed_requests
            ):
                return answers
            case _:
                self.close()
                raise LedgerUnavailable("the ledger writer gave another answer")

    def close(self) -> None:
        """Forget the connection; the next exchange makes a new one."""
        peer, self._peer = self._peer, None
        self._buffer = FrameBuffer()
        if peer is not None:
            peer.close()

    def _send(self, frame: bytes, deadline: float) -> socket.socket:
        """Send a whole frame. A cut one is never carried out, so a restarted writer may get it."""
        if self._peer is not None:
            try:
                return self._send_to(self._peer, frame, deadline)
            except (BrokenPipeError, ConnectionResetError):
                self.close()
        self._peer = self._connect(deadline)
        return self._send_to(self._peer, frame, deadline)

    def _send_to(self, peer: socket.socket, frame: bytes, deadline: float) -> socket.socket:
        peer.settimeout(self._left(deadline))
        peer.sendall(frame)
        return peer

    def _connect(self, deadline: float) -> socket.socket:
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            peer.settimeout(self._left(deadline))
            peer.connect(self._path)
        except BaseException:
            peer.close()
            raise
        return peer

    def _receive(self, peer: socket.socket, deadline: float) -> Value:
        while not self._buffer.ready():
            peer.settimeout(self._left(deadline))
            if not self._buffer.receive(peer):
                raise ConnectionAbortedError("the connection ended before the answer")
        return self._buffer.take()

    def _left(self, deadline: float) -> float:
        left = deadline - self._monotonic()
        if left <= 0:
            raise TimeoutError("no answer in time")
        return left
