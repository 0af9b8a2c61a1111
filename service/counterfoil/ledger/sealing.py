"""Sealing: data keys per person, payload under them, and keyed names of what happens once.

Only workers and the operator's commands hold the master. A data key is random, lives wrapped
in `subject_keys`, and dies with its row; nothing derives it again.
"""

from __future__ import annotations

import hmac
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from counterfoil.core.canonical import b64url, canonical_bytes
from counterfoil.core.entry import (
    SALT_BYTES,
    commitment,
    data_key_id,
    leaf_bytes,
    sealing_context,
)
from counterfoil.core.times import rfc3339
from counterfoil.errors import LedgerCorrupt
from counterfoil.ledger.fields import NONCE_BYTES, SEALED_VERSION, Ahead, DataKey, seal, seal_fields
from counterfoil.ledger.frames import BadFrame, Value, encode, unpack
from counterfoil.ledger.marking import marked
from counterfoil.ports import Change, Event, Once

KEY_ID_CHARACTERS = 22
MAX_CACHED_KEYS = 4_096
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Sealed:
    """An event ready for the writer, and what its receipt will repeat."""

    wire: list[Value]
    origin: str
    event_id: str
    time: str


class Master:
    """The sealing master and what is derived from it, one key per purpose (RFC 5869 §2.3)."""

    def __init__(self, master: bytes) -> None:
        self._lookup = derived_key(master, b"subject-lookup")
        self._once = derived_key(master, b"once")
        self._wrap = AESGCM(derived_key(master, b"data-key"))

    def lookup(self, tenant: str, subject: tuple[str, str] | None) -> bytes:
        """The keyed name under which a data key is found; without a person: the tenant's."""
        named = canonical_bytes([tenant, *(subject or ())])
        return hmac.digest(self._lookup, named, "sha256")

    def once_scope(self, scope: str) -> bytes:
        """The keyed hash of a scope."""
        return hmac.digest(self._once, b"scope\n" + scope.encode(), "sha256")

    def once_body(self, once: Once) -> bytes:
        """The keyed hash of a body under its scope: equal bodies of two scopes differ."""
        message = canonical_bytes([once.scope, once.body_digest])
        return hmac.digest(self._once, b"body\n" + message, "sha256")

    def state_name(self, name: str) -> bytes:
        """The keyed hash of a state's name or owner."""
        return hmac.digest(self._once, b"state\n" + name.encode(), "sha256")

    def revoked_name(self, tenant: str, by: str, parts: Sequence[str]) -> str:
        """The keyed hash of what a revocation names: it stands in a leaf, and tells nobody."""
        message = b"revoked\n" + canonical_bytes([tenant, by, *parts])
        return b64url(hmac.digest(self._once, message, "sha256"))

    def new_key(self, lookup: bytes) -> tuple[str, bytes]:
        """Draw a data key for who is found by `lookup`: its id and its wrapped form."""
        nonce = os.urandom(NONCE_BYTES)
        wrapped = nonce + self._wrap.encrypt(nonce, os.urandom(_KEY_BYTES), lookup)
        return data_key_id(lookup, wrapped), wrapped

    def unwrap(self, name: str, lookup: bytes, wrapped: bytes) -> DataKey:
        """Open a data key.

        Raises:
            LedgerCorrupt: wrapped under another master, another id or person, or edited.
        """
        if data_key_id(lookup, wrapped) != name:
            raise LedgerCorrupt("a data key is not the one that its id names")
        try:
            opened = self._wrap.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], lookup)
        except (InvalidTag, ValueError) as error:
            raise LedgerCorrupt("a data key does not open with this sealing key") from error
        return DataKey(name, AESGCM(opened))


class KeyRing:
    """Open data keys of this process, the least recently used forgotten; made on request."""

    def __init__(
        self,
        master: Master,
        fetch: Callable[..., tuple[str, bytes]],
        opened: Callable[[], None] = lambda: None,
    ) -> None:
        self._master, self._fetch, self._opened = master, fetch, opened
        self._lock = threading.Lock()
        self._keys: OrderedDict[tuple[str, tuple[str, str] | None], DataKey] = OrderedDict()
        self._forgot = 0  # how often keys went: one fetched before may be among them

    def key_for(self, tenant: str, subject: tuple[str, str] | None, *, deadline: float) -> DataKey:
        """The data key of a person, from the writer where this process has not met them.

        Raises:
            LedgerError: what the writer's answer raises.
        """
        name = (tenant, subject)
        known = self.known(tenant, subject)
        if known is not None:
            return known
        lookup = self._master.lookup(tenant, subject)
        proposed = self._master.new_key(lookup)
        forgot = self._forgot
        stored, wrapped = self._fetch(lookup, *proposed, deadline=deadline)
        key = self._master.unwrap(stored, lookup, wrapped)
        self._opened()
        with self._lock:
            if self._forgot == forgot:
                self._keys[name] = key
            if len(self._keys) > MAX_CACHED_KEYS:
                self._keys.popitem(last=False)
        return key

    def known(self, tenant: str, subject: tuple[str, str] | None) -> DataKey | None:
        """The data key of a person whom this process has met; asks nobody."""
        with self._lock:
            known = self._keys.get((tenant, subject))
            if known is not None:
                self._keys.move_to_end((tenant, subject))
            return known

    def forget(self, tenant: str, subject: tuple[str, str] | None) -> None:
        """Drop a key that the writer does not know (any more)."""
        with self._lock:
            self._keys.pop((tenant, subject), None)

    def forget_erased(self, names: AbstractSet[str] | None) -> None:
        """Drop the keys of these ids, whoever's they are; None: all."""
        with self._lock:
            self._forgot += 1
            if names is None:
                self._keys.clear()
                return
            for person in [p for p, key in self._keys.items() if key.id in names]:
                del self._keys[person]


