"""One HTTP/1.1 exchange on one kept-alive connection: a strict subset, bounded in all ways.

Why not `http.client`: it takes the end of the connection for the end of a body, so a cut
answer looks complete (RFC 9112 §8), its deadline counts anew with each `recv`, and parsing
the header with the e-mail package costs as much as the whole exchange. What is left out here
is refused, never guessed: interim answers, obsolete folding, other codings, two lengths.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable
from typing import Final, NamedTuple

MAX_HEADER_BYTES: Final = 16_384
_CHUNK = 65_536
_STATUS: Final = re.compile(rb"HTTP/1\.1 ([1-5][0-9]{2}) [\t\x20-\x7e\x80-\xff]*")
_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_DIGITS: Final = re.compile(rb"[0-9]{1,10}")
_HEX: Final = re.compile(rb"[0-9A-Fa-f]{1,8}")

Connect = Callable[[float], socket.socket]
"""Opens a connection within the given seconds, or raises `OSError`."""


class BrokenAnswer(Exception):
    """The peer's bytes are not one complete, well-formed answer within the bounds."""


class ClosedBeforeAnswer(BrokenAnswer):
    """The peer closed a connection before any byte of the answer."""


class HttpAnswer(NamedTuple):
    """A complete answer."""

    status: int
    body: bytes


class Connection:
    """A connection that carries one exchange at a time. Not shared between threads.

    Any doubt closes it: a connection that was late or broken never carries another
    question, because the old answer could still arrive.
    """

    def __init__(self, connect: Connect, max_body_bytes: int) -> None:
        self._connect = connect
        self._max_body_bytes = max_body_bytes
        self._socket: socket.socket | None = None
        self._buffer = b""

    def close(self) -> None:
        """Close it; the next exchange opens a new one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._buffer = b""

    def exchange(
        self, request: bytes, deadline: float, sent: Callable[[], None] = lambda: None
    ) -> HttpAnswer:
        """Send `request` and return its complete answer, all before `deadline`.

        `sent` is called between the two, and must not wait.

        The request must be safe to repeat: it is sent once more, on a new connection, when
        a kept-alive one turns out to have been closed before any byte of the answer.

        Raises:
            TimeoutError: not complete in time.
            BrokenAnswer: not one complete well-formed answer.
            OSError: the peer cannot be reached, or the connection broke.
        """
        reused = self._socket is not None and self._is_quiet(self._socket)
        try:
            return self._once(request, deadline, sent)
        except (ClosedBeforeAnswer, ConnectionResetError, BrokenPipeError):
            if not reused or self._buffer:
                raise
        return self._once(request, deadline, sent)

    def _is_quiet(self, connected: socket.socket) -> bool:
        """Nothing may wait on an idle connection: stray bytes would become our answer."""
        connected.settimeout(0.0)
        try:
            connected.recv(1)
        except BlockingIOError:
            return True
        except OSError:
            pass
        self.close()
        return False

    def _once(self, request: bytes, deadline: float, sent: Callable[[], None]) -> HttpAnswer:
        complete = False
        try:
            if self._socket is None:
                self._socket = self._connect(_left(deadline))
            self._buffer = b""
            self._socket.settimeout(_left(deadline))
            self._socket.sendall(request)
            sent()
            answer, keep = self._read(self._socket, deadline)
            complete = keep
        finally:
            if not complete:
                received = self._buffer
                self.close()
                self._buffer = received  # tells the caller whether any byte had come
        return answer

    def _read(self, connected: socket.socket, deadline: float) -> tuple[HttpAnswer, bool]:
        end = self._fill_until(connected, b"\r\n\r\n", MAX_HEADER_BYTES, deadline)
        status, length, keep = _header(self._buffer[:end])
        start = end + 4
        if length is None:
            body, stop = self._chunked(connected, start, deadline)
        elif length > self._max_body_bytes:
            raise BrokenAnswer("the answer is too large")
        else:
            stop = start + length
            self._fill(connected, stop, deadline)
            body = self._buffer[start:stop]
        if len(self._buffer) != stop:
            raise BrokenAnswer("bytes after the answer")
        return HttpAnswer(status, body), keep

    def _chunked(
        self, connected: socket.socket, position: int, deadline: float
    ) -> tuple[bytes, int]:
        """RFC 9112 §7.1; without the last chunk the body is cut."""
        parts: list[bytes] = []
        total = 0
        while True:
            end = self._fill_until(
                connected, b"\r\n", position + MAX_HEADER_BYTES, deadline, position
            )
            text = self._buffer[position:end]
            if not _HEX.fullmatch(text):
                raise BrokenAnswer("a chunk without a size")
            size = int(text, 16)
            total += size
            if total > self._max_body_bytes:
                raise BrokenAnswer("the answer is too large")
            position = end + 2
            stop = position + size
            self._fill(connected, stop + 2, deadline)
            if self._buffer[stop : stop + 2] != b"\r\n":
                raise BrokenAnswer("a chunk of another size, or a trailer")
            if not size:
                return b"".join(parts), stop + 2
            parts.append(self._buffer[position:stop])
            position = stop + 2

    def _fill(self, connected: socket.socket, size: int, deadline: float) -> None:
        """Read until the buffer holds `size` bytes."""
        if len(self._buffer) >= size:
            return
        parts = [self._buffer]
        have = len(self._buffer)
        while have < size:
            data = self._receive(connected, deadline)
            parts.append(data)
            have += len(data)
        self._buffer = b"".join(parts)

    def _fill_until(
        self, connected: socket.socket, mark: bytes, most: int, deadline: float, start: int = 0
    ) -> int:
        """Read until `mark` occurs and return where."""
        while True:
            found = self._buffer.find(mark, start)
            if found >= 0:
                return found
            if len(self._buffer) > most:
                raise BrokenAnswer("the header is too large")
            self._buffer += self._receive(connected, deadline)

    def _receive(self, connected: socket.socket, deadline: float) -> bytes:
        connected.settimeout(_left(deadline))
        data = connected.recv(_CHUNK)
        if not data:
            if self._buffer:
                raise BrokenAnswer("the answer was cut")
            raise ClosedBeforeAnswer("the connection was closed")
        return data


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0.0:
        raise TimeoutError
    return left


def _header(header: bytes) -> tuple[int, int | None, bool]:
    """Status, body length (None: chunked), and whether the connection stays usable."""
    first, *lines = header.split(b"\r\n")
    match = _STATUS.fullmatch(first)
    if match is None:
        raise BrokenAnswer("not an HTTP/1.1 answer")
    length: int | None = None
    chunked = False
    keep = True
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not _NAME.fullmatch(name):
            raise BrokenAnswer("a malformed header line")
        lowered, value = name.lower(), value.strip(b" \t")
        if lowered == b"content-length":
            if length is not None or not _DIGITS.fullmatch(value):
                raise BrokenAnswer("two lengths, or none that is a number")
            length = int(value)
        elif lowered == b"transfer-encoding":
            if chunked or value.lower() != b"chunked":
                raise BrokenAnswer("an unknown coding")
            chunked = True
        elif lowered == b"content-encoding":
            raise BrokenAnswer("an encoding that was not asked for")
        elif lowered == b"connection":
            keep = value.lower() == b"keep-alive"
    if chunked == (length is not None):  # RFC 9112 §6.3: both, or neither, cannot be trusted
        raise BrokenAnswer("the answer's length is not known")
    return int(match[1]), length, keep
