"""`counterfoil trail ID|RUN|PROMPT`: the whole story of one job, opened on the server's side.

Every record is checked against its receipt before it is told. What people, agents and
commands said is printed with control characters escaped: a prompt must not be able to
repaint the reader's terminal.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from counterfoil.cli import EXIT_FINDING, EXIT_GOOD, EXIT_USAGE, SubParsers
from counterfoil.cli.book import open_book
from counterfoil.cli.job import Job, headed, jobs_by_prompt, story_of
from counterfoil.cli.observed import Observed, parse_since
from counterfoil.cli.operator import note_reading
from counterfoil.cli.text import compact, items, members, opened, shown
from counterfoil.config import find_config, load_config
from counterfoil.core.grant_record import ENDED, ISSUED, REDEEMED
from counterfoil.core.model import JsonValue
from counterfoil.core.response import receipt_json
from counterfoil.detectors import SecretMasker
from counterfoil.ports import StoredEvent
from counterfoil.ports_masking import Masked

Line = tuple[str, str]
_OF_ISSUERS = frozenset({REDEEMED, ISSUED, ENDED})
_LABEL_CHARACTERS = 12
_GONE = {
    "erased": "what was said here went with its person (counterfoil erase)",
    "dropped": "what was said here was dropped by its age (counterfoil retention)",
}


def register(subparsers: SubParsers[argparse.ArgumentParser]) -> None:
    """Add `trail` to the command line."""
    parser = subparsers.add_parser(
        "trail",
        help="show the whole story of one job",
        description="Show who asked for what through which agent, what was decided and why,"
        " what was granted and what happened, with the prompt on top. Needs the sealing key:"
        " runs beside the service.",
    )
    parser.add_argument(
        "id",
        metavar="ID|RUN|PROMPT",
        nargs="?",
        help="a decision's id (dec_…), a run's, or words of a prompt in quotes: of several"
        " jobs with such a prompt a list is printed",
    )
    parser.add_argument(
        "--observed",
        action="store_true",
        help="instead: what observe mode let run although it would be denied or asked about",
    )
    parser.add_argument(
        "--since",
        type=parse_since,
        metavar="WHEN",
        help="with --observed: from this time on (2026-11-24, 2026-11-24T03:10:00Z) or for the"
        " last 90m, 24h, 7d",
    )
    parser.add_argument("--tenant", help="look in this tenant's log only (default: in all)")
    parser.add_argument("--json", action="store_true", help="print all events as JSON")
    parser.add_argument("--config", type=Path, help="the configuration file")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the story; returns the exit code.

    Raises:
        ConfigError: a key or the configuration cannot be read.
        LedgerError: the ledger cannot be read, or a record is not what its receipt says.
    """
    if args.observed == (args.id is not None) or (args.since and not args.observed):
        print("counterfoil trail: name one decision, or --observed [--since]", file=sys.stderr)
        return EXIT_USAGE
    config = load_config(find_config(args.config), os.environ)
    with open_book(config) as book:
        tenants = book.tenants(args.tenant)
        if args.observed:
            note_reading(config, "trail", {tenant: [] for tenant in tenants})
            found = Observed.of(book.reader, tenants, since=args.since)
            print(json.dumps(found.as_json()) if args.json else found.as_text())
            return EXIT_GOOD
        job = story_of(book, tenants, args.id)
        if job is None:
            several = jobs_by_prompt(book, tenants, args.id)
            if len(several) > 1:
                note_reading(config, "trail", _by_tenant(several))
                return _list(several, as_json=args.json)
            job = story_of(book, [several[0].tenant], several[0].name) if several else None
    if job is None:
        print(
            "counterfoil trail: there is no decision, no run and no prompt with"
            f" {shown(args.id)}\n  Look at what there is with: counterfoil tail --no-follow",
            file=sys.stderr,
        )
        return EXIT_FINDING
    note_reading(config, "trail", _by_tenant([job]))
    _tell(job, as_json=args.json)
    return EXIT_GOOD


