"""A real Counterfoil service of the demo's own, and the commands that people type beside it."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from demo.errors import DemoError
from demo.processes import Child, free_port, running

CONFIG = "counterfoil.toml"
MADE_HERE = "# Made by the demo."
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 -- a name
PERSON, GROUP, AGENT = "alice", "developers", "coder"
APPROVER, APPROVERS = "bob", "database-admins"
LEDGER = "ledger.db"
_COMMAND_SECONDS = 60.0
_ASK_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    error: str

    @property
    def lines(self) -> list[str]:
        """Both outputs, line by line."""
        return [*self.out.splitlines(), *self.error.splitlines()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The service and its folder: configuration, keys, ledger."""

    program: Path
    folder: Path
    port: int

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def command(self, *words: str) -> Said:
        """Type a command beside the service.

        Raises:
            DemoError: it does not end.
        """
        try:
            done = subprocess.run(
                [str(self.program), *words],
                cwd=self.folder,
                env=_environment(self.folder),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_COMMAND_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise DemoError(f"`counterfoil {words[0]}` does not end: {error}") from error
        return Said(done.returncode, done.stdout, done.stderr)

    def opened(self, prompt: str) -> str:
        """What the person's launcher does: their own token in, a delegation token out.

        The run is opened with the person's words, and the agent gets nothing but what comes back.

        Raises:
            DemoError: there is none.
        """
        said = self.command("token", "--sub", PERSON, "--group", GROUP)
        if said.code != 0:
            raise DemoError("`counterfoil token` failed", shown=said.lines)
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token": said.out.strip(),
            "subject_token_type": ACCESS_TOKEN,
            "agent": AGENT,
            "prompt": prompt,
            "client_id": "development",
            "client_secret": (self.folder / "keys" / "launcher.secret").read_text().strip(),
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        status, answer = self._asked("POST", "/token", urlencode(form), headers)
        if status != HTTPStatus.OK:
            raise DemoError(
                "the launcher got no token", shown=[str(answer.get("error_description"))]
            )
        return str(answer["access_token"])

    def record(self, decision_id: str, token: str) -> list[dict[str, Any]]:
        """All recorded events of one decision, asked for by the agent of its own run.

        Raises:
            DemoError: the service cannot say.
        """
        bearer = {"Authorization": f"Bearer {token}"}
        status, answer = self._asked("GET", f"/decisions/{decision_id}", None, bearer)
        if status != HTTPStatus.OK:
            raise DemoError(f"the service does not know its own decision {decision_id}")
        events: list[dict[str, Any]] = answer["events"]
        return events

    def _asked(
        self, method: str, path: str, body: str | None, headers: dict[str, str]
    ) -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_ASK_SECONDS)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, dict(json.loads(response.read()))
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise DemoError(f"the service does not answer: {error}") from error
        finally:
            connection.close()


@contextmanager
def service(
    program: Path, *, folder: Path, scratch: Path, location: str, policy: Path | None
) -> Iterator[tuple[Service, Child]]:
    """Start `counterfoil serve --dev` with a ledger of its own in `folder`; it may not be ready.

    Raises:
        DemoError: it cannot be started.
    """
    port = free_port()
    (folder / CONFIG).write_text(_config(port, scratch, location, policy), encoding="utf-8")
    with running(
        "counterfoil serve --dev",
        [program, "serve", "--dev"],
        folder=folder,
        log=folder / "service.log",
        environment=_environment(folder),
    ) as child:
        yield Service(program=program, folder=folder, port=port), child


def is_ready(asked: Service) -> bool:
    """Whether it says that it can decide and record."""
    connection = http.client.HTTPConnection("127.0.0.1", asked.port, timeout=_ASK_SECONDS)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _config(port: int, scratch: Path, location: str, policy: Path | None) -> str:
    bundle = "" if policy is None else f"[policy]\nbundle = {json.dumps(str(policy.resolve()))}\n"
    return f"""\
{MADE_HERE} What is not here is as `--dev` has it.
[server]
listen = "127.0.0.1:{port}"
metrics_listen = "127.0.0.1:{free_port()}"
run_directory = {json.dumps(str(scratch / "run"))}
workers = 1
[ledger]
url = "sqlite:///{LEDGER}"
[keys]
directory = "keys"
{bundle}
[[resource]]
type = "postgresql"
id = "orders"
location = "{location}"
issuer = "postgresql-orders"
"""


def _environment(folder: Path) -> dict[str, str]:
    """Nothing of the caller's own settings: the demo is the same for everybody."""
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LANG": "C.UTF-8", "HOME": str(folder)}
