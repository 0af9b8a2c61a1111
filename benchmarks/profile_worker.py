"""Where the microseconds of a worker go: the real application, called in this process.

Starts the service (OPA and ledger writer included), builds a second application with
real adapters on the same sockets, and calls it through WSGI: first timed, then under
cProfile. What gunicorn and gevent add is not in it; `make bench` shows that.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import io
import json
import os
import pstats
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.harness import documents, service
from benchmarks.harness.paths import RESULTS

from counterfoil.app import create_app
from counterfoil.config import load_config

Call = Callable[[int], bytes]
_WARM_UP = 200
_ATTEMPTS = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Print wall and CPU time a call, then the costliest functions."""
    options = _options(arguments)
    RESULTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="profile-", dir=RESULTS) as name:
        folder = Path(name) / "service"
        with service.started(folder) as running:
            for variable, value in running.settings.items():
                os.environ[variable] = value
            application = create_app(load_config(None, os.environ, dev=True))
            call = _caller(application, running, batch=options.batch)
            _time(call, options.calls)
            _profile(call, options)
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=0, metavar="SIZE", help="batches of SIZE")
    parser.add_argument("--sort", default="tottime", choices=("tottime", "cumtime", "ncalls"))
    parser.add_argument("--lines", type=int, default=45)
    parser.add_argument("--save", type=Path, help="keep the profile for other tools")
    return parser.parse_args(arguments)


def _caller(
    application: Callable[..., Iterable[bytes]], running: service.Service, *, batch: int
) -> Call:
    body = documents.authorization_batch(batch) if batch else documents.authorization_request()
    template = json.dumps(body)
    path = "/authorize/batch" if batch else "/authorize"
    credential = running.headers[0].partition(": ")[2]

    def call(number: int) -> bytes:
        text = template
        for index in range(max(batch, 1)):
            text = text.replace(f"@@NAME{index:02d}@@", f"t{number:06d}_{index:02d}")
        environ = _environ(path, text.encode(), running.address, credential)
        statuses: list[str] = []
        answer = b"".join(application(environ, lambda status, *_: statuses.append(status)))
        if statuses != ["200 OK"]:
            raise RuntimeError(f"the application answered {statuses}: {answer!r}")
        return answer

    return call


def _environ(path: str, body: bytes, address: str, credential: str) -> dict[str, Any]:
    host, _, port = address.rpartition(":")
    return {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": address,
        "HTTP_AUTHORIZATION": credential,
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.input_terminated": True,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }


def _time(call: Call, calls: int) -> None:
    first = json.loads(_first(call))
    items = first.get("decisions", [first])
    if any(item["effect"] != "allow" for item in items):
        raise RuntimeError(f"not allowed: {items}")
    for number in range(_ATTEMPTS + 1, _WARM_UP):
        call(number)
    gc.collect()
    gc.freeze()
    walls = []
    processor = time.process_time()
    for number in range(_WARM_UP, _WARM_UP + calls):
        start = time.perf_counter()
        call(number)
        walls.append((time.perf_counter() - start) * 1e6)
    used = (time.process_time() - processor) / calls * 1e6
    print(
        f"{calls} calls: CPU {used:.0f} us a call in this process, wall p50 {median(walls):.0f} us"
    )


def _first(call: Call) -> bytes:
    """The first answer; the reader children of this process need a moment to start."""
    for attempt in range(_ATTEMPTS):
        try:
            return call(attempt)
        except RuntimeError:
            time.sleep(1.0)
    return call(_ATTEMPTS)


def _profile(call: Call, options: argparse.Namespace) -> None:
    profiler = cProfile.Profile()
    start = _WARM_UP + options.calls
    profiler.enable()
    for number in range(start, start + options.calls):
        call(number)
    profiler.disable()
    if options.save:
        profiler.dump_stats(options.save)
    pstats.Stats(profiler).strip_dirs().sort_stats(options.sort).print_stats(options.lines)


if __name__ == "__main__":
    sys.exit(main())
