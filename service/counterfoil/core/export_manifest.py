"""What an export says of itself: from where to where, how many, which bytes; recorded and signed.

The manifest's digest stands in the leaf of an `exported` event, and the writer's receipt
signs that leaf: so the same signature says what was exported, by whom it was asked for, and
that the ledger knows of it.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from typing import Final

from counterfoil.core.canonical import b64url, canonical_bytes, digest
from counterfoil.core.model import JsonObject
from counterfoil.core.tree import Frontier

EXPORTED: Final = "exported"
VERSION: Final = 1
MAX_CURSOR_CHARACTERS: Final = 8_192


def manifest_digest(manifest: JsonObject) -> str:
    """What the `exported` event holds of a manifest."""
    return digest(canonical_bytes(manifest))


def cursor_of(frontier: Frontier) -> str:
    """Where the next export goes on: the place in the log, and the tree up to it."""
    return b64url(canonical_bytes([frontier.size, b64url(frontier.to_bytes())]))


def frontier_of(cursor: str) -> Frontier:
    """The tree up to a cursor. A wrong one leads to no signed root, so it needs no signature.

    Raises:
        ValueError: not a cursor.
    """
    if len(cursor) > MAX_CURSOR_CHARACTERS:
        raise ValueError("not a cursor")
    match json.loads(_bytes(cursor)):
        case [int(size), str(hashes)] if size >= 0:
            return Frontier.from_bytes(size, _bytes(hashes))
        case _:
            raise ValueError("not a cursor")


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
