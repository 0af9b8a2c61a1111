"""Builds etcd, the Kubernetes API server and kubectl that tools/kubernetes/go.mod pins.

Every module by its hash in go.sum; once, into `.tools/kubernetes`: 5 to 15 minutes on two
cores. Only the tests with real servers need them.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

from go_toolchain import ROOT, drop_caches, find_go

MODULE = ROOT / "tools" / "kubernetes"
TARGET = ROOT / ".tools" / "kubernetes"
PROGRAMS = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
}
_STAMP = TARGET / "built-from"


def main() -> int:
    """Build what is missing or of another pin."""
    try:
        build()
    except (OSError, subprocess.CalledProcessError) as error:
        print(
            f"kubernetes: {error}; check that the Go module proxy is reachable (GOPROXY), then run "
            "this again",
            file=sys.stderr,
        )
        return 1
    return 0


def build() -> None:
    """Put the three programs into `.tools/kubernetes`, unless they are there.

    Raises:
        OSError, CalledProcessError: there is no Go, or it failed.
    """
    pins = b"".join((MODULE / name).read_bytes() for name in ("go.mod", "go.sum"))
    wanted = hashlib.sha256(pins).hexdigest()
    there = all((TARGET / name).exists() for name in PROGRAMS)
    if there and _STAMP.exists() and _STAMP.read_text("utf-8") == wanted:
        return
    TARGET.mkdir(parents=True, exist_ok=True)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    go = find_go(pip=pip, run=_run)
    for name, package in PROGRAMS.items():
        print(f"kubernetes: building {name} (minutes, once)", flush=True)
        flags = ("-mod=readonly", "-trimpath", "-buildvcs=false", f"-ldflags={_flags()}")
        fresh = TARGET / f"{name}.new"
        _run((go, "build", *flags, "-o", str(fresh), package), "", cwd=MODULE)
        fresh.replace(TARGET / name)
    _STAMP.write_text(wanted, "utf-8")
    drop_caches(go)


def _flags() -> str:
    """The version that the programs say: without it the server takes itself for 1.0."""
    text = (MODULE / "go.mod").read_text("utf-8")
    found = re.search(r"k8s\.io/kubernetes (v\S+)", text)
    version = found[1] if found else ""
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    said = " ".join(f"-X {package}.gitVersion={version}" for package in packages)
    return f"-s -w {said}"


def _run(command: tuple[str, ...], remedy: str, cwd: Path | None = None) -> None:
    del remedy  # said once, for all of them
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": ""}
    subprocess.run(command, cwd=cwd, check=True, stdin=subprocess.DEVNULL, env=environment)


if __name__ == "__main__":
    sys.exit(main())
