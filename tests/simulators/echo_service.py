"""The HTTP layer alone, around an application that tells what it was given.

    python -I tests/simulators/echo_service.py DESCRIPTOR KEEPALIVE_SECONDS BODY_SECONDS

Ours from the socket to the environ; only what stands behind is not the service.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from counterfoil.cli import gunicorn_limits
from counterfoil.cli.gunicorn_app import CounterfoilApplication
from counterfoil.config import load_config


class StoppingHeaders(list[tuple[str, str]]):
    """Headers during whose writing this worker is told to stop."""

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Send the signal, then be a list."""
        os.kill(os.getpid(), signal.SIGTERM)
        return super().__iter__()


def echo(environ: dict[str, Any], start: Callable[..., None]) -> Iterable[bytes]:
    """Answer with the environ; `/split` tries to split the answer, `/hang` never ends.

    `/stop` has this worker told to stop while the answer is on its way.
    """
    while environ["PATH_INFO"] == "/hang":
        pass
    body = environ["wsgi.input"].read()
    seen = {name: value for name, value in environ.items() if isinstance(value, str)}
    payload = json.dumps(
        {"environ": seen, "body": body.decode("latin-1"), "pid": os.getpid()}
    ).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(payload)))]
    if environ["PATH_INFO"] == "/split":
        headers.append(("X-Evil", "a\r\nSet-Cookie: b=c"))
    if environ["PATH_INFO"] == "/stop":
        headers = StoppingHeaders(headers)
    start("200 OK", headers)
    return [payload]


class EchoApplication(CounterfoilApplication):
    """Our settings, with shorter times."""

    keepalive = 5

    def load(self) -> Any:
        """The application above."""
        return echo

    def _settings(self) -> dict[str, Any]:
        return {**super()._settings(), "keepalive": self.keepalive, "graceful_timeout": 600}


if __name__ == "__main__":
    descriptor, EchoApplication.keepalive, body_seconds = map(int, sys.argv[1:4])
    for limit, seconds in {"BODY_SECONDS": body_seconds, "SEND_SECONDS": 600}.items():
        setattr(gunicorn_limits, limit, seconds)  # Final for everybody else
    EchoApplication(load_config(None, os.environ, dev=True), descriptor).run()
