"""What a worker and its reader child say to each other: length-prefixed MessagePack.

Worker to child: a list of commands. Child to worker: lists of interpretations, in order,
until all are answered. MessagePack, because the child meets hostile input first and its
answer must not be able to do anything but be data.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import msgpack  # type: ignore[import-untyped]  # has no annotations; wrapped here only

from counterfoil.core.model import (
    Command,
    Execute,
    Interpretation,
    JsonObject,
    JsonValue,
    Operation,
    Registered,
    Resource,
    Snapshot,
    Uncertainty,
)

READY: Final = b"\x00\x00\x00\x00"
"""An empty frame: the child has started."""
CATALOGUE: Final = "catalogue"
"""The first item of a message that is no group; a command is always a list."""
REGISTERED: Final = "registered"
"""The first item of the message that hands a child what is registered, before any command."""
MAX_CATALOGUES: Final = 16
"""How many catalogues a child holds, as many as a group has commands; both sides drop the
oldest beyond it."""
MAX_FRAME_BYTES: Final = 64 * 1024 * 1024
_LENGTH: Final = struct.Struct(">I")
_BIG_INTEGER: Final = 1  # extension type: MessagePack ends at 64 bits, JSON does not

Packed = list[Any]
_NONE: Final[Mapping[str, Snapshot]] = {}
_NOTHING: Final = Registered()


class WireError(ValueError):
    """The other side said something that is no message of ours."""


def frame(message: Packed) -> bytes:
    """A message with its length before it.

    Raises:
        WireError: it holds something that is no JSON value, or is nested too deeply.
    """
    return framed(part(message))


def framed(body: bytes) -> bytes:
    """An encoded message with its length before it."""
    return _LENGTH.pack(len(body)) + body


def group_frame(parts: Sequence[bytes]) -> bytes:
    """A message that is a list of parts encoded before."""
    return framed(msgpack.Packer().pack_array_header(len(parts)) + b"".join(parts))


def catalogue_frame(snapshot: Snapshot) -> bytes:
    """A message that hands a child a catalogue; commands then name it by its digest."""
    return frame([CATALOGUE, snapshot.digest, snapshot.taken_at, snapshot.body])


def held(catalogues: dict[str, Snapshot], snapshot: Snapshot) -> None:
    """Hold one more. Both sides do the same in the same order, so they hold the same."""
    catalogues[snapshot.digest] = snapshot
    if len(catalogues) > MAX_CATALOGUES:
        del catalogues[next(iter(catalogues))]


def unpack_catalogue(message: Packed) -> Snapshot | None:
    """The catalogue of such a message, None where it is a group of commands."""
    if not message or message[0] != CATALOGUE:
        return None
    _, digest, taken_at, body = message
    return Snapshot(digest=digest, taken_at=taken_at, body=body)


def registered_frame(registered: Registered) -> bytes:
    """A message that hands a child what is registered. Issuers' names stay in the worker."""
    entries = [[item.type, item.id, item.location] for item in registered.resources.values()]
    return frame([REGISTERED, entries, registered.documents])


def unpack_registered(message: Packed) -> Registered | None:
    """What such a message holds, None for any other."""
    if not message or message[0] != REGISTERED:
        return None
    _, entries, documents = message
    found = [Resource(type=kind, id=name, location=place) for kind, name, place in entries]
    return Registered.of(found, documents)


def part(value: Packed | JsonObject) -> bytes:
    """Encode one item, so that an item that cannot be sent spoils no group.

    Raises:
        WireError: it holds something that is no JSON value, or is nested too deeply.
    """
    try:
        body: bytes = msgpack.packb(value, default=_extension, unicode_errors="surrogatepass")
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise WireError(str(error)) from error
    return body


def _extension(value: object) -> msgpack.ExtType:
    if isinstance(value, int):
        return msgpack.ExtType(_BIG_INTEGER, format(value, "x").encode())
    raise TypeError(f"{type(value).__name__} is not JSON")


def _restore(code: int, data: bytes) -> object:
    if code != _BIG_INTEGER:
        raise WireError("unknown extension")
    return int(data, 16)


