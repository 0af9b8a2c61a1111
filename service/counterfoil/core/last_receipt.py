"""The receipt that a hook sends back with its next call (`Counterfoil-Last-Receipt`)."""

from __future__ import annotations

from dataclasses import asdict

from counterfoil.core.canonical import b64url, canonical_bytes
from counterfoil.core.entry import HASH, ID, ORIGIN, TIME, from_b64url
from counterfoil.core.model import Receipt
from counterfoil.core.strict_json import parse
from counterfoil.errors import CounterfoilError

MAX_CHARACTERS = 4_096  # of the header; an origin has at most 512
_MEMBERS = ("origin", "event_id", "leaf_hash", "time", "key_id", "signature")


def read_last_receipt(text: str) -> Receipt | None:
    """The receipt in its only spelling, nothing verified; None for anything else."""
    if len(text) > MAX_CHARACTERS:
        return None
    try:
        data = from_b64url(text)
        value = parse(data, max_bytes=MAX_CHARACTERS)
        members = {name: item for name, item in value.items() if isinstance(item, str)}
        receipt = Receipt(**members)
    except (CounterfoilError, ValueError, TypeError):
        return None
    formed = (
        ORIGIN.fullmatch(receipt.origin)
        and ID.fullmatch(receipt.event_id)
        and HASH.fullmatch(receipt.leaf_hash)
        and TIME.fullmatch(receipt.time)
    )
    again = b64url(canonical_bytes(asdict(receipt)))
    return receipt if formed and again == text and len(value) == len(_MEMBERS) else None
