"""How OPA is run beside the service: a locked API on a unix socket, one verified bundle.

The API is locked twice. Only this account reaches the socket (its folder is private), and
`system.authz` permits two queries and a health check, so nobody who does reach it can change
policy or data, or ask anything else. That policy is a file of ours and lies outside of the
bundle: a bundle that claimed `system` is refused (`policy/bundle.py`).

The bundle is named in a configuration file and not with `-b`, so that its revision stands in
the provenance of each answer and the authorization policy is no bundle beside it.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import orjson

from counterfoil.errors import ConfigError
from counterfoil.policy.build import DEFAULT_LABEL, build_bundle
from counterfoil.policy.bundle import Bundle, read_bundle

SOCKET_NAME: Final = "opa.sock"
BUNDLE_NAME: Final = "bundle.tar.gz"
_CONFIG_NAME: Final = "opa.json"
_AUTHZ_NAME: Final = "opa_authz.rego"
_READY_SECONDS: Final = 10
_ENTRYPOINT: Final = re.compile(r"[a-z_][a-z0-9_]*(?:/[a-z_][a-z0-9_]*)+")

OPA_ENVIRONMENT: Final = {
    # The live heap is 10 MB, so Go's default collects every hundred decisions: a third of
    # all CPU. Four times the heap costs 20 MB; near the limit Go collects harder again.
    "GOGC": "400",
    "GOMEMLIMIT": "512MiB",
}

_AUTHZ = """\
# Written at each start by Counterfoil; do not edit.
package system.authz

default allow := false

allow if {{
	input.method == "POST"
	input.path == {single}
}}

allow if {{
	input.method == "POST"
	input.path == {group}
}}

allow if {{
	input.method == "GET"
	input.path == ["health"]
}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpaProcess:
    """What to run; the caller owns the process."""

    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    socket_path: Path
    revision: str


def loaded_bundle(bundle: Path, run_directory: Path, *, embedded: bool) -> Path:
    """The bundle that OPA loads: a policy folder is built into the run directory first."""
    return run_directory / BUNDLE_NAME if embedded and bundle.is_dir() else bundle


def prepare_opa(
    bundle: Path, entrypoint: str, run_directory: Path, *, opa: Path | None = None
) -> OpaProcess:
    """Build or verify the bundle, write OPA's files, and say how to run it.

    Args:
        bundle: a policy folder, which is checked and built, or a built bundle.
        entrypoint: such as `counterfoil/main/decision`.
        run_directory: private (0700), on a local disk.
        opa: the program; found beside the installation by default.

    Raises:
        ConfigError: no OPA, or a policy that does not pass its checks.
    """
    program = opa or find_opa()
    built = write_opa_files(bundle, entrypoint, run_directory, opa=program)
    socket_path = (run_directory / SOCKET_NAME).absolute()
    socket_path.unlink(missing_ok=True)  # a killed OPA leaves it, and then cannot bind again
    return OpaProcess(
        command=opa_command(program, run_directory.absolute(), socket_path),
        environment=_environment(run_directory),
        socket_path=socket_path,
        revision=built.revision,
    )


def write_opa_files(
    bundle: Path, entrypoint: str, folder: Path, *, opa: Path, label: str = DEFAULT_LABEL
) -> Bundle:
    """Write what an OPA reads: the bundle, its configuration, and the policy that locks it.

    Args:
        bundle: see `prepare_opa`; a built bundle stays where it is.
        entrypoint: see `prepare_opa`.
        folder: where OPA will find the files, under the same path.
        opa: the program that checks a policy folder.
        label: the readable part of the revision of a policy folder.

    Raises:
        ConfigError: a policy that does not pass its checks, or the folder cannot be written.
    """
    if not _ENTRYPOINT.fullmatch(entrypoint):
        raise ConfigError("not an entrypoint", pointer="policy.entrypoint")
    loaded = loaded_bundle(bundle, folder, embedded=True).absolute()
    if bundle.is_dir():
        built = build_bundle(bundle, loaded, opa=opa, label=label)
    else:
        built = read_bundle(loaded)
    _write(folder / _CONFIG_NAME, orjson.dumps(_configuration(loaded)))
    _write(folder / _AUTHZ_NAME, authz_policy(entrypoint).encode())
    return built


def _environment(run_directory: Path) -> dict[str, str]:
    """OPA's whole environment: no proxy, no OPA_* setting of somebody's shell.

    Half the processors: the workers need the rest, and each more than OPA keeps busy costs
    it a tenth in looking for work.
    """
    processors = max(1, len(os.sched_getaffinity(0)) // 2)
    return {
        **OPA_ENVIRONMENT,
        "GOMAXPROCS": str(processors),
        "HOME": str(run_directory.absolute()),
    }


def opa_command(program: Path, run_directory: Path, socket_path: Path) -> list[str]:
    """The arguments of `opa run` for the files that `prepare_opa` wrote."""
    return [
        str(program),
        "run",
        "--server",
        f"--addr=unix://{socket_path}",
        "--unix-socket-perm=600",
        "--authorization=basic",
        "--skip-version-check",  # else it calls home
        f"--ready-timeout={_READY_SECONDS}",  # no answer before the bundle is active
        "--shutdown-grace-period=2",
        "--log-level=error",
        "--log-format=json",
        f"--config-file={run_directory / _CONFIG_NAME}",
        str(run_directory / _AUTHZ_NAME),
    ]


def authz_policy(entrypoint: str) -> str:
    """The `system.authz` policy: two queries and the health check, nothing else."""
    path = ["v1", "data", *entrypoint.split("/")]
    return _AUTHZ.format(
        single=orjson.dumps(path).decode(),
        group=orjson.dumps([*path[:-1], f"{path[-1]}s"]).decode(),
    )


def find_opa() -> Path:
    """OPA of the checkout or beside the installation, else the one on the PATH.

    Raises:
        ConfigError: there is none.
    """
    for base in (Path(__file__).resolve().parents[3], Path(sys.prefix).parent):
        program = base / ".tools" / "opa"
        if os.access(program, os.X_OK):
            return program
    found = shutil.which("opa")
    if found is None:
        raise ConfigError("no OPA: run `make setup`, or put `opa` 1.22 on the PATH")
    return Path(found)


def _configuration(bundle: Path) -> dict[str, object]:
    """OPA's own log of decisions stays off: ours is the ledger, and theirs can lose entries."""
    return {
        "labels": {"app": "counterfoil"},
        "bundles": {"counterfoil": {"resource": bundle.as_uri()}},
        "decision_logs": {"console": False},
        "distributed_tracing": {"type": ""},
    }


def _write(path: Path, data: bytes) -> None:
    try:
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error}") from error
