"""`counterfoil hold list`: the legal holds that stand, read from the record."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass

from counterfoil.cli import EXIT_GOOD
from counterfoil.cli.book import Book, open_book
from counterfoil.cli.operator import note_reading
from counterfoil.cli.orders import configured, issuer_of_people
from counterfoil.cli.text import members, opened, shown
from counterfoil.core.privacy import HELD, HOLDS, held_by


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """One hold that stands. `about` is the data key of the held person, None for everything."""

    tenant: str
    hold: str
    about: str | None
    since: str
    by: str
    reason: str

    def line(self) -> str:
        """For people."""
        of = "everything" if self.about is None else f"the data key {self.about}"
        why = f"{shown(self.by)}: {shown(self.reason)}"
        return f"{self.hold}  {shown(self.tenant)}  {of}  since {self.since}  {why}"


def list_holds(args: argparse.Namespace) -> int:
    """Print them; returns the exit code.

    Raises:
        ConfigError: a key or the configuration cannot be read.
        LedgerError: the ledger cannot be read, or a record is not what its receipt says.
    """
    config = configured(args)
    person = None
    if args.subject is not None:
        issuer = issuer_of_people(args, config)
        if issuer is None:
            args.usage_error("say with --issuer who vouches for the person")
        person = (str(issuer), str(args.subject))
    with open_book(config) as book:
        tenants = [tenant for tenant in book.tenants(args.tenant) if tenant]
        note_reading(config, "hold", {tenant: [HOLDS] for tenant in tenants})
        found = [hold for t in tenants for hold in standing(book, t, person)]
    if args.json:
        print(json.dumps({"holds": [asdict(hold) for hold in found]}))
        return EXIT_GOOD
    for hold in found:
        print(hold.line())
    if not found:
        print("No hold stands.")
    return EXIT_GOOD


def standing(book: Book, tenant: str, person: tuple[str, str] | None) -> list[Hold]:
    """What stands in a tenant; with a person only what keeps their data.

    Raises:
        LedgerError: as `list_holds`.
    """
    events = book.reader.trail(tenant, HOLDS)
    stands = held_by((event.kind, event.plain) for event in events).standing
    set_by = {str(event.plain.get("hold")): event for event in events if event.kind == HELD}
    key = None if person is None else book.slices.subject_key(tenant, person)
    holds = []
    for name, about in stands.items():
        if person is not None and about not in {None, key}:
            continue
        event = set_by[name]
        said = {name: members(opened(data)) for name, data in event.payload.items()}
        who = str(members(said.get("caller", {}).get("subject")).get("sub", event.missing))
        reason = str(said.get("reason", {}).get("reason", event.missing))
        holds.append(
            Hold(tenant=tenant, hold=name, about=about, since=event.time, by=who, reason=reason)
        )
    return holds
