"""Some events of one log, chosen by their leaves, in either direction (`ports_search.Searches`).

Leaves are passed without being judged; what was chosen is read again whole, and judged by
its receipt, before anybody sees it.
"""

from __future__ import annotations

from counterfoil.ledger.reader import Reader, leaf_fields
from counterfoil.ledger.sealing import Master
from counterfoil.ports import StoredEvent
from counterfoil.ports_search import Choice, Slice

PASSED_AT_ONCE = 2_048  # a few milliseconds, then others of this worker go in between
_LEAVES = "SELECT e.idx, e.leaf FROM entries e JOIN logs l ON l.log = e.log"
_BEFORE = (
    f"{_LEAVES} WHERE l.tenant = ? AND e.idx < CAST(? AS BIGINT)"
    f" ORDER BY e.idx DESC LIMIT {PASSED_AT_ONCE}"
)
_AFTER = (
    f"{_LEAVES} WHERE l.tenant = ? AND e.idx > CAST(? AS BIGINT)"
    f" ORDER BY e.idx LIMIT {PASSED_AT_ONCE}"
)
_PERSON = "SELECT id FROM subject_keys WHERE lookup = ?"
_END = 2**62


class Slices:
    """Implements `ports_search.Searches`."""

    def __init__(self, reader: Reader, master: Master) -> None:
        self._reader, self._master = reader, master

    def subject_key(self, tenant: str, subject: tuple[str, str]) -> str | None:
        """The id of a person's data key, None where there is none (any more).

        Raises:
            LedgerUnavailable: the file cannot be read.
        """
        rows = self._reader.rows(_PERSON, self._master.lookup(tenant, subject))
        return str(rows[0][0]) if rows else None

    def backwards(self, tenant: str, *, before: int | None, most: int, choose: Choice) -> Slice:
        """Chosen events below a place, the newest first.

        Raises:
            LedgerUnavailable, LedgerCorrupt: as `Reader.trail`.
        """
        start = _END if before is None else before
        return self._slice(_BEFORE, tenant, start, most, choose)

    def forwards(self, tenant: str, *, after: int, most: int, choose: Choice) -> Slice:
        """Chosen events above a place, the oldest first.

        Raises:
            LedgerUnavailable, LedgerCorrupt: as `Reader.trail`.
        """
        return self._slice(_AFTER, tenant, after, most, choose)

    def _slice(self, sql: str, tenant: str, start: int, most: int, choose: Choice) -> Slice:
        rows = self._reader.rows(sql, tenant, str(start))
        place = start
        events: list[StoredEvent] = []
        times: list[str] = []
        for index, leaf in rows:
            place = int(str(index))
            fields = leaf_fields(leaf)
            times.append(str(fields.get("time")))
            if choose(fields):
                events.append(self._reader.at(tenant, place))
                if len(events) == most:
                    break
        else:
            if len(rows) < PASSED_AT_ONCE:
                return Slice(events=events, place=None, last=place, **_bounds(times))
        return Slice(events=events, place=place, last=place, **_bounds(times))


def _bounds(times: list[str]) -> dict[str, str]:
    return {"newest": max(times), "oldest": min(times)} if times else {}
