"""A real Keycloak for `make e2e`: from Maven's repository once, then from `.tools`; on loopback.

Needs Java 17 or newer, and Maven for the first time. `person` is a browser whose person has a
name and a password there.
"""

from __future__ import annotations

import fcntl
import html
import http.cookiejar
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VERSION = "26.7.3"
START_SECONDS = 240.0  # the first start builds itself; usually half a minute
ROOT = Path(__file__).resolve().parents[2]
_HOME = ROOT / ".tools" / f"keycloak-{VERSION}"
_ARTIFACT = f"org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"
_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:get"
_ADMIN = "admin"


@dataclass(slots=True)
class Keycloak:
    """A started server with one realm."""

    url: str
    realm: str

    @property
    def issuer(self) -> str:
        """The realm: issuer of tokens, and entity id of the SAML provider."""
        return f"{self.url}/realms/{self.realm}"

    @property
    def saml_metadata(self) -> str:
        return f"{self.issuer}/protocol/saml/descriptor"

    def keys(self) -> bytes:
        """The realm's JWKS."""
        return self._get(f"{self.issuer}/protocol/openid-connect/certs")

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        """One call of the realm's administration."""
        form = {
            "grant_type": "password",
            "client_id": "admin-cli",
            "username": _ADMIN,
            "password": _ADMIN,
        }
        token_url = f"{self.url}/realms/master/protocol/openid-connect/token"
        data = urllib.parse.urlencode(form).encode()
        token = json.loads(self._get(token_url, data))["access_token"]
        request = urllib.request.Request(  # noqa: S310 -- our own server
            f"{self.url}/admin/realms/{self.realm}/{path}",
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 -- see above
            text = response.read()
        return json.loads(text) if text else None

    @staticmethod
    def _get(url: str, data: bytes | None = None) -> bytes:
        with urllib.request.urlopen(url, data, timeout=30) as response:  # noqa: S310 -- our own server
            body: bytes = response.read()
        return body


@contextmanager
def keycloak(folder: Path, realm: dict[str, Any]) -> Iterator[Keycloak]:
    """Start it with that realm, empty otherwise; stopped and forgotten afterwards."""
    _install()
    with (_HOME.parent / "keycloak.lock").open("w") as lock:  # its data lies beside its program
        fcntl.flock(lock, fcntl.LOCK_EX)
        shutil.rmtree(_HOME / "data", ignore_errors=True)
        (_HOME / "data" / "import").mkdir(parents=True)
        name = str(realm["realm"])
        (_HOME / "data" / "import" / f"{name}-realm.json").write_text(json.dumps(realm))
        port, management = _free_port(), _free_port()
        log = (folder / "keycloak.log").open("wb")
        process = subprocess.Popen(
            [
                str(_HOME / "bin" / "kc.sh"),
                "start-dev",
                "--http-host=127.0.0.1",
                f"--http-port={port}",
                f"--http-management-port={management}",
                "--health-enabled=true",
                "--cache=local",
                "--import-realm",
            ],
            env={
                **os.environ,
                "KC_BOOTSTRAP_ADMIN_USERNAME": _ADMIN,
                "KC_BOOTSTRAP_ADMIN_PASSWORD": _ADMIN,
            },
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait(process, f"http://127.0.0.1:{management}/health/ready", folder / "keycloak.log")
            yield Keycloak(f"http://127.0.0.1:{port}", name)
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            log.close()


def _install() -> None:
    if (_HOME / "bin" / "kc.sh").exists():
        return
    repository = ROOT / ".tools" / "maven"
    wanted = (_PLUGIN, f"-Dartifact={_ARTIFACT}", "-Dtransitive=false")
    subprocess.run(
        ["mvn", "-q", "-B", f"-Dmaven.repo.local={repository}", *wanted],  # noqa: S607 -- the developer's Maven
        check=True,
        timeout=900,
    )
    archive = next(repository.rglob(f"keycloak-quarkus-dist-{VERSION}.zip"))
    with zipfile.ZipFile(archive) as file:
        file.extractall(_HOME.parent)
    (_HOME / "bin" / "kc.sh").chmod(0o755)


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 -- our own server
                return
        except OSError:
            time.sleep(0.5)  # another process's start: it can only be asked
    raise AssertionError(log.read_text(errors="replace")[-3_000:])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class _AlsoPlain(http.cookiejar.DefaultCookiePolicy):
    """Browsers send secure cookies to this machine without TLS too."""

    def return_ok_secure(self, cookie: http.cookiejar.Cookie, request: Any) -> bool:  # noqa: ARG002 -- the base's signature
        return True


_FORM = re.compile(
    r"<form\b[^>]*\baction=\"([^\"]+)\"[^>]*>(.*?)</form>", re.DOTALL | re.IGNORECASE
)
_FIELD = re.compile(r"<(?:input|button)\b([^>]*)>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"([a-zA-Z-]+)=\"([^\"]*)\"")


def person(url: str, name: str, password: str) -> str:
    """Go there as that person does: log in, agree, go where the pages send; the last page."""
    jar = http.cookiejar.CookieJar(_AlsoPlain())
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    body: bytes | None = None
    page = ""
    for _ in range(8):
        try:
            with opener.open(url, body, timeout=60) as response:
                page, here = str(response.read().decode()), str(response.geturl())
        except urllib.error.HTTPError as error:
            return str(error.read().decode())
        found = _FORM.search(page)
        if found is None:
            return page
        url = urllib.parse.urljoin(here, html.unescape(found[1]))
        fields = {}
        for tag in _FIELD.findall(found[2]):
            attributes = {k.lower(): html.unescape(v) for k, v in _ATTRIBUTE.findall(tag)}
            if attributes.get("name") not in {None, "cancel", "rememberMe"}:
                fields[attributes["name"]] = attributes.get("value", "")
        fields |= {"username": name, "password": password} if "password" in fields else {}
        body = urllib.parse.urlencode(fields).encode()
    return page


if __name__ == "__main__":
    person(sys.argv[1], sys.argv[2], sys.argv[3])
