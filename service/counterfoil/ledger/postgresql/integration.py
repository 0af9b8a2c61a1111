"""One round of an integrator: number what is final, sign the trees over it, all in one transaction.

1. The head row's lock is taken, or somebody else has it and the round ends.
2. Records of transactions that nothing running can come in front of, in the order (xid, id)
   from where the head row says the last round ended.
3. Each is held against its own receipt: who can insert into the table cannot put words into a log.
4. Places are written, then each grown log's size, root and signed checkpoint, then the head row.
5. COMMIT. A process that was stopped since step 1 finds its connection ended by the server
   (`idle_in_transaction_session_timeout`), and what it signed was never seen by anybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import orjson

from counterfoil.core.canonical import b64url
from counterfoil.core.checkpoint import (
    Checkpoint,
    VerifierKey,
    log_origin,
    signed_note,
)
from counterfoil.core.entry import receipt_message
from counterfoil.core.tree import Frontier, leaf_hash
from counterfoil.errors import LedgerCorrupt
from counterfoil.ledger.keys import ReceiptKey, Verifier
from counterfoil.ledger.port import KEPT_SECONDS
from counterfoil.ledger.postgresql.connection import SETTINGS, Connection, check_durable
from counterfoil.ledger.startup import signed_frontier

BATCH: Final = 2_000  # records of one round: some tenths of a second at most

_HEAD = "SELECT xid::text, id, seq FROM head FOR UPDATE SKIP LOCKED"
# Everything below the snapshot's xmin has ended. A transaction that is at work holds back
# what came after it, and no more.
# `r.xid`: a bare `xid` would be the text of the first column, where 999 comes after 1000.
_FINAL = """SELECT r.xid::text, r.id, tenant, event_id, decision_id, leaf, signature
    FROM records r WHERE (r.xid, r.id) > (%s::text::xid8, %s)
    AND r.xid < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY r.xid, r.id LIMIT %s"""
_LOGS = """SELECT log, tenant, size, frontier, root, note, kept,
    extract(epoch FROM clock_timestamp() - kept_at) >= %s FROM logs WHERE {}"""
_NEW_LOG = """INSERT INTO logs (tenant, size, frontier, root, note, kept)
    VALUES (%s, 0, '', %s, '', 0) RETURNING log"""
_PLACES = """INSERT INTO positions (seq, log, idx, record)
    SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])"""
_GROWN = """UPDATE logs SET size = %s, frontier = %s, root = %s, note = %s, kept = %s,
    kept_at = CASE WHEN %s THEN clock_timestamp() ELSE kept_at END WHERE log = %s"""
_LAST = """(SELECT coalesce(max(c.size), 0) FROM checkpoints c WHERE c.log = logs.log) < size"""


@dataclass(slots=True)
class _Log:
    log: int
    key: VerifierKey
    key_id: bytes
    frontier: Frontier
    kept: int
    due: bool


class Integrator:
    """Numbers and signs; one per process, whoever else does the same elsewhere."""

    def __init__(self, prefix: str, key: ReceiptKey) -> None:
        self._prefix, self._key = prefix, key
        self._verify = Verifier(VerifierKey(prefix, key.public))

    def round(self, db: Connection, *, keep: bool = False) -> int | None:
        """One transaction; how many records it numbered, None where another holds the head.

        Args:
            db: a connection in autocommit.
            keep: keep the last checkpoint of each log, as at a stop.

        Raises:
            LedgerCorrupt: a record or a log is not what is signed; nothing was written.
            NotDurable: the server would lose what it acknowledges.
            psycopg.Error: the server failed; what was not committed is nowhere.
        """
        with db.transaction():
            head = db.execute(_HEAD).fetchone()  # 1
            if head is None:
                return None
            check_durable(db.execute(SETTINGS.encode()).fetchone() or ())
            xid, last, seq = head
            rows = db.execute(_FINAL, (xid, last, BATCH)).fetchall()  # 2
            if not rows and not keep:
                return 0
            logs = self._load(db, {row[2] for row in rows}, keep=keep)
            places = [
                (seq + number, *self._place(row, logs[row[2]]), row[1])
                for number, row in enumerate(rows, 1)
            ]
            if places:
                db.execute(_PLACES, [list(column) for column in zip(*places, strict=True)])  # 4
                end = (rows[-1][0], rows[-1][1], places[-1][0])
                db.execute("UPDATE head SET xid = %s::text::xid8, id = %s, seq = %s", end)
            for log in logs.values():
                self._sign(db, log)
        return len(rows)

    def _load(self, db: Connection, tenants: set[str], *, keep: bool) -> dict[str, _Log]:
        where = "tenant = ANY(%s)" + (f" OR {_LAST}" if keep else "")
        rows = db.execute(_LOGS.format(where).encode(), (KEPT_SECONDS, list(tenants))).fetchall()
        logs = {row[1]: self._checked(row, keep=keep) for row in rows}
        for tenant in tenants - logs.keys():
            made = db.execute(_NEW_LOG, (tenant, Frontier().root())).fetchone()
            key = VerifierKey(log_origin(self._prefix, tenant), self._key.public)
            log = made[0] if made else 0
            logs[tenant] = _Log(log, key, key.key_id(), Frontier(), kept=0, due=True)
        return logs

    def _checked(self, row: tuple[Any, ...], *, keep: bool) -> _Log:
        log, tenant, size, frontier_bytes, root, note, kept, due = row
        key = VerifierKey(log_origin(self._prefix, tenant), self._key.public)
        frontier = signed_frontier(key, self._verify, size, frontier_bytes, note)
        if root != frontier.root():
            raise LedgerCorrupt(f"{key.name}: the stored root is not the signed one")
        return _Log(log, key, key.key_id(), frontier, kept, due or keep)

    def _place(self, row: tuple[Any, ...], log: _Log) -> tuple[int, int]:
        """The log and index of a record, after step 3."""
        _, _, tenant, event_id, decision_id, leaf, signature = row
        hashed = leaf_hash(leaf)
        try:
            fields = orjson.loads(leaf)
            message = receipt_message(fields["origin"], event_id, b64url(hashed), fields["time"])
            named = (fields["origin"], fields["tenant"], fields["event_id"], fields["decision_id"])
        except (ValueError, KeyError, TypeError) as error:
            raise LedgerCorrupt(f"{event_id}: the leaf cannot be read") from error
        if named != (log.key.name, tenant, event_id, decision_id):
            raise LedgerCorrupt(f"{event_id}: the record's columns are not its leaf's")
        if not self._verify.receipt(signature, log.key_id, message):
            raise LedgerCorrupt(f"{event_id}: the stored receipt is not that of the leaf")
        index = log.frontier.size
        log.frontier.append(hashed)
        return log.log, index

    def _sign(self, db: Connection, log: _Log) -> None:
        frontier, root = log.frontier.to_bytes(), log.frontier.root()
        text = Checkpoint(log.key.name, log.frontier.size, root).text()
        note = signed_note(text, log.key, self._key.sign(text.encode()))
        if log.due:
            log.kept += 1
            values = (log.log, log.kept, log.frontier.size, frontier, note)
            db.execute("INSERT INTO checkpoints VALUES (%s, %s, %s, %s, %s)", values)
        grown = (log.frontier.size, frontier, root, note, log.kept, log.due, log.log)
        db.execute(_GROWN, grown)
