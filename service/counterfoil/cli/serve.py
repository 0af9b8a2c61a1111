"""`counterfoil serve`: start the service and keep it running."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from counterfoil.cli import SubParsers

_DESCRIPTION = """\
Starts OPA, the ledger writer and the HTTP workers under one parent. They end when the
parent ends, however it ends; one that dies is started again; the same command always
starts on the same port again. SIGTERM or Ctrl-C stops everything in order, a second
one at once.
"""

_EPILOG = """\
exit codes: 0 stopped, 1 already running, 65 the ledger contradicts itself,
70 a process could not be kept alive, 78 configuration
"""


def register(subparsers: SubParsers[argparse.ArgumentParser]) -> None:
    """Add the command's parser."""
    parser = subparsers.add_parser(
        "serve",
        help="run the service",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="the TOML file")
    parser.add_argument(
        "--dev",
        action="store_true",
        help="development: keys and identities made here, loopback only, never for real data",
    )


def run(args: argparse.Namespace) -> int:
    """Check the configuration, then serve until told to stop.

    Raises:
        ConfigError: a setting is wrong, or what it names is missing (exit code 78).
        AlreadyRunning: the run directory is in use (exit code 1).
    """
    from counterfoil.cli.parent import serve  # noqa: PLC0415  # `--help` needs none of it
    from counterfoil.config import find_config, load_config  # noqa: PLC0415

    file = find_config(args.config)
    config = load_config(file, os.environ, dev=args.dev)
    return serve(config, file=file)
