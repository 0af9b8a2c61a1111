"""The real `counterfoil issuer` for tests, over a real service and a real target."""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from counterfoil.core.model import JsonValue
from counterfoil_issuers.server import GRANT_TYPE
from service import PROGRAM, Service, free_port

NAME = "postgresql-orders"
_FORM = "application/x-www-form-urlencoded"


@dataclass(slots=True)
class Issuer:
    """An issuer's process. It is started, awaited and stopped as a service is."""

    process: Service
    port: int
    state: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/credential"

    def ask(
        self, signed_request: str, *, proof: str | None = None, seconds: float = 30.0
    ) -> tuple[int, Any]:
        """Ask it for a credential; status and answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        headers = {"Content-Type": _FORM, **({} if proof is None else {"DPoP": proof})}
        form = urlencode({"grant_type": GRANT_TYPE, "assertion": signed_request})
        try:
            connection.request("POST", "/credential", form, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()


def make_issuer(
    folder: Path,
    service: Service,
    target: Mapping[str, JsonValue],
    *,
    kind: str = "postgresql",
    name: str = NAME,
    command: tuple[str, ...] = PROGRAM,
    **more: JsonValue,
) -> Issuer:
    """One that is not started yet, known to the service by its development key."""
    port = free_port()
    tables: dict[str, Mapping[str, JsonValue]] = {
        "issuer": {
            "name": name,
            "listen": f"127.0.0.1:{port}",
            "state": f"{name}.db",
            "development": True,
            **more,
        },
        "service": {
            "url": f"http://127.0.0.1:{service.port}",
            "key_file": str(service.keys / f"issuer-{name}.pem"),
        },
        "target": target,
    }
    config = folder / f"{name}.toml"
    config.write_text("".join(_table(title, table) for title, table in tables.items()))
    process = Service(
        folder=folder,
        port=port,
        metrics_port=0,
        command=(*command, "issuer", kind, "--config", str(config)),
        environment={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
    )
    return Issuer(process, port, folder / f"{name}.db")


@contextmanager
def running_issuer(issuer: Issuer) -> Iterator[Issuer]:
    """Start it; at the end stop it, and leave no process."""
    try:
        start(issuer)
        yield issuer
    finally:
        if issuer.process.process.poll() is None:
            issuer.process.stop()


def start(issuer: Issuer) -> None:
    """Start it (again), and wait until it serves."""
    issuer.process.start(wait=False)
    issuer.process.wait_for("is ready on")


def _table(title: str, table: Mapping[str, JsonValue]) -> str:
    lines = [f"{name} = {json.dumps(value)}" for name, value in table.items()]
    return "\n".join([f"[{title}]", *lines, ""])
