"""The rivals: OPA doing the whole job alone, and OPA asked for the decision only.

Both are given the product's own policy and data, over TCP, without a test or a limit
that would slow them down. The console decision log goes to a file, and OPA's access log
is off: a careful operator would run it so.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import jwt
from benchmarks.harness import documents
from benchmarks.harness.load import Target
from benchmarks.harness.paths import BENCHMARKS, OPA, ROOT, free_port
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm

_START_SECONDS = 10.0
_TOKEN_SECONDS = 3600
# What the service gives its own OPA: Go's default collects garbage every hundred decisions.
_TUNED = {"GOGC": "400", "GOMEMLIMIT": "512MiB"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """A started OPA: its endpoint, its process, and the log that grows while it works."""

    target: Target
    pid: int
    log: Path

    def roles(self) -> dict[int, str]:
        """The one process of it."""
        return {self.pid: "opa"}

    def trim(self) -> None:
        """Empty the log: the next rival must not wait for its bytes to reach the disk."""
        with self.log.open("r+b") as file:
            file.truncate()


@contextmanager
def started(name: str, folder: Path) -> Iterator[Rival]:
    """Run the rival `name` (`alone`, `alone-tuned`, `raw`) in `folder` until the end."""
    bundle = _bundle(folder / f"{name}-bundle")
    body = folder / f"{name}.json"
    token = _write_settings(bundle)
    question = documents.policy_input() if name == "raw" else documents.policy_input(token)
    body.write_text(json.dumps({"input": question}), "utf-8")
    path = "counterfoil/main/decision" if name == "raw" else "opa_alone/response"
    port, log = free_port(), folder / f"{name}.log"
    address = f"127.0.0.1:{port}"
    environment = {**os.environ, **(_TUNED if name == "alone-tuned" else {})}
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*_command(name, address), str(bundle)], env=environment, stdout=output, stderr=output
        )
    try:
        _wait(f"http://{address}/health", process)
        target = Target(name=name, address=address, path=f"/v1/data/{path}", body=body)
        yield Rival(target=target, pid=process.pid, log=log)
    finally:
        process.kill()
        process.wait()


def _command(name: str, address: str) -> list[str]:
    command = [str(OPA), "run", "--server", "--skip-version-check", "--log-level", "error"]
    command += ["--addr", address]
    if name != "raw":
        command += ["--set", "decision_logs.console=true"]
    if name == "alone-tuned":
        cache = "caching.inter_query_builtin_value_cache.named.io_jwt.max_num_entries=1000"
        command += ["--set", cache]
    return [*command, "--bundle"]


def _bundle(folder: Path) -> Path:
    """The product's policy and data as they lie in `rego/`, and the rival's package beside."""
    ignore = shutil.ignore_patterns("*_test.rego", ".manifest", ".signatures.json")
    shutil.copytree(ROOT / "rego", folder, ignore=ignore)
    shutil.copytree(BENCHMARKS / "opa_alone", folder / "opa_alone", ignore=ignore)
    return folder


def _write_settings(bundle: Path) -> str:
    """Make the two keys, tell the rival what to trust and sign with; returns a token."""
    token_key = ec.generate_private_key(ec.SECP256R1())
    grant_key = ec.generate_private_key(ec.SECP256R1())
    public = token_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    settings = {
        "token_key": public.decode("ascii"),  # PEM: OPA reads a JWKS anew each time, 25 us more
        "token_issuer": documents.ISSUER,
        "token_audience": "counterfoil",
        "issuer": "http://127.0.0.1:8282",
        "grant_audience": "postgresql-orders",
        "revision": f"dev+sha256:{'0' * 64}",
        "signing_key": {**ECAlgorithm.to_jwk(grant_key, as_dict=True), "kid": "grant"},
    }
    place = bundle / "opa_alone_settings"
    place.mkdir()
    (place / "data.json").write_text(json.dumps(settings), "utf-8")
    now = int(time.time())  # noqa: TID251 - a benchmark's token lives in real time
    claims = documents.token_claims(now, now + _TOKEN_SECONDS)
    return jwt.encode(claims, token_key, algorithm="ES256")


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1):  # noqa: S310 - loopback, http only
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.02)
    raise RuntimeError(f"OPA did not come up at {url}")
