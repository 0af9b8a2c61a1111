"""`counterfoil evidence`: a period of a tenant's record, as a folder that an auditor can read.

Like `export` it wants an auditor's credential, holds every record to the signed checkpoint,
and is itself recorded before the folder is whole.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from pathlib import Path

from counterfoil.cli import EXIT_FINDING, EXIT_GOOD, SubParsers
from counterfoil.cli.approval_client import add_credential_arguments, credential
from counterfoil.cli.auditor import Auditor, auditor_of
from counterfoil.cli.evidence_folder import DATA, PAGE, Lists, report_of, write_report
from counterfoil.cli.export_file import recorded, show_bar
from counterfoil.cli.export_formats import records
from counterfoil.cli.observed import parse_since
from counterfoil.config import Config, find_config, load_config
from counterfoil.core.evidence_figures import Figures, record_line
from counterfoil.core.export_manifest import VERSION, cursor_of
from counterfoil.core.model import JsonObject
from counterfoil.core.times import rfc3339
from counterfoil.core.tree import Frontier
from counterfoil.errors import ConfigError
from counterfoil.ledger.bulk import Bulk, Fields
from counterfoil.ledger.keys import VERIFIER_KEY, read_verifier_key
from counterfoil.ledger.verify import verify_ledger

_EPILOG = """\
Writes FOLDER/index.html for people, evidence.json for programs, and records/ with the ids
behind every number. `counterfoil verify FOLDER/evidence.json.manifest.json --key receipt.pub`
shows anywhere that the folder is the recorded one.

  counterfoil evidence --since 2026-10-01 --until 2027-01-01 --output q4 --token-file auditor.jwt

exit codes: 0 good, 1 the ledger is not whole, or no auditor, 2 usage, 78 configuration
in development add: --sub carol --group compliance
"""


def register(subparsers: SubParsers[argparse.ArgumentParser]) -> None:
    """Add `evidence` to the command line."""
    parser = subparsers.add_parser(
        "evidence",
        help="write a folder for an auditor: what was decided in a period, and by whom",
        description="Count what was decided in a period; every number leads to its records.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--since", type=parse_since, metavar="WHEN", help="2026-11-24, 90d …")
    parser.add_argument("--until", type=parse_since, metavar="WHEN", help="before this time")
    parser.add_argument(
        "--no-verify", action="store_true", help="leave the check of the whole ledger out"
    )
    add_credential_arguments(parser, deed="evidence")
    parser.set_defaults(run=run, usage_error=parser.error)


def run(args: argparse.Namespace) -> int:
    """Write the folder; returns the exit code.

    Raises:
        ConfigError: no credential, no usable key, or a folder that cannot be written.
        CounterfoilError: no auditor, or the ledger cannot be read, is not what was signed, or
            does not record it.
    """
    if args.output.exists():
        args.usage_error(f"{args.output} exists; evidence never replaces a folder")
    config = load_config(find_config(args.config), os.environ, dev=args.sub is not None)
    token = credential(args.token_file, args.sub, args.group, config.keys.directory)
    with auditor_of(config, token) as auditor:
        try:
            whole = _write(args, config, auditor)
        except OSError as error:
            raise ConfigError(f"{args.output}: {error.strerror}", pointer="--output") from error
    print(f"evidence in {args.output / PAGE} (recorded)")
    if not whole:
        print("THE LEDGER IS NOT WHOLE; see the page, and run: counterfoil verify")
    return EXIT_GOOD if whole else EXIT_FINDING


def _write(args: argparse.Namespace, config: Config, auditor: Auditor) -> bool:
    args.output.mkdir(mode=0o700, parents=True)
    bulk = Bulk(auditor.ledger.reader, auditor.caller.tenant, Frontier())
    verification = _verified(args, config, bulk.checkpoint.origin)
    figures, lists = Figures(args.since, args.until), Lists(args.output)
    _count(bulk, figures, lists)
    about: JsonObject = {
        "v": 1,
        "tenant": auditor.caller.tenant,
        "log": bulk.checkpoint.origin,
        "size": bulk.checkpoint.size,
        "since": args.since,
        "until": args.until,
        "made_at": rfc3339(auditor.clock.now()),
        "verification": verification,
    }
    data = write_report(args.output, report_of(figures, lists, about))
    manifest = _manifest(
        data, about, bulk, sum(n for f, n in figures.counts.items() if f[0] == "event")
    )
    output = args.output / DATA
    beside = output.with_name(output.name + ".manifest.json")
    beside.write_bytes(recorded(manifest, output, auditor))
    return verification["whole"] is not False


def _count(bulk: Bulk, figures: Figures, lists: Lists) -> None:
    for rows in bulk.pieces(sealed=True):
        places = range(len(rows))
        fields: list[Fields] = [bulk.opened(rows, place) for place in places]
        for record in records(rows.only(places, fields)):
            line = record_line(record)
            for figure in figures.take(record):
                lists.add(figure, line)
        show_bar(bulk.frontier.size, bulk.checkpoint.size)
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)
    for figure, line in figures.end():
        lists.add(figure, line)


def _verified(args: argparse.Namespace, config: Config, origin: str) -> JsonObject:
    """What `counterfoil verify` finds. Of other tenants' logs only that there is something."""
    if args.no_verify:
        return {"done": False, "whole": None, "records": 0, "findings": []}
    key = read_verifier_key(config.keys.directory / VERIFIER_KEY)
    report = verify_ledger(config.ledger.place, key)
    foreign = {log.origin for log in report.logs if log.origin != origin}
    found = []
    for finding in report.findings:
        told = {"where": finding.where, "what": finding.what}
        if any(name in text for name in foreign for text in told.values()):
            told = {"where": "another log of this ledger", "what": "a finding"}
        found.append(told)
    own = [log.size for log in report.logs if log.origin == origin]
    return {"done": True, "whole": not report.found, "records": sum(own), "findings": found}


def _manifest(data: bytes, about: JsonObject, bulk: Bulk, counted: int) -> JsonObject:
    period = {name: about[name] for name in ("since", "until") if about[name] is not None}
    return {
        "v": VERSION,
        "file": DATA,
        "format": "evidence",
        "ocsf": None,
        "opened": True,
        "log": about["log"],
        "first": 0,
        "size": about["size"],
        "whole": False,
        "filters": period,
        "about": None,
        "records": counted,
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "checkpoint": bulk.note.decode(),
        "cursor": cursor_of(bulk.frontier),
        "made_at": about["made_at"],
    }
