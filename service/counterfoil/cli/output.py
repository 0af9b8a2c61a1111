"""What children print goes on through the parent, line by line, with the child's name."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from typing import Final

MAX_LINE_BYTES: Final = 16_384  # a longer line is cut into pieces, never collected


def say(text: str) -> None:
    """Print one line at once; when nobody reads any more, go on without a voice."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # Somebody closed our output (`| head`). The service does not stop for that, and
        # the interpreter must not complain at exit either.
        sys.stdout = None  # print() then does nothing


async def relay(process: subprocess.Popen[bytes], name: str, put: Callable[[str], None]) -> None:
    """Pass all that `process` prints to `put`, until its output ends."""
    assert process.stdout is not None  # noqa: S101  # for mypy: it was opened as a pipe
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=MAX_LINE_BYTES)
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), process.stdout
    )
    try:
        while line := await _line(reader):
            put(f"{name} | {line.decode('utf-8', 'replace').rstrip()}")
    finally:
        transport.close()


async def _line(reader: asyncio.StreamReader) -> bytes:
    """The next line, or what there is of one that is too long; empty at the end."""
    try:
        return await reader.readuntil(b"\n")
    except asyncio.IncompleteReadError as error:
        return error.partial
    except asyncio.LimitOverrunError as error:
        return await reader.readexactly(error.consumed)
