"""What the hook adds to one tool call: alone (a service that answers at once) and whole.

Usage: python hooks/tools/overhead.py [--service URL --token-file FILE] [--calls N]. Prints
JSON: microseconds per call (clock and this process's CPU), stock and guarded. With
`--service` the calls are `run_sql` on the development database, judged by the real service.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import statistics
import time
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from autogen_core import CancellationToken
from autogen_core.tools import FunctionTool, StaticStreamWorkbench

from autogen_counterfoil import Guard, GuardedWorkbench
from autogen_counterfoil.canonical import action_digest

DECISION = "dec_00000000000000000000000000"
ROUNDS = 5
ARGUMENTS = {"database": "orders", "sql": "CREATE TABLE public.overhead (id integer)"}
JUDGED: dict[str, Any] = {
    "tenant": "default", "subject": {"iss": "i", "sub": "a"}, "actor": {"iss": "i", "sub": "b"},
    "action": {"name": "run_sql", "family": "database"}, "resource": None,
}  # fmt: skip
ANSWER = {
    "decision_id": DECISION, "effect": "allow", "enforcement": "enforce",
    "reasons": [{"code": "rbac.granted", "title": "t"}], "permissions": [], "ambient": [],
    "obligations": [], "action_digest": action_digest(JUDGED, ARGUMENTS), "judged": JUDGED,
    "execute": {"arguments": ARGUMENTS}, "policy": {"revision": "r"}, "receipt": {},
}  # fmt: skip


def serve_at_once(ready: Connection) -> None:
    """Answer every request with the same allow, without reading what it says."""
    body = json.dumps(ANSWER).encode()
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    reply = head.encode() + body

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                request = await reader.readuntil(b"\r\n\r\n")
                length = request.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
                await reader.readexactly(int(length or 0))
                writer.write(reply)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def main() -> None:
        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


def tool() -> FunctionTool:
    """A tool that does nothing."""

    async def run_sql(database: str, sql: str) -> str:
        return f"{database}: {len(sql)}"

    return FunctionTool(run_sql, "d")


async def per_call(
    call: Callable[[int], Awaitable[Any]], calls: int, parallel: int
) -> dict[str, float]:
    """Microseconds per call of clock and of this process's CPU, medians of rounds."""
    clock, cpu = [], []
    for number in range(ROUNDS):
        began, used = time.perf_counter(), time.process_time()
        for start in range(0, calls, parallel):
            await asyncio.gather(*(call(number * calls + start + n) for n in range(parallel)))
        clock.append((time.perf_counter() - began) / calls * 1e6)
        cpu.append((time.process_time() - used) / calls * 1e6)
    return {"clock": round(statistics.median(clock), 1), "cpu": round(statistics.median(cpu), 1)}


async def measure(url: str, token: Callable[[], str], calls: int) -> dict[str, Any]:
    """Measure a stock and a guarded workbench."""
    stock = StaticStreamWorkbench([tool()])
    guard = Guard(url, flush_seconds=60)
    guarded = GuardedWorkbench(StaticStreamWorkbench([tool()]), guard, agent="coder")

    def caller(workbench: StaticStreamWorkbench) -> Callable[[int], Awaitable[Any]]:
        async def call(n: int) -> None:
            result = await workbench.call_tool(
                "run_sql", ARGUMENTS, CancellationToken(), f"call_{n}"
            )
            if result.is_error:
                raise SystemExit(result.to_text())

        return call

    found: dict[str, Any] = {"stock": await per_call(caller(stock), calls, 1)}
    async with guard.session(token=token, task="Measure the hook") as session:
        found["guarded"] = await per_call(caller(guarded), calls, 1)
        found["guarded, 16 at a time"] = await per_call(caller(guarded), calls, 16)
    found["outcomes lost"] = session.outbox.lost
    return found


def delegation() -> str:
    """A token that only looks like one: nobody reads it here."""
    claims = b'{"sub":"a","act":{"sub":"b"},"prompt_digest":"p"}'
    return "e30." + urlsafe_b64encode(claims).rstrip(b"=").decode() + ".x"


def main() -> None:
    """Print both measurements as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--service", help="URL of a running development service")
    parser.add_argument("--token-file", type=Path)
    parser.add_argument("--calls", type=int, default=320)
    options = parser.parse_args()
    ready, child = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve_at_once, args=(child,))
    server.start()
    try:
        url = f"http://127.0.0.1:{ready.recv()}"
        found = {"guard alone": asyncio.run(measure(url, delegation, options.calls))}
    finally:
        server.terminate()
        server.join()
    if options.service:
        file: Path = options.token_file
        token = file.read_text().strip()
        found["whole"] = asyncio.run(measure(options.service, lambda: token, options.calls))
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
