"""`counterfoil verify FILE` for a file of `counterfoil prove`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from counterfoil.cli import EXIT_FINDING, EXIT_GOOD
from counterfoil.cli.text import compact, shown
from counterfoil.core.checkpoint import VerifierKey
from counterfoil.core.model import JsonValue
from counterfoil.ledger.proof_file import (
    MAX_PROOF_BYTES,
    InvalidProof,
    Proved,
    check_proof,
    read_proof,
)


def is_proof(path: Path) -> bool:
    """Whether the file looks like a JSON object, which no ledger does.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return file.read(64).lstrip()[:1] == b"{"


def verify_proof_file(path: Path, key: VerifierKey, *, as_json: bool) -> int:
    """Check the file and say what it proves; returns the exit code.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        data = file.read(MAX_PROOF_BYTES + 1)
    try:
        proved = check_proof(read_proof(data), key)
    except InvalidProof as error:
        if as_json:
            print(json.dumps({"proved": False, "why": str(error)}))
        else:
            print(f"NOT PROVED: {path}: {shown(str(error))}")
        return EXIT_FINDING
    if as_json:
        print(json.dumps(_json(proved)))
    else:
        _print(proved, path)
    return EXIT_GOOD


def _json(proved: Proved) -> JsonValue:
    return {
        "proved": True,
        "origin": proved.checkpoint.origin,
        "index": proved.index,
        "size": proved.checkpoint.size,
        "record": proved.leaf,
        "opened": {name: data.decode("utf-8", "replace") for name, data in proved.opened.items()},
    }


def _print(proved: Proved, path: Path) -> None:
    leaf, checkpoint = proved.leaf, proved.checkpoint
    print(f"proved: {path}: {leaf['event']} {leaf['event_id']}, {leaf['time']}")
    print(f"  entry {proved.index} of {checkpoint.origin}, signed at {checkpoint.size:,} entries")
    for name, value in leaf["plain"].items():
        print(f"  {name:<12} {shown(value if isinstance(value, str) else compact(value))}")
    for name, data in proved.opened.items():
        print(f"  {name:<12} {shown(data.decode('utf-8', 'backslashreplace'))}  (opened)")
    closed = sorted(set(leaf["commitments"]) - set(proved.opened))
    if closed:
        print(f"  not shown: {', '.join(closed)}")
    sys.stdout.flush()
