"""`counterfoil approvals fatigue`: which rules ask so often that nobody reads any more."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable
from pathlib import Path

from counterfoil.cli import EXIT_FINDING, EXIT_GOOD
from counterfoil.cli.book import open_book
from counterfoil.cli.observed import parse_since
from counterfoil.cli.operator import note_reading
from counterfoil.cli.text import compact, items, members, opened, shown
from counterfoil.config import find_config, load_config
from counterfoil.core.approval_record import ANSWERED, REQUESTED
from counterfoil.core.fatigue import Asked, Rule, key_of, rights_that_ask, rule_of, terms_named
from counterfoil.core.model import JsonObject, JsonValue
from counterfoil.core.times import seconds_of
from counterfoil.ledger.reader import Reader

LEAST = 5
"""So many approvals without one denial look like a habit."""


def add_fatigue_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `approvals fatigue`."""
    parser.add_argument(
        "--since",
        type=parse_since,
        metavar="WHEN",
        help="from this time on (2026-11-24) or for the last 90m, 24h, 7d",
    )
    parser.add_argument("--tenant", help="look in this tenant's log only (default: in all)")
    parser.add_argument(
        "--least", type=int, default=LEAST, help=f"so many approvals make a habit ({LEAST})"
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    parser.add_argument("--config", type=Path, help="the configuration file")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the rules; 1 where one of them is approved out of habit.

    Raises:
        ConfigError: a key or the configuration cannot be read.
        LedgerError: the ledger cannot be read, or a record is not what its receipt says.
    """
    config = load_config(find_config(args.config), os.environ)
    with open_book(config) as book:
        tenants = book.tenants(args.tenant)
        note_reading(config, "approvals fatigue", {tenant: [] for tenant in tenants})
        rules = rules_of(book.reader, tenants, since=args.since or "")
    rules.sort(key=lambda rule: (not rule.is_habit(args.least), -len(rule.asked), rule.tool))
    told = [_told(rule, _access(config.policy.bundle, rule.tenant), args.least) for rule in rules]
    if args.json:
        print(json.dumps({"rules": told}))
    else:
        print("\n\n".join(map(_text, told)) if told else "Nobody was asked for an approval.")
    return EXIT_FINDING if any(rule.is_habit(args.least) for rule in rules) else EXIT_GOOD


def rules_of(reader: Reader, tenants: Iterable[str], *, since: str) -> list[Rule]:
    """Every rule that asked, with what came of it; what went with a person is left out.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    rules: dict[bytes, Rule] = {}
    asked: dict[str, Asked] = {}
    for tenant in tenants:
        for event in reader.events(tenant, REQUESTED, since=since):
            record = members(opened(event.payload.get("approval", b"null")))
            if not record:
                continue
            found = rule_of(tenant, record)
            rule = rules.setdefault(key_of(found), found)
            one = Asked(rule, seconds_of(event.time))
            rule.asked.append(one)
            asked[str(event.plain["approval"])] = one
        for event in reader.events(tenant, ANSWERED, since=since):
            known = asked.get(str(event.plain["approval"]))
            if known is not None:
                known.said.append(str(event.plain.get("answer")))
                known.answered_at = seconds_of(event.time)
                known.in_advance = known.in_advance or "template" in event.plain
    return list(rules.values())


def _access(bundle: Path, tenant: str) -> JsonObject:
    """Policy's data of a tenant; nothing where the bundle is no folder that has it."""
    try:
        return members(json.loads((bundle / "data" / "access" / tenant / "data.json").read_bytes()))
    except (OSError, ValueError):
        return {}


def _told(rule: Rule, access: JsonObject, least: int) -> JsonObject:
    rights: list[JsonValue] = [
        {"path": list(path), "from": name, "to": "allow"}
        for path, name in rights_that_ask(rule, access)
    ]
    names: list[JsonValue] = [*terms_named(rule, access)]
    return {
        "tenant": rule.tenant,
        "tool": rule.tool,
        "operation": rule.operation,
        "terms": rule.terms,
        "terms_named": names,
        "asked": len(rule.asked),
        "approved": rule.approved,
        "denied": rule.denied,
        "in_advance": rule.in_advance,
        "median_seconds": rule.seconds,
        "habit": rule.is_habit(least),
        "changes": rights,
    }


def _text(told: JsonObject) -> str:
    operation = members(told["operation"])
    where = compact(operation.get("object"))
    head = f"{told['tool']}: {operation.get('verb')} {where} (tenant {told['tenant']})"
    groups = ", ".join(map(str, items(members(told["terms"]).get("approvers"))))
    counts = (
        f"  asked {told['asked']}, approved {told['approved']} ({told['in_advance']} in advance),"
        f" denied {told['denied']}, by {shown(groups)}"
    )
    lines = [shown(head), counts]
    if told["median_seconds"] is not None:
        lines.append(f"  half of the answers came within {told['median_seconds']} s")
    if told["habit"]:
        lines.append("  Always approved. What would end it, if that is what policy means:")
        for change in map(members, items(told["changes"])):
            path = ".".join(map(str, items(change["path"])))
            lines.append(shown(f"    access.{told['tenant']}.{path}: {change['from']} -> allow"))
        for name in items(told["terms_named"]):
            entry = f"access.{told['tenant']}.approvals.{name}"
            lines.append(shown(f'    or {entry}.similar: {{"uses": 5, "seconds": 600}}'))
    return "\n".join(lines)
