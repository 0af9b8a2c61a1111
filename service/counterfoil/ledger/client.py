"""A worker's side of the ledger (`ports.Ledger`): seal here, commit there, open again here.

What the writer gets is a leaf, sealed blobs and keyed hashes. What comes back is a receipt,
whose key only the writer holds, so there is none without a durable commit.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import orjson

from counterfoil.config_ledger import PostgresqlPlace
from counterfoil.core.canonical import b64url, canonical_bytes
from counterfoil.core.checkpoint import VerifierKey, log_origin, parse_verifier_keys
from counterfoil.core.entry import NotRecordable
from counterfoil.core.meanwhile import together
from counterfoil.core.tree import leaf_hash
from counterfoil.errors import (
    CounterfoilError,
    IdempotencyErased,
    LedgerCorrupt,
    LedgerStopped,
    LedgerUnavailable,
)
from counterfoil.grouping import Grouper, GroupLost
from counterfoil.ledger.answers import Stale, refusal
from counterfoil.ledger.asking import FRAME_ROOM, Ask, fitting
from counterfoil.ledger.channel import Channel
from counterfoil.ledger.erasures import ErasureWatch
from counterfoil.ledger.evidence_reader import EvidenceReader
from counterfoil.ledger.fields import seal_ahead
from counterfoil.ledger.frames import MAX_FRAME_BYTES, Value, encode
from counterfoil.ledger.keys import load_master
from counterfoil.ledger.privacy import PrivacyLedger
from counterfoil.ledger.reader import Reader, receipt_of
from counterfoil.ledger.receipt_watch import GOES_ON, ReceiptWatch, StoppedTenants
from counterfoil.ledger.retention import RetentionLedger
from counterfoil.ledger.revoked import RevocationReader
from counterfoil.ledger.sealing import (
    KeyRing,
    Master,
    Sealed,
    needs_key,
    once_key_id,
    open_once,
    seal_event,
)
from counterfoil.ledger.slices import Slices
from counterfoil.ledger.sources import source_of, stops_beside
from counterfoil.ledger.state_reader import StateReader
from counterfoil.ports import Clock, Event, Health, Once, Recorded, SealedAhead, StoredEvent

MAX_GROUP = 64
MAX_WAITING: Final = 1_024  # callers of one worker; more would only wait for their 503


class LedgerClient:
    """One per worker, made after `fork`; for threads and greenlets alike.

    Args:
        socket_path: the writer's socket.
        place: the file or database, read only here.
        keys_directory: holds `sealing.key`.
        clock: time and deadlines.
        create_keys: make a missing sealing key (development only).

    Raises:
        ConfigError: the sealing key cannot be read.
    """

    def __init__(
        self,
        *,
        socket_path: Path,
        place: Path | PostgresqlPlace,
        keys_directory: Path,
        clock: Clock,
        create_keys: bool = False,
    ) -> None:
        self._clock = clock
        master = self._master = Master(load_master(keys_directory, create=create_keys))
        self._channel = Channel(socket_path, clock.monotonic)
        self._grouper: Grouper[Ask, Value] = Grouper(self._exchange, MAX_GROUP)
        self._reader = Reader(source_of(place), self._master, self._receipt_key, self._renewed_key)
        self.reader, self.erasures = self._reader, self._reader.erasures
        self._watch = ErasureWatch(self.erasures)
        self._keys = KeyRing(self._master, self._fetch_key, self._watch.begin)
        self.erasures.listeners.append(self._keys.forget_erased)
        self.privacy = PrivacyLedger(self._reader, master, self._ask, self._seal, self._forget)
        self.states = StateReader(self._reader, self._master, clock)
        self.revocations = RevocationReader(self._reader, self._master, clock)
        self.evidence = EvidenceReader(self._reader.rows, self._receipt_key, self._renewed_key)
        stopped = StoppedTenants(stops_beside(place, keys_directory))
        self.receipts = ReceiptWatch(self._reader.leaf, self._receipt_key, stopped)
        self.slices = Slices(self._reader, self._master)
        self.retention = RetentionLedger(self._reader, self._ask, self._seal)
        self._name: VerifierKey | None = None  # the ledger's prefix and public key
        self._waiting = 0
        self._lock = threading.Lock()  # owns `_waiting`

    def append(
        self,
        events: Sequence[Event],
        *,
        deadline: float,
        meanwhile: Callable[[], None] | None = None,
    ) -> list[Recorded]:
        """Make all durable in one commit, or none (`ports.Ledger`).

        An event whose `once` was done before with the same body is not recorded again: its
        answer is `repeated`, its receipt the first one.

        Raises:
            LedgerUnavailable: not durable in time; it may be recorded all the same.
            LedgerCorrupt: a stored answer does not open.
            OnceConflict: the same scope with another body; none is recorded.
            StateConflict: another change came first; none is recorded.
            LedgerStopped: a held receipt has shown that the tenant's record lost its end.
        """
        stopped = self.receipts.stopped
        if any(event.tenant in stopped and event.kind not in GOES_ON for event in events):
            raise LedgerStopped
        try:
            return self._append(events, deadline, meanwhile)
        except Stale:
            # The writer refused before writing anything, so a second try is not a second
            # record: a restored ledger has another name, an erased person gets a new key.
            self._forget(events)
        try:
            return self._append(events, deadline, meanwhile)
        except Stale as error:
            raise LedgerUnavailable("the writer refused a fresh event") from error

    def seal_ahead(
        self,
        tenant: str,
        subject: tuple[str, str] | None,
        event_id: str,
        payload: Mapping[str, bytes],
    ) -> SealedAhead | None:
        """Seal a part of an event's payload now (`ports.Ledger`); None: not without waiting."""
        key, name = self._keys.known(tenant, subject), self._name
        with suppress(ValueError):  # no origin for this tenant: `append` says so
            if key and name:
                return seal_ahead(payload, key, log_origin(name.name, tenant), event_id)
        return None

    def reserve(self, once: Once, *, deadline: float) -> bytes | None:
        """Claim a scope (`ports.Ledger`): None to go on, or the stored answer.

        Raises:
            OnceConflict: same scope, another body.
            IdempotencyInProgress: the first is still running.
            LedgerError: the writer or the stored answer failed.
        """
        until = self._clock.now() + (deadline - self._clock.monotonic())
        scope, body = self._master.once_scope(once.scope), self._master.once_body(once)
        match self._ask(["reserve", scope, body, until], deadline):
            case ["ok"]:
                return None
            case ["done", bytes(sealed_answer)]:
                return self._open_once(once, sealed_answer)
            case answer:
                raise refusal(answer)

    def release(self, once: Once) -> None:
        """Give a claim back (`ports.Ledger`); never raises ours, its deadline does it too."""
        request = [self._master.once_scope(once.scope), self._master.once_body(once)]
        with suppress(CounterfoilError):
            self._ask(["release", *request], self._clock.monotonic() + 1.0)

    def spend(self, scope: Sequence[str], *, expires_at: float, deadline: float) -> bool:
        """Spend what `scope` names (`ports.SingleUse`): False where it was spent before.

        Raises:
            LedgerError: the writer failed; it may be spent all the same.
        """
        name = self._master.once_scope(canonical_bytes(["spent", *scope]).decode())
        match self._ask(["spend", name, float(expires_at)], deadline):
            case ["ok", bool(fresh)]:
                return fresh
            case answer:
                raise refusal(answer)

    def take(self, once: Once, *, deadline: float) -> bytes | None:
        """Hand out a stored answer once (`ports.OneTimeAnswers`); None where there is none.

        Raises:
            LedgerError: not known in time (it may be taken all the same), or it does not open.
        """
        scope, body = self._master.once_scope(once.scope), self._master.once_body(once)
        match self._ask(["take", scope, body], deadline):
            case ["none"]:
                return None
            case ["done", bytes(sealed_answer)]:
                return self._open_once(once, sealed_answer)
            case answer:
                raise refusal(answer)

    def trail(self, tenant: str, decision_id: str) -> list[StoredEvent]:
        """All events of a decision in log order, opened (`ports.Ledger`).

        Raises:
            LedgerError: unreadable, or not what the receipts say.
        """
        return self._reader.trail(tenant, decision_id)

    def health(self, *, deadline: float) -> Health:
        """Ask the writer whether it could record now. Never raises."""
        try:
            answer = self._ask(["health"], deadline)
        except CounterfoilError as error:
            return Health(ready=False, detail=str(error))
        sound = isinstance(answer, list) and answer[:1] == ["ok"]
        return Health(ready=sound, detail="" if sound else str(refusal(answer)))

    def name(self) -> str:
        """The name that its logs' origins begin with; raises `LedgerError`."""
        return self._receipt_key().name

    def close(self) -> None:
        """Close connections; only when no call is running."""
        self._watch.close()
        self._channel.close()
        self._reader.close()

    def _append(
        self, events: Sequence[Event], deadline: float, meanwhile: Callable[[], None] | None
    ) -> list[Recorded]:
        try:
            sealed = [self._seal(event, deadline) for event in events]
        except NotRecordable as error:
            raise LedgerUnavailable(f"the event cannot be recorded: {error}") from error
        match self._ask(["append", [item.wire for item in sealed]], deadline, meanwhile):
            case ["ok", list(results)] if len(results) == len(events):
                return [
                    self._recorded(*parts) for parts in zip(events, sealed, results, strict=True)
                ]
            case answer:
                raise refusal(answer)

    def _forget(self, events: Sequence[Event]) -> None:
        self._name = None
        for event in events:
            self._keys.forget(event.tenant, event.subject)

    def _seal(self, event: Event, deadline: float) -> Sealed:
        key = None
        if needs_key(event):
            key = self._keys.key_for(event.tenant, event.subject, deadline=deadline)
        try:
            origin = log_origin(self._ledger_name(deadline).name, event.tenant)
        except ValueError as error:
            raise NotRecordable(str(error)) from error
        return seal_event(event, origin, key, self._master)

    def _recorded(self, event: Event, sealed: Sealed, result: Value) -> Recorded:
        match result:
            case [bytes(hashed), bytes(signature)]:
                parts = (sealed.origin, sealed.event_id, b64url(hashed), sealed.time)
                return Recorded(receipt=receipt_of(*parts, signature))
            case [bytes(leaf), bytes(signature), bytes(answer)] if event.once is not None:
                first = orjson.loads(leaf)
                parts = (first["origin"], first["event_id"], b64url(leaf_hash(leaf)), first["time"])
                receipt = receipt_of(*parts, signature)
                return Recorded(receipt=receipt, repeated=self._open_once(event.once, answer))
            case _:
                raise LedgerUnavailable("the ledger writer gave an unknown answer")

    def _open_once(self, once: Once, sealed_answer: bytes) -> bytes:
        key = self._reader.data_key(name := once_key_id(sealed_answer))
        if key is None:
            if self.erasures.holds(name):
                raise IdempotencyErased
            raise LedgerCorrupt("the data key of a stored answer is gone, and not erased")
        return open_once(sealed_answer, once, key, self._master)

    def _fetch_key(
        self, lookup: bytes, name: str, wrapped: bytes, *, deadline: float
    ) -> tuple[str, bytes]:
        match self._ask(["key", lookup, name, wrapped], deadline):
            case ["ok", str(stored_name), bytes(stored)]:
                return stored_name, stored
            case answer:
                raise refusal(answer)

    def verifier_key(self) -> VerifierKey:
        """The ledger's public key; raises `LedgerError`."""
        return self._receipt_key()

    def _receipt_key(self) -> VerifierKey:
        return self._ledger_name(self._clock.monotonic() + 1.0)

    def _renewed_key(self) -> VerifierKey:
        self._name = None
        return self._receipt_key()

    def _ledger_name(self, deadline: float) -> VerifierKey:
        name = self._name
        if name is None:
            match self._ask(["hello"], deadline):
                case ["ok", str(keys)]:
                    name = self._name = parse_verifier_keys(keys)
                case answer:
                    raise refusal(answer)
        return name

    def _ask(
        self, request: Value, deadline: float, meanwhile: Callable[[], None] | None = None
    ) -> Value:
        """One request through the group; raises LedgerUnavailable where no answer came."""
        packed = encode(request)
        if len(packed) > MAX_FRAME_BYTES - FRAME_ROOM:
            raise LedgerUnavailable("the event is too large for the ledger")
        with self._lock:
            if self._waiting >= MAX_WAITING:
                raise LedgerUnavailable("too many events wait for the ledger")
            self._waiting += 1
        try:
            (answer,) = self._grouper.call([Ask(packed, deadline, meanwhile)], deadline)
        finally:
            with self._lock:
                self._waiting -= 1
        if isinstance(answer, (TimeoutError, GroupLost)):
            raise LedgerUnavailable("the ledger did not answer in time") from answer
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _exchange(self, asks: list[Ask]) -> list[Value | Exception]:
        """One group out, in as many frames as its bytes need."""
        answers: list[Value | Exception] = []
        while len(answers) < len(asks):
            frame = fitting(asks[len(answers) :])
            try:
                deadline = min(ask.deadline for ask in frame)
                sent = together(ask.meanwhile for ask in frame)
                answers += self._channel.exchange([ask.packed for ask in frame], deadline, sent)
            except LedgerUnavailable as error:
                answers += [LedgerUnavailable(error.detail) for _ in frame]
        return answers
