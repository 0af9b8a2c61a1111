"""Copies the published schemas that the hook speaks into its package, or checks the copies.

Usage: python hooks/tools/sync_schemas.py [--check]. The sources are `schemas/*.json` of the
repository; the copies are never edited.
"""

from __future__ import annotations

import sys
from pathlib import Path

NAMES = (
    "authorization_request",
    "authorization_response",
    "outcome",
    "outcome_response",
    "problem",
    "receipt",
    "scoped_token_request",
)
OPTIONAL = ("approval", "approval_answer", "approval_cancel")
SOURCES = Path(__file__).resolve().parents[2] / "schemas"
COPIES = Path(__file__).resolve().parents[1] / "autogen_counterfoil" / "schemas"


def wanted() -> dict[str, bytes]:
    """Return the content that each copy must have, by file name."""
    names = NAMES + tuple(name for name in OPTIONAL if (SOURCES / f"{name}.json").exists())
    return {f"{name}.json": (SOURCES / f"{name}.json").read_bytes() for name in names}


def drift() -> list[str]:
    """Return the names of copies that differ, are missing, or are no longer wanted."""
    expected = wanted()
    present = {path.name: path.read_bytes() for path in COPIES.glob("*.json")}
    return sorted(
        name for name in expected.keys() | present.keys() if expected.get(name) != present.get(name)
    )


def sync() -> None:
    """Write all copies."""
    expected = wanted()
    COPIES.mkdir(exist_ok=True)
    for path in COPIES.glob("*.json"):
        if path.name not in expected:
            path.unlink()
    for name, content in expected.items():
        (COPIES / name).write_bytes(content)


def main() -> int:
    """Sync, or with `--check` report drift by exit code 1."""
    if "--check" in sys.argv[1:]:
        stale = drift()
        print("\n".join(f"stale: {name}" for name in stale) or "schemas are in step")
        return 1 if stale else 0
    sync()
    return 0


if __name__ == "__main__":
    sys.exit(main())
