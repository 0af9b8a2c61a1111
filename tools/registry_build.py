"""Builds the CNCF registry (distribution) that tools/registry/go.mod pins.

Once, into `.tools/registry`: one to two minutes on two cores.
"""

from __future__ import annotations

import sys

from go_programs import build_programs
from go_toolchain import ROOT

MODULE = ROOT / "tools" / "registry"
PROGRAMS = {"registry": "github.com/distribution/distribution/v3/cmd/registry"}


def main() -> int:
    """Build it, unless the pinned one is there."""
    return build_programs(MODULE, PROGRAMS, ldflags="-s -w")


if __name__ == "__main__":
    sys.exit(main())
