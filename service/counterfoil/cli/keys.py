"""`counterfoil keys`: makes the service's own keys, once, and rotates those that sign."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Final

from counterfoil.cli import EXIT_GOOD, SubParsers
from counterfoil.config import find_config, load_config
from counterfoil.config_ledger import PostgresqlPlace
from counterfoil.config_model import Config
from counterfoil.core.times import rfc3339_second
from counterfoil.errors import ConfigError
from counterfoil.key_ring import DEFAULT_OVERLAP_SECONDS, KEY_FILES, rotate
from counterfoil.keys import (
    DELEGATION_KEY_FILE,
    GRANT_KEY_FILE,
    ensure_delegation_key,
    ensure_grant_key,
)
from counterfoil.ledger.keys import (
    RECEIPT_KEY,
    SEALING_KEY,
    VERIFIER_KEY,
    load_master,
    load_receipt_key,
)
from counterfoil.ledger.signing import NEXT_KEY, order_rotation
from counterfoil.system import SystemClock

_OF_THE_LEDGER: Final = (RECEIPT_KEY, SEALING_KEY)
_OF_LOGS: Final = ("receipt", "checkpoint")
AFTER_SECONDS: Final = 300
RECEIPTS_OVERLAP_SECONDS: Final = 60
MIN_RECEIPTS_OVERLAP_SECONDS: Final = 10  # far more than a record waits for its number
_KEYS: Final = (GRANT_KEY_FILE, DELEGATION_KEY_FILE, *_OF_THE_LEDGER)
_MAKE = """\
Make those of the service's keys that are missing in keys.directory. What is there stays as
it is. Run it as the account that the service runs as, before its first start. Back the
folder up together with the ledger: without its keys a ledger cannot be continued or read.
"""


_ROTATE = """\
Make a new key. grant and delegation: what the earlier key signed goes on
counting for --overlap seconds; /.well-known/jwks.json names both at once, in running workers
too. They sign with the new key after the next restart: wait five minutes with that, for as
long may others hold a copy of the key set. With replicas, rotate once and copy the folder
to the others before any restarts.

receipt (and checkpoint: it is one key) signs the ledger. The running service goes over to the
new one by itself, without a stop: at once on SQLite; on PostgreSQL --after seconds from now
(default 300), so that you can copy the keys folder to all replicas before. Each log gets a
record that says so. What the old key signed until then counts for ever, and what it signs
later never: give auditors the new receipt.pub, in which both stand.
"""


class KeysLost(ConfigError):
    """New keys beside an old ledger would hide that the old ones are gone."""

    code = "config.keys_lost"
    title = "The ledger's keys are missing"
    solution = "Restore them from the backup; or move the ledger away to begin a new record."


def register(subparsers: SubParsers[argparse.ArgumentParser]) -> None:
    """Add `keys` to the command line."""
    parser = subparsers.add_parser(
        "keys",
        help="make and rotate the service's own keys",
        description="Make and rotate the service's own keys.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    make = commands.add_parser("make", help="make the missing ones", description=_MAKE)
    make.add_argument("--config", type=Path, metavar="FILE", help="the configuration file")
    make.set_defaults(run=run)
    turn = commands.add_parser(
        "rotate",
        help="exchange a key that signs, with an overlap",
        description=_ROTATE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    turn.add_argument("key", choices=sorted([*KEY_FILES, *_OF_LOGS]), help="which key")
    turn.add_argument(
        "--overlap",
        type=int,
        metavar="SECONDS",
        help=f"how long the earlier key counts (default {DEFAULT_OVERLAP_SECONDS}; of receipts on"
        f" PostgreSQL {RECEIPTS_OVERLAP_SECONDS}, on SQLite none)",
    )
    turn.add_argument(
        "--after", type=int, metavar="SECONDS", help="receipt only: when it begins, from now"
    )
    turn.add_argument("--config", type=Path, metavar="FILE", help="the configuration file")
    turn.set_defaults(run=run_rotate)


def run(args: argparse.Namespace) -> int:
    """Make what is missing and say what there is; returns the exit code.

    Raises:
        ConfigError: the folder cannot be written, or a key there cannot be used.
        KeysLost: there is a ledger already, and not its keys.
    """
    config = load_config(find_config(args.config), os.environ)
    os.umask(0o077)
    for name, made in make_keys(config).items():
        print(f"{'made' if made else 'kept'}  {config.keys.directory / name}")
    return EXIT_GOOD


def run_rotate(args: argparse.Namespace) -> int:
    """Rotate a key and say what follows; returns the exit code.

    Raises:
        ConfigError: see `key_ring.rotate`.
    """
    config = load_config(find_config(args.config), os.environ)
    os.umask(0o077)
    now = SystemClock().now()
    if args.key in _OF_LOGS:
        return _rotate_receipt(config, now, args.after, args.overlap)
    overlap = DEFAULT_OVERLAP_SECONDS if args.overlap is None else args.overlap
    earlier = rotate(config.keys.directory, args.key, now=now, overlap_seconds=overlap)
    until = rfc3339_second(now if earlier.until is None else earlier.until)
    print(f"made  {config.keys.directory / KEY_FILES[args.key]}")
    print(f"kept  {earlier.jwk['kid']}: what it signed counts until {until}")
    print("next  wait 300 seconds, then restart the service: then it signs with the new key")
    return EXIT_GOOD


def _rotate_receipt(config: Config, now: float, after: int | None, overlap: int | None) -> int:
    replicas = isinstance(config.ledger.place, PostgresqlPlace)
    after = after if after is not None else AFTER_SECONDS if replicas else 0
    overlap = overlap if overlap is not None else RECEIPTS_OVERLAP_SECONDS
    if after < 0 or (replicas and overlap < MIN_RECEIPTS_OVERLAP_SECONDS):
        raise ConfigError(
            f"--after is not negative, and --overlap of receipts at least"
            f" {MIN_RECEIPTS_OVERLAP_SECONDS} seconds: what replicas signed last must get its place"
        )
    starts_at, folder = int(now) + after, config.keys.directory
    old, new = order_rotation(folder, starts_at=starts_at, overlap_seconds=overlap)
    print(f"made  {folder / NEXT_KEY}: {new.key_id().hex()}")
    print(f"kept  {old.key_id().hex()}: what it has signed by then counts for ever")
    if replicas:
        print(f"next  copy {folder} to all replicas before {rfc3339_second(starts_at)}")
    else:
        print("next  nothing: the running service goes over to it, or the next one that starts")
    print(f"then  give auditors the new {folder / VERIFIER_KEY}")
    return EXIT_GOOD


def make_keys(config: Config) -> dict[str, bool]:
    """Make the missing keys; whether each one was made.

    Raises:
        ConfigError, KeysLost: see `run`.
    """
    folder = config.keys.directory
    missing = {name: not (folder / name).exists() for name in _KEYS}
    lost = [name for name in _OF_THE_LEDGER if missing[name]]
    place = config.ledger.place
    # A database is not asked here: the public key beside the lost ones says that it has begun.
    begun = place if isinstance(place, Path) else folder / VERIFIER_KEY
    if lost and begun.exists():
        raise KeysLost(
            f"{place} is there, and not its {', '.join(lost)} in {folder}",
            pointer="keys.directory",
        )
    ensure_grant_key(folder)
    ensure_delegation_key(folder)
    load_receipt_key(folder, create=True)
    load_master(folder, create=True)
    return missing
