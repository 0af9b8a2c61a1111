"""Builds the images of `compose.yaml` without a network (`make images`).

What they are made of is brought first, by hash, into `deploy/prebuilt`: the wheels of
`requirements/service.txt` for the base image's Python, and OPA. Base images are pulled as
usual; with `--bases=made` they are made of Debian's packages instead (`base_images.py`).
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from base_images import NoBaseError, base_image
from docker_daemon import NoDockerError, docker_daemon
from opa_build import opa_version, pinned_version

ROOT = Path(__file__).resolve().parent.parent
PREBUILT = ROOT / "deploy" / "prebuilt"
LOCK = ROOT / "requirements" / "service.txt"
OPA = ROOT / ".tools" / "opa"
PIP = (str(ROOT / ".venv" / "bin" / "pip"), "--disable-pip-version-check", "--no-input")
DOCKERFILE, POSTGRESQL = (
    f"deploy/images/{name}.Dockerfile" for name in ("counterfoil", "postgresql")
)
_PYTHON_SAYS = "import platform, sys; print('%d.%d' % sys.version_info[:2], platform.machine())"


class ImagesError(Exception):
    """Something could not be brought or built; the text says what to do."""


@dataclass(frozen=True)
class Bases:
    """What the images stand on; the names are those of `compose.yaml`."""

    python: str = os.environ.get("CF_PYTHON_IMAGE", "python:3.12-slim-bookworm")
    postgres: str = os.environ.get("CF_POSTGRES_IMAGE", "postgres:15-bookworm")


def main() -> int:
    """Build all images on the daemon at hand."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bases", choices=("pulled", "made"), default="pulled")
    made = parser.parse_args().bases == "made"
    try:
        with docker_daemon() as started:
            build_images(made_bases() if made or started else Bases())
    except (ImagesError, NoBaseError, NoDockerError) as error:
        print(f"images: {error}", file=sys.stderr)
        return 1
    return 0


def made_bases() -> Bases:
    """Bases of Debian's packages, for a machine that pulls nothing."""
    return Bases(python=base_image("python"), postgres=base_image("postgresql"))


def build_images(bases: Bases) -> None:
    """Bring what is missing, then build; a layer that is there already is not built again.

    Raises:
        ImagesError: pip, Docker or OPA could not do it.
    """
    started = time.monotonic()
    _bring_wheels(bases.python)
    _bring_opa()
    print(f"images: all is at hand ({time.monotonic() - started:.1f} s)", flush=True)
    tag = os.environ.get("CF_TAG", "local")
    # The stage that could compile OPA only checks it here: any base with a shell will do.
    arguments = {"BASE_IMAGE": bases.python, "GO_IMAGE": bases.python}
    for target in ("opa", "service", "tools"):
        _build(f"counterfoil-{target}:{tag}", DOCKERFILE, arguments, target=target)
    _build(f"counterfoil-postgresql:{tag}", POSTGRESQL, {"BASE_IMAGE": bases.postgres})


def _bring_wheels(base: str) -> None:
    """The locked wheels, for the Python and the machine that the base image says it has."""
    said = _run(
        ("docker", "run", "--rm", "--network=none", base, "python3", "-c", _PYTHON_SAYS),
        f"the base image {base} could not be run; pull it, or use --bases=made on Debian as root",
    )
    version, machine = said.split()
    stamp = PREBUILT / "wheels.stamp"
    wanted = hashlib.sha256(LOCK.read_bytes() + said.encode()).hexdigest()
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    print(f"images: bringing the wheels for Python {version} on {machine}", flush=True)
    for old in (stamp, *PREBUILT.glob("*.whl")):
        old.unlink(missing_ok=True)
    platforms = [f"--platform=manylinux_2_{minor}_{machine}" for minor in range(36, 16, -1)]
    abis = [f"--abi={abi}" for abi in (f"cp{version.replace('.', '')}", "abi3", "none")]
    _run(
        (
            *PIP,
            "download",
            "--quiet",
            "--no-deps",
            "--only-binary=:all:",
            "--require-hashes",
            f"--python-version={version}",
            "--implementation=cp",
            *abis,
            *platforms,
            f"--platform=manylinux2014_{machine}",
            f"--dest={PREBUILT}",
            f"--requirement={LOCK}",
        ),
        "the wheels could not be downloaded; check that the package index is reachable",
    )
    stamp.write_text(wanted, encoding="utf-8")


def _bring_opa() -> None:
    """The OPA of set-up; the image's own build says whether it is static."""
    target = PREBUILT / "opa"
    if target.exists() and opa_version(target) == pinned_version():
        return
    if opa_version(OPA) != pinned_version():
        raise ImagesError(".tools/opa is not the pinned one; run `make setup`")
    shutil.copy(OPA, target)


def _build(tag: str, file: str, arguments: dict[str, str], *, target: str = "") -> None:
    started = time.monotonic()
    _run(
        (
            "docker",
            "build",
            "--network=none",
            f"--tag={tag}",
            f"--file={file}",
            *(f"--build-arg={name}={value}" for name, value in arguments.items()),
            *([f"--target={target}"] if target else []),
            ".",
        ),
        f"{tag} could not be built",
    )
    print(f"images: {tag} ({time.monotonic() - started:.1f} s)", flush=True)


def _run(command: tuple[str, ...], remedy: str) -> str:
    done = subprocess.run(
        command,
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
    )
    if done.returncode != 0:
        raise ImagesError(f"{remedy}\n{(done.stdout + done.stderr)[-3000:]}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
