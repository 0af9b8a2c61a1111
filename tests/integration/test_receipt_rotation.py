"""The ledger's own key is rotated under load, on both stores: nothing stops, nothing is lost."""

from __future__ import annotations

import threading

from counterfoil.core.checkpoint import log_origin
from ledger_samples import receipt_files
from ledgers import Ledger, event, soon
from rotations import Thief, rotate


def test_workers_go_on_while_the_receipt_key_is_rotated(any_ledger: Ledger) -> None:
    """Callers of two workers see no error, readers read both, and all of it verifies."""
    failed: list[Exception] = []
    receipts = []
    done = threading.Event()

    def work(tenant: str) -> None:
        client = any_ledger.client()
        while not done.is_set():
            sent = event(tenant=tenant)
            try:
                receipts.append(client.append([sent], deadline=soon())[0].receipt)
                (found,) = client.trail(tenant, str(sent.decision_id))
                assert found.event_id == sent.event_id
            except Exception as error:  # noqa: BLE001 (whatever it is, the test fails on it)
                failed.append(error)
                return

    threads = [threading.Thread(target=work, args=(tenant,)) for tenant in ("default", "other")]
    reader = any_ledger.client()
    first = event()
    receipts.append(reader.append([first], deadline=soon())[0].receipt)
    for thread in threads:
        thread.start()
    thief = rotate(any_ledger)
    done.set()
    for thread in threads:
        thread.join()
    assert failed == []
    # A worker that slept through it reads what it wrote, and writes.
    (found,) = reader.trail("default", str(first.decision_id))
    assert found.event_id == first.event_id
    receipts.append(reader.append([event()], deadline=soon())[0].receipt)

    report = any_ledger.verify(receipts=receipt_files(receipts))
    assert report.findings == []
    assert report.held_receipts == len(receipts)
    line = any_ledger.key.named(log_origin(any_ledger.key.name, "default")).line()
    used = {receipt.key_id for receipt in receipts if receipt.origin == line[0].name}
    assert len(line) == 2
    assert {line[0].key_id().hex(), line[-1].key_id().hex()} <= used
    if any_ledger.integrator is not None:
        stolen_key_is_refused(any_ledger, thief)


def stolen_key_is_refused(ledger: Ledger, thief: Thief) -> None:
    """Who can insert into the table and has the old key gets no place in a log after its end."""
    event_id, leaf = thief.leaf("default")
    size = ledger.rows("SELECT size FROM logs ORDER BY log")
    ledger.edit(
        "INSERT INTO records (tenant, event_id, leaf, signature) VALUES ('default', ?, ?, ?)",
        *(event_id, leaf, thief.stored_receipt("default", event_id, leaf)),
    )
    assert ledger.integrator is not None
    assert ledger.integrator.wait(20) == 65
    ledger.integrator = None
    assert ledger.rows("SELECT size FROM logs ORDER BY log") == size
