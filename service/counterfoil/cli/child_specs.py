"""How each child is run: its command, its fixed small environment, its time to stop.

Nothing of the caller's environment goes on but `COUNTERFOIL_*` (settings, for the HTTP
workers and the providers' process alone): no proxy, no preload, no locale of somebody's
shell. Secrets are in files or in the environment, never on a command line that every
account can read.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from counterfoil.cli import EXIT_CONFIG
from counterfoil.cli.children import ChildSpec
from counterfoil.cli.gunicorn_limits import GRACEFUL_SECONDS
from counterfoil.cli.run_directory import METRICS_FOLDER, RunDirectory
from counterfoil.config_ledger import PASSWORD_VARIABLE, PostgresqlPlace
from counterfoil.config_model import Config
from counterfoil.config_source import PREFIX
from counterfoil.ledger.channel import SOCKET_NAME
from counterfoil.ledger.exit_codes import EXIT_CORRUPT
from counterfoil.policy.server import prepare_opa

DEVELOPMENT_ORIGIN: Final = (
    "localhost/development"  # in every receipt and checkpoint of such a ledger
)
_PYTHON: Final = (sys.executable, "-I", "-u", "-m")  # isolated: no PYTHONPATH, no user site


def child_specs(
    config: Config, *, file: Path | None, directory: RunDirectory
) -> Callable[[Sequence[int]], Sequence[ChildSpec]]:
    """All children in starting order; the result wants the listening sockets' numbers.

    Raises:
        ConfigError: the policy bundle or OPA cannot be used.
    """
    environment = {"LANG": "C.UTF-8", "PATH": "/usr/local/bin:/usr/bin:/bin"}
    lock = (directory.children_lock,)
    policy = [] if config.policy.opa_socket else [_opa(config, lock)]

    def specs(doors: Sequence[int]) -> Sequence[ChildSpec]:
        return [
            *policy,
            _writer(config, environment, lock),
            *_integrator(config, environment, lock),
            *_providers(config, file, environment, lock),
            _http(config, file, environment, lock=lock, doors=tuple(doors)),
            *_shipper(config, file, environment, lock),
        ]

    return specs


def _opa(config: Config, descriptors: tuple[int, ...]) -> ChildSpec:
    """Build or verify the bundle, and run OPA on it."""
    process = prepare_opa(
        config.policy.bundle, config.policy.entrypoint, config.server.run_directory
    )
    return ChildSpec(
        name="opa",
        command=process.command,
        environment=process.environment,
        descriptors=descriptors,
    )


def _writer(config: Config, environment: dict[str, str], descriptors: tuple[int, ...]) -> ChildSpec:
    command = [
        *_PYTHON,
        "counterfoil.ledger.writer",
        *_ledger_place(config),
        f"--socket={config.server.run_directory / SOCKET_NAME}",
        f"--keys={config.keys.directory}",
        f"--origin={origin_of(config)}",
        f"--reserve-bytes={config.ledger.reserve_bytes}",
        f"--max-delay-seconds={config.ledger.max_delay_seconds}",
        *(["--create-keys"] if config.development else []),
    ]
    return ChildSpec(
        name="ledger",
        command=command,
        environment={**environment, **_ledger_password(config)},
        descriptors=descriptors,
        final_codes=frozenset({EXIT_CORRUPT, EXIT_CONFIG}),
    )


def _integrator(
    config: Config, environment: dict[str, str], descriptors: tuple[int, ...]
) -> Sequence[ChildSpec]:
    """What numbers the records of all replicas; a SQLite ledger's writer does it itself."""
    if not isinstance(config.ledger.place, PostgresqlPlace):
        return []
    command = [
        *_PYTHON,
        "counterfoil.ledger.postgresql.integrator",
        *_ledger_place(config),
        f"--keys={config.keys.directory}",
        f"--origin={origin_of(config)}",
        *(["--create-keys"] if config.development else []),
    ]
    return [
        ChildSpec(
            name="integrator",
            command=command,
            environment={**environment, **_ledger_password(config)},
            descriptors=descriptors,
            final_codes=frozenset({EXIT_CORRUPT, EXIT_CONFIG}),
        )
    ]


def _ledger_place(config: Config) -> list[str]:
    place = config.ledger.place
    if not isinstance(place, PostgresqlPlace):
        return [f"--database={place}"]
    file = place.password_file
    return [f"--url={place.url}", *([f"--password-file={file}"] if file else [])]


def _ledger_password(config: Config) -> dict[str, str]:
    """By the environment, where every account can read command lines."""
    place = config.ledger.place
    if not isinstance(place, PostgresqlPlace) or not place.password:
        return {}
    return {PASSWORD_VARIABLE: place.password}


def _providers(
    config: Config, file: Path | None, environment: dict[str, str], descriptors: tuple[int, ...]
) -> Sequence[ChildSpec]:
    """What calls identity providers; nothing where no entry needs one."""
    if not config.calls_providers:
        return []
    command = [
        *_PYTHON,
        "counterfoil.app_providers",
        *([f"--config={file}"] if file else []),
    ]
    return [
        ChildSpec(
            name="providers",
            command=command,
            environment={**environment, **_settings()},
            descriptors=descriptors,
            final_codes=frozenset({EXIT_CONFIG}),
        )
    ]


def _shipper(
    config: Config, file: Path | None, environment: dict[str, str], descriptors: tuple[int, ...]
) -> Sequence[ChildSpec]:
    """What pushes records to other systems; nothing where no entry says so."""
    if not config.exports:
        return []
    command = [
        *_PYTHON,
        "counterfoil.cli.ship",
        *([f"--config={file}"] if file else []),
        *(["--dev"] if config.development else []),
    ]
    return [
        ChildSpec(
            name="shipper",
            command=command,
            environment={**environment, **_settings()},
            descriptors=descriptors,
            vital=False,
        )
    ]


def _http(
    config: Config,
    file: Path | None,
    environment: dict[str, str],
    *,
    lock: tuple[int, ...],
    doors: tuple[int, ...],
) -> ChildSpec:
    command = [
        *_PYTHON,
        "counterfoil.cli.gunicorn_app",
        *(f"--descriptor={number}" for number in doors),
        *([f"--config={file}"] if file else []),
        *(["--dev"] if config.development else []),
    ]
    return ChildSpec(
        name="http",
        command=command,
        environment={
            **environment,
            **_settings(),
            "PROMETHEUS_MULTIPROC_DIR": str(config.server.run_directory / METRICS_FOLDER),
        },
        descriptors=(*lock, *doors),
        stop_seconds=GRACEFUL_SECONDS + 4.0,
        final_codes=frozenset({EXIT_CONFIG}),
    )


def _settings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}


def origin_of(config: Config) -> str:
    """What the logs' names begin with: our own public name, or for ever `development`."""
    if config.development:
        return DEVELOPMENT_ORIGIN
    issuer = urlsplit(config.grant.issuer)
    return f"{issuer.netloc}{issuer.path}".rstrip("/")
