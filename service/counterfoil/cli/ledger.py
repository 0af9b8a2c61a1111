"""`counterfoil ledger`: the tables of a PostgreSQL ledger, and going on after a loss."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import psycopg

from counterfoil.cli import EXIT_GOOD, SubParsers
from counterfoil.cli.child_specs import origin_of
from counterfoil.cli.recover import add_recover
from counterfoil.config import find_config, load_config
from counterfoil.config_ledger import PASSWORD_VARIABLE, PostgresqlPlace, postgresql_place
from counterfoil.errors import ConfigError
from counterfoil.ledger.postgresql.connection import connect, said
from counterfoil.ledger.postgresql.setup import grant_auditor, grant_service, prepare
from counterfoil.ledger.signing import load_signing
from counterfoil.system import SystemClock

_STATEMENT_MS = 3_600_000  # an index over a long ledger

_ABOUT = """\
Make the tables of a PostgreSQL ledger, or take the steps that a new release adds, and
grant the roles of the service and of auditors exactly what they need. Run it as the role
that owns the database; the service's own role then cannot change or delete a record.
The password comes from --password-file or COUNTERFOIL_LEDGER__PASSWORD.
"""


def register(subparsers: SubParsers[argparse.ArgumentParser]) -> None:
    """Add `ledger` to the command line."""
    parser = subparsers.add_parser(
        "ledger", help="make the tables of a ledger on PostgreSQL, or go on after a loss"
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    migrate = commands.add_parser(
        "migrate",
        help="make or renew the tables, and grant roles",
        description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    migrate.add_argument("--url", help="the owner's URL; default: the configuration's")
    migrate.add_argument("--password-file", type=Path, help="the owner's password")
    migrate.add_argument("--service", action="append", default=[], metavar="ROLE")
    migrate.add_argument("--auditor", action="append", default=[], metavar="ROLE")
    migrate.add_argument("--config", type=Path, help="the configuration file")
    migrate.set_defaults(run=run)
    add_recover(commands)


def run(args: argparse.Namespace) -> int:
    """Take the steps and grant; returns the exit code.

    Raises:
        ConfigError: no PostgreSQL ledger, another one, or no right.
    """
    config = load_config(find_config(args.config), os.environ)
    place = config.ledger.place
    if args.url:
        password = "" if args.password_file else os.environ.get(PASSWORD_VARIABLE, "")
        place = postgresql_place(args.url, password_file=args.password_file, password=password)
    if not isinstance(place, PostgresqlPlace):
        raise ConfigError("the ledger lies on SQLite: its writer renews it by itself")
    keys = config.keys.directory
    signing = load_signing(keys, SystemClock().now(), create=config.development)
    try:
        with connect(place, "migrate", statement_ms=_STATEMENT_MS) as db:
            prefix = prepare(db, origin_of(config), signing).name
            for role in args.service:
                grant_service(db, role)
            for role in args.auditor:
                grant_auditor(db, role)
    except psycopg.Error as error:
        raise ConfigError(f"PostgreSQL: {said(error)}", pointer="ledger.url") from error
    print(f"ready  {prefix} at {place}")
    return EXIT_GOOD
