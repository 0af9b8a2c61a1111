"""How a ledger goes over to another signing key or name: one record in each log, and its rules.

A *sign* is a name and a key together. At any size one sign counts for a log's checkpoints. The
record that ends one (`key_rotated` for a new key, `recovery` for a new name) is itself of the new
sign, says what stood at the end of the old one (size and root), and bears the old key's signature
over the new one, made while the old one counted (a recovery, which may go on from a backup of
before a rotation, bears the present key's). So a log's records lead from its first sign to
its present one, and what a key signs after its end is nobody's.

On replicas, records that the old key signed may still arrive for a while: there the record says
`overlap`, and a second one says what `ended`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from counterfoil.core.canonical import b64url, canonical_bytes
from counterfoil.core.checkpoint import VerifierKey
from counterfoil.core.entry import from_b64url, leaf_bytes
from counterfoil.core.model import JsonObject

ROTATED, RECOVERED = "key_rotated", "recovery"
DOMAIN = b"counterfoil/succession/v1\n"
MARKS = (b'"event":"key_rotated"', b'"event":"recovery"')
"""One of these stands in each leaf that `Signs` must see (canonical JSON has no white space)."""

_SIGNATURE = re.compile(r"[A-Za-z0-9_-]{86}")

Verify = Callable[[bytes, bytes, bytes], bool]
"""(public key, signature, message) → whether the key made it."""


def statement(old: VerifierKey, new: VerifierKey) -> bytes:
    """What the old key signs; both are the ledger's, not a log's."""
    return DOMAIN + canonical_bytes({"from": old.text(), "to": new.text()})


def begun(
    old: VerifierKey, new: VerifierKey, *, size: int, root: bytes, endorsement: bytes, overlap: bool
) -> JsonObject:
    """The plain part of the record that begins a sign; both are the log's."""
    return {
        "purpose": "receipt",
        "key": b64url(new.public),
        "previous_origin": old.name,
        "previous_key": b64url(old.public),
        "previous_size": size,
        "previous_root": b64url(root),
        "endorsement": b64url(endorsement),
        **({"overlap": True} if overlap else {}),
    }


def ended(old: VerifierKey) -> JsonObject:
    """The plain part of the record that ends an overlap."""
    return {"purpose": "receipt", "ended": b64url(old.public), "ended_origin": old.name}


def record(tenant: str, sign: VerifierKey, plain: JsonObject, *, time: str) -> tuple[str, bytes]:
    """The event id and leaf of one of these; `sign` is the log's new one.

    The id follows from what it says and where, so that the same cannot be recorded twice.
    """
    event_id = record_id(sign, ends="ended" in plain)
    leaf = leaf_bytes(
        event=ROTATED if plain.get("previous_origin", sign.name) == sign.name else RECOVERED,
        event_id=event_id,
        time=time,
        origin=sign.name,
        tenant=tenant,
        subject_key=None,
        decision_id=None,
        plain=plain,
        commitments={},
        sealed={},
    )
    return event_id, leaf


def record_id(sign: VerifierKey, *, ends: bool) -> str:
    """The event id of the record that begins a log's sign, or `ends` the overlap after it."""
    what: JsonObject = {"origin": sign.name, "key": b64url(sign.public), "ends": ends}
    return "evt_" + hashlib.sha256(DOMAIN + canonical_bytes(what)).hexdigest()[:26]


@dataclass(slots=True)
class Signs:
    """Which sign counts at a place of one log; `step` takes its records in order.

    Args:
        key: the log's present sign with those before it.
        ledger: the same of the ledger.
    """

    key: VerifierKey
    ledger: VerifierKey
    verify: Verify
    current: int = -1  # the place in `line`; -1 before the first record
    open: set[int] = field(default_factory=set)
    _line: tuple[VerifierKey, ...] = ()
    _ids: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._line = self.key.line()
        self._ids = [key.key_id() for key in self._line]

    @property
    def now(self) -> VerifierKey:
        """The sign that counts for a checkpoint of this size."""
        return self._line[self.current]

    def of(self, origin: str, key_id: bytes) -> int | None:
        """Whose receipt this claims to be."""
        for place, (key, own) in enumerate(zip(self._line, self._ids, strict=True)):
            if own == key_id and key.name == origin:
                return place
        return None

    def public(self, sign: int) -> bytes:
        """A sign's public key."""
        return self._line[sign].public

    def step(
        self, sign: int, leaf: JsonObject, *, size: int, root: Callable[[], bytes]
    ) -> str | None:
        """Take a record of a sign; `size` and `root` are the tree's before it. What is wrong."""
        if self.current < 0:
            self.current, self.open = sign, {sign}
        plain = leaf["plain"]
        turns = leaf["event"] in {ROTATED, RECOVERED} and isinstance(plain, dict)
        if turns and isinstance(plain, dict) and "ended" in plain:
            return self._end(sign, plain)
        if turns and isinstance(plain, dict):
            return self._begin(sign, leaf, plain, size, root)
        return None if sign in self.open else "is signed by a key or name that had ended here"

    def _begin(
        self, sign: int, leaf: JsonObject, plain: JsonObject, size: int, root: Callable[[], bytes]
    ) -> str | None:
        if sign >= self.current:
            return "hands over to a key or name that is not newer"
        before = self.current
        old, new = self._line[before], self._line[sign]
        overlap = plain.get("overlap") is True
        self.current, self.open = sign, {sign, *(self.open if overlap else ())}
        signature = str(plain.get("endorsement"))
        wanted = begun(old, new, size=size, root=root(), endorsement=b"", overlap=overlap)
        if {**plain, "endorsement": ""} != wanted:
            return "does not hand over what stood here"
        recovers = old.name != new.name
        if (leaf["event"] == RECOVERED) != recovers:
            return "is a recovery without a new name, or a rotation with one"
        ledger = self.ledger.line()
        message = statement(ledger[sign if recovers else before], ledger[sign])
        if not _SIGNATURE.fullmatch(signature) or not self.verify(
            new.public if recovers else old.public, from_b64url(signature), message
        ):
            return "is not endorsed by the key that it ends"
        return None

    def _end(self, sign: int, plain: JsonObject) -> str | None:
        old = [p for p in self.open if self._line[p] != self.now and ended(self._line[p]) == plain]
        if sign != self.current or not old:
            return "ends a key or name that is not at its end"
        self.open -= set(old)
        return None
