"""What stays: the trail of a decision, a whole ledger, and one byte of a copy changed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from demo import checks
from demo.errors import DemoError
from demo.page import TOLD_COLUMNS, Page
from demo.script import COPY, PROMPT
from demo.service import LEDGER, PERSON, Service

_TRAIL_LINES = ("20", "person", "agent  ", "prompt", "action", "sql", "reason", "record", "receipt")
_FINDING_LINES = 2
OF_THE_RUN = "(of the run)"
CHANGED = "ledger-changed.db"
_LEAF = "SELECT idx, leaf FROM entries WHERE decision_id = ?"
_AGENT, _OTHER = b'"sub":"coder"', b'"sub":"coded"'  # somebody else shall have done it


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One byte of a file, and the ledger entry that it stands in."""

    offset: int
    old: str
    new: str
    entry: int


def show_trail(page: Page, service: Service, decision_id: str) -> None:
    """Print the trail of the injected statement, and see whose prompt and action it tells.

    Raises:
        DemoError: it tells another story.
    """
    page.title("5  Afterwards: who asked for that?")
    page.command(f"counterfoil trail {decision_id}", in_part=True)
    said = service.command("trail", decision_id)
    checks.hold("exit code of the trail", expected=0, found=said.code)
    lines = [line for line in said.out.splitlines() if line.strip().startswith(_TRAIL_LINES)]
    page.quote((line for line in lines if '{"' not in line), hang=TOLD_COLUMNS)
    found = {word: word in said.out for word in (PERSON, PROMPT, COPY)}
    claim = f"what {PERSON} asked for stands beside what the agent tried"
    checks.tick(page, claim, expected=dict.fromkeys(found, True), found=found)
    claim = "the prompt is the run's own, recorded when it was opened, not the agent's word"
    checks.hold(claim, expected=True, found=OF_THE_RUN in said.out)


def show_ledger(page: Page, service: Service, decision_id: str) -> None:
    """Verify the ledger; change one byte of a copy; verify the copy.

    Raises:
        DemoError: `verify` says something else.
    """
    page.title("6  The record, and one byte of it changed")
    page.command("counterfoil verify")
    said = service.command("verify")
    page.quote(said.lines, "good" if said.code == 0 else "bad")
    checks.tick(page, "the ledger is whole", expected=0, found=said.code)

    copy = service.folder / CHANGED
    change = change_one_byte(service.folder / LEDGER, copy, decision_id)
    page.gap()
    text = f"changes byte {change.offset:,} of a copy from {change.old} to {change.new}"
    page.line("forger", f"{text}: now the agent “coded” has asked for the drop", "bad")
    page.command(f"counterfoil verify --ledger {CHANGED}", in_part=True)
    said = service.command("verify", "--ledger", CHANGED)
    page.quote(said.lines[:_FINDING_LINES], "bad")
    place = f"entry {change.entry}"
    claim = f"the change is found, and named: {place}"
    checks.tick(page, claim, expected=(1, True), found=(said.code, place in said.out))


def change_one_byte(ledger: Path, copy: Path, decision_id: str) -> Change:
    """Copy a ledger and change one byte of the record of a decision in the copy.

    Raises:
        DemoError: the record is not found there.
    """
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as source:
        index, leaf = source.execute(_LEAF, (decision_id,)).fetchone() or (0, b"")
        with closing(sqlite3.connect(copy)) as target:
            source.backup(target)
    content = bytearray(copy.read_bytes())
    start, within = content.find(leaf), leaf.find(_AGENT)
    if not leaf or start < 0 or within < 0:
        raise DemoError(f"the record of {decision_id} is not found in {copy}")
    place = next(n for n, (a, b) in enumerate(zip(_AGENT, _OTHER, strict=True)) if a != b)
    offset = start + within + place
    old, content[offset] = content[offset], _OTHER[place]
    copy.write_bytes(content)
    return Change(offset=offset, old=chr(old), new=chr(_OTHER[place]), entry=index)
