"""`counterfoil verify`: is the ledger whole? Needs only the public key; may run anywhere."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

from counterfoil.cli import EXIT_FINDING, EXIT_GOOD, EXIT_USAGE, SubParsers
from counterfoil.cli.places import ledger_place
from counterfoil.cli.verify_export import is_export, verify_export_file
from counterfoil.cli.verify_proof import is_proof, verify_proof_file
from counterfoil.cli.verify_resume import Resume
from counterfoil.cli.verify_text import print_report, report_json
from counterfoil.config_ledger import PostgresqlPlace
from counterfoil.core.checkpoint import Checkpoint, InvalidNote, VerifierKey
from counterfoil.core.cosignature import cosigned_at, parse_witness_key
from counterfoil.errors import ConfigError, LedgerUnavailable
from counterfoil.ledger.held import InvalidEvidence, read_note, split_notes
from counterfoil.ledger.keys import VERIFIER_KEY, Verifier, read_verifier_key
from counterfoil.ledger.report import Report
from counterfoil.ledger.verify import verify_ledger

_BAR_CHARACTERS = 30
_LARGE_BYTES = 64 * 1024 * 1024  # a few seconds of checking
_MOST_HELPERS = 4  # the walk itself keeps no more of them busy


def register(subparsers: SubParsers[argparse.ArgumentParser]) -> None:
    """Add `verify` to the command line."""
    parser = subparsers.add_parser(
        "verify",
        help="check a ledger, trusting nothing but its public key",
        description="Check every record, signature and checkpoint of a ledger, the stories that"
        " its records tell, and whether it still holds what held checkpoints and receipts say. Or"
        " check one file of `counterfoil prove`, or an export by its manifest. Reads only.",
        epilog="exit codes: 0 whole, 1 a finding, 2 usage, 78 configuration",
    )
    parser.add_argument(
        "file",
        nargs="?",
        metavar="FILE",
        help="a ledger, a proof or a manifest; default: the configuration's",
    )
    parser.add_argument("--ledger", metavar="URL|FILE", help="the same, by name")
    parser.add_argument("--key", type=Path, metavar="FILE", help="receipt.pub of this ledger")
    _evidence_options(parser)
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--config", type=Path, help="the configuration file")
    parser.set_defaults(run=run)


def _evidence_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--since",
        type=Path,
        action="append",
        default=[],
        metavar="CHECKPOINT",
        help="a signed checkpoint, or a file of them, below which you verified before: what is"
        " new is checked whole, of what was there all hashes",
    )
    parser.add_argument(
        "--checkpoint",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a signed checkpoint held elsewhere; repeat for more",
    )
    parser.add_argument(
        "--witness",
        type=Path,
        action="append",
        default=[],
        metavar="KEY",
        help="the key of a witness whose cosignature each held checkpoint must bear",
    )
    parser.add_argument(
        "--receipt",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a receipt, or an answer that holds one, as JSON; one a line for many",
    )
    parser.add_argument(
        "--resume",
        type=Path,
        metavar="FILE",
        help="go on where a check that was broken off had got to; keeps that in FILE, which must"
        " be yours alone, and removes it at the end",
    )


def run(args: argparse.Namespace) -> int:
    """Check and report; returns the exit code.

    Raises:
        ConfigError: the configuration cannot be read (only where it is needed).
    """
    ledger, key_file = _places(args)
    try:
        key = read_verifier_key(key_file)
        if isinstance(ledger, Path) and is_export(ledger):
            return verify_export_file(ledger, key, as_json=args.json)
        if isinstance(ledger, Path) and is_proof(ledger):
            return verify_proof_file(ledger, key, as_json=args.json)
        return _verify(args, ledger, key, key_file)
    except (OSError, ConfigError, LedgerUnavailable, InvalidEvidence) as error:
        print(f"counterfoil verify: {error}", file=sys.stderr)
        return EXIT_USAGE


def _verify(
    args: argparse.Namespace, ledger: Path | PostgresqlPlace, key: VerifierKey, key_file: Path
) -> int:
    started, report = time.monotonic(), Report(key.name)
    resume = Resume(args.resume, key.name, report)
    notes = [note for path in args.checkpoint for note in split_notes(path.read_bytes())]
    since = _since(args.since, key)
    _hold_witnesses(args.witness, [*args.since, *args.checkpoint])

    def progress(done: int, total: int) -> None:
        resume.save()
        if sys.stderr.isatty():
            _bar(done, total)

    try:
        verify_ledger(
            ledger,
            key,
            notes=notes,
            receipts=[path.read_bytes() for path in args.receipt],
            checked=[*since, *resume.load()],
            report=report,
            processes=_processes(ledger),
            progress=progress,
        )
    except KeyboardInterrupt:
        resume.save(now=True)
        raise
    resume.end()
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)
    if args.json:
        print(json.dumps(report_json(report, ledger)))
    else:
        print_report(report, ledger, key_file, time.monotonic() - started)
    return EXIT_FINDING if report.found else EXIT_GOOD


def _hold_witnesses(keys: list[Path], files: list[Path]) -> None:
    """Each held checkpoint must bear a cosignature of each witness.

    Raises:
        InvalidEvidence: one does not.
    """
    for path in keys:
        try:
            witness = parse_witness_key(path.read_text())
            verify = Verifier(VerifierKey(witness.name, witness.public))
            for note in (note for file in files for note in split_notes(file.read_bytes())):
                cosigned_at(note, witness, verify)
        except (InvalidNote, UnicodeDecodeError) as error:
            raise InvalidEvidence(f"{path}: {error}") from error


def _processes(ledger: Path | PostgresqlPlace) -> int:
    """Helpers for signatures: none where the whole check takes a moment."""
    if not isinstance(ledger, Path) or ledger.stat().st_size < _LARGE_BYTES:
        return 0
    return max(1, min(_MOST_HELPERS, (os.cpu_count() or 1) - 1))


def _since(paths: list[Path], key: VerifierKey) -> list[Checkpoint]:
    notes = (note for path in paths for note in split_notes(path.read_bytes()))
    return [read_note(note, key).checkpoint for note in notes]


def _places(args: argparse.Namespace) -> tuple[Path | PostgresqlPlace, Path]:
    named = args.ledger or args.file
    if named and args.key:
        return ledger_place(str(named)), args.key
    # Only here: an auditor's start does not pay for compiling the configuration's schema.
    from counterfoil.config import find_config, load_config  # noqa: PLC0415

    config = load_config(find_config(args.config), os.environ)
    ledger = ledger_place(str(named), config) if named else config.ledger.place
    return ledger, args.key or config.keys.directory / VERIFIER_KEY


def _bar(done: int, total: int) -> None:
    filled = _BAR_CHARACTERS * done // max(1, total)
    bar = "█" * filled + "·" * (_BAR_CHARACTERS - filled)
    print(f"\r{bar} {done:,} of {total:,} records", end="", file=sys.stderr, flush=True)
