"""One round of an integrator: number what is final, sign the trees over it, all in one transaction.

1. The head row's lock is taken, or somebody else has it and the round ends.
2. Records of transactions that nothing running can come in front of, in the order (xid, id)
   from where the head row says the last round ended.
3. Each is held against its own receipt: who can insert into the table cannot put words into a log.
4. Places are written; a log that an earlier key signed is handed over (`core/succession.py`);
   then each grown log's size, root and signed checkpoint, then the head row.
5. COMMIT. A process that was stopped since step 1 finds its connection ended by the server
   (`idle_in_transaction_session_timeout`), and what it signed was never seen by anybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import orjson

from counterfoil.core.canonical import b64url
from counterfoil.core.checkpoint import (
    KEY_ID_BYTES,
    Checkpoint,
    VerifierKey,
    log_origin,
    signed_note,
)
from counterfoil.core.entry import receipt_message
from counterfoil.core.model import JsonObject
from counterfoil.core.succession import begun, ended, record, record_id
from counterfoil.core.times import rfc3339
from counterfoil.core.tree import Frontier, leaf_hash
from counterfoil.errors import LedgerCorrupt
from counterfoil.ledger.database import StorageUnavailable
from counterfoil.ledger.keys import Verifier
from counterfoil.ledger.port import KEPT_SECONDS
from counterfoil.ledger.postgresql.connection import SETTINGS, Connection, check_durable
from counterfoil.ledger.signing import Signing
from counterfoil.ledger.startup import signed_frontier, signer_of

BATCH: Final = 2_000  # records of one round: some tenths of a second at most

_HEAD = "SELECT xid::text, id, seq FROM head FOR UPDATE SKIP LOCKED"
# Everything below the snapshot's xmin has ended. A transaction that is at work holds back
# what came after it, and no more.
# `r.xid`: a bare `xid` would be the text of the first column, where 999 comes after 1000.
_FINAL = """SELECT r.xid::text, r.id, tenant, event_id, decision_id, leaf, signature
    FROM records r WHERE (r.xid, r.id) > (%s::text::xid8, %s)
    AND r.xid < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY r.xid, r.id LIMIT %s"""
# A record of the integrator's own lies where the last round ended: rounds take transactions
# whole, so nothing that is still to be numbered lies there.
_OWN = """INSERT INTO records (xid, tenant, event_id, leaf, signature)
    VALUES (%s::text::xid8, %s, %s, %s, %s) ON CONFLICT (event_id) DO NOTHING RETURNING id"""
_LOGS = """SELECT log, tenant, size, frontier, root, note, kept,
    extract(epoch FROM clock_timestamp() - kept_at) >= %s FROM logs WHERE {}"""
_NEW_LOG = """INSERT INTO logs (tenant, size, frontier, root, note, kept)
    VALUES (%s, 0, '', %s, '', 0) RETURNING log"""
_PLACES = """INSERT INTO positions (seq, log, idx, record)
    SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])"""
_GROWN = """UPDATE logs SET size = %s, frontier = %s, root = %s, note = %s, kept = %s,
    kept_at = CASE WHEN %s THEN clock_timestamp() ELSE kept_at END WHERE log = %s"""
_LAST = """(SELECT coalesce(max(c.size), 0) FROM checkpoints c WHERE c.log = logs.log) < size"""


_Position: TypeAlias = "tuple[int, int, int]"  # log, index, record


@dataclass(slots=True)
class _Log:
    log: int
    tenant: str
    key: VerifierKey  # the sign that its last checkpoint, or its first record, is of
    frontier: Frontier
    kept: int
    due: bool


class Integrator:
    """Numbers and signs; one per process, whoever else does the same elsewhere.

    Args:
        line: the ledger's name and key, with those before them.
        signing: the private key; while a rotation is carried out, its endorsement too.
    """

    def __init__(self, line: VerifierKey, signing: Signing) -> None:
        self._line, self._signing = line, signing

    def round(self, db: Connection, *, keep: bool = False, end: bool = False) -> int | None:
        """One transaction; how many records it numbered, None where another holds the head.

        Args:
            db: a connection in autocommit.
            keep: look at all logs: keep their last checkpoints, and hand them over.
            end: end the overlap of a rotation in all logs.

        Raises:
            LedgerCorrupt: a record or a log is not what is signed; nothing was written.
            StorageUnavailable: another replica is ahead of this one with a rotation.
            NotDurable: the server would lose what it acknowledges.
            psycopg.Error: the server failed; what was not committed is nowhere.
        """
        with db.transaction():
            head = db.execute(_HEAD).fetchone()  # 1
            if head is None:
                return None
            check_durable(db.execute(SETTINGS.encode()).fetchone() or ())
            rows = self._final(db, head)  # 2
            if not (rows or keep or end):
                return 0
            logs = self._load(db, {row[2] for row in rows}, keep=keep or end)
            places: list[_Position] = []
            for row in rows:
                log = logs[row[2]]
                if not self._signing.recovers:  # what waits for its number is of the old name
                    places += self._begin(db, log, head[0])  # 4
                places.append((*self._place(row, log), row[1]))
            for log in logs.values():
                places += self._begin(db, log, head[0])
                places += self._end(db, log, head[0]) if end else []
            if places:
                numbered = [(head[2] + n, *place) for n, place in enumerate(places, 1)]
                db.execute(_PLACES, [list(column) for column in zip(*numbered, strict=True)])
                xid, last = rows[-1][:2] if rows else (head[0], max(place[2] for place in places))
                at = (xid, last, numbered[-1][0])
                db.execute("UPDATE head SET xid = %s::text::xid8, id = %s, seq = %s", at)
            for log in logs.values():
                self._sign(db, log)
        return len(rows)

    def _signs(self, tenant: str) -> tuple[VerifierKey, ...]:
        return self._line.named(log_origin(self._line.name, tenant)).line()

    def _final(self, db: Connection, head: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """The next records to number, of whole transactions; for a recovery all that there are."""
        if self._signing.recovers:
            return db.execute(_FINAL, (*head[:2], 2**31)).fetchall()
        rows = db.execute(_FINAL, (*head[:2], BATCH)).fetchall()
        if len(rows) < BATCH:
            return rows
        return [row for row in rows if row[0] != rows[-1][0]] or rows

    def _load(self, db: Connection, tenants: set[str], *, keep: bool) -> dict[str, _Log]:
        where = "true" if self._signing.endorsement and keep else "tenant = ANY(%s)"
        where += f" OR {_LAST}" if keep else ""
        parameters = (KEPT_SECONDS, list(tenants))[: 1 + where.count("%s")]
        rows = db.execute(_LOGS.format(where).encode(), parameters).fetchall()
        logs = {row[1]: self._checked(row, keep=keep) for row in rows}
        for tenant in tenants - logs.keys():
            made = db.execute(_NEW_LOG, (tenant, Frontier().root())).fetchone()
            key = self._signs(tenant)[0]
            logs[tenant] = _Log(made[0] if made else 0, tenant, key, Frontier(), kept=0, due=True)
        return logs

    def _checked(self, row: tuple[Any, ...], *, keep: bool) -> _Log:
        log, tenant, size, frontier_bytes, root, note, kept, due = row
        signs, coming = self._signs(tenant), self._signing.coming
        if (
            coming is not None
            and signer_of(note, [*signs, coming.named(signs[0].name)]) not in signs
        ):
            raise StorageUnavailable("another replica signs by the next key already")
        key = signer_of(note, signs[: self._signing.signs])
        frontier = signed_frontier(key, size, frontier_bytes, note)
        if root != frontier.root():
            raise LedgerCorrupt(f"{key.name}: the stored root is not the signed one")
        return _Log(log, tenant, key, frontier, kept, due or keep)

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
        if log.frontier.size == 0:  # a new log of the old name, while a recovery is carried out
            signs = self._signs(tenant)[: self._signing.signs]
            log.key = next((sign for sign in signs if sign.name == named[0]), log.key)
        if named != (log.key.name, tenant, event_id, decision_id):
            raise LedgerCorrupt(f"{event_id}: the record's columns are not its leaf's")
        self._check_receipt(event_id, signature, message, log)
        index = log.frontier.size
        log.frontier.append(hashed)
        return log.log, index

    def _check_receipt(self, event_id: str, signature: bytes, message: bytes, log: _Log) -> None:
        """By the present key; by the one before while its overlap lasts, and no other."""
        signs = self._signs(log.tenant)[: self._signing.signs]
        ours = [key for key in signs if key.name == log.key.name]
        sign = next((key for key in ours if signature.startswith(key.key_id())), None)
        if sign is not None and Verifier(sign)(signature[KEY_ID_BYTES:], message):
            if log.frontier.size == 0:
                log.key = sign
            return
        coming = self._signing.coming
        if coming is not None and signature.startswith(coming.named(log.key.name).key_id()):
            raise StorageUnavailable("another replica signs by the next key already")
        raise LedgerCorrupt(f"{event_id}: the stored receipt is not that of the leaf")

    def _begin(self, db: Connection, log: _Log, xid: str) -> list[_Position]:
        """Hand a log over that was signed by the key before, where it is time."""
        new = self._signs(log.tenant)[0]
        endorsement = self._signing.endorsement
        if log.frontier.size == 0 or log.key == new or endorsement is None:
            return []
        size, root = log.frontier.size, log.frontier.root()
        plain = begun(log.key, new, size=size, root=root, endorsement=endorsement, overlap=True)
        log.key, log.due = new, True
        return self._insert(db, log, xid, plain)

    def _end(self, db: Connection, log: _Log, xid: str) -> list[_Position]:
        """End the overlap of a log that had one."""
        new, *earlier = self._signs(log.tenant)
        if not earlier or not self._was_begun(db, new):
            return []
        return self._insert(db, log, xid, ended(earlier[0]))

    def _was_begun(self, db: Connection, sign: VerifierKey) -> bool:
        """Not in a log that is younger than the key."""
        sql = "SELECT 1 FROM records WHERE event_id = %s"
        return db.execute(sql, (record_id(sign, ends=False),)).fetchone() is not None

    def _insert(self, db: Connection, log: _Log, xid: str, plain: JsonObject) -> list[_Position]:
        now = db.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
        time = rfc3339(now[0] if now else 0.0)
        event_id, leaf = record(log.tenant, log.key, plain, time=time)
        hashed = leaf_hash(leaf)
        message = receipt_message(log.key.name, event_id, b64url(hashed), time)
        signature = log.key.key_id() + self._signing.key.sign(message)
        row = db.execute(_OWN, (xid, log.tenant, event_id, leaf, signature)).fetchone()
        if row is None:  # it was said before
            return []
        index = log.frontier.size
        log.frontier.append(hashed)
        return [(log.log, index, row[0])]

    def _sign(self, db: Connection, log: _Log) -> None:
        frontier, root = log.frontier.to_bytes(), log.frontier.root()
        text = Checkpoint(log.key.name, log.frontier.size, root).text()
        note = signed_note(text, log.key, self._signing.key.sign(text.encode()))
        if log.due:
            log.kept += 1
            values = (log.log, log.kept, log.frontier.size, frontier, note)
            db.execute("INSERT INTO checkpoints VALUES (%s, %s, %s, %s, %s)", values)
        grown = (log.frontier.size, frontier, root, note, log.kept, log.due, log.log)
        db.execute(_GROWN, grown)
