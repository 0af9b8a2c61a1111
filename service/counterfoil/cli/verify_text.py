"""What `counterfoil verify` says about a ledger, for people and as JSON."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

from counterfoil.core.model import JsonValue
from counterfoil.ledger.report import Report


def print_report(report: Report, ledger: object, key_file: Path, seconds: float) -> None:
    """Say it in a few lines."""
    if report.found:
        first = report.findings[0]
        print(f"NOT WHOLE: {ledger}: {report.found} finding(s). The first one:")
        print(f"  {first.where}: {first.what}")
        for finding in report.findings[1:]:
            print(f"    {finding.where}: {finding.what}")
        if report.found > len(report.findings):
            print(f"    … and {report.found - len(report.findings)} more")
        print("  Keep this file as it is, and compare it with a backup and with held receipts.")
        return
    rate = report.entries / seconds if seconds else 0.0
    print(f"whole: {ledger}, by {key_file}")
    for log in report.logs:
        print(f"  {log.origin}: {log.size:,} entries, root {b64encode(log.root).decode()}")
    print(
        f"  {report.entries:,} records and {report.checkpoints:,} older checkpoints checked"
        f" in {seconds:.1f} s ({rate:,.0f} records/s)"
    )
    for recovery in report.recoveries:
        print(f"  recovered {recovery}; what followed there was lost, and is proved by nothing")
    if report.skewed:
        print(
            f"  odd: {report.skewed:,} record(s) by a clock that ran back;"
            f" first {report.first_skew}"
        )
    if report.held_checkpoints or report.held_receipts:
        print(
            f"  it holds what {report.held_checkpoints} checkpoint(s) and"
            f" {report.held_receipts} receipt(s) from elsewhere say"
        )
    else:
        print(
            "  Not shown: that nothing was cut off at the end. For that, add"
            " --since, --checkpoint or --receipt with what you held elsewhere."
        )


def report_json(report: Report, ledger: object) -> JsonValue:
    """The same for programs."""
    return {
        "whole": not report.found,
        "ledger": str(ledger),
        "origin_prefix": report.prefix,
        "records": report.entries,
        "checkpoints": report.checkpoints,
        "held_checkpoints": report.held_checkpoints,
        "held_receipts": report.held_receipts,
        "logs": [
            {"origin": log.origin, "size": log.size, "root": b64encode(log.root).decode()}
            for log in report.logs
        ],
        "recoveries": report.recoveries,
        "skewed": report.skewed,
        "found": report.found,
        "findings": [{"where": item.where, "what": item.what} for item in report.findings],
    }
