"""`counterfoil prove`: one record in one file that proves itself to whoever has the public key."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from counterfoil.cli import EXIT_FINDING, EXIT_GOOD, EXIT_USAGE, SubParsers
from counterfoil.cli.places import ledger_place
from counterfoil.cli.text import shown
from counterfoil.config_ledger import PostgresqlPlace
from counterfoil.core.checkpoint import VerifierKey
from counterfoil.errors import LedgerCorrupt
from counterfoil.ledger.evidence import Leaf
from counterfoil.ledger.keys import VERIFIER_KEY, load_master, read_verifier_key
from counterfoil.ledger.proof_file import ProofFile, check_proof
from counterfoil.ledger.prove import Record, Unknown, proof_of, record_of, with_opened
from counterfoil.ledger.reader import Reader
from counterfoil.ledger.sealing import Master
from counterfoil.ledger.sources import source_of


def register(subparsers: SubParsers[argparse.ArgumentParser]) -> None:
    """Add `prove` to the command line."""
    parser = subparsers.add_parser(
        "prove",
        help="make one file that proves one record, and shows no more of it than you choose",
        description="Write a record, its place under the signed checkpoint and its receipt as one"
        " file. `counterfoil verify FILE --key receipt.pub` checks it anywhere, with nothing else."
        " Payloads stay commitments that tell nothing, but for those that --open names: exactly as"
        " they were said, which the running service records as read.",
        epilog="example: counterfoil prove dec_… --open prompt,arguments --output proof.json",
    )
    parser.add_argument("id", metavar="ID", help="an event, or the first one of dec_… or run_…")
    parser.add_argument(
        "--open",
        default="",
        metavar="NAMES",
        help="payloads to show, such as prompt,arguments: needs the sealing key",
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: standard output")
    parser.add_argument("--ledger", metavar="URL|FILE", help="default: the configuration's")
    parser.add_argument("--keys", type=Path, metavar="FOLDER", help="default: the configuration's")
    parser.add_argument("--config", type=Path, help="the configuration file")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the file; returns the exit code.

    Raises:
        ConfigError: a key or the configuration cannot be read.
        LedgerError: the ledger cannot be read, or the record is not what it should be.
    """
    ledger, keys = _places(args)
    key = read_verifier_key(keys / VERIFIER_KEY)
    source = source_of(ledger)
    try:
        record = record_of(source.query, args.id)
        proof = proof_of(source.query, record, key)
        names = [name for name in args.open.split(",") if name]
        if names:
            master = Master(load_master(keys, create=False))
            proof = _opened(proof, record, names, Reader(source, master, lambda: key), key)
            _note(args, record.tenant, check_proof(proof, key).leaf)
    except Unknown as error:
        print(f"counterfoil prove: {shown(str(error))}", file=sys.stderr)
        return EXIT_FINDING
    finally:
        source.close()
    data = proof.to_bytes()
    if args.output is None:
        sys.stdout.buffer.write(data)
        return EXIT_GOOD
    try:
        args.output.write_bytes(data)
    except OSError as error:
        print(f"counterfoil prove: {args.output}: {error.strerror}", file=sys.stderr)
        return EXIT_USAGE
    return EXIT_GOOD


def _note(args: argparse.Namespace, tenant: str, leaf: Leaf) -> None:
    """Who opens a payload has read it: recorded before the file is written."""
    if args.ledger and args.keys and args.config is None:
        print("counterfoil prove: this reading is not recorded (no configuration)", file=sys.stderr)
        return
    # Only here, as below: a proof that opens nothing is made by the reader alone.
    from counterfoil.cli.operator import note_reading  # noqa: PLC0415
    from counterfoil.config import find_config, load_config  # noqa: PLC0415

    config = load_config(find_config(args.config), os.environ)
    note_reading(config, "prove", {tenant: [str(leaf["decision_id"] or leaf["event_id"])]})


def _opened(
    proof: ProofFile, record: Record, names: list[str], reader: Reader, key: VerifierKey
) -> ProofFile:
    leaf = check_proof(proof, key).leaf
    name = leaf["subject_key"]
    data_key = None if name is None else reader.data_key(name)
    if name is not None and data_key is None and not reader.erasures.holds(name):
        raise LedgerCorrupt(f"{leaf['event_id']}: its data key is gone, and not erased")
    return with_opened(proof, record, leaf, names, data_key)


def _places(args: argparse.Namespace) -> tuple[Path | PostgresqlPlace, Path]:
    if args.ledger and args.keys:
        return ledger_place(args.ledger), args.keys
    # Only here: a start with both does not pay for compiling the configuration's schema.
    from counterfoil.config import find_config, load_config  # noqa: PLC0415

    config = load_config(find_config(args.config), os.environ)
    ledger = ledger_place(args.ledger, config) if args.ledger else config.ledger.place
    return ledger, args.keys or config.keys.directory
