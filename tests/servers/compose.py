"""The deployment of compose.yaml, started by pytest-docker: what Docker says of it, and its faults."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import requests

from counterfoil.core.canonical import b64url
from counterfoil.identity.signing import DELEGATION_TYPE, Es256Signer
from counterfoil.keys import load_es256_key
from processes import eventually
from service import PROMPT, sql_request

ROOT = Path(__file__).parents[2]
ISSUER = "https://issuer.compose.internal"
CONFIG = "/etc/counterfoil/counterfoil.toml"
LASTING = ("opa", "service", "postgresql")
READY_SECONDS = 120.0  # a loaded machine; usually five
COMMAND_SECONDS = 180.0
READY = 200
_TABLES = """
SELECT format('%I.%I: %s', schemaname, tablename, (xpath('/row/n/text()', query_to_xml(
    format('SELECT count(*) AS n FROM %I.%I', schemaname, tablename), false, true, '')))[1])
FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
"""


def docker(*words: str, stdin: str | None = None, check: bool = True) -> str:
    """What `docker …` prints."""
    done = subprocess.run(
        ["docker", *words],  # noqa: S607 -- the machine's Docker
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=COMMAND_SECONDS,
    )
    assert done.returncode == 0 or not check, f"docker {' '.join(words)}: {done.stderr}"
    return done.stdout if done.returncode == 0 else done.stderr


@dataclass(frozen=True)
class Stack:
    """A started deployment; `services` is pytest-docker's."""

    services: Any
    keys: Path

    def compose(self, words: str) -> str:
        """Run a command of Docker Compose on it."""
        said: bytes = self.services._docker_compose.execute(words)
        return said.decode()

    def container(self, name: str) -> str:
        """The id of a service's container."""
        return self.compose(f"ps -q {name}").split()[-1]

    def inspect(self, name: str) -> dict[str, Any]:
        """What Docker says of a container."""
        found: list[dict[str, Any]] = json.loads(docker("inspect", self.container(name)))
        return found[0]

    @cached_property
    def containers(self) -> dict[str, str]:
        """The ids of the lasting containers; they stay through stops and kills."""
        return {name: self.container(name) for name in LASTING}

    def processes(self, name: str) -> list[int]:
        """All process ids of a container, as this machine numbers them."""
        lines = docker("top", self.containers[name], "-eo", "pid").splitlines()
        return [int(line) for line in lines[1:]]

    @property
    def url(self) -> str:
        """Where the service's port is published now; it may change with a restart."""
        bound = self.inspect("service")["NetworkSettings"]["Ports"]["8282/tcp"]
        return f"http://127.0.0.1:{bound[0]['HostPort']}"

    def token(
        self, sub: str = "alice", group: str = "developers", agent: str | None = "coder"
    ) -> str:
        """A person's own token; or an agent's, of a run that the launcher opens with the prompt."""
        if agent is not None:
            return self._opened(sub, group, agent)
        now = int(time.time())  # noqa: TID251 -- tokens are of the wall clock
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "sub": sub,
            "aud": "counterfoil",
            "iat": now,
            "exp": now + 900,
            "jti": b64url(time.monotonic_ns().to_bytes(8)),
            "groups": [group],
        }
        key = load_es256_key(self.keys / "issuer" / "delegation.pem")
        return Es256Signer(key, typ=DELEGATION_TYPE).sign(claims)

    def _opened(self, sub: str, group: str, agent: str) -> str:
        words = {"sub": sub, "group": group, "agent": agent, "prompt": PROMPT, "url": self.url}
        command = [sys.executable, str(ROOT / "tools" / "compose_token.py")]
        done = subprocess.run(
            [*command, *(f"--{name}={text}" for name, text in words.items())],
            env={**os.environ, "CF_KEYS": str(self.keys)},
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def request(
        self, method: str, path: str, body: Any = None, *, token: str | None = None
    ) -> requests.Response:
        """One request to the published port."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        with requests.Session() as session:
            session.trust_env = False  # no proxy stands between a test and its loopback
            return session.request(
                method, f"{self.url}{path}", json=body, headers=headers, timeout=30
            )

    def authorize(self, sql: str) -> requests.Response:
        """Ask for one statement."""
        return self.request("POST", "/authorize", sql_request(sql), token=self.token())

    def is_ready(self) -> bool:
        """Whether the service can decide."""
        try:
            return self.request("GET", "/readyz").status_code == READY
        except (requests.RequestException, KeyError, TypeError):
            return False  # not up, or its port is not published yet

    def is_whole(self) -> bool:
        """Whether every container runs and the service can decide."""
        running = [self.inspect(name)["State"]["Running"] for name in LASTING]
        return all(running) and self.is_ready()

    def wait_until_ready(self) -> None:
        """Wait until the service can decide."""
        eventually(self.is_ready, "the service is ready", READY_SECONDS)

    def sql(self, statement: str, *, role: str = "target") -> list[str]:
        """Run a statement past everybody, as the superuser or as a role of its choice."""
        words = ("-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-U", "target", "-d", "orders")
        psql = ("sh", "-c", 'exec /usr/lib/postgresql/*/bin/psql "$@"', "psql", *words)
        exec_psql = ("exec", "-i", self.containers["postgresql"], *psql)
        said = docker(*exec_psql, stdin=f"SET ROLE {role};\n{statement}\n")
        return said.splitlines()

    def tables(self) -> set[str]:
        """All tables of anybody's, with their rows counted."""
        return set(self.sql(_TABLES))

    def dsn(self) -> str:
        """How a tool on the targets' network logs in; this machine reaches it by address."""
        (network,) = self.inspect("postgresql")["NetworkSettings"]["Networks"].values()
        password = (self.keys / "orders_password").read_text()
        return f"postgresql://orders_tool:{password}@{network['IPAddress']}:5432/orders"

    def counterfoil(self, *words: str) -> str:
        """Run a command beside the service, as an operator does."""
        command = ("counterfoil", *words, "--config", CONFIG)
        return docker("exec", self.containers["service"], *command)

    def trail(self, decision_id: str) -> list[str]:
        """The names of the events of a decision."""
        told = json.loads(self.counterfoil("trail", "--json", decision_id))
        return [event["event"] for event in told["events"]]

    def python(self, name: str, script: str) -> str:
        """Run Python in a container; its output, or its error's text."""
        words: Sequence[str] = ("exec", self.containers[name], "python", "-I", "-c", script)
        return docker(*words, check=False)
