"""What `make e2e` needs beside a container daemon: a browser, Keycloak's Java, databases, npm.

On Debian, root needs nothing beforehand: what is missing is installed. Elsewhere it is said.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
JAVA = 17
_DEBIAN = {
    "browser": "chromium",
    "java": "default-jre-headless",
    "mvn": "maven",
    "npm": "npm",
    "mariadb": "mariadb-server",
    "postgresql": "postgresql-15",
}
_NEEDED = {
    "browser": f"Chromium ({' or '.join(BROWSERS)})",
    "java": f"Java {JAVA} or newer",
    "mvn": "Maven",
    "npm": "npm (for axe-core)",
    "mariadb": "MariaDB",
    "postgresql": "PostgreSQL 15",
}
POSTGRESQL = "/usr/lib/postgresql/15/bin/initdb"


class NoProgramError(Exception):
    """A program is missing; the text says which, and what to do."""


def ensure_programs() -> None:
    """See that all are there, and on Debian as root install those that are not.

    Raises:
        NoProgramError: something is missing and cannot be installed here.
    """
    wanted = missing()
    if not wanted:
        return
    named = ", ".join(_NEEDED[name] for name in wanted)
    packages = [_DEBIAN[name] for name in wanted]
    remedy = f"on Debian: apt-get install {' '.join(packages)}"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise NoProgramError(f"missing for the tests with real servers: {named}; {remedy}")
    print(f"e2e: installing {', '.join(packages)}", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ("apt-get", "install", "--yes", "--no-install-recommends", *packages)
    for command in (("apt-get", "update"), install):
        done = subprocess.run(command, capture_output=True, check=False, text=True, env=environment)
        if done.returncode != 0:
            raise NoProgramError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    if left := missing():
        raise NoProgramError(f"installed, and still missing: {', '.join(left)}; {remedy}")


def missing() -> list[str]:
    """Which of them this machine lacks."""
    found = {
        "browser": any(shutil.which(name) for name in BROWSERS),
        "java": _java() >= JAVA,
        "mvn": shutil.which("mvn") is not None,
        "npm": shutil.which("npm") is not None,
        "mariadb": shutil.which("mariadbd") is not None,
        "postgresql": Path(POSTGRESQL).exists(),
    }
    return [name for name, there in found.items() if not there]


def _java() -> int:
    """The version of the Java at hand, 0 where there is none."""
    if not shutil.which("java"):
        return 0
    done = subprocess.run(("java", "-version"), capture_output=True, check=False, text=True)
    found = re.search(r'version "(\d+)', done.stderr)
    return int(found[1]) if found else 0
