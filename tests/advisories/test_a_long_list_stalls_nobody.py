"""`GET /approvals` had a worker for itself while it looked through all open approvals of a tenant.

At a millisecond each and 2,000 at most, for anybody with a token, in a group or not; a greenlet
gives way only where it waits, and reading SQLite never does.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from ledgers import event, running_ledger, soon

READS = 50
SCRIPT = """
from gevent import monkey
monkey.patch_all()
import gevent, sys
from pathlib import Path
from counterfoil.ledger.keys import load_master, read_verifier_key
from counterfoil.ledger.reader import Reader
from counterfoil.ledger.sealing import Master

folder, decision, reads = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
key = read_verifier_key(folder / "keys" / "receipt.pub")
master = Master(load_master(folder / "keys", create=False))
reader = Reader(folder / "ledger.db", master, lambda: key)
turns = 0

def other():
    global turns
    while True:
        turns += 1
        gevent.sleep(0)

gevent.spawn(other)
told = sum(len(reader.trail("default", decision)) for _ in range(reads))
print([told, turns])
"""


def test_others_of_a_worker_run_between_the_reads_of_one(tmp_path: Path) -> None:
    sent = event()
    with running_ledger(tmp_path) as ledger:
        ledger.client().append([sent], deadline=soon())
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(tmp_path), str(sent.decision_id), str(READS)],
            capture_output=True,
            text=True,
            check=True,
        )
    told, turns = json.loads(done.stdout)
    assert told == READS  # control: each was read
    assert turns >= READS - 1
