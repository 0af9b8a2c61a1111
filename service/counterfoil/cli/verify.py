"""`counterfoil verify`: is the ledger whole? Needs only the public key; may run anywhere."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from base64 import b64encode
from pathlib import Path

from counterfoil.cli import EXIT_FINDING, EXIT_GOOD, EXIT_USAGE, SubParsers
from counterfoil.core.model import JsonValue
from counterfoil.errors import ConfigError
from counterfoil.ledger.held import InvalidEvidence
from counterfoil.ledger.keys import VERIFIER_KEY, read_verifier_key
from counterfoil.ledger.report import Report
from counterfoil.ledger.verify import verify_ledger

_BAR_CHARACTERS = 30
_SCHEME = "sqlite:///"


def register(subparsers: SubParsers[argparse.ArgumentParser]) -> None:
    """Add `verify` to the command line."""
    parser = subparsers.add_parser(
        "verify",
        help="check a ledger, trusting nothing but its public key",
        description="Check every record, signature and checkpoint of a ledger, and whether it"
        " still holds what held checkpoints and receipts say. Reads only.",
        epilog="exit codes: 0 the ledger is whole, 1 a finding, 2 usage, 78 configuration",
    )
    parser.add_argument("--ledger", metavar="URL|FILE", help="default: the configuration's")
    parser.add_argument("--key", type=Path, metavar="FILE", help="receipt.pub of this ledger")
    parser.add_argument(
        "--checkpoint",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a signed checkpoint held elsewhere; repeat for more",
    )
    parser.add_argument(
        "--receipt",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a receipt, or an answer that holds one, as JSON; one a line for many",
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--config", type=Path, help="the configuration file")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check and report; returns the exit code.

    Raises:
        ConfigError: the configuration cannot be read (only where it is needed).
    """
    ledger, key_file = _places(args)
    started = time.monotonic()
    try:
        key = read_verifier_key(key_file)
        report = verify_ledger(
            ledger,
            key,
            notes=[path.read_bytes() for path in args.checkpoint],
            receipts=[path.read_bytes() for path in args.receipt],
            progress=_bar if sys.stderr.isatty() else lambda _done, _total: None,
        )
    except (OSError, ConfigError, InvalidEvidence) as error:
        print(f"counterfoil verify: {error}", file=sys.stderr)
        return EXIT_USAGE
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)
    if args.json:
        print(json.dumps(_report_json(report, ledger)))
    else:
        _print(report, ledger, key_file, time.monotonic() - started)
    return EXIT_FINDING if report.found else EXIT_GOOD


def _places(args: argparse.Namespace) -> tuple[Path, Path]:
    if args.ledger and args.key:
        return Path(str(args.ledger).removeprefix(_SCHEME)), args.key
    # Only here: an auditor's start does not pay for compiling the configuration's schema.
    from counterfoil.config import find_config, load_config  # noqa: PLC0415

    config = load_config(find_config(args.config), os.environ)
    ledger = Path(args.ledger.removeprefix(_SCHEME)) if args.ledger else config.ledger.path
    return ledger, args.key or config.keys.directory / VERIFIER_KEY


def _bar(done: int, total: int) -> None:
    filled = _BAR_CHARACTERS * done // max(1, total)
    bar = "█" * filled + "·" * (_BAR_CHARACTERS - filled)
    print(f"\r{bar} {done:,} of {total:,} records", end="", file=sys.stderr, flush=True)


def _print(report: Report, ledger: Path, key_file: Path, seconds: float) -> None:
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
            " --checkpoint or --receipt with what you held elsewhere."
        )


def _report_json(report: Report, ledger: Path) -> JsonValue:
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
        "skewed": report.skewed,
        "found": report.found,
        "findings": [{"where": item.where, "what": item.what} for item in report.findings],
    }
