"""The reader child: `python -m counterfoil.reading.child FD PROGRESS_FD [options]`.

It has the socket, the progress page and the parsers, and can get nothing else: before it
reads a command it gives up opening anything, so that whoever breaks a parser finds no
network, no file and no key. It reads groups of commands from the socket, answers them in
order, and ends when the socket closes. Whatever kills it (a parser's bug, its memory bound)
costs one command its certainty; the worker starts another child.
"""

from __future__ import annotations

import argparse
import gc
import mmap
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass

from counterfoil.core.actions.contract import (
    DEFAULT_LIMITS,
    Families,
    Limits,
    interpret,
    uncertain,
)
from counterfoil.core.actions.registry import FAMILIES, with_dialects
from counterfoil.core.model import Command, Interpretation, Registered, Snapshot
from counterfoil.reading.confine import confine, shut
from counterfoil.reading.wire import (
    READY,
    Frames,
    Packed,
    frame,
    held,
    pack_interpretation,
    unpack_catalogue,
    unpack_command,
    unpack_registered,
)

_FLUSH_SECONDS = 0.001  # answers wait at most this long for their neighbours
_READ_BYTES = 65_536
_GC_THRESHOLD = 50_000


def main() -> None:
    """Confine this process, say that it is ready, and serve until the socket closes."""
    options = _options()
    confine(options.die_with)
    os.set_blocking(options.socket, True)  # a worker under gevent makes it non-blocking
    limits = Limits(sql_bytes=options.sql_bytes, manifest_bytes=options.manifest_bytes)
    families = with_dialects() if options.dialects else FAMILIES
    # A parse tree holds no cycles, so collecting finds nothing and costs each statement.
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD)
    with mmap.mmap(options.progress, mmap.PAGESIZE) as progress:
        shut()
        try:
            os.write(options.socket, READY)
            _serve(options.socket, progress, limits, families)
        except (BrokenPipeError, ConnectionResetError):
            return  # the worker is gone


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="counterfoil.reading.child", add_help=False)
    parser.add_argument("socket", type=int)
    parser.add_argument("progress", type=int)
    parser.add_argument("--die-with", type=int, default=0)
    parser.add_argument("--sql-bytes", type=int, default=DEFAULT_LIMITS.sql_bytes)
    parser.add_argument("--manifest-bytes", type=int, default=DEFAULT_LIMITS.manifest_bytes)
    parser.add_argument("--dialects", action="store_true")
    return parser.parse_args()


def _serve(descriptor: int, progress: mmap.mmap, limits: Limits, families: Families) -> None:
    frames = Frames()
    catalogues: dict[str, Snapshot] = {}
    registered = Registered()
    while data := os.read(descriptor, _READ_BYTES):
        for message in frames.feed(data):
            catalogue, told = unpack_catalogue(message), unpack_registered(message)
            if catalogue is not None:
                held(catalogues, catalogue)
            elif told is not None:
                registered = told
            else:
                reader = _Reader(limits, families, catalogues, registered)
                _answer(descriptor, progress, reader, message)


@dataclass(frozen=True, slots=True)
class _Reader:
    limits: Limits
    families: Families
    catalogues: Mapping[str, Snapshot]
    registered: Registered

    def read(self, packed: Packed) -> Packed:
        command = unpack_command(packed, self.catalogues, self.registered)
        reading = _interpret(command, self.families, self.limits)
        if reading.resource is not None and reading.resource.id not in self.registered.resources:
            # The worker would take it for a lie, and end this process with all that it reads.
            reading = uncertain("uncertain.resource_unknown", reading.resource.id)
        return pack_interpretation(command, reading)


def _answer(descriptor: int, progress: mmap.mmap, reader: _Reader, group: Packed) -> None:
    """Answer a group in order. `progress` holds the index of the item being read.

    Answers go out together while they come fast, at once when one takes long, so a slow
    command holds up nobody before it; and should this process die, the worker knows by
    the index whose fault it was.
    """
    answers: Packed = []
    last = time.monotonic()
    for index, packed in enumerate(group):
        progress[0] = index
        answers.append(reader.read(packed))
        if index + 1 == len(group) or time.monotonic() - last > _FLUSH_SECONDS:
            _send(descriptor, frame(answers))
            answers = []
            last = time.monotonic()


def _interpret(command: Command, families: Families, limits: Limits) -> Interpretation:
    try:
        return interpret(command, families, limits)
    except MemoryError:
        return uncertain("uncertain.reader_failed", "out of memory")
    except Exception as error:  # noqa: BLE001 -- a parse tree nobody foresaw: doubt, not a restart
        return uncertain("uncertain.reader_failed", type(error).__name__)


def _send(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


if __name__ == "__main__":
    main()
