"""A million records: checked within a minute, one of them proved within fifty milliseconds."""

from __future__ import annotations

import os
import random
import resource
import sqlite3
import time
from contextlib import closing

import pytest

import evidence
from counterfoil.ledger.prove import proof_of, record_of
from counterfoil.ledger.sqlite_source import SqliteSource
from counterfoil.ledger.verify import verify_ledger
from many_records import Many, kept_ledger

RECORDS = 1_000_000
PROOFS = 200


@pytest.mark.prove
def test_a_million_records_are_checked_and_proved(capsys: pytest.CaptureFixture[str]) -> None:
    """Prints and records what it took; what is asserted is that all of it was right."""
    made = kept_ledger(RECORDS)
    helpers = max(1, (os.cpu_count() or 1) - 1)
    started, used = time.perf_counter(), _cpu()
    report = verify_ledger(made.database, made.key, processes=helpers)
    seconds, cpu = time.perf_counter() - started, _cpu() - used
    assert (report.findings, report.entries) == ([], RECORDS)
    times = _prove_some(made)
    numbers = {
        "records": RECORDS,
        "bytes": made.database.stat().st_size,
        "verify_seconds": round(seconds, 1),
        "verify_cpu_seconds_all_processes": round(cpu, 1),
        "verify_processes": helpers + 1,
        "largest_process_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "proofs": PROOFS,
        "prove_ms_median": round(times[len(times) // 2] * 1e3, 1),
        "prove_ms_p99": round(times[len(times) * 99 // 100] * 1e3, 1),
        "load_average": [round(load, 1) for load in os.getloadavg()],
    }
    evidence.record("ledger_verify", "verify and prove over a million records", **numbers)
    with capsys.disabled():
        print(numbers)  # noqa: T201  # the numbers are what the proof is run for


def _prove_some(made: Many) -> list[float]:
    """From the id to a checked file; each the first proof of its connection."""
    with closing(sqlite3.connect(made.database)) as database:
        places = random.Random(7).sample(range(1, RECORDS + 1), PROOFS)  # noqa: S311
        sql = "SELECT event_id FROM entries WHERE seq = ?"
        names = [database.execute(sql, (place,)).fetchone()[0] for place in places]
    times = []
    for name in names:
        source = SqliteSource(made.database)
        started = time.perf_counter()
        proof_of(source.query, record_of(source.query, name), made.key).to_bytes()
        times.append(time.perf_counter() - started)
        source.close()
    return sorted(times)


def _cpu() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(item.ru_utime + item.ru_stime for item in used)
