"""`counterfoil revoke`: an administrator ends a person's, an agent's, a run's or a token's rights.

Talks to the service over HTTP like anybody else, with the administrator's own token.
"""

from __future__ import annotations

import argparse
import sys

from counterfoil.cli import EXIT_GOOD, EXIT_USAGE, SubParsers
from counterfoil.cli.approval_client import add_credential_arguments
from counterfoil.cli.orders import OK, configured, issuer_of_people, refused, send
from counterfoil.cli.text import compact, shown
from counterfoil.config import Config
from counterfoil.core.model import JsonObject, JsonValue

_EPILOG = """\
A run or a token is over for good. A person, an agent or everything: what was issued until now,
or until --before; who logs in afterwards begins anew. In force on every worker within a second.

  counterfoil revoke --run run_… --reason "the agent loops"
  counterfoil revoke --subject alice --issuer https://idp.example.com
  counterfoil revoke --actor coder
  counterfoil revoke --everything --before 2026-11-24T03:10:00Z

in development add: --sub root --group administrators
"""


def register(subparsers: SubParsers[argparse.ArgumentParser]) -> None:
    """Add `revoke` to the command line."""
    parser = subparsers.add_parser(
        "revoke",
        help="end a person's, an agent's, a run's or a token's rights, at once",
        description="End rights before their time, in your own tenant, as an administrator.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--subject", metavar="SUB", help="a person, with --issuer")
    what.add_argument("--actor", metavar="NAME", help="an agent (--issuer: this service)")
    what.add_argument("--run", metavar="ID", dest="run_id", help="a run, run_…")
    what.add_argument("--token", metavar="JTI", help="one token, by its jti")
    what.add_argument("--everything", action="store_true", help="of the tenant")
    parser.add_argument("--issuer", help="who vouches for the person, or registers the agent")
    parser.add_argument("--before", metavar="TIME", help="RFC 3339 in UTC; default: now")
    parser.add_argument("--reason", help="recorded")
    parser.add_argument("--json", action="store_true", help="print what the service says")
    add_credential_arguments(parser, deed="revoke")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do it; returns the exit code.

    Raises:
        ConfigError: there is no credential, or no usable key.
    """
    config = configured(args)
    if args.subject is not None and issuer_of_people(args, config) is None:
        print("counterfoil revoke: say with --issuer who vouches for the person", file=sys.stderr)
        return EXIT_USAGE
    answer = send(args, config, "/revocations", _body(args, config))
    if answer.status != OK:
        return refused("revoke", answer.body)
    print(compact(answer.body) if args.json else _told(answer.body))
    return EXIT_GOOD


def _body(args: argparse.Namespace, config: Config) -> JsonObject:
    body: dict[str, JsonValue] = {}
    if args.subject is not None:
        body["subject"] = {"iss": issuer_of_people(args, config), "sub": args.subject}
    elif args.actor is not None:
        body["actor"] = {"iss": args.issuer or config.token.issuer, "sub": args.actor}
    elif args.run_id is not None:
        body["run"] = args.run_id
    elif args.token is not None:
        body["token"] = args.token
    else:
        body["everything"] = True
    if args.before is not None:
        body["before"] = args.before
    if args.reason is not None:
        body["reason"] = args.reason
    return body


def _told(answer: JsonObject) -> str:
    closed = answer.get("approvals_closed")
    return (
        f"Revoked ({shown(str(answer.get('revocation')))}), in force within "
        f"{answer.get('in_force_within_seconds')} s; approvals closed: {closed}."
    )
