"""`counterfoil verify EXPORT`, or its manifest: an export, by the ledger's public key alone."""

from __future__ import annotations

import json
from pathlib import Path

from counterfoil.cli import EXIT_FINDING, EXIT_GOOD
from counterfoil.cli.text import shown
from counterfoil.core.checkpoint import VerifierKey
from counterfoil.ledger.export_check import InvalidExport, check_export

_NAME = ".manifest.json"


def is_export(path: Path) -> bool:
    """Whether the file is the manifest of an export, or has one beside it."""
    return path.name.endswith(_NAME) or _beside(path).is_file()


def _beside(path: Path) -> Path:
    return path.with_name(path.name + _NAME)


def verify_export_file(path: Path, key: VerifierKey, *, as_json: bool) -> int:
    """Check it and say what holds; returns the exit code.

    Raises:
        OSError: a file cannot be read.
    """
    path = path if path.name.endswith(_NAME) else _beside(path)
    try:
        checked = check_export(path, key)
    except InvalidExport as error:
        if as_json:
            print(json.dumps({"verified": False, "why": str(error)}))
        else:
            print(f"NOT VERIFIED: {path}: {shown(str(error))}")
        return EXIT_FINDING
    manifest = checked.manifest
    if as_json:
        told = {"verified": True, "each_record": checked.each, "manifest": manifest}
        print(json.dumps(told))
        return EXIT_GOOD
    how = "each checked against the key" if checked.each else "the file is the recorded one"
    print(f"verified: {shown(str(manifest['file']))}: {manifest['records']} records, {how}")
    print(f"  of {manifest['log']}, signed at {manifest['size']} entries")
    whole = "all records below that" if manifest["whole"] else "chosen by filters or a cursor"
    print(f"  {whole}; made at {manifest['made_at']}")
    return EXIT_GOOD
