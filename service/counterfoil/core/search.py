"""Which decisions a search wants, as far as leaves can tell; and where a page went on."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

from counterfoil.core.canonical import b64url, canonical_bytes, digest
from counterfoil.core.model import JsonObject

EFFECTS: Final = frozenset({"allow", "deny", "needs_approval", "failed"})
OPENING: Final = frozenset({"decided", "failed"})
"""The events that open a decision's trail."""
MAX_CURSOR_CHARACTERS: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What is wanted; None takes all.

    `since` (included) and `until` (not included) are times as events write them; `actor` is
    an agent's name as leaves hold it; `effect` is a decision's, or `failed` where policy gave
    no answer. `subject` and `tool` are sealed: a leaf shows only the person's `subject_key`.
    """

    since: str | None = None
    until: str | None = None
    subject: tuple[str, str] | None = None
    actor: str | None = None
    effect: str | None = None
    tool: str | None = None
    run: str | None = None

    def as_json(self) -> JsonObject:
        """The filters that were set."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
            if value is not None
        }

    def takes(self, leaf: Mapping[str, object], subject_key: str | None = None) -> bool:
        """Whether a leaf is an event of a decision that may be wanted.

        Args:
            leaf: the fields of a leaf, not yet judged.
            subject_key: the id of the data key of `subject`.
        """
        plain = leaf.get("plain")
        if not isinstance(plain, dict):
            return False
        time, actor = str(leaf.get("time")), plain.get("actor")
        return (
            (self.since is None or time >= self.since)
            and (self.until is None or time < self.until)
            and (self.run is None or plain.get("run") == self.run)
            and (self.subject is None or leaf.get("subject_key") == subject_key)
            and (self.effect is None or _effect(leaf, plain) == self.effect)
            and (self.actor is None or (isinstance(actor, dict) and actor.get("sub") == self.actor))
        )

    def opens(self, leaf: Mapping[str, object], subject_key: str | None = None) -> bool:
        """Whether a leaf opens a decision that may be wanted."""
        return leaf.get("event") in OPENING and self.takes(leaf, subject_key)


def _effect(leaf: Mapping[str, object], plain: Mapping[str, object]) -> object:
    return "failed" if leaf.get("event") == "failed" else plain.get("effect")


def cursor_of(filters: Filters, before: int) -> str:
    """Where the next page goes on: a place in the log, good for the same filters only.

    It is not signed: it opens nothing, for a page never leaves the caller's own tenant.
    """
    return b64url(canonical_bytes([before, _name(filters)]))


def place_of(filters: Filters, cursor: str) -> int:
    """The place in a cursor.

    Raises:
        ValueError: not a cursor of a search by these filters.
    """
    if len(cursor) > MAX_CURSOR_CHARACTERS:
        raise ValueError("not a cursor of this service")
    # binascii.Error, UnicodeDecodeError and JSONDecodeError are ValueErrors
    match json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))):
        case [int(before), str(name)] if 0 <= before < 2**53 and not isinstance(before, bool):
            if name != _name(filters):
                raise ValueError("the cursor belongs to a search by other filters")
            return before
        case _:
            raise ValueError("not a cursor of this service")


def _name(filters: Filters) -> str:
    return digest(canonical_bytes(filters.as_json()))[:22]
