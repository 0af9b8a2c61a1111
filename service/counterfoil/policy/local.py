"""An OPA of one command's own: the service's policy, asked where no service runs.

Started as the service starts it, on the same verified bundle, in a private folder; it dies
with the command. Call it from the main thread (processes.py).
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from counterfoil.config_model import PolicyConfig
from counterfoil.errors import ConfigError
from counterfoil.policy.build import build_bundle
from counterfoil.policy.opa import Opa
from counterfoil.policy.server import BUNDLE_NAME, find_opa, prepare_opa
from counterfoil.policy.session import Address
from counterfoil.processes import bound_to_this_process

_START_SECONDS: Final = 20.0
_POLL_SECONDS: Final = 0.01  # OPA can only be asked whether it is ready


@dataclass(frozen=True, slots=True)
class LocalPolicy:
    """A running OPA to ask, and the bundle that it loaded."""

    engine: Opa
    bundle: Path


@contextmanager
def local_opa(config: PolicyConfig, cache: Path) -> Iterator[LocalPolicy]:
    """Run OPA on the configured bundle until the block ends.

    Args:
        config: names the bundle (a folder is checked and built first) and the entrypoint.
        cache: a private folder that keeps the built bundle for the next time.

    Raises:
        ConfigError: no OPA, a policy that does not pass its checks, or OPA does not start.
    """
    with tempfile.TemporaryDirectory(prefix="counterfoil-") as scratch:
        bundle = config.bundle
        if bundle.is_dir():
            built = _cached(cache) / BUNDLE_NAME
            build_bundle(bundle, built, opa=find_opa())
            bundle = built
        prepared = prepare_opa(bundle, config.entrypoint, Path(scratch))
        process = subprocess.Popen(
            prepared.command,
            env=prepared.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,  # a terminal's Ctrl-C is the command's to hear
            preexec_fn=bound_to_this_process(),  # noqa: PLW1509  # no other thread runs yet
        )
        engine = Opa(
            Address(path=str(prepared.socket_path)),
            entrypoint=config.entrypoint,
            known_revisions=frozenset({prepared.revision}),
        )
        try:
            _wait_until_ready(engine, process)
            yield LocalPolicy(engine, bundle)
        finally:
            engine.close()
            process.kill()
            process.wait()


def _cached(folder: Path) -> Path:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"{folder} cannot be made ({error.strerror}).", pointer="server.run_directory"
        ) from error
    return folder


def _wait_until_ready(engine: Opa, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _START_SECONDS
    while not engine.health(deadline=time.monotonic() + 1).ready:
        if process.poll() is not None or time.monotonic() > until:
            raise ConfigError("OPA does not start on this policy", pointer="policy.bundle")
        time.sleep(_POLL_SECONDS)
