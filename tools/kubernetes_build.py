"""Builds etcd, the Kubernetes API server and kubectl that tools/kubernetes/go.mod pins.

Once, into `.tools/kubernetes`: 5 to 15 minutes on two cores.
"""

from __future__ import annotations

import re
import sys

from go_programs import build_programs
from go_toolchain import ROOT

MODULE = ROOT / "tools" / "kubernetes"
PROGRAMS = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
}


def main() -> int:
    """Build what is missing or of another pin."""
    return build_programs(MODULE, PROGRAMS, ldflags=_flags())


def _flags() -> str:
    """The version that the programs say: without it the server takes itself for 1.0."""
    text = (MODULE / "go.mod").read_text("utf-8")
    found = re.search(r"k8s\.io/kubernetes (v\S+)", text)
    version = found[1] if found else ""
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    said = " ".join(f"-X {package}.gitVersion={version}" for package in packages)
    return f"-s -w {said}"


if __name__ == "__main__":
    sys.exit(main())
