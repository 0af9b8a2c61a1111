"""The gunicorn process: `python -m counterfoil.cli.gunicorn_app`, started by the parent.

The parent has bound the listening socket and hands it over by number, so the port stays
bound, and waiting connections wait, while this process dies and comes back. Each worker
builds its own application after the fork: an OPA client shared across a fork would hand
one caller another's answer.
"""

from __future__ import annotations

import argparse
import gc
import os
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from counterfoil.cli import EXIT_CONFIG
from counterfoil.cli import gunicorn_limits as limits
from counterfoil.config import Config, load_config
from counterfoil.errors import ConfigError
from counterfoil.processes import die_with_parent


class CounterfoilApplication(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """Settings for gunicorn, all fixed here: no file, no environment, no flags of its own."""

    def __init__(self, config: Config, *descriptors: int) -> None:
        self._config = config
        self._descriptors = descriptors
        self.max_body_bytes = config.server.max_body_bytes
        super().__init__()

    def load_config(self) -> None:
        """Hand our settings over."""
        for name, value in self._settings().items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Build the WSGI application; gunicorn calls this in each worker, after the fork."""
        try:
            return import_module("counterfoil.app").create_app(self._config)
        except ConfigError as error:
            sys.stderr.write(f"{error.detail}\n")
            sys.exit(Arbiter.APP_LOAD_ERROR)  # the one code on which gunicorn gives up

    def run(self) -> None:
        """Run until told to stop."""
        _Arbiter(self).run()

    def _settings(self) -> dict[str, Any]:
        return {
            "bind": [f"fd://{number}" for number in self._descriptors],
            "worker_class": "counterfoil.cli.gunicorn_worker.Worker",
            "workers": self._config.server.workers,
            "worker_connections": limits.MAX_CONNECTIONS,
            "worker_tmp_dir": str(self._config.server.run_directory),
            "preload_app": False,
            "keepalive": limits.KEEPALIVE_SECONDS,
            "timeout": limits.HUNG_SECONDS,
            "graceful_timeout": limits.GRACEFUL_SECONDS,
            "limit_request_line": limits.MAX_REQUEST_LINE_BYTES,
            "limit_request_fields": limits.MAX_HEADERS,
            "limit_request_field_size": limits.MAX_HEADER_BYTES,
            # One parser on every machine: with `auto` a package that happens to be
            # installed would change what a request is.
            "http_parser": "python",
            # No peer may say who it is or which scheme it came by.
            "forwarded_allow_ips": "",
            "secure_scheme_headers": {},
            "forwarder_headers": "",
            "accesslog": None,
            "errorlog": "-",
            "loglevel": "warning",
            "control_socket_disable": True,
            "proc_name": "counterfoil",
            "post_fork": _after_fork,
            "post_worker_init": _freeze,
            "worker_exit": _leave,
        }


class _Arbiter(Arbiter):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's master; the listening sockets are the parent's."""

    def stop(self, graceful: bool = True) -> None:  # noqa: FBT001, FBT002 -- the base's
        """Stop the workers, and remove no socket's path: the parent still listens there."""
        self.systemd = True  # who hands sockets over removes them
        super().stop(graceful)


def main() -> None:
    """Read the configuration once and run until told to stop."""
    parser = argparse.ArgumentParser(prog="counterfoil-http")
    parser.add_argument("--config", type=Path)
    parser.add_argument("--dev", action="store_true")
    parser.add_argument("--descriptor", type=int, action="append", required=True)
    args = parser.parse_args()
    try:
        config = load_config(args.config, os.environ, dev=args.dev)
        CounterfoilApplication(config, *args.descriptor).run()
    except ConfigError as error:
        sys.stderr.write(f"{error.detail}\n")
        sys.exit(EXIT_CONFIG)
    except SystemExit as ended:
        sys.exit(EXIT_CONFIG if ended.code == Arbiter.APP_LOAD_ERROR else ended.code)


def _after_fork(_arbiter: Any, worker: Any) -> None:
    # Until the worker sets its own handlers it has the master's, which would only note
    # the signal: a stop that meets a worker in the making would wait for its whole life.
    for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    die_with_parent(worker.ppid)


def _freeze(_worker: Any) -> None:
    """What the application is made of never becomes garbage: full collections skip it."""
    gc.collect()
    gc.freeze()


def _leave(_arbiter: Any, worker: Any) -> None:
    """End a worker that has served: tearing a patched interpreter down prints nonsense."""
    if worker.booted:  # else the exit code must tell gunicorn that the application failed
        sys.stderr.flush()
        os._exit(0)


if __name__ == "__main__":
    main()
