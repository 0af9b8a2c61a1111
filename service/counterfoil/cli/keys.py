"""`counterfoil keys`: makes the service's own keys, once, and rotates those that sign tokens."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Final

from counterfoil.cli import EXIT_GOOD, SubParsers
from counterfoil.config import find_config, load_config
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
from counterfoil.system import SystemClock

_OF_THE_LEDGER: Final = (RECEIPT_KEY, SEALING_KEY)
_KEYS: Final = (GRANT_KEY_FILE, DELEGATION_KEY_FILE, *_OF_THE_LEDGER)
_MAKE = """\
Make those of the service's keys that are missing in keys.directory. What is there stays as
it is. Run it as the account that the service runs as, before its first start. Back the
folder up together with the ledger: without its keys a ledger cannot be continued or read.
"""


_ROTATE = """\
Make a new key for grants or for delegation tokens. What the earlier key signed goes on
counting for --overlap seconds; /.well-known/jwks.json names both at once, in running workers
too. They sign with the new key after the next restart: wait five minutes with that, for as
long may others hold a copy of the key set. With replicas, rotate once and copy the folder
to the others before any restarts.
The ledger's receipt key is not rotated by this: its records name one key.
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
    turn.add_argument("key", choices=sorted(KEY_FILES), help="which key")
    turn.add_argument(
        "--overlap",
        type=int,
        default=DEFAULT_OVERLAP_SECONDS,
        metavar="SECONDS",
        help=f"how long the earlier key counts (default {DEFAULT_OVERLAP_SECONDS})",
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
    earlier = rotate(config.keys.directory, args.key, now=now, overlap_seconds=args.overlap)
    until = rfc3339_second(now if earlier.until is None else earlier.until)
    print(f"made  {config.keys.directory / KEY_FILES[args.key]}")
    print(f"kept  {earlier.jwk['kid']}: what it signed counts until {until}")
    print("next  wait 300 seconds, then restart the service: then it signs with the new key")
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
