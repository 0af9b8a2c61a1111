"""Exports a closed ledger once, without credential and record, and prints what it took.

python tests/export_once.py LEDGER_FOLDER FORMAT OUTPUT [open]
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from counterfoil.cli.export_file import Job, _Choose, _Partial, fill
from counterfoil.core.search import Filters
from counterfoil.core.tree import Frontier
from counterfoil.ledger.bulk import Bulk
from counterfoil.ledger.keys import VERIFIER_KEY, load_master, read_verifier_key
from counterfoil.ledger.reader import Reader
from counterfoil.ledger.sealing import Master


def main() -> None:
    folder, form, output = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    key = read_verifier_key(folder / "keys" / VERIFIER_KEY)
    master = Master(load_master(folder / "keys", create=False))
    reader = Reader(folder / "ledger.db", master, lambda: key)
    job = Job(
        output=output,
        format=form,
        opened="open" in sys.argv[4:],
        filters=Filters(),
        frontier=Frontier(),
        version="1.8.0",
    )
    started = time.monotonic()
    partial = _Partial(job, job.settings("default"))
    bulk = Bulk(reader, "default", partial.frontier)
    fill(job, _Choose(job, bulk, None), bulk, partial)
    partial.sync()
    seconds = time.monotonic() - started
    partial.close()
    partial.name(output, b"{}")
    usage = resource.getrusage(resource.RUSAGE_SELF)
    found = {
        "records": partial.records,
        "seconds": seconds,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "rss_mb": usage.ru_maxrss / 1024,
    }
    reader.close()
    print(json.dumps(found))  # noqa: T201


main()
