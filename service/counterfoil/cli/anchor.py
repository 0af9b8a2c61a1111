"""`counterfoil anchor`: what is signed now, in one file to put where the operator cannot reach."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from counterfoil.cli import EXIT_FINDING, EXIT_GOOD, EXIT_USAGE, SubParsers
from counterfoil.cli.places import ledger_place
from counterfoil.config_ledger import PostgresqlPlace
from counterfoil.core.checkpoint import VerifierKey
from counterfoil.ledger.keys import VERIFIER_KEY, read_verifier_key
from counterfoil.ledger.prove import head_of
from counterfoil.ledger.sources import source_of


def register(subparsers: SubParsers[argparse.ArgumentParser]) -> None:
    """Add `anchor` to the command line."""
    parser = subparsers.add_parser(
        "anchor",
        help="write the signed checkpoints of all logs as one small file to keep elsewhere",
        description="Write the signed checkpoint of every log as one file: mail it, or put it on"
        " object-locked storage. `counterfoil verify --since FILE` later shows whether the ledger"
        " still begins with what was signed then. Of what nobody holds anything, a cut tail"
        " leaves no trace.",
        epilog="example, each hour: counterfoil anchor --output anchor-$(date -u +%FT%TZ).txt",
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: standard output")
    parser.add_argument("--ledger", metavar="URL|FILE", help="default: the configuration's")
    parser.add_argument("--key", type=Path, metavar="FILE", help="receipt.pub of this ledger")
    parser.add_argument("--config", type=Path, help="the configuration file")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the file; returns the exit code.

    Raises:
        ConfigError: the key or the configuration cannot be read.
        LedgerError: the ledger cannot be read, or is not signed by the key.
    """
    ledger, key_file = _places(args)
    notes = _notes(ledger, read_verifier_key(key_file))
    if not notes:
        print("counterfoil anchor: nothing is recorded yet", file=sys.stderr)
        return EXIT_FINDING
    data = b"\n".join(notes)
    if args.output is None:
        sys.stdout.buffer.write(data)
        return EXIT_GOOD
    try:
        with args.output.open("xb") as file:  # an older anchor is worth more than a newer one
            file.write(data)
    except OSError as error:
        print(f"counterfoil anchor: {args.output}: {error.strerror}", file=sys.stderr)
        return EXIT_USAGE
    return EXIT_GOOD


def _notes(ledger: Path | PostgresqlPlace, key: VerifierKey) -> list[bytes]:
    source = source_of(ledger)
    try:
        rows = source.query("SELECT tenant FROM logs ORDER BY log", ())
        heads = [head_of(source.query, str(row[0]), key) for row in rows]
    finally:
        source.close()
    return [head.note for head in heads if head is not None]


def _places(args: argparse.Namespace) -> tuple[Path | PostgresqlPlace, Path]:
    if args.ledger and args.key:
        return ledger_place(args.ledger), args.key
    from counterfoil.config import find_config, load_config  # noqa: PLC0415 (as in `verify`)

    config = load_config(find_config(args.config), os.environ)
    ledger = ledger_place(args.ledger, config) if args.ledger else config.ledger.place
    return ledger, args.key or config.keys.directory / VERIFIER_KEY
