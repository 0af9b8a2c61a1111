"""`counterfoil ledger recover`: go on with a ledger that has lost its end, under a new name."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from counterfoil.cli import EXIT_GOOD, SubParsers
from counterfoil.cli.child_specs import origin_of
from counterfoil.config import find_config, load_config
from counterfoil.config_ledger import PASSWORD_VARIABLE, PostgresqlPlace, postgresql_place
from counterfoil.config_model import Config
from counterfoil.ledger.recovery import Recovered, recover_file, set_stops_aside
from counterfoil.ledger.sources import stops_beside
from counterfoil.system import SystemClock

_ABOUT = """\
Where a writer says that entries were signed which the ledger does not hold, it is an older
copy, or a twin of it signs as well. First look for the right ledger, and put it back: then
nothing is lost. Only if there is none, stop the service everywhere and run this. The ledger
goes on under a new name; each log gets a record that says from where; verify tells of it
for ever, and what was signed under the old name beyond that place stays a finding for whoever
holds it.

Revocations, spent grants and answered approvals may be among what was lost, so all rights that
were issued until the recovery are over with it, in every tenant: tokens, runs, grants and waiting
approvals. People log in again. Afterwards: give auditors the new receipt.pub; set legal holds
anew that were lost (counterfoil hold list shows which stand).
"""


def add_recover(commands: SubParsers[argparse.ArgumentParser]) -> None:
    """Add `ledger recover` to the command line."""
    parser = commands.add_parser(
        "recover",
        help="go on with a ledger that has lost its end, under a new name",
        description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--url", help="PostgreSQL: the owner's URL; default: the configuration's")
    parser.add_argument("--password-file", type=Path, help="PostgreSQL: the owner's password")
    parser.add_argument("--config", type=Path, help="the configuration file")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Recover and say what follows; returns the exit code.

    Raises:
        ConfigError: a writer runs, it is another ledger, or a right is missing.
        LedgerCorrupt: there is nothing sound to go on from.
    """
    config = load_config(find_config(args.config), os.environ)
    os.umask(0o077)
    done = _recover(config, args)
    print(f"was    {done.old}")
    print(f"is     {done.new}")
    for log, size in done.logs:
        print(f"  {log}: goes on from {size:,} entries")
    aside = set_stops_aside(stops_beside(config.ledger.place, config.keys.directory), done.old)
    if aside is not None:
        print(f"kept   {aside}: the receipts that had stopped tenants")
    print(f"next   give auditors {config.keys.directory / 'receipt.pub'}; with replicas, copy it")
    print(
        "       start the service; people log in again; counterfoil hold list: set lost ones anew"
    )
    print("ended  all rights that were issued until now: what revoked some may be lost")
    return EXIT_GOOD


def _recover(config: Config, args: argparse.Namespace) -> Recovered:
    place, keys, clock = config.ledger.place, config.keys.directory, SystemClock()
    if args.url:
        password = "" if args.password_file else os.environ.get(PASSWORD_VARIABLE, "")
        place = postgresql_place(args.url, password_file=args.password_file, password=password)
    if isinstance(place, PostgresqlPlace):
        # Loaded here: a file is recovered without the driver.
        from counterfoil.ledger.postgresql.recovery import recover_database  # noqa: PLC0415

        return recover_database(place, keys, base=origin_of(config), now=clock.now)
    return recover_file(place, keys, base=origin_of(config), now=clock.now)