def _by_tenant(jobs: Sequence[Job]) -> dict[str, list[str]]:
    read: dict[str, list[str]] = {}
    for job in jobs:
        read.setdefault(job.tenant, []).append(job.name)
    return read


def _without_secrets(job: Job) -> Job:
    shown_prompt = SecretMasker(time.monotonic).mask({"prompt": job.prompt}).payload["prompt"]
    return replace(job, prompt=str(shown_prompt))


def _list(found: Sequence[Job], *, as_json: bool) -> int:
    jobs = [_without_secrets(job) for job in found]
    if as_json:
        names = ("tenant", "name", "time", "person", "prompt")
        listed = [{name: getattr(job, name) for name in names} for job in jobs]
        print(json.dumps({"jobs": listed}))
        return EXIT_GOOD
    print(f"{len(jobs)} jobs have such a prompt; counterfoil trail RUN tells one:")
    for job in jobs:
        print(f"  {job.line()}")
    return EXIT_GOOD


def _tell(job: Job, *, as_json: bool) -> None:
    if as_json:
        told = [_json(event) for event in job.events]
        of = "decision_id" if job.name.startswith("dec_") else "run"
        prompt = _without_secrets(job).prompt
        print(json.dumps({of: job.name, "prompt": prompt, "events": told}))
        return
    print("\n".join(headed(_without_secrets(job))))
    for event in job.events:
        print("\n" + _title(event))
        for label, text in _story(event, prompt=job.prompt):
            print(f"  {label:<{_LABEL_CHARACTERS}} {shown(text)}")


def _masked(event: StoredEvent) -> Masked:
    said = {name: opened(data) for name, data in event.payload.items()}
    return SecretMasker(time.monotonic).mask(said)


def _json(event: StoredEvent) -> JsonValue:
    masked = _masked(event)
    return {
        "event": event.kind,
        "event_id": event.event_id,
        "decision_id": event.decision_id,
        "time": event.time,
        "index": event.index,
        **event.plain,
        **({} if event.missing is None else {"missing": event.missing}),
        "payload": masked.payload,
        **({"secrets": [item.json() for item in masked.findings]} if masked.findings else {}),
        "receipt": receipt_json(event.receipt),
    }


def _title(event: StoredEvent) -> str:
    plain = {} if event.kind in _OF_ISSUERS else event.plain
    effect = plain.get("effect") or plain.get("status") or plain.get("code")
    mode = " (observed, not enforced)" if event.plain.get("enforcement") == "observe" else ""
    return f"{event.time}  {event.kind}" + (f": {shown(str(effect))}{mode}" if effect else "")


def _story(event: StoredEvent, *, prompt: str) -> Iterator[Line]:
    masked = _masked(event)
    said = dict(masked.payload)
    if opened(event.payload.get("prompt", b"null")) == prompt:
        said.pop("prompt", None)  # it stands on top
    for finding in masked.findings:
        yield "hidden", f"{finding.kind} at {finding.at}"
    if event.missing:
        yield event.missing, _GONE[event.missing]
    yield from _who(said)
    yield from _what(said)
    decision = members(said.pop("decision", None))
    yield from _why(decision)
    yield from _granted(event, said, decision)
    yield from _approval(event, said)
    yield from _credential(event, said)
    for name, value in said.items():  # what this release has no better words for
        yield name, value if isinstance(value, str) else compact(value)
    if event.plain.get("policy"):
        yield "policy", str(event.plain["policy"])
    if event.plain.get("reported_by"):
        yield "reported by", f"{event.plain['reported_by']}, its word only"
    receipt = event.receipt
    yield "record", f"{receipt.origin}, entry {event.index}, {event.event_id}"
    yield "receipt", f"leaf {receipt.leaf_hash}, key {receipt.key_id}, signature valid"


