"""Makes base images of Debian's packages, for machines that reach no image registry (root).

They stand in for `python:…-slim` and `postgres:…` in tests: the packages come from the mirror
that the machine's own apt uses, signatures checked. Nothing of the machine stays in them.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / ".tools" / "base"
SUITE = "bookworm"
PACKAGES = {
    "python": ("python3", "python3-venv"),
    "postgresql": ("postgresql-15",),
}
# What packages leave: documentation, a cluster and a key pair made at installation, and what
# debootstrap copies from the machine.
_LEFT_OUT = (
    "etc/apt/sources.list",
    "etc/hostname",
    "etc/hosts",
    "etc/postgresql/*/*",
    "etc/resolv.conf",
    "etc/ssl/certs/ssl-cert-snakeoil.pem",
    "etc/ssl/private/*",
    "usr/share/doc/*",
    "usr/share/info/*",
    "usr/share/locale/*",
    "usr/share/man/*",
    "var/cache/apt/*",
    "var/cache/debconf/*",
    "var/lib/apt/lists/*",
    "var/lib/postgresql/*",
    "var/log/*",
)


class NoBaseError(Exception):
    """A base image could not be made; the text says what to do."""


def base_image(kind: str) -> str:
    """The tag of the image of this kind, made unless the daemon has it.

    Raises:
        NoBaseError: debootstrap or apt cannot do it here.
    """
    recipe = Path(__file__).read_bytes()
    tag = f"counterfoil-base-{kind}:{SUITE}-{hashlib.sha256(recipe).hexdigest()[:12]}"
    known = subprocess.run(("docker", "image", "inspect", tag), capture_output=True, check=False)
    if known.returncode != 0:
        _make(kind, tag)
    return tag


def _make(kind: str, tag: str) -> None:
    print(f"images: making {tag} of Debian's packages", flush=True)
    folder = WORK / kind
    shutil.rmtree(folder, ignore_errors=True)
    cache = WORK / "packages"
    cache.mkdir(parents=True, exist_ok=True)
    _run(
        "debootstrap",
        "--variant=minbase",
        f"--cache-dir={cache}",
        f"--include={','.join(PACKAGES[kind])}",
        SUITE,
        str(folder),
        _mirror(),
    )
    for pattern in _LEFT_OUT:
        for path in folder.glob(pattern):
            _remove(path)
    with subprocess.Popen(
        ("tar", "-C", str(folder), "--exclude=./dev/*", "-cf", "-", "."), stdout=subprocess.PIPE
    ) as tar:
        path = "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        subprocess.run(
            ("docker", "import", "--change", path, "-", tag),
            stdin=tar.stdout,
            stdout=subprocess.DEVNULL,
            check=True,
        )
    if tar.returncode != 0:
        subprocess.run(("docker", "image", "rm", tag), capture_output=True, check=False)
        raise NoBaseError(f"{folder} could not be packed")
    shutil.rmtree(folder)


def _mirror() -> str:
    """Where the machine's own apt has this suite from."""
    listed = _run("apt-get", "indextargets", "--format=$(REPO_URI) $(RELEASE)")
    for line in listed.splitlines():
        address, _, release = line.partition(" ")
        if release == SUITE:
            return address
    raise NoBaseError(f"apt knows no mirror of Debian {SUITE} here; use images that can be pulled")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _run(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, check=False, text=True)
    except FileNotFoundError as error:
        raise NoBaseError(f"{command[0]} is missing; on Debian: apt-get install it") from error
    if done.returncode != 0:
        said = (done.stdout + done.stderr)[-2000:]
        raise NoBaseError(f"{command[0]} failed:\n{said}")
    return done.stdout