class Frames:
    """Cuts a byte stream into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Packed]:
        """Take bytes and yield each message that is complete; READY is an empty list.

        Raises:
            WireError: a frame that is too long, or that holds no list.
        """
        self._buffer += data
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if length > MAX_FRAME_BYTES:
                raise WireError("frame too long")
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_LENGTH.size : end])
            del self._buffer[:end]
            yield _decode(body) if body else []


def _decoded(body: bytes) -> object:
    try:
        value: object = msgpack.unpackb(
            body, ext_hook=_restore, unicode_errors="surrogatepass", strict_map_key=True
        )
    except (ValueError, msgpack.UnpackException, RecursionError) as error:
        raise WireError("not a message") from error
    return value


def _decode(body: bytes) -> Packed:
    message = _decoded(body)
    if not isinstance(message, list):
        raise WireError("not a list")
    return message


def pack_command(command: Command) -> Packed:
    """A command as a message part."""
    resource = command.resource
    return [
        command.family,
        command.tool,
        command.arguments,
        command.command_argument,
        None if resource is None else [resource.type, resource.id, resource.location],
        None if command.catalogue is None else command.catalogue.digest,
    ]


def unpack_command(
    packed: Packed,
    catalogues: Mapping[str, Snapshot] = _NONE,
    registered: Registered = _NOTHING,
) -> Command:
    """The command of a message part; the issuer's name stays in the worker."""
    family, tool, arguments, command_argument, resource, catalogue = packed
    return Command(
        family=family,
        tool=tool,
        arguments=arguments,
        command_argument=command_argument,
        resource=None
        if resource is None
        else Resource(type=resource[0], id=resource[1], location=resource[2]),
        catalogue=None if catalogue is None else catalogues[catalogue],
        registered=registered,
    )


def pack_interpretation(command: Command, reading: Interpretation) -> Packed:
    """An interpretation as a message part; arguments that did not change are left out."""
    execute = reading.execute
    packed_execute: Packed | None = None
    if execute is not None:
        same = execute.arguments is command.arguments
        packed_execute = [None if same else execute.arguments, _packed_session(execute.session)]
    return [
        [
            [item.family, item.verb, item.object, item.columns, item.span, item.details]
            for item in reading.operations
        ],
        [[item.code, item.span, item.detail] for item in reading.uncertain],
        reading.required,
        reading.ambient,
        packed_execute,
        reading.catalogue,
        None if reading.resource is None else reading.resource.id,
    ]


_last_session: tuple[JsonValue, bytes | None] = (None, None)


def _packed_session(session: JsonObject | None) -> bytes | None:
    """What an interpreter pins is the same object each time: it is encoded once, in a row."""
    global _last_session  # noqa: PLW0603 -- one place for the one thing that never changes
    if session is None:
        return None
    known, packed = _last_session
    if session is known:
        return packed
    packed = part(session)
    _last_session = (session, packed)
    return packed


@lru_cache(maxsize=16)
def _session(packed: bytes) -> JsonObject:
    """The session of its encoding, decoded once."""
    session = _decoded(packed)
    if not isinstance(session, dict):
        raise WireError("not a session")
    return session


def unpack_interpretation(
    command: Command, packed: Packed, registered: Registered = _NOTHING
) -> Interpretation:
    """The interpretation of a message part; a resource is the worker's own of that id.

    Raises:
        WireError: it is no such part.
    """
    try:
        operations, uncertain, required, ambient, execute, catalogue, resource = packed
        return Interpretation(
            operations=tuple([_operation(item) for item in operations]),
            uncertain=tuple([_uncertainty(*item) for item in uncertain]),
            required=tuple(required),
            ambient=tuple(ambient),
            execute=None if execute is None else _execute(command, *execute),
            catalogue=catalogue,
            resource=None if resource is None else registered.resources[resource],
        )
    except (TypeError, ValueError, KeyError) as error:
        raise WireError("not an interpretation") from error


def _operation(packed: Packed) -> Operation:
    family, verb, target, columns, span, details = packed
    return Operation(
        family=family,
        verb=verb,
        object=target,
        columns=None if columns is None else tuple(columns),
        span=None if span is None else (span[0], span[1]),
        details=details,
    )


def _uncertainty(code: str, span: tuple[int, int] | None, detail: str) -> Uncertainty:
    return Uncertainty(code=code, span=None if span is None else (span[0], span[1]), detail=detail)


def _execute(command: Command, arguments: JsonObject | None, session: bytes | None) -> Execute:
    return Execute(
        arguments=command.arguments if arguments is None else arguments,
        session=None if session is None else _session(session),
    )
