"""A small closed ledger to attack, and what an auditor holds of it."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from counterfoil.core.model import Receipt
from counterfoil.ledger.report import Report
from counterfoil.ledger.verify import verify_ledger
from ledgers import Ledger, event, running_ledger, soon


@dataclass(frozen=True, slots=True)
class Sample:
    """A closed ledger, its key, and what an auditor holds of it."""

    ledger: Ledger
    receipts: list[Receipt]
    checkpoints: list[bytes]

    @property
    def path(self) -> Path:
        return self.ledger.database

    def verify(self, notes: Sequence[bytes] = (), receipts: Sequence[bytes] = ()) -> Report:
        return verify_ledger(self.path, self.ledger.key, notes=notes, receipts=receipts)

    def edit(self, *statements: tuple[object, ...]) -> None:
        """Change the file as somebody with full access would: without a trace in a WAL."""
        with closing(sqlite3.connect(self.path, isolation_level=None)) as database:
            database.execute("PRAGMA synchronous = OFF")
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("BEGIN")
            for sql, *parameters in statements:
                database.execute(str(sql), parameters)
            database.execute("COMMIT")

    def rows(self, table: str) -> list[tuple[object, ...]]:
        order = "seq" if table in {"entries", "payloads"} else "1, 2"
        with closing(sqlite3.connect(self.path)) as database:
            return database.execute(f"SELECT * FROM {table} ORDER BY {order}").fetchall()  # noqa: S608


@contextmanager
def closed_ledger(folder: Path) -> Iterator[Sample]:
    """Five records in two logs, written in two lives of a writer, so with older checkpoints."""
    with running_ledger(folder) as ledger:
        receipts, checkpoints = [], []
        for life in (["default", "other"], ["default", "default", "other"]):
            ledger.stop()
            ledger.start()
            client = ledger.client()
            for tenant in life:
                sent = event(tenant=tenant, payload={"prompt": b"Please"}, plain={"effect": "deny"})
                receipts.append(client.append([sent], deadline=soon())[0].receipt)
            with closing(sqlite3.connect(ledger.database)) as database:
                checkpoints += [row[0] for row in database.execute("SELECT note FROM logs")]
        for client in ledger.clients:
            client.close()
        ledger.stop()
        yield Sample(ledger, receipts, checkpoints)


@contextmanager
def copy_of(original: Sample, folder: Path) -> Iterator[Sample]:
    """A copy to change; whole at first."""
    copied = Ledger(folder)
    shutil.copyfile(original.path, copied.database)
    shutil.copytree(original.ledger.keys, copied.keys)
    changed = Sample(copied, original.receipts, original.checkpoints)
    report = changed.verify(notes=changed.checkpoints, receipts=receipt_files(changed.receipts))
    assert (report.findings, report.entries, report.held_receipts) == ([], 5, 5)
    assert report.checkpoints >= 4
    yield changed
    copied.close()


def receipt_files(receipts: Sequence[Receipt]) -> list[bytes]:
    return [json.dumps({"receipt": asdict(receipt)}).encode() for receipt in receipts]