def _who(said: dict[str, JsonValue]) -> Iterator[Line]:
    caller = members(said.pop("caller", None))
    if not caller:
        return
    subject, actor = members(caller.get("subject")), members(caller.get("actor"))
    groups = ", ".join(map(str, items(subject.get("groups")))) or "no groups"
    yield "person", f"{subject.get('sub')} ({subject.get('iss')}; {groups})"
    if actor:
        yield "agent", f"{actor.get('sub')} ({actor.get('iss')}), run {caller.get('run')}"
    if "prompt" in said:
        source = "as the agent tells it" if caller.get("prompt_source") == "agent" else "of the run"
        yield "prompt", f"{said.pop('prompt')}  ({source})"


def _what(said: dict[str, JsonValue]) -> Iterator[Line]:
    request = members(said.pop("request", None))
    if request:
        resource = members(request.get("resource"))
        on = f" on {resource.get('type')} {resource.get('id')}" if resource else ""
        yield "action", f"{request.get('action')}{on}"
        context = members(request.get("context"))
        yield from ((name, compact(value)) for name, value in context.items() if value)
    for name, value in members(said.pop("arguments", None)).items():
        yield name, value if isinstance(value, str) else compact(value)


def _why(decision: dict[str, JsonValue]) -> Iterator[Line]:
    for item in map(members, items(decision.get("operations"))):
        yield "operation", f"{item.get('verb')} {compact(item.get('object'))}"
    for item in map(members, items(decision.get("uncertain"))):
        yield "uncertain", compact(item)
    for item in map(members, items(decision.get("reasons"))):
        solution = f" → {item['solution']}" if item.get("solution") else ""
        yield "reason", f"{item.get('code')}: {item.get('title')}{solution}"


def _granted(
    event: StoredEvent, said: dict[str, JsonValue], decision: dict[str, JsonValue]
) -> Iterator[Line]:
    for name in ("permissions", "ambient", "obligations"):
        for item in items(decision.get(name)):
            yield name.removesuffix("s"), compact(item)
    grant = members(event.plain.get("grant"))
    if grant:
        yield "grant", f"{grant.get('jti')}, redeemable until {grant.get('expires')}"
        said.pop("grant", None)


def _credential(event: StoredEvent, said: dict[str, JsonValue]) -> Iterator[Line]:
    """What an issuer made of the grant, and what became of it."""
    plain = event.plain
    if event.kind not in _OF_ISSUERS:
        return
    yield "credential", f"{plain['credential']} of {plain.get('issuer')}, for {plain.get('jti')}"
    if event.kind == "issued" and plain.get("expires"):
        yield "ends itself", str(plain["expires"])
    if plain.get("cause"):
        yield "ended by", str(plain["cause"])
    end = members(said.pop("end", None))
    for item in items(end.get("handed_over")):
        yield "left", str(item)
    for item in map(members, items(end.get("findings"))):
        yield "found", f"{item.get('code')}: {item.get('object')}"


def _approval(event: StoredEvent, said: dict[str, JsonValue]) -> Iterator[Line]:
    """Which approval this belongs to, who answered, and what came of it."""
    if event.plain.get("approval"):
        yield "approval", str(event.plain["approval"])
    asked = members(said.pop("approval", None))
    if asked:
        groups = ", ".join(map(str, items(asked.get("approvers"))))
        yield "approvers", f"{asked.get('quorum')} of {groups}, until {event.plain.get('expires')}"
    answer = members(said.pop("answer", None))
    if answer:
        comment = f": {answer['comment']}" if answer.get("comment") else ""
        who = " and ".join(map(str, items(answer.get("person"))[1:]))
        advance = f" (given in advance by {who})" if event.plain.get("template") else ""
        yield "answer", f"{answer.get('answer')}{advance}{comment}"
    if event.plain.get("granting_decision"):
        yield "used by", str(event.plain["granting_decision"])
