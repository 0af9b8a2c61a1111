"""What stands readable in the entries of a trail, each held to its receipt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import orjson

from counterfoil.core.canonical import b64url
from counterfoil.core.model import JsonObject
from counterfoil.core.tree import leaf_hash
from counterfoil.errors import LedgerCorrupt

Check: TypeAlias = Callable[[tuple[str, str, str, str], bytes], None]
"""Holds (origin, event id, leaf hash, time) to a stored receipt; raises `LedgerCorrupt`."""


@dataclass(frozen=True, slots=True)
class Marked:
    """What stands readable in an entry of a trail that tenants have in common."""

    seq: int
    tenant: str
    kind: str
    time: str
    plain: JsonObject


def marked_of(row: tuple[object, ...], check: Check) -> Marked:
    """An entry of a trail, held to its receipt and its tenant.

    Raises:
        LedgerCorrupt: it is not what its receipt says.
    """
    match row:
        case (int(seq), str(tenant), bytes(leaf), bytes(signature)):
            pass
        case _:
            raise LedgerCorrupt("a row of the ledger has another shape")
    try:
        fields = orjson.loads(leaf)
        signed = (fields["origin"], fields["event_id"], b64url(leaf_hash(leaf)), fields["time"])
        check(signed, signature)
        if fields["tenant"] != tenant:
            raise LedgerCorrupt("an entry stands in another tenant's log")
        return Marked(seq, tenant, fields["event"], fields["time"], fields["plain"])
    except (ValueError, KeyError, TypeError) as error:
        raise LedgerCorrupt(f"an entry cannot be read: {error}") from error
