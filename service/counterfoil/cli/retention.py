"""`counterfoil retention`: an administrator has what is older than the configuration keeps dropped.

Talks to the service over HTTP like anybody else, with the administrator's own token.
"""

from __future__ import annotations

import argparse
import sys

from counterfoil.cli import EXIT_GOOD, SubParsers
from counterfoil.cli.approval_client import add_credential_arguments
from counterfoil.cli.orders import OK, configured, refused, send
from counterfoil.cli.text import compact, shown

_EPILOG = """\
What goes: sealed payloads (prompts, commands, claims, results) of records that are older than
ledger.retention_days, 184 or more. What stays: every leaf, receipt and checkpoint, so that
verify proves the log as before; what a legal hold keeps; erasures, holds and revocations.
Each range is recorded as it goes. Broken off, it goes on where it was; run it each night.

  counterfoil retention

in development add: --sub root --group administrators
"""
_BAR_CHARACTERS = 30


def register(subparsers: SubParsers[argparse.ArgumentParser]) -> None:
    """Add `retention` to the command line."""
    parser = subparsers.add_parser(
        "retention",
        help="drop what was said longer ago than the configuration keeps it",
        description="Drop old payloads of your own tenant, as an administrator.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document at the end")
    add_credential_arguments(parser, deed="drop")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do it, with a bar where somebody looks; returns the exit code.

    Raises:
        ConfigError: there is no credential, or no usable key.
    """
    config = configured(args)
    dropped = kept = 0
    while True:
        answer = send(args, config, "/retention", {})
        if answer.status != OK:
            return refused("retention", answer.body)
        dropped += _count(answer.body.get("dropped"))
        kept += _count(answer.body.get("kept"))
        _show(_count(answer.body.get("reached")), _count(answer.body.get("size")))
        if answer.body.get("done"):
            break
    if sys.stderr.isatty():
        print(file=sys.stderr)
    if args.json:
        print(compact({**answer.body, "dropped": dropped, "kept": kept}))
    else:
        before = shown(str(answer.body.get("cutoff")))
        print(f"{dropped:,} payloads of before {before} dropped, {kept:,} kept.")
    return EXIT_GOOD


def _show(reached: int, size: int) -> None:
    if sys.stderr.isatty() and reached and size:
        full = _BAR_CHARACTERS * reached // size
        bar = "#" * full + "." * (_BAR_CHARACTERS - full)
        print(f"\r[{bar}] {reached:,} of {size:,}", end="", file=sys.stderr, flush=True)


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0
