"""`counterfoil hold set|release|list`: a legal hold on a person's data, or on a tenant's.

To set and to release it talks to the service over HTTP like anybody else, with the administrator's
own token. The list is read from the record, beside the service, as `trail` is.
"""

from __future__ import annotations

import argparse
import sys

from counterfoil.cli import EXIT_GOOD, EXIT_USAGE, SubParsers
from counterfoil.cli.approval_client import add_credential_arguments
from counterfoil.cli.orders import OK, configured, issuer_of_people, refused, send
from counterfoil.cli.text import compact, shown
from counterfoil.core.model import JsonObject, JsonValue

_EPILOG = """\
What is held is neither erased nor dropped by retention until it is released. Both are recorded,
with who and why; verify finds an erasure under a hold.

  counterfoil hold set --subject alice --issuer https://idp.example.com --reason "case 2026-7"
  counterfoil hold set --everything --reason "case 2026-8"
  counterfoil hold release --subject alice --reason "case 2026-7 is closed"
  counterfoil hold list                         which stand, since when, by whom and why

A person is held by the id of their data key; list --subject says which one is theirs.

in development add: --sub root --group administrators
"""


def register(subparsers: SubParsers[argparse.ArgumentParser]) -> None:
    """Add `hold` to the command line."""
    parser = subparsers.add_parser(
        "hold",
        help="keep a person's data, or everything, from erasure and retention",
        description="Set or release a legal hold in your own tenant, as an administrator; or list"
        " the holds that stand (needs the sealing key: runs beside the service).",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("hold", choices=["set", "release", "list"])
    whom = parser.add_mutually_exclusive_group()
    whom.add_argument("--subject", metavar="SUB", help="a person, with --issuer")
    whom.add_argument("--everything", action="store_true", help="all of the tenant")
    parser.add_argument("--issuer", help="who vouches for it (default: the only one configured)")
    parser.add_argument("--reason", help="recorded under your own key: do not name the person")
    parser.add_argument("--tenant", help="list: of this tenant only (default: of all)")
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    add_credential_arguments(parser, deed="hold")
    parser.set_defaults(run=run, usage_error=parser.error)


def run(args: argparse.Namespace) -> int:
    """Do it; returns the exit code.

    Raises:
        ConfigError: there is no credential, or no usable key.
    """
    if args.hold == "list":
        # Only here: an order over HTTP needs nothing of the ledger.
        from counterfoil.cli.hold_list import list_holds  # noqa: PLC0415

        return list_holds(args)
    if args.reason is None or not (args.subject or args.everything):
        args.usage_error("say --subject SUB or --everything, and --reason why")
    config = configured(args)
    body: dict[str, JsonValue] = {"hold": args.hold, "reason": args.reason}
    if args.everything:
        body["everything"] = True
    else:
        issuer = issuer_of_people(args, config)
        if issuer is None:
            print("counterfoil hold: say with --issuer who vouches for it", file=sys.stderr)
            return EXIT_USAGE
        body["subject"] = {"iss": issuer, "sub": args.subject}
    answer = send(args, config, "/holds", body)
    if answer.status != OK:
        return refused("hold", answer.body)
    print(compact(answer.body) if args.json else _told(answer.body))
    return EXIT_GOOD


def _told(answer: JsonObject) -> str:
    name = "" if answer.get("hold") is None else f" ({shown(str(answer.get('hold')))})"
    if answer.get("stands"):
        return f"Held{name}." if answer.get("changed") else f"It was held before{name}."
    return f"Released{name}." if answer.get("changed") else "Nothing was held."
