"""A real Keycloak on loopback: fetched once by Maven, started with a realm of the test's own.

Wants `mvn` and a Java of at least 17. It takes half a gigabyte and half a minute.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
VERSION = "26.7.3"
START_SECONDS = 300.0  # on a loaded machine; usually 30
_ARTIFACT = f"org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"
_ZIP = (
    f".m2/repository/org/keycloak/keycloak-quarkus-dist/{VERSION}/"
    f"keycloak-quarkus-dist-{VERSION}.zip"
)
_ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Keycloak:
    """A running server with one realm."""

    url: str
    realm: str

    @property
    def issuer(self) -> str:
        """The realm's `iss`."""
        return f"{self.url}/realms/{self.realm}"

    def tokens(self, client: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """What alice's client gets for her name and password."""
        form = {"grant_type": "password", "username": "alice", "password": "alice"}
        form |= {"client_id": client, "scope": "openid"}
        return post(f"{self.issuer}/protocol/openid-connect/token", form, headers)

    def rotate(self, priority: int) -> None:
        """Sign with a new key from now on; the old one still verifies."""
        form = {"grant_type": "password", "client_id": "admin-cli"}
        form |= {"username": _ADMIN, "password": _ADMIN}
        admin = post(f"{self.url}/realms/master/protocol/openid-connect/token", form)
        bearer = {"Authorization": f"Bearer {admin['access_token']}"}
        component = {
            "name": f"rsa-{priority}",
            "providerId": "rsa-generated",
            "providerType": "org.keycloak.keys.KeyProvider",
            "config": {"priority": [str(priority)], "algorithm": ["RS256"], "keySize": ["2048"]},
        }
        post(f"{self.url}/admin/realms/{self.realm}/components", component, bearer)


def post(
    url: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """A form, or JSON where a value is no text; the JSON of the answer."""
    as_form = all(isinstance(value, str) for value in body.values())
    data = urllib.parse.urlencode(body).encode() if as_form else json.dumps(body).encode()
    kind = "application/x-www-form-urlencoded" if as_form else "application/json"
    request = urllib.request.Request(  # noqa: S310 -- a loopback URL of this module
        url, data, {"Content-Type": kind, **(headers or {})}
    )
    with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310 -- see above
        value: dict[str, Any] = json.loads(response.read() or b"{}")
    return value


def missing() -> str:
    """What this machine lacks for it, or nothing."""
    return next((f"{name} is needed" for name in ("mvn", "java") if not shutil.which(name)), "")


@contextmanager
def running(realm: Mapping[str, Any], folder: Path) -> Iterator[Keycloak]:
    """Start one with this realm; stop it, and leave no process."""
    home = _unpacked()
    data = folder / "keycloak"
    shutil.copytree(home, data, symlinks=True)
    imports = data / "data" / "import"
    imports.mkdir(parents=True, exist_ok=True)
    (imports / f"{realm['realm']}-realm.json").write_text(json.dumps(realm))
    port, management = _free_port(), _free_port()
    environment = {
        **os.environ,
        "KC_BOOTSTRAP_ADMIN_USERNAME": _ADMIN,
        "KC_BOOTSTRAP_ADMIN_PASSWORD": _ADMIN,
    }
    log = folder / "keycloak.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [
                str(data / "bin" / "kc.sh"),
                "start-dev",
                "--http-host=127.0.0.1",
                f"--http-port={port}",
                f"--http-management-port={management}",
                "--health-enabled=true",
                "--cache=local",
                "--import-realm",
            ],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait(process, f"http://127.0.0.1:{management}/health/ready", log)
        yield Keycloak(f"http://127.0.0.1:{port}", str(realm["realm"]))
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # kc.sh may keep java as its child
        process.wait(60)


def _unpacked() -> Path:
    tools = ROOT / ".tools"
    home = tools / f"keycloak-{VERSION}"
    if not home.exists():
        get = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:get"
        options = [f"-Dartifact={_ARTIFACT}", "-Dtransitive=false"]
        subprocess.run(["mvn", "-q", "-B", get, *options], check=True, timeout=900)  # noqa: S607 -- the machine's own
        with zipfile.ZipFile(Path.home() / _ZIP) as archive:
            archive.extractall(tools)
        (home / "bin" / "kc.sh").chmod(0o755)
    return home


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 -- loopback
                return
        except OSError:
            time.sleep(0.5)
    raise RuntimeError(log.read_text("utf-8", "replace")[-2_000:])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
