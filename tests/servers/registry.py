"""A real CNCF registry on a free port of loopback, that checks tokens itself (e2e only).

tools/registry_build.py makes the program, once.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from service import free_port

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / ".tools" / "registry" / "registry"
START_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose tokens a registry takes, and where it sends its clients for them."""

    realm: str
    service: str
    issuer: str
    certificates: Path | None = None
    keys: Path | None = None


@contextmanager
def running(port: int, trust: Trust) -> Iterator[str]:
    """Start one; yields its URL. Its images go with it."""
    build = [sys.executable, str(ROOT / "tools" / "registry_build.py")]
    subprocess.run(build, check=True, stdin=subprocess.DEVNULL)
    folder = Path(tempfile.mkdtemp(prefix="counterfoil-registry-"))
    (folder / "config.yml").write_text(json.dumps(_config(folder, port, trust)), "utf-8")
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(PROGRAM), "serve", str(folder / "config.yml")],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env={"OTEL_TRACES_EXPORTER": "none"},
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(url, process, log)
        yield url
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _config(folder: Path, port: int, trust: Trust) -> dict[str, object]:
    """JSON is YAML too."""
    token = {"realm": trust.realm, "service": trust.service, "issuer": trust.issuer}
    if trust.certificates:
        token["rootcertbundle"] = str(trust.certificates)
    if trust.keys:
        token["jwks"] = str(trust.keys)
    return {
        "version": "0.1",
        "log": {"level": "warn"},
        "storage": {
            "filesystem": {"rootdirectory": str(folder / "data")},
            "delete": {"enabled": True},
        },
        "http": {"addr": f"127.0.0.1:{port}"},
        "auth": {"token": token},
    }


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        assert process.poll() is None, log.read_text("utf-8")[-2000:]
        assert time.monotonic() < deadline, "the registry does not answer"
        try:
            if requests.get(f"{url}/v2/", timeout=5).status_code == requests.codes.unauthorized:
                return
        except requests.RequestException:
            time.sleep(0.05)


def ports() -> tuple[int, int]:
    """One for the registry and one for its realm: each has to know the other's."""
    return free_port(), free_port()


def version() -> str:
    """What the program says it is."""
    done = subprocess.run([str(PROGRAM), "--version"], capture_output=True, text=True, check=True)
    return done.stdout.split()[-1].partition("+")[0]
