"""`counterfoil keys make`: makes the service's own keys, once, for a deployment of its own."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Final

from counterfoil.cli import EXIT_GOOD, SubParsers
from counterfoil.config import find_config, load_config
from counterfoil.config_model import Config
from counterfoil.errors import ConfigError
from counterfoil.keys import (
    DELEGATION_KEY_FILE,
    GRANT_KEY_FILE,
    ensure_delegation_key,
    ensure_grant_key,
)
from counterfoil.ledger.keys import RECEIPT_KEY, SEALING_KEY, load_master, load_receipt_key

_OF_THE_LEDGER: Final = (RECEIPT_KEY, SEALING_KEY)
_KEYS: Final = (GRANT_KEY_FILE, DELEGATION_KEY_FILE, *_OF_THE_LEDGER)
_MAKE = """\
Make those of the service's keys that are missing in keys.directory. What is there stays as
it is. Run it as the account that the service runs as, before its first start. Back the
folder up together with the ledger: without its keys a ledger cannot be continued or read.
"""


class KeysLost(ConfigError):
    """New keys beside an old ledger would hide that the old ones are gone."""

    code = "config.keys_lost"
    title = "The ledger's keys are missing"
    solution = "Restore them from the backup; or move the ledger away to begin a new record."


def register(subparsers: SubParsers[argparse.ArgumentParser]) -> None:
    """Add `keys` to the command line."""
    parser = subparsers.add_parser(
        "keys", help="make the service's own keys", description="Make the service's own keys."
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    make = commands.add_parser("make", help="make the missing ones", description=_MAKE)
    make.add_argument("--config", type=Path, metavar="FILE", help="the configuration file")
    make.set_defaults(run=run)


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


def make_keys(config: Config) -> dict[str, bool]:
    """Make the missing keys; whether each one was made.

    Raises:
        ConfigError, KeysLost: see `run`.
    """
    folder = config.keys.directory
    missing = {name: not (folder / name).exists() for name in _KEYS}
    lost = [name for name in _OF_THE_LEDGER if missing[name]]
    if lost and config.ledger.path.exists():
        raise KeysLost(
            f"{config.ledger.path} is there, and not its {', '.join(lost)} in {folder}",
            pointer="keys.directory",
        )
    ensure_grant_key(folder)
    ensure_delegation_key(folder)
    load_receipt_key(folder, create=True)
    load_master(folder, create=True)
    return missing
