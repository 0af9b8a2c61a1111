"""`counterfoil export`: a tenant's records in a file, with a manifest that the ledger signed.

Runs beside the service: an auditor's credential says whose records and who asked, the
sealing key opens them with --open, and the running writer records the export before the
file gets its name.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from counterfoil.cli import EXIT_GOOD, SubParsers
from counterfoil.cli.approval_client import add_credential_arguments, credential
from counterfoil.cli.auditor import auditor_of
from counterfoil.cli.export_file import Job, Outcome, export
from counterfoil.cli.export_formats import FORMATS
from counterfoil.cli.tail import add_filters, filters_of
from counterfoil.config import find_config, load_config
from counterfoil.core.events_out import OcsfVersion
from counterfoil.core.export_manifest import frontier_of
from counterfoil.core.tree import Frontier

_OCSF: dict[str, OcsfVersion] = {"1.8": "1.8.0", "1.9": "1.9.0-dev"}
_EPILOG = """\
Writes FILE and FILE.manifest.json: how many records, which bytes, the log's signed checkpoint,
and the ledger's signature over it all; `counterfoil verify FILE.manifest.json --key receipt.pub`
checks both anywhere. The manifest's `cursor` is where the next export goes on (--after). What was
broken off goes on by the same command.

  counterfoil export --format jsonl --output all.jsonl --token-file auditor.jwt
  counterfoil export --format csv --open --since 30d --effect deny --output denied.csv
  counterfoil export --format ocsf --open --after CURSOR --output next.jsonl

in development add: --sub carol --group compliance
"""


def register(subparsers: SubParsers[argparse.ArgumentParser]) -> None:
    """Add `export` to the command line."""
    parser = subparsers.add_parser(
        "export",
        help="write records into a file that anybody can check",
        description="Export the records of the auditor's tenant.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--format", choices=FORMATS, default="jsonl")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE")
    parser.add_argument("--open", action="store_true", help="with what was said, opened")
    parser.add_argument("--after", metavar="CURSOR", help="go on after an earlier export")
    parser.add_argument("--ocsf-version", choices=sorted(_OCSF), default="1.8")
    add_filters(parser)
    add_credential_arguments(parser, deed="export")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Export; returns the exit code.

    Raises:
        ConfigError: no credential, no usable key, or a file that cannot be written.
        CounterfoilError: no auditor, or the ledger cannot be read, is not whole, or does not
            record the export.
    """
    filters = filters_of(args)
    try:
        frontier = Frontier() if args.after is None else frontier_of(args.after)
    except (ValueError, RecursionError):
        args.usage_error("--after takes the `cursor` of a manifest")
    if args.output.exists():
        args.usage_error(f"{args.output} exists; an export never replaces a file")
    config = load_config(find_config(args.config), os.environ, dev=args.sub is not None)
    token = credential(args.token_file, args.sub, args.group, config.keys.directory)
    with auditor_of(config, token) as auditor:
        if args.tenant not in {None, auditor.caller.tenant}:
            args.usage_error("--tenant is the auditor's own")
        job = Job(
            output=args.output,
            format=args.format,
            opened=args.open,
            filters=filters,
            frontier=frontier,
            version=_OCSF[args.ocsf_version],
        )
        _tell(args.output, export(job, auditor))
    return EXIT_GOOD


def _tell(output: Path, outcome: Outcome) -> None:
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)
    print(f"{outcome.records} records in {output}, manifest beside it (recorded)")
    print(f"the next export goes on with: --after {outcome.cursor}")
