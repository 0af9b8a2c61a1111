"""`counterfoil tail`: what is being decided, as it is recorded.

Needs the sealing key, like `trail`, and runs beside the service. A line is printed only when
its record is durable and its receipt was checked.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from counterfoil.cli import EXIT_GOOD, SubParsers
from counterfoil.cli.book import Book, open_book
from counterfoil.cli.observed import parse_since
from counterfoil.cli.operator import note_reading
from counterfoil.cli.text import items, members, opened, shown
from counterfoil.config import find_config, load_config
from counterfoil.core.entry import leaf_word
from counterfoil.core.model import JsonObject, JsonValue
from counterfoil.core.search import EFFECTS, Filters
from counterfoil.ports import StoredEvent

_PAUSE_SECONDS = 0.25
_EPILOG = """\
  counterfoil tail                                  everything from now on
  counterfoil tail --effect deny --since 1h         what was denied in the last hour, and goes on
  counterfoil tail --run run_… --no-follow --json   all of one run, and end
"""


def register(subparsers: SubParsers[argparse.ArgumentParser]) -> None:
    """Add `tail` to the command line."""
    parser = subparsers.add_parser(
        "tail",
        help="watch decisions, approvals and outcomes as they are recorded",
        description="Print a line for each event from now on, until it is interrupted.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_filters(parser)
    parser.add_argument("--no-follow", action="store_true", help="print what is there, and end")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--config", type=Path, help="the configuration file")
    parser.set_defaults(run=run)


def add_filters(parser: argparse.ArgumentParser) -> None:
    """The filters that `tail`, `export` and `evidence` have in common."""
    parser.add_argument("--tenant", help="this tenant's log only (default: all)")
    parser.add_argument("--since", type=parse_since, metavar="WHEN", help="2026-11-24, 24h, 7d …")
    parser.add_argument("--until", type=parse_since, metavar="WHEN", help="before this time")
    parser.add_argument("--subject", metavar="SUB", help="a person, with --issuer")
    parser.add_argument("--issuer", help="who vouches for the person")
    parser.add_argument("--actor", metavar="NAME", help="an agent")
    parser.add_argument("--effect", choices=sorted(EFFECTS))
    parser.add_argument("--tool", help="a tool's name")
    parser.add_argument("--run", dest="run_id", metavar="ID", help="a run")
    parser.set_defaults(usage_error=parser.error)


def filters_of(args: argparse.Namespace) -> Filters:
    """The filters that were typed."""
    person = None
    if args.subject is not None or args.issuer is not None:
        if args.subject is None or args.issuer is None:
            args.usage_error("--subject and --issuer go together: a name is an issuer's")
        person = (args.issuer, args.subject)
    return Filters(
        since=args.since,
        until=args.until,
        subject=person,
        actor=None if args.actor is None else leaf_word(args.actor),
        effect=args.effect,
        tool=args.tool,
        run=args.run_id,
    )


def run(args: argparse.Namespace) -> int:
    """Print until interrupted; returns the exit code.

    Raises:
        ConfigError: a key or the configuration cannot be read.
        LedgerError: the ledger cannot be read, or a record is not what its receipt says.
    """
    filters = filters_of(args)
    config = load_config(find_config(args.config), os.environ)
    with open_book(config) as book:
        note_reading(config, "tail", {tenant: [] for tenant in book.tenants(args.tenant)})
        for event, tenant in _watched(book, args, filters):
            line = as_json(event, tenant)
            print(json.dumps(line) if args.json else _line(line), flush=True)
    return EXIT_GOOD


def _watched(
    book: Book, args: argparse.Namespace, filters: Filters
) -> Iterator[tuple[StoredEvent, str]]:
    """Wanted events, each log in its order."""
    whole = args.no_follow or args.since is not None
    places = {} if whole else {name: book.last(name) for name in book.tenants(args.tenant)}
    seen: object = None
    while True:
        version = book.reader.version()
        if version != seen:
            seen = version
            for tenant in book.tenants(args.tenant):
                for event in _new(book, tenant, places, filters):
                    yield event, tenant
        if args.no_follow:
            return
        time.sleep(_PAUSE_SECONDS)


def _new(
    book: Book, tenant: str, places: dict[str, int], filters: Filters
) -> Iterator[StoredEvent]:
    key = None if filters.subject is None else book.slices.subject_key(tenant, filters.subject)
    if filters.subject is not None and key is None:
        return

    def choose(leaf: Mapping[str, object]) -> bool:
        return filters.takes(leaf, key)

    place: int | None = places.get(tenant, -1)
    while place is not None:
        piece = book.slices.forwards(tenant, after=place, most=512, choose=choose)
        for event in piece.events:
            if filters.tool is None or as_json(event, tenant)["tool"] == filters.tool:
                yield event
        places[tenant] = piece.last
        place = piece.place


def as_json(event: StoredEvent, tenant: str) -> dict[str, JsonValue]:
    """One event in few words; what it does not have is null."""
    plain = event.plain
    said = {name: members(opened(data)) for name, data in event.payload.items() if name != "prompt"}
    subject = members(said.get("caller", {}).get("subject"))
    return {
        "time": event.time,
        "tenant": tenant,
        "index": event.index,
        "event": event.kind,
        "effect": plain.get("effect") or plain.get("status") or plain.get("code"),
        "tool": said.get("request", {}).get("action"),
        "subject": {k: subject.get(k) for k in ("iss", "sub")} if subject else None,
        "actor": plain.get("actor"),
        "run": plain.get("run"),
        "decision_id": event.decision_id,
        "reasons": plain.get("reasons") or [],
    }


def _line(value: JsonObject) -> str:
    """For people; nothing in it can repaint a terminal."""
    subject, actor = members(value["subject"]), members(value["actor"])
    who = str(subject.get("sub", "")) + (f" via {actor['sub']}" if actor.get("sub") else "")
    event = str(value["event"]) + (f": {value['effect']}" if value["effect"] else "")
    reasons = ", ".join(str(code) for code in items(value["reasons"]))
    parts = (str(value["time"]), f"{event:<24}", *(value["tool"], who, value["decision_id"]))
    return shown("  ".join(str(part) for part in (*parts, reasons) if part))
