"""Which job a word names, a decision, a run or words of a prompt, and all that belongs to it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from counterfoil.cli.book import Book
from counterfoil.cli.text import members, opened, shown
from counterfoil.core.entry import ID
from counterfoil.core.run_record import OPENED
from counterfoil.ports import StoredEvent

_SPEAKING = frozenset({OPENED, "decided", "failed"})  # the events that hold a prompt
_TITLE_CHARACTERS = 72


@dataclass(slots=True)
class Job:
    """One job: `name` is its run's id, or its decision's where it has no run."""

    tenant: str
    name: str
    time: str = ""
    person: str = "(erased)"
    prompt: str = "(erased, or never told)"
    told_by_agent: bool = False
    events: list[StoredEvent] = field(default_factory=list)

    def line(self) -> str:
        """For a list of several."""
        text = self.prompt if len(self.prompt) <= _TITLE_CHARACTERS else self.prompt[:69] + "…"
        return shown(f"{self.time}  {self.name}  {self.person}  {text}")


def story_of(book: Book, tenants: Iterable[str], word: str) -> Job | None:
    """The decision or the run that `word` is the id of, with all its events; None where none is.

    Raises:
        LedgerError: the ledger cannot be read, or a record is not what its receipt says.
    """
    for tenant in tenants:
        events = book.reader.trail(tenant, word) if ID.fullmatch(word) else []
        if not any(event.kind in {"decided", "failed"} for event in events):
            events = _of_run(book, tenant, word)
        if events:
            job = Job(tenant, word, events[0].time, events=events)
            return _with_runs_prompt(book, job)
    return None


def jobs_by_prompt(book: Book, tenants: Iterable[str], text: str) -> list[Job]:
    """The jobs whose prompt holds `text`, whatever its case; the events are not filled in.

    Raises:
        LedgerError: as `story_of`.
    """
    found: dict[tuple[str, str], Job] = {}
    wanted = text.casefold()
    for tenant in tenants:
        for event in book.events(tenant, lambda leaf: leaf.get("event") in _SPEAKING):
            said = event.payload.get("prompt", b"").decode(errors="replace")
            name = event.plain.get("run") or event.decision_id
            if wanted in said.casefold() and said and (tenant, str(name)) not in found:
                job = Job(tenant, str(name), event.time)
                found[tenant, job.name] = _told(job, [event])
    return list(found.values())


def _of_run(book: Book, tenant: str, run: str) -> list[StoredEvent]:
    """The run's own trail and those of its decisions, in log order."""

    def belongs(leaf: Mapping[str, object]) -> bool:
        plain = leaf.get("plain")
        of_run = isinstance(plain, dict) and plain.get("run") == run
        return of_run or leaf.get("decision_id") == run

    names = [event.decision_id for event in book.events(tenant, belongs)]
    trails = {name: book.reader.trail(tenant, name) for name in names if name is not None}
    return sorted((event for trail in trails.values() for event in trail), key=_place)


def _place(event: StoredEvent) -> float:
    return math.inf if event.index is None else event.index


def _with_runs_prompt(book: Book, job: Job) -> Job:
    """A decision of a run that was opened with a prompt does not repeat it."""
    run = next((event.plain["run"] for event in job.events if event.plain.get("run")), None)
    known = any("prompt" in event.payload for event in job.events)
    if not known and isinstance(run, str) and ID.fullmatch(run):
        opening = [event for event in book.reader.trail(job.tenant, run) if event.kind == OPENED]
        return _told(job, [*job.events, *opening])
    return _told(job, job.events)


def _told(job: Job, events: Sequence[StoredEvent]) -> Job:
    for event in events:
        caller = members(opened(event.payload.get("caller", b"")))
        match caller.get("subject"), members(opened(event.payload.get("run", b""))).get("subject"):
            case {"iss": str(issuer), "sub": str(sub)}, _:
                job.person = f"{sub} ({issuer})"
            case _, [str(sub_issuer), str(sub)]:
                job.person = f"{sub} ({sub_issuer})"
        if "prompt" in event.payload:
            job.prompt = event.payload["prompt"].decode(errors="replace")
            job.told_by_agent = caller.get("prompt_source") == "agent"
            break
    return job


def headed(job: Job) -> Iterator[str]:
    """What stands on top of a story: the prompt, then whose it was."""
    source = "as the agent tells it" if job.told_by_agent else "of the run"
    yield f"prompt   {shown(job.prompt)}  ({source})"
    yield f"person   {shown(job.person)}"
    yield f"job      {shown(job.name)}, tenant {shown(job.tenant)}, {len(job.events)} records"
