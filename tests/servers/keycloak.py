"""A real Keycloak on loopback: from Maven's repository once, then from `.tools`.

Wants Java 17 or newer, and Maven for the first time. It takes half a gigabyte and half a
minute, so one serves a whole session of tests; each brings a realm of its own.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import time
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service import free_port

VERSION = "26.7.3"
START_SECONDS = 300.0  # on a loaded machine; usually 30
FETCH_SECONDS = 900.0
ROOT = Path(__file__).parents[2]
_HOME = ROOT / ".tools" / f"keycloak-{VERSION}"
_ARTIFACT = f"org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"
_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:get"
_ADMIN = "admin"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Realm:
    """One realm of a running server."""

    url: str
    name: str

    @property
    def issuer(self) -> str:
        """Issuer of its tokens, and entity id of its SAML provider."""
        return f"{self.url}/realms/{self.name}"

    @property
    def saml_metadata(self) -> str:
        return f"{self.issuer}/protocol/saml/descriptor"

    @property
    def logout(self) -> str:
        """Where a person's browser ends their session."""
        return f"{self.issuer}/protocol/openid-connect/logout"

    def tokens(self, client: str, password: str, headers: Mapping[str, str] | None = None) -> Json:
        """What alice's client gets for her name and password."""
        form = {"grant_type": "password", "username": "alice", "password": password}
        form |= {"client_id": client, "scope": "openid"}
        return _form(f"{self.issuer}/protocol/openid-connect/token", form, headers)

    def add_key(self, **config: str) -> str:
        """Sign with a new key from now on, the old one still verifies; the new one's id."""
        component = {
            "name": f"rsa-{config['priority']}",
            "providerId": "rsa-generated",
            "providerType": "org.keycloak.keys.KeyProvider",
            "config": {name: [value] for name, value in config.items()},
        }
        self.admin("POST", "components", component)
        keys = self.admin("GET", "keys")
        newest = max(
            (key for key in keys["keys"] if key.get("use") == "SIG"),
            key=lambda key: int(key["providerPriority"]),
        )
        return str(newest["kid"])

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        """One call of the realm's administration."""
        return _admin(self.url, method, f"{self.name}/{path}", body)


@dataclass(frozen=True, slots=True)
class Keycloak:
    """A running server."""

    url: str

    def add(self, realm: Json) -> Realm:
        """Make a realm, users and clients and all."""
        _admin(self.url, "POST", "", realm)
        return Realm(self.url, str(realm["realm"]))


def _admin(url: str, method: str, path: str, body: Any) -> Any:
    form = {"grant_type": "password", "client_id": "admin-cli"}
    form |= {"username": _ADMIN, "password": _ADMIN}
    token = _form(f"{url}/realms/master/protocol/openid-connect/token", form)["access_token"]
    return _sent(
        urllib.request.Request(  # noqa: S310 -- our own server
            f"{url}/admin/realms/{path}".rstrip("/"),
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            method=method,
        )
    )


def _form(url: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Json:
    data = urllib.parse.urlencode(form).encode()
    value: Json = _sent(urllib.request.Request(url, data, dict(headers or {})))  # noqa: S310 -- our own server
    return value


def _sent(request: urllib.request.Request) -> Any:
    with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310 -- our own server
        text = response.read()
    return json.loads(text) if text else None


@contextmanager
def running(folder: Path) -> Iterator[Keycloak]:
    """Start one without a realm of ours; stopped, with no process left, and forgotten."""
    _install()
    with (_HOME.parent / "keycloak.lock").open("w") as lock:  # its data lies beside its program
        fcntl.flock(lock, fcntl.LOCK_EX)
        shutil.rmtree(_HOME / "data", ignore_errors=True)
        port, management = free_port(), free_port()
        log = folder / "keycloak.log"
        process = _started(log, port, management)
        try:
            _wait(process, f"http://127.0.0.1:{management}/health/ready", log)
            yield Keycloak(f"http://127.0.0.1:{port}")
        finally:
            os.killpg(process.pid, signal.SIGTERM)  # kc.sh may keep java as its child
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _started(log: Path, port: int, management: int) -> subprocess.Popen[bytes]:
    command = (
        str(_HOME / "bin" / "kc.sh"),
        "start-dev",
        "--http-host=127.0.0.1",
        f"--http-port={port}",
        f"--http-management-port={management}",
        "--health-enabled=true",
        "--cache=local",
    )
    names = ("KC_BOOTSTRAP_ADMIN_USERNAME", "KC_BOOTSTRAP_ADMIN_PASSWORD")
    with log.open("wb") as out:
        return subprocess.Popen(
            command,
            env={**os.environ, **dict.fromkeys(names, _ADMIN)},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _install() -> None:
    if (_HOME / "bin" / "kc.sh").exists():
        return
    repository = ROOT / ".tools" / "maven"
    wanted = (_PLUGIN, f"-Dartifact={_ARTIFACT}", "-Dtransitive=false")
    subprocess.run(
        ["mvn", "-q", "-B", f"-Dmaven.repo.local={repository}", *wanted],  # noqa: S607 -- the machine's own
        check=True,
        timeout=FETCH_SECONDS,
    )
    archive = next(repository.rglob(f"keycloak-quarkus-dist-{VERSION}.zip"))
    with zipfile.ZipFile(archive) as file:
        file.extractall(_HOME.parent)
    (_HOME / "bin" / "kc.sh").chmod(0o755)


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 -- our own server
                return
        except OSError:
            time.sleep(0.5)  # another process's start: it can only be asked
    raise AssertionError(log.read_text("utf-8", "replace")[-3_000:])
