"""The place of the ledger on a child's command line; its password never stands there."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from counterfoil.config_ledger import PASSWORD_VARIABLE, PostgresqlPlace, postgresql_place


def add_place(parser: argparse.ArgumentParser) -> None:
    """Add `--url` and `--password-file`."""
    parser.add_argument("--url", required=True, help="postgresql://user@host/database")
    parser.add_argument("--password-file", type=Path)


def place_from(options: argparse.Namespace) -> PostgresqlPlace:
    """The place, with the password of the environment where no file is named.

    Raises:
        ConfigError: the URL cannot be used.
    """
    return postgresql_place(
        options.url,
        password_file=options.password_file,
        # This process is its own entry point: the parent hands it this one variable.
        password=os.environ.get(PASSWORD_VARIABLE, ""),
    )
