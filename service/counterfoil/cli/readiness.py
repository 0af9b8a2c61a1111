"""Asks the service itself whether it can decide: `GET /readyz` on its own port."""

from __future__ import annotations

import asyncio
from typing import Final

_POLL_SECONDS: Final = 0.03  # readiness is another process's state: it can only be asked
_ASK_SECONDS: Final = 2.0
_MAX_HEAD_BYTES: Final = 4096


async def wait_until_ready(address: tuple[str, int], *, seconds: float | None) -> str:
    """Ask until `/readyz` says 200; what is missing when `seconds` are over, else nothing."""
    missing = "no answer yet"
    try:
        async with asyncio.timeout(seconds):
            while missing := await _ask(address):  # noqa: ASYNC110  # another process has no event
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        return missing
    return ""


async def _ask(address: tuple[str, int]) -> str:
    """One question; empty when ready."""
    host, port = address
    name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    request = f"GET /readyz?verbose HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n"
    try:
        async with asyncio.timeout(_ASK_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(request.encode("ascii"))
                answer = await reader.read(_MAX_HEAD_BYTES)
            finally:
                writer.close()
    except (OSError, TimeoutError) as error:
        return f"no answer ({type(error).__name__})"
    status = answer.split(b"\r\n", 1)[0].decode("latin-1")
    if " 200 " in status:
        return ""
    body = answer.partition(b"\r\n\r\n")[2].decode("utf-8", "replace")
    return f"/readyz answers {status.removeprefix('HTTP/1.1 ')} {body[:300]}".strip()
