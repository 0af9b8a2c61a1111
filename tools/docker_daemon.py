"""Finds a container daemon that answers, or on a Debian machine starts one for a while (root).

The one started here keeps its images under `.tools/docker`, so that a second run builds
nothing; its sockets are in a short folder of their own. It ends with the block.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / ".tools" / "docker"
PACKAGES = ("docker.io", "docker-compose", "debootstrap")
_ANSWER_SECONDS = 20
_START_SECONDS = 60
_STOP_SECONDS = 60
_REMEDY = (
    "start Docker (`docker info` must answer) and run this again; on Debian, root needs no more "
    "than this command: it installs and starts what is missing"
)


class NoDockerError(Exception):
    """There is no container daemon; the text says what to do."""


@contextmanager
def docker_daemon() -> Iterator[bool]:
    """A daemon that the environment leads to; whether it was started here, and is empty at first.

    Raises:
        NoDockerError: there is none, and none can be started.
    """
    if answers():
        yield False
        return
    _install()
    folder = tempfile.TemporaryDirectory(prefix="cf-docker-", ignore_cleanup_errors=True)
    with _one_at_a_time(), folder as short:
        daemon = _start(Path(short))
        before = os.environ.get("DOCKER_HOST")
        os.environ["DOCKER_HOST"] = f"unix://{short}/docker.sock"
        try:
            _wait(daemon)
            yield True
        finally:
            _stop(daemon)
            _unmount(Path(short))
            if before is None:
                del os.environ["DOCKER_HOST"]
            else:
                os.environ["DOCKER_HOST"] = before


def answers() -> bool:
    """Whether `docker info` reaches a daemon."""
    if not shutil.which("docker"):
        return False
    command = ("docker", "info", "--format", "{{.ServerVersion}}")
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=_ANSWER_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0 and done.stdout.strip() != b""


def compose_command() -> str:
    """`docker compose` where there is the plugin, else `docker-compose`.

    Raises:
        NoDockerError: neither.
    """
    plugin = subprocess.run(
        ("docker", "compose", "version"), capture_output=True, check=False, timeout=_ANSWER_SECONDS
    )
    if plugin.returncode == 0:
        return "docker compose"
    if shutil.which("docker-compose"):
        return "docker-compose"
    raise NoDockerError("docker compose is missing; install its plugin or docker-compose 1.29")


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Two daemons cannot share their images."""
    DATA.mkdir(parents=True, exist_ok=True)
    with (DATA / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("docker: another run here has its daemon; waiting for it", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install() -> None:
    """Debian's packages, where they are missing."""
    programs = ("dockerd", "docker", "docker-compose", "debootstrap")
    if all(shutil.which(program) for program in programs):
        if os.geteuid() != 0:
            raise NoDockerError(f"no container daemon answers; {_REMEDY}")
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise NoDockerError(f"no container daemon answers; {_REMEDY}")
    print(f"docker: installing {', '.join(PACKAGES)}", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ("apt-get", "install", "--yes", "--no-install-recommends", *PACKAGES)
    for command in (("apt-get", "update"), install):
        done = subprocess.run(command, capture_output=True, check=False, text=True, env=environment)
        if done.returncode != 0:
            raise NoDockerError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")


def _start(short: Path) -> subprocess.Popen[bytes]:
    _end_orphan()
    command = (
        "dockerd",
        f"--data-root={DATA / 'data'}",
        f"--exec-root={short / 'exec'}",
        f"--pidfile={DATA / 'pid'}",
        f"--host=unix://{short / 'docker.sock'}",
    )
    with (DATA / "log").open("wb") as log:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def _end_orphan() -> None:
    """End the daemon of a run that was killed: nobody else's has our folder, we hold its lock."""
    file = DATA / "pid"
    try:
        pid = int(file.read_text(encoding="ascii"))
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        words = []
    if f"--data-root={DATA / 'data'}".encode() in words:
        print(f"docker: ending the daemon of a run that was cut off ({pid})", flush=True)
        os.kill(pid, signal.SIGTERM)
        until = time.monotonic() + _STOP_SECONDS
        while Path(f"/proc/{pid}").exists() and time.monotonic() < until:
            time.sleep(0.2)
    file.unlink(missing_ok=True)  # its number may be another process's by now


def _wait(daemon: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _START_SECONDS
    while not answers():
        if daemon.poll() is not None or time.monotonic() > until:
            log = (DATA / "log").read_text(encoding="utf-8", errors="replace")
            raise NoDockerError(f"the container daemon does not start:\n{log[-2000:]}")
        time.sleep(0.2)


def _stop(daemon: subprocess.Popen[bytes]) -> None:
    daemon.terminate()
    try:
        daemon.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()


def _unmount(short: Path) -> None:
    """Give up the name of the machine's network that a daemon leaves mounted."""
    for place in (short / "exec" / "netns").glob("*"):
        subprocess.run(("umount", str(place)), capture_output=True, check=False)
