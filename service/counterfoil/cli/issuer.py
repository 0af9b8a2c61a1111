"""`counterfoil issuer KIND`: a small process that makes scoped credentials at one real system.

The service holds no power over targets; this process does, so it is configured, started and
guarded by itself, with its own file and account.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import cast

from counterfoil.cli import EXIT_FINDING, EXIT_GOOD, EXIT_USAGE, SubParsers
from counterfoil.core.model import JsonObject

_DESCRIPTION = """\
Run one issuer: it takes a signed scoped token request, has the service redeem it (once, live),
makes exactly that credential at its target, gives it to the holder whose key the request
names, reports it, and ends it at its deadline, on the outcome and on a revocation.
"""
_EPILOG = """\
examples:
  counterfoil issuer postgresql --config issuer.toml --check
                              judge the file, reach the target, say what is missing; change nothing
  counterfoil issuer postgresql --config issuer.toml
                              run it, until SIGTERM

issuer.toml:
  [issuer]
  name = "postgresql-orders"            # as in the service's [[issuer]] and [[resource]]
  listen = "unix:run/orders.sock"       # or 127.0.0.1:8291; beyond this machine with TLS
  state = "orders-issuer.db"            # keep it: a restart ends what it names
  [service]
  url = "https://counterfoil.example.com"
  key_file = "issuer.pem"               # P-256; its public half goes into [[issuer]] jwks_file
  [target]
  location = "postgresql://db.internal:5432/orders"   # as in [[resource]]
  host = "db.internal"
  user = "counterfoil_issuer"
  password_file = "issuer.password"
  owner = "app"                         # who gets what jobs were decided to make

Each kind's page says what least power the issuer needs itself: docs/issuers/.

exit codes: 0 good, 1 a finding, 2 usage, 78 configuration
"""


def register(subparsers: SubParsers[argparse.ArgumentParser]) -> None:
    """Add `issuer` to the command line."""
    parser = subparsers.add_parser(
        "issuer",
        help="run an issuer: scoped credentials at one real system",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("kind", metavar="KIND", help="postgresql, … (a wrong one lists them all)")
    parser.add_argument("--config", type=Path, metavar="FILE", help="the issuer's own file (TOML)")
    parser.add_argument(
        "--check", action="store_true", help="judge the file and the target's reachability, and end"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run it, or check it; the exit code.

    Raises:
        ConfigError: the file is wrong, or something in it cannot be had.
    """
    # Here, not above: `counterfoil issuer --help` and the service need none of it.
    from counterfoil_issuers import settings as issuer_settings  # noqa: PLC0415
    from counterfoil_issuers import structured_log  # noqa: PLC0415
    from counterfoil_issuers.contract import TargetError  # noqa: PLC0415
    from counterfoil_issuers.runner import run as run_issuer  # noqa: PLC0415

    if args.config is None:
        print("counterfoil issuer: name the issuer's file with --config", file=sys.stderr)
        return EXIT_USAGE
    settings = issuer_settings.load(args.kind, args.config)
    try:
        if args.check:
            return _check(settings.kind, settings.target)
        structured_log.set_up()
        run_issuer(settings, say=lambda text: print(text, flush=True))
    except TargetError as error:
        print(f"counterfoil issuer: the target: {error}", file=sys.stderr)
        print("  Run it with --check, and see its page in docs/issuers/.", file=sys.stderr)
        return EXIT_FINDING
    return EXIT_GOOD


def _check(kind: str, table: JsonObject) -> int:
    from counterfoil_issuers.kinds import Reachable, build  # noqa: PLC0415

    target = build(kind, table)
    found = cast("Reachable", target).reach() if isinstance(target, Reachable) else []
    target.names()
    for line in found:
        print(f"finding: {line}")
    print("the file is right and the target can be reached" if not found else "see docs/issuers/")
    return EXIT_FINDING if found else EXIT_GOOD
