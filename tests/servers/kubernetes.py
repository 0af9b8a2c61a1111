"""A real Kubernetes API server with its etcd, on free ports of loopback (e2e and prove only).

There is neither a controller nor a node: what is tested is who may do what, and what admission
lets through. tools/kubernetes_build.py makes the programs, once.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import requests
import urllib3
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from service import free_port

ROOT = Path(__file__).parents[2]
PROGRAMS = ROOT / ".tools" / "kubernetes"
START_SECONDS = 180.0
ADMIN = "admin-of-the-test"


@dataclass(frozen=True)
class Cluster:
    """A server that answers, its administrator's session, and kubectl for anybody."""

    url: str
    folder: Path
    admin: requests.Session
    command: tuple[str, ...] = ()

    @property
    def ca_file(self) -> str:
        """What the server's certificate is verified by."""
        return str(self.folder / "pki" / "apiserver.crt")

    def make(self, path: str, value: Mapping[str, Any]) -> None:
        """POST an object as the administrator."""
        answer = self.admin.post(f"{self.url}{path}", json=value, timeout=30)
        assert answer.status_code in {200, 201}, answer.text

    def kubectl(
        self, account: str, words: Sequence[str], stdin: str | None
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl as an account, which the server is told by impersonation."""
        command = [
            *(str(PROGRAMS / words[0]), f"--server={self.url}"),
            *("--insecure-skip-tls-verify", f"--token={ADMIN}", f"--as={account}"),
            *("--as-group=system:authenticated", f"--cache-dir={self.folder}/cache"),
            *words[1:],
        ]
        return subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            env={"HOME": str(self.folder), "KUBECONFIG": "/dev/null", "PATH": os.environ["PATH"]},
        )


@contextmanager
def running() -> Iterator[Cluster]:
    """Start etcd and the API server, RBAC on; both end with the block."""
    build = [sys.executable, str(ROOT / "tools" / "kubernetes_build.py")]
    subprocess.run(build, check=True, stdin=subprocess.DEVNULL)
    folder = Path(tempfile.mkdtemp(prefix="counterfoil-kubernetes-"))
    try:
        with ExitStack() as stack:
            yield _start(stack, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _start(stack: ExitStack, folder: Path) -> Cluster:
    client, peer, port = free_port(), free_port(), free_port()
    etcd, url = f"http://127.0.0.1:{client}", f"https://127.0.0.1:{port}"
    key = folder / "sa.key"
    key.write_bytes(_private_key())
    tokens = folder / "tokens.csv"
    tokens.write_text(f'{ADMIN},admin,1,"system:masters"\n', "utf-8")
    tokens.chmod(0o600)
    _process(
        stack,
        folder / "etcd.log",
        [
            *(str(PROGRAMS / "etcd"), f"--data-dir={folder}/etcd", "--log-level=error"),
            *(f"--listen-client-urls={etcd}", f"--advertise-client-urls={etcd}"),
            *(f"--listen-peer-urls=http://127.0.0.1:{peer}", "--unsafe-no-fsync"),
        ],
    )
    command = (
        *(str(PROGRAMS / "kube-apiserver"), f"--etcd-servers={etcd}"),
        *("--bind-address=127.0.0.1", "--advertise-address=127.0.0.1"),
        *(f"--secure-port={port}", f"--cert-dir={folder}/pki"),
        *(f"--service-account-issuer={url}", f"--service-account-key-file={key}"),
        *(f"--service-account-signing-key-file={key}", "--authorization-mode=RBAC"),
        *(f"--token-auth-file={tokens}", "--service-cluster-ip-range=10.96.0.0/16"),
        "--allow-privileged=true",  # as ordinary clusters do
        *("--endpoint-reconciler-type=none", "--disable-admission-plugins=ServiceAccount"),
    )
    server = _process(stack, folder / "server.log", [*command])
    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    admin = stack.enter_context(requests.Session())
    admin.verify, admin.trust_env = False, False
    admin.headers["Authorization"] = f"Bearer {ADMIN}"
    cluster = Cluster(url, folder, admin, command)
    _wait(cluster, server, folder / "server.log")
    admin.verify = cluster.ca_file  # it made its certificate meanwhile
    return cluster


@contextmanager
def beside(cluster: Cluster, *flags: str) -> Iterator[Cluster]:
    """A second API server on the same etcd, with further flags; it ends with the block."""
    port = free_port()
    with ExitStack() as stack:
        log = cluster.folder / f"server-{port}.log"
        command = [word for word in cluster.command if not word.startswith("--secure-port=")]
        server = _process(stack, log, [*command, f"--secure-port={port}", *flags])
        other = replace(cluster, url=f"https://127.0.0.1:{port}")
        _wait(other, server, log)
        yield other


def _private_key() -> bytes:
    """What service account tokens are signed by."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, plain)


def _process(stack: ExitStack, log: Path, command: list[str]) -> subprocess.Popen[bytes]:
    out = stack.enter_context(log.open("wb"))
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process


def _wait(cluster: Cluster, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        assert server.poll() is None, log.read_text("utf-8")[-2000:]
        assert time.monotonic() < deadline, "the API server does not answer"
        try:
            if cluster.admin.get(f"{cluster.url}/readyz", timeout=5).status_code == 200:
                return
        except requests.RequestException:
            pass
        time.sleep(0.2)


def version() -> str:
    """What the programs say they are."""
    done = subprocess.run(
        [str(PROGRAMS / "kubectl"), "version", "--client", "-o", "json"],
        capture_output=True,
        text=True,
        check=True,
    )
    return str(json.loads(done.stdout)["clientVersion"]["gitVersion"])
