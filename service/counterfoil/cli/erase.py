"""`counterfoil erase`: an administrator erases a person from their tenant's record.

Talks to the service over HTTP like anybody else, with the administrator's own token.
"""

from __future__ import annotations

import argparse
import sys

from counterfoil.cli import EXIT_GOOD, EXIT_USAGE, SubParsers
from counterfoil.cli.approval_client import add_credential_arguments
from counterfoil.cli.orders import OK, configured, issuer_of_people, refused, send
from counterfoil.cli.text import compact, shown
from counterfoil.core.model import JsonObject

_EPILOG = """\
What goes: the person's data key, and with it everything that they, and agents for them, ever
said: prompts, commands, claims, results, stored answers, their approvals. It cannot be undone.
What stays: that a decision fell, when, by which agent, of which code; the log still verifies.
Backups that were made before hold the key until they are thrown away: docs/privacy.md.

  counterfoil erase --subject alice --issuer https://idp.example.com --reason "request 2026-114"

A legal hold forbids it (counterfoil hold). A second time finds nothing and is no error.
in development add: --sub root --group administrators
"""


def register(subparsers: SubParsers[argparse.ArgumentParser]) -> None:
    """Add `erase` to the command line."""
    parser = subparsers.add_parser(
        "erase",
        help="erase a person from the record; it still verifies",
        description="Erase a person from your own tenant's record, as an administrator.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--subject", metavar="SUB", required=True, help="the person's name")
    parser.add_argument("--issuer", help="who vouches for it (default: the only one configured)")
    parser.add_argument(
        "--reason", required=True, help="recorded under your own key: do not name the person"
    )
    parser.add_argument("--json", action="store_true", help="print what the service says")
    add_credential_arguments(parser, deed="erase")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do it; returns the exit code.

    Raises:
        ConfigError: there is no credential, or no usable key.
    """
    config = configured(args)
    issuer = issuer_of_people(args, config)
    if issuer is None:
        print("counterfoil erase: say with --issuer who vouches for the person", file=sys.stderr)
        return EXIT_USAGE
    body: JsonObject = {"subject": {"iss": issuer, "sub": args.subject}, "reason": args.reason}
    answer = send(args, config, "/erasures", body)
    if answer.status != OK:
        return refused("erase", answer.body)
    print(compact(answer.body) if args.json else _told(answer.body))
    return EXIT_GOOD


def _told(answer: JsonObject) -> str:
    if not answer.get("erased"):
        return "Nothing of that person is in the record (any more)."
    return (
        f"Erased. The data key {shown(str(answer.get('key')))} is destroyed; approvals closed:"
        f" {answer.get('approvals_closed')}. Older backups still hold it: docs/privacy.md."
    )
