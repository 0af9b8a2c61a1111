"""Frames between workers and the writer: four bytes of length, then msgpack. Same machine only."""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from typing import TypeAlias

import msgpack  # type: ignore[import-untyped]  # has no annotations; wrapped here only

Value: TypeAlias = "bool | int | float | str | bytes | list[Value] | dict[str, Value] | None"

MAX_FRAME_BYTES = 8 * 1024 * 1024  # 16 events of a batch, each at the largest body, and room
_LENGTH = struct.Struct(">I")
_CHUNK_BYTES = 262_144


class BadFrame(ValueError):
    """Too long, or not msgpack: the peer is not one of ours, and the connection ends."""


def encode(value: Value) -> bytes:
    """Msgpack in its one form: shortest, maps in their own order."""
    data: bytes = msgpack.packb(value)
    return data


def pack(value: Value) -> bytes:
    """One frame.

    Raises:
        BadFrame: when it would be too long for the peer.
    """
    body = encode(value)
    if len(body) > MAX_FRAME_BYTES:
        raise BadFrame("the frame is too large")
    return _LENGTH.pack(len(body)) + body


def pack_group(number: int, deadline: float, packed_requests: Sequence[bytes]) -> bytes:
    """One frame of requests that are packed already: [number, deadline, [request, …]].

    Raises:
        BadFrame: as `pack`.
    """
    packer = msgpack.Packer()
    head = packer.pack_array_header(3) + encode(number) + encode(deadline)
    body = b"".join((head, packer.pack_array_header(len(packed_requests)), *packed_requests))
    if len(body) > MAX_FRAME_BYTES:
        raise BadFrame("the frame is too large")
    return _LENGTH.pack(len(body)) + body


def unpack(body: bytes) -> Value:
    """The value of msgpack bytes.

    Raises:
        BadFrame: not exactly one msgpack value.
    """
    try:
        value: Value = msgpack.unpackb(body, strict_map_key=True)
    except (ValueError, TypeError, RecursionError, msgpack.exceptions.UnpackException) as error:
        raise BadFrame("not msgpack") from error
    return value


class FrameBuffer:
    """Collects the bytes of one connection; holds one frame at most and little more."""

    __slots__ = ("_data",)

    def __init__(self) -> None:
        self._data = bytearray()

    def receive(self, peer: socket.socket) -> bool:
        """Read once. False: the peer has closed.

        Raises:
            OSError: the connection broke, or nothing is there (BlockingIOError).
        """
        data = peer.recv(_CHUNK_BYTES)
        self._data += data
        return bool(data)

    def take(self) -> Value:
        """The next frame's value, taken out of the buffer. Call only when `ready`.

        Raises:
            BadFrame: see `unpack`.
        """
        end = _LENGTH.size + _LENGTH.unpack_from(self._data)[0]
        body = bytes(self._data[_LENGTH.size : end])
        del self._data[:end]
        return unpack(body)

    def ready(self) -> bool:
        """Whether a whole frame is here.

        Raises:
            BadFrame: the announced length is over the limit; nothing more is read.
        """
        if len(self._data) < _LENGTH.size:
            return False
        length: int = _LENGTH.unpack_from(self._data)[0]
        if length > MAX_FRAME_BYTES:
            raise BadFrame("the frame is too large")
        return len(self._data) >= _LENGTH.size + length
