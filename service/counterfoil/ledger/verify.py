"""Check a whole ledger, trusting nothing but its public key.

1. The file is sound, and its tables are exactly those of the format.
2. It is the ledger that the key names.
3. Log by log, in order (`log_check.py`): indexes without a gap, every record by itself
   (`evidence.py`), every data key there, every kept checkpoint signed over the root at its size.
4. The log's own row: size, frontier, root and signed note are those of its records.
5. Held checkpoints are a prefix of the log; held receipts are in it with the same leaf hash.
6. Nothing else is in the tables: no record, payload or checkpoint outside a log.

A live ledger is read in short transactions up to the size that it had at the start, so that
the writer is never held up. Memory does not grow with the ledger.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from counterfoil.config_ledger import PostgresqlPlace
from counterfoil.core.checkpoint import Checkpoint, VerifierKey, log_origin
from counterfoil.errors import ConfigError, LedgerCorrupt
from counterfoil.ledger.data_keys import DataKeys
from counterfoil.ledger.evidence import LogName
from counterfoil.ledger.held import Held, add_checked, read_held
from counterfoil.ledger.log_check import LogCheck, LogRow
from counterfoil.ledger.port import Database
from counterfoil.ledger.report import Report
from counterfoil.ledger.schema import FORMAT
from counterfoil.ledger.signatures import helpers
from counterfoil.ledger.sqlite_source import open_read_only
from counterfoil.ledger.startup import version_of

Progress = Callable[[int, int], None]

_STRAY_ENTRY = (
    "SELECT t.log, t.idx FROM entries t LEFT JOIN logs l ON l.log = t.log"
    " WHERE l.log IS NULL OR t.idx >= l.size LIMIT 1"
)
_STRAY_CHECKPOINT = (
    "SELECT t.log, t.number FROM checkpoints t LEFT JOIN logs l ON l.log = t.log"
    " WHERE l.log IS NULL OR t.number > l.kept LIMIT 1"
)


def verify_ledger(
    place: Path | PostgresqlPlace,
    key: VerifierKey,
    *,
    notes: Sequence[bytes] = (),
    receipts: Sequence[bytes] = (),
    checked: Sequence[Checkpoint] = (),
    report: Report | None = None,
    processes: int = 0,
    progress: Progress = lambda _done, _total: None,
) -> Report:
    """Check the file; what is wrong with it is in the report.

    Args:
        place: a live ledger or a copy; a file, or a PostgreSQL database.
        key: its public key, named by its origin prefix (`receipt.pub`).
        notes: signed checkpoints that were held elsewhere.
        receipts: receipts that were held elsewhere, as JSON.
        checked: checkpoints below which all was verified before, taken as true: of what lies
            below only the hashes are computed again, which any change of a record still shows.
        report: is filled and returned; a caller who has it can look while the check runs.
        processes: that many more check signatures; only before this one has any thread.
        progress: called with (records done, records in all).

    Raises:
        InvalidEvidence: a held checkpoint or receipt is not signed by this key.
        OSError, LedgerUnavailable: it cannot be read at all.
    """
    held = read_held(notes, receipts, key)
    add_checked(held, checked)
    report = report if report is not None else Report(key.name)
    if isinstance(place, PostgresqlPlace):
        # Loaded here: a file is checked without the driver.
        from counterfoil.ledger.postgresql.checking import opened, shape_problems  # noqa: PLC0415

        with helpers(processes) as pool, opened(place) as rows:
            found = shape_problems(rows, key)
            for where, what in found:
                report.add(where, what)  # 1, 2, 6
            if not found:
                _check_logs(rows, key, held, report, progress=progress, pool=pool)
        return report
    with place.open("rb"):
        pass  # an OSError that says why, where SQLite would say "unable to open"
    with helpers(processes) as pool:
        try:
            database = _open(place)
            try:
                if _check_file(database, key, report):
                    _check_logs(database, key, held, report, progress=progress, pool=pool)
            finally:
                database.close()
        except (
            sqlite3.Error,
            UnicodeDecodeError,
        ) as error:  # SQLite quotes a damaged name as it is
            report.add("the file", f"is damaged or no ledger: {error}")
    return report


def _open(path: Path) -> sqlite3.Connection:
    database = open_read_only(path)
    try:
        database.execute("SELECT 1 FROM sqlite_schema").fetchone()
    except sqlite3.OperationalError:
        database.close()
        if path.with_name(path.name + "-wal").exists():
            raise
        # A copy on a read-only medium, where WAL mode cannot make its files.
        uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        database = sqlite3.connect(uri, uri=True, isolation_level=None)
    return database


def _check_file(db: Database, key: VerifierKey, report: Report) -> bool:
    """Steps 1 and 2 of a file; False where its tables are not those of the format."""
    (sound,) = db.execute("PRAGMA integrity_check(1)").fetchone()
    if sound != "ok":
        report.add("the file", f"is damaged: {sound}")  # 1
    try:
        version_of(db)
    except (ConfigError, LedgerCorrupt) as error:
        report.add("the file", str(error))  # 1
        return False
    meta = db.execute("SELECT name, value FROM meta ORDER BY name").fetchall()
    if meta != [("format", FORMAT), ("origin_prefix", key.name)]:
        report.add("table meta", f"is {meta}; the key is for {key.name}, format {FORMAT}")  # 2
    return True


def _check_logs(
    db: Database,
    key: VerifierKey,
    held: Held,
    report: Report,
    *,
    progress: Progress,
    pool: ProcessPoolExecutor | None,
) -> None:
    logs, total, payloads = _snapshot(db, report)
    keys = DataKeys(db)
    for row in logs:
        log = _log_row(row, key, report)
        if log is not None:
            check = LogCheck(
                db,
                log,
                held,
                report,
                keys=keys,
                pool=pool,
                progress=lambda done: progress(done, total),
            )
            payloads -= check.run()  # 3, 4, 5
    if payloads:
        report.add("table payloads", f"has {payloads} rows that belong to no record")  # 6
    for origin, event_id in held.contradictions:
        report.add(f"log {origin}", f"two signed receipts of {event_id} differ: it lied")  # 5
    signed = (key.log(log.origin) for log in report.logs)
    there = {sign.name for log in signed if log is not None for sign in log.line()}
    for origin in sorted(held.origins() - there):
        report.add(f"log {origin}", "is gone, and held evidence shows that it was there")  # 5


def _snapshot(db: Database, report: Report) -> tuple[list[tuple[object, ...]], int, int]:
    """The rows of `logs` as they stand now, the number of records and payloads; and step 6."""
    db.execute("BEGIN")
    rows = db.execute(
        "SELECT log, tenant, size, frontier, root, note, kept FROM logs ORDER BY log"
    ).fetchall()
    count, low, high = db.execute(
        "SELECT count(*), coalesce(min(seq), 1), coalesce(max(seq), 0) FROM entries"
    ).fetchone()
    (payloads,) = db.execute("SELECT count(*) FROM payloads").fetchone()
    for table, query in (("entries", _STRAY_ENTRY), ("checkpoints", _STRAY_CHECKPOINT)):
        stray = db.execute(query).fetchone()
        if stray is not None:
            report.add(f"table {table}", f"has row {stray[1]} of log {stray[0]}, outside the log")
    db.execute("COMMIT")
    if low != 1 or high != count:
        report.add("table entries", f"is numbered from {low} to {high} for {count} records")
    return rows, count, payloads


def _log_row(row: tuple[object, ...], key: VerifierKey, report: Report) -> LogRow | None:
    match row:
        case (int(log), str(tenant), int(size), bytes(), bytes(), bytes(), int(kept)):
            try:
                named = key.named(log_origin(key.name, tenant))
            except ValueError as error:
                report.add(f"table logs, row {log}", str(error))
                return None
            return LogRow(log, LogName(tenant, named, key), size, row[3:6], kept)
        case _:
            report.add(f"table logs, row {row[0]}", "is malformed")
            return None