def needs_key(event: Event) -> bool:
    """Whether the event has a person or anything to seal."""
    return event.subject is not None or bool(event.payload) or event.once is not None


def seal_event(event: Event, origin: str, key: DataKey | None, master: Master) -> Sealed:
    """Commit and seal the payload, build the leaf; `key` is None only without `needs_key`.

    What holds a secret is marked so in the leaf (`marking.py`).

    Raises:
        NotRecordable: the event breaks the leaf's schema.
    """
    event = marked(event)
    commitments: dict[str, str] = {}
    hashes: dict[str, str] = {}
    blobs: dict[str, bytes] = {}
    promise: list[Value] | None = None
    if key is not None:
        ahead = event.ahead.of(event, key, origin) if isinstance(event.ahead, Ahead) else {}
        left = {name: data for name, data in event.payload.items() if name not in ahead}
        fields = {**ahead, **seal_fields(left, key, origin, event.event_id)}
        for name in sorted(fields):
            field = fields[name]
            blobs[name], commitments[name] = field.blob, field.commitment
            hashes[name] = field.hash
        if event.once is not None:
            promise = _seal_once(event.once, key, master)
    time = rfc3339(event.time)
    leaf = leaf_bytes(
        event=event.kind,
        event_id=event.event_id,
        time=time,
        origin=origin,
        tenant=event.tenant,
        subject_key=None if key is None else key.id,
        decision_id=event.decision_id,
        plain=event.plain,
        commitments=commitments,
        sealed=hashes,
    )
    packed = encode({**blobs}) if blobs else None
    wire: list[Value] = [leaf, packed, promise]
    if event.change is not None:
        wire.append(_step(event.change, master))
    return Sealed(wire, origin, event.event_id, time)


def open_payload(
    key: DataKey, blobs: Mapping[str, bytes], commitments: Mapping[str, str], place: tuple[str, str]
) -> dict[str, bytes]:
    """The payload's exact bytes; `place` is (origin, event id).

    Raises:
        LedgerCorrupt: a blob was edited or moved, or is not what was committed.
    """
    opened = open_fields(key, blobs, commitments, place)
    return {field: data for field, (_, data) in opened.items()}


def open_fields(
    key: DataKey, blobs: Mapping[str, bytes], commitments: Mapping[str, str], place: tuple[str, str]
) -> dict[str, tuple[bytes, bytes]]:
    """Each field's salt, which binds it to its commitment, and exact bytes.

    Raises:
        LedgerCorrupt: as `open_payload`.
    """
    opened = {}
    for field, blob in blobs.items():
        content = _open(key.cipher, blob, sealing_context(*place, field))
        salt, data = content[:SALT_BYTES], content[SALT_BYTES:]
        if b64url(commitment(salt, field, data)) != commitments.get(field):
            raise LedgerCorrupt(f"{place[1]}: the field {field} is not what was committed")
        opened[field] = (salt, data)
    return opened


def unpack_sealed(sealed: bytes) -> dict[str, bytes]:
    """The sealed fields of a `payloads` row, in their only spelling.

    Raises:
        ValueError, TypeError: anything else: a second spelling would be an unseen change.
    """
    try:
        value = unpack(sealed)
    except BadFrame as error:
        raise ValueError("the sealed fields are not msgpack") from error
    if not isinstance(value, dict):
        raise TypeError("the sealed fields are not a map")
    blobs = {name: blob for name, blob in value.items() if isinstance(blob, bytes)}
    if list(blobs) != sorted(value) or encode(value) != sealed:
        raise ValueError("the sealed fields are not in their canonical form")
    return blobs


def once_key_id(sealed_answer: bytes) -> str:
    """Which data key opens a stored answer."""
    return sealed_answer[1 : 1 + KEY_ID_CHARACTERS].decode("ascii", errors="replace")


def open_once(sealed_answer: bytes, once: Once, key: DataKey, master: Master) -> bytes:
    """The stored answer of a repetition.

    Raises:
        LedgerCorrupt: edited, or another scope's.
    """
    body = sealed_answer[1 + KEY_ID_CHARACTERS :]
    return _open(key.cipher, body, b"once\n" + master.once_scope(once.scope))


def _seal_once(once: Once, key: DataKey, master: Master) -> list[Value]:
    scope = master.once_scope(once.scope)
    sealed = seal(key.cipher, once.answer, b"once\n" + scope)
    answer = SEALED_VERSION + key.id.encode() + sealed
    return [scope, master.once_body(once), answer, float(once.expires_at)]


def _step(change: Change, master: Master) -> list[Value]:
    return [
        change.kind,
        change.key,
        change.expect_version,
        change.state,
        change.open,
        master.state_name(change.name),
        master.state_name(change.owner),
        float(change.expires_at),
        change.most_open,
    ]


def _open(cipher: AESGCM, blob: bytes, context: bytes) -> bytes:
    start = len(SEALED_VERSION) + NONCE_BYTES
    if blob[:1] != SEALED_VERSION:
        raise LedgerCorrupt("a sealed field has an unknown form")
    try:
        return cipher.decrypt(blob[1:start], blob[start:], context)
    except (InvalidTag, ValueError) as error:
        raise LedgerCorrupt("a sealed field was edited or moved") from error


def derived_key(master: bytes, purpose: bytes) -> bytes:
    """One key per purpose, by HKDF-Expand to one block.

    The master is uniformly random, so Extract would add nothing.
    """
    return hmac.digest(master, b"counterfoil/" + purpose + b"/v1\x01", "sha256")
