"""The parent of all processes: checks, binds, starts, watches, stops.

In order: 1 lock the run directory; 2 keys; 3 policy bundle; 4 bind the ports; 5 start OPA,
ledger writer and HTTP; 6 say when ready; 7 stop in reverse order. It imports no web
framework and answers no request of callers.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import shlex
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from counterfoil.app_saml_provider import check_saml
from counterfoil.cli.child_specs import child_specs
from counterfoil.cli.children import ChildSpec, Supervisor
from counterfoil.cli.listening import listen, listen_for_proxy
from counterfoil.cli.metrics_listener import MetricsListener
from counterfoil.cli.output import say
from counterfoil.cli.readiness import wait_until_ready
from counterfoil.cli.run_directory import RunDirectory
from counterfoil.config_issuers import DEVELOPMENT_JWKS
from counterfoil.config_model import Config
from counterfoil.export_status import metrics_text, read_status
from counterfoil.identity.credentials import check_key_files
from counterfoil.keys import (
    ensure_delegation_key,
    ensure_grant_key,
    ensure_issuer_key,
    ensure_launcher_secret,
    load_delegation_key,
    load_grant_key,
)
from counterfoil.ledger.keys import load_master
from counterfoil.system import SystemClock

READY_SECONDS: Final = 30.0
_STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_CURL = """\
curl -s http://{listen}/authorize -H "Authorization: Bearer $TOKEN" \
-H 'Content-Type: application/json' -d '{{"action": {{"name": "run_sql", "properties": \
{{"arguments": {{"database": "orders", "sql": "CREATE TABLE public.invoices (id int)"}}}}}}, \
"context": {{"prompt": "Add an invoices table to the orders database"}}}}'"""


def serve(config: Config, *, file: Path | None) -> int:
    """Run everything until a signal or a lost child ends it; the exit code.

    Raises:
        ConfigError: keys, policy or addresses cannot be used.
        AlreadyRunning: another parent has the run directory.
    """
    os.umask(0o077)  # sockets, keys and the ledger are born private
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # children inherit it: a dump holds keys
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)  # the parent counts in memory
    directory = RunDirectory(config.server.run_directory)
    _check_keys(config)
    specs = child_specs(config, file=file, directory=directory)
    with (
        listen(config.server.address, "server.listen") as door,
        listen_for_proxy(config.server.proxy_socket) as proxy,
        listen(config.server.metrics_address, "server.metrics_listen") as metrics,
    ):
        doors = [door, *([] if proxy is None else [proxy])]
        parent = _Parent(config=config, file=file, directory=directory, doors=doors)
        return asyncio.run(parent.run(specs([door.fileno() for door in doors]), metrics))


def _check_keys(config: Config) -> None:
    """Make the development keys, or see that the mounted ones can be used."""
    folder = config.keys.directory
    if config.development:
        ensure_grant_key(folder)
        ensure_delegation_key(folder)
        ensure_launcher_secret(folder)
        for entry in config.issuers:
            if entry.jwks_file == folder / DEVELOPMENT_JWKS.format(entry.name):
                ensure_issuer_key(folder, entry.name)
    load_grant_key(folder)
    if config.identity.agents:
        load_delegation_key(folder)
    check_key_files(config, now=SystemClock().now())
    load_master(folder, create=config.development)
    check_saml(config)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parent:
    """What the running parent holds."""

    config: Config
    file: Path | None
    directory: RunDirectory
    doors: Sequence[socket.socket]

    async def run(self, specs: Sequence[ChildSpec], metrics: socket.socket) -> int:
        """Keep the children until a signal or a lost child says stop; the exit code."""
        supervisor = Supervisor(specs, say=say)
        loop = asyncio.get_running_loop()
        for number in _STOP_SIGNALS:
            loop.add_signal_handler(number, supervisor.stop)
        running = asyncio.create_task(supervisor.run())
        listener = MetricsListener(
            metrics, self.directory.metrics, supervisor.children, self._exports
        )
        server = await listener.serve()
        greeting = asyncio.create_task(_greet(self.config, self.file))
        await supervisor.stopping.wait()
        greeting.cancel()
        for door in self.doors:  # refuse at once what would only wait for workers that leave
            door.close()
        code = await running
        server.close()
        return code

    def _exports(self) -> str:
        now = SystemClock().now()
        folder = self.directory.path
        names = [entry.name for entry in self.config.exports]
        return metrics_text({name: read_status(folder, name, now=now) for name in names})


async def _greet(config: Config, file: Path | None) -> None:
    """Say when the service can decide, and in development how to try it."""
    listen_on = config.server.listen
    missing = await wait_until_ready(config.server.address, seconds=READY_SECONDS)
    if missing:
        say(f"not ready after {READY_SECONDS:.0f} s: {missing}; still trying")
        await wait_until_ready(config.server.address, seconds=None)
    say(f"Counterfoil is ready on http://{listen_on}")
    if config.development:
        program = Path(sys.executable).with_name("counterfoil")
        with contextlib.suppress(ValueError):
            program = program.relative_to(Path.cwd())
        with_file = f" --config {shlex.quote(str(file))}" if file else ""
        say("Development keys and identities: for trying out, never for real data.")
        say("Paste into another shell here:\n")
        say(f"TOKEN=$({program} token{with_file} --sub alice --group developers --agent coder)")
        say(_CURL.format(listen=listen_on) + "\n")
