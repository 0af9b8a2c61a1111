"""The worker's side of erasures and legal holds (`ports_privacy.Privacy`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from counterfoil.core.canonical import b64url
from counterfoil.core.entry import NotRecordable
from counterfoil.core.model import JsonObject
from counterfoil.core.privacy import HOLDS, Holding, held_by
from counterfoil.errors import LedgerUnavailable
from counterfoil.ledger.answers import Stale, refusal
from counterfoil.ledger.frames import Value
from counterfoil.ledger.reader import Reader, receipt_of
from counterfoil.ledger.sealing import Master, Sealed
from counterfoil.ports import Event, Recorded
from counterfoil.ports_privacy import Person

_KEY = "SELECT id FROM subject_keys WHERE lookup = ?"


class PrivacyLedger:
    """One per worker, over its reader and its way to the writer."""

    def __init__(
        self,
        reader: Reader,
        master: Master,
        ask: Callable[[Value, float], Value],
        seal: Callable[[Event, float], Sealed],
        forget: Callable[[Sequence[Event]], None],
    ) -> None:
        self._reader, self._master = reader, master
        self._ask, self._seal, self._forget = ask, seal, forget

    def key_of(self, person: Person) -> str | None:
        """The id of a person's data key (`ports_privacy.Privacy`).

        Raises:
            LedgerUnavailable: it cannot be read.
        """
        rows = self._reader.rows(_KEY, self._lookup(person))
        return str(rows[0][0]) if rows else None

    def known_or_new_key(self, person: Person, *, deadline: float) -> str:
        """The id of a person's data key, one that is there (`ports_privacy.Privacy`).

        Raises:
            LedgerError: the writer did not answer.
        """
        proposed = self._master.new_key(lookup := self._lookup(person))
        match self._ask(["key", lookup, *proposed], deadline):
            case ["ok", str(name), bytes()]:
                return name
            case answer:
                raise refusal(answer)

    def holding(self, tenant: str) -> Holding:
        """The holds that stand (`ports_privacy.Privacy`), each event held to its receipt.

        Raises:
            LedgerUnavailable, LedgerCorrupt: nobody knows.
        """
        return held_by(self._holds(tenant))

    def erase(
        self, person: Person, event: Event, holds: Sequence[str], *, deadline: float
    ) -> Recorded | None:
        """Destroy a data key (`ports_privacy.Privacy`).

        Raises:
            HoldInForce, StateConflict, LedgerError: as there.
        """
        try:
            return self._erase(person, event, holds, deadline)
        except Stale:  # who erases was erased, or the ledger restored: nothing was written
            self._forget([event])
        try:
            return self._erase(person, event, holds, deadline)
        except Stale as error:
            raise LedgerUnavailable("the writer refused a fresh event") from error

    def _erase(
        self, person: Person, event: Event, holds: Sequence[str], deadline: float
    ) -> Recorded | None:
        try:
            sealed = self._seal(event, deadline)
        except NotRecordable as error:
            raise LedgerUnavailable(f"the event cannot be recorded: {error}") from error
        names: list[Value] = [self._master.state_name(name) for name in holds]
        request: Value = ["erase", self._lookup(person), names, sealed.wire]
        match self._ask(request, deadline):
            case ["none", *_]:
                return None
            case ["ok", [[bytes(hashed), bytes(signature)]]]:
                self._reader.erasures.look()
                parts = (sealed.origin, sealed.event_id, b64url(hashed), sealed.time)
                return Recorded(receipt=receipt_of(*parts, signature))
            case answer:
                raise refusal(answer)

    def _lookup(self, person: Person) -> bytes:
        return self._master.lookup(person.tenant, (person.issuer, person.sub))

    def _holds(self, tenant: str) -> Iterator[tuple[str, JsonObject]]:
        # Those without a number first asked and last told: what gets one in between is told twice,
        # and a hold that is set twice stands once.
        waiting, after = self._reader.unnumbered(HOLDS), 0
        while found := self._reader.marked(HOLDS, after=after):
            yield from ((entry.kind, entry.plain) for entry in found if entry.tenant == tenant)
            after = found[-1].seq
        yield from ((entry.kind, entry.plain) for entry in waiting if entry.tenant == tenant)
