"""Runs the tests that need containers or other real servers (`make e2e`).

First what they need: a browser and Java (`e2e_programs.py`), a daemon, the images; then pytest.

A daemon that answers is used as it is, with the base images that it pulls. Where there is
none, one is started for the time of the tests (Debian, root), with bases made of packages;
`CF_BASES=made` asks for those elsewhere too.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import kubernetes_build
import registry_build
from base_images import NoBaseError
from docker_daemon import NoDockerError, compose_command, docker_daemon
from e2e_programs import NoProgramError, ensure_programs
from images import Bases, ImagesError, build_images, made_bases

ROOT = Path(__file__).resolve().parent.parent
PYTEST = str(ROOT / ".venv" / "bin" / "pytest")


def main() -> int:
    """Prepare, test, and leave nothing running; the exit code is pytest's."""
    started = time.monotonic()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # through `finally`
    os.environ["CF_TAG"] = "e2e"  # beside the images that somebody may be using
    try:
        ensure_programs()
        if kubernetes_build.main() != 0 or registry_build.main() != 0:
            return 1
        with docker_daemon() as own:
            os.environ["E2E_COMPOSE"] = compose_command()
            made = own or os.environ.get("CF_BASES") == "made"
            build_images(made_bases() if made else Bases())
            print(f"e2e: images ready in {time.monotonic() - started:.0f} s", flush=True)
            command = (PYTEST, "-n0", "-m", "e2e", "--durations=8", *sys.argv[1:])
            code = subprocess.run(command, cwd=ROOT, check=False, stdin=subprocess.DEVNULL)
    except (ImagesError, NoBaseError, NoDockerError, NoProgramError) as error:
        print(f"e2e: {error}", file=sys.stderr)
        return 1
    print(f"e2e: {time.monotonic() - started:.0f} s in all", flush=True)
    return code.returncode


if __name__ == "__main__":
    sys.exit(main())
