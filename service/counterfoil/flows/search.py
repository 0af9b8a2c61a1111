"""Decisions found: an auditor searches the tenant's, a person their own.

1. The question: known filters only, each once, in its form.
2. The caller: a person. Without the role `auditor` the subject is themselves.
3. The search, newest first, through a bounded number of events; the next page goes on below
   the last event passed, so what is appended meanwhile moves nothing.
4. Who read what is recorded before the answer leaves.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from counterfoil.core.entry import leaf_word
from counterfoil.core.model import Caller, JsonObject, JsonValue
from counterfoil.core.search import EFFECTS, Filters, cursor_of, place_of
from counterfoil.core.times import rfc3339, seconds_of
from counterfoil.errors import AgentNotAllowed, RoleRequired, SchemaViolation
from counterfoil.flows.access import AUDITOR, may_read
from counterfoil.flows.reading_events import record_read
from counterfoil.ports import Clock, IdentityVerifier, Ids, Ledger, Proof, StoredEvent
from counterfoil.ports_search import Searches

MAX_SHOWN: Final = 100
MAX_PIECES: Final = 16  # of `Searches`: what one request may pass over; the next goes on
MAX_OPENED: Final = 1_000  # events of other tools cost their opening
MAX_CHARACTERS: Final = 512
SKEW_SECONDS: Final = 86_400
"""Order rests on the index: a search ends where every event is so much older than `since`."""
_NAMES: Final = frozenset(
    {*("since", "until", "subject", "issuer", "actor", "effect", "tool", "run"), "limit", "cursor"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What one request wants."""

    filters: Filters
    limit: int
    before: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchFlow:
    """Finds decisions."""

    clock: Clock
    ids: Ids
    identity: IdentityVerifier
    ledger: Ledger
    searches: Searches
    ledger_timeout_seconds: float

    def run(
        self,
        *,
        unverified_query: Sequence[tuple[str, str]],
        unverified_token: str | None,
        proof: Proof | None = None,
    ) -> JsonValue:
        """Return one page.

        Raises:
            SchemaViolation: an unknown or malformed filter.
            AgentNotAllowed: the credential is an agent's.
            RoleRequired: another person's decisions, without the role.
            CounterfoilError: the caller is not known, the ledger cannot be read or written.
        """
        now = self.clock.now()
        caller = self.identity.verify(unverified_token or "", now=now, proof=proof)
        if caller.actor is not None:
            raise AgentNotAllowed
        question = question_of(unverified_query, caller)  # 1, 2
        subject = question.filters.subject
        key = None if subject is None else self.searches.subject_key(caller.tenant, subject)
        found, place = self._find(question, caller, key)  # 3
        shown = [_summary(event) for event in found]
        event = record_read(
            caller,
            via="search",
            decisions=[event.decision_id or "" for event in found],
            query=replace(question.filters, subject=None).as_json(),
            about=key,
            event_id=self.ids.new("evt"),
            now=now,
        )
        deadline = self.clock.monotonic() + self.ledger_timeout_seconds
        self.ledger.append([event], deadline=deadline)  # 4
        more = None if place is None else cursor_of(question.filters, place)
        return {"decisions": shown, "next": more}

    def _find(
        self, question: Question, caller: Caller, key: str | None
    ) -> tuple[list[StoredEvent], int | None]:
        filters, place = question.filters, question.before
        if filters.subject is not None and key is None:
            return [], None
        floor = None if filters.since is None else seconds_of(filters.since) - SKEW_SECONDS
        found: list[StoredEvent] = []
        opened = 0
        for _ in range(MAX_PIECES):
            piece = self.searches.backwards(
                caller.tenant,
                before=place,
                most=question.limit - len(found),
                choose=lambda leaf: filters.opens(leaf, key),
            )
            opened += len(piece.events)
            found += [event for event in piece.events if _fits(event, filters, caller)]
            place = piece.place
            if place is None or len(found) == question.limit or opened >= MAX_OPENED:
                break
            if floor is not None and piece.newest and seconds_of(piece.newest) < floor:
                return found, None
        return found, place


def _fits(event: StoredEvent, filters: Filters, caller: Caller) -> bool:
    return may_read(event, caller) and (filters.tool is None or tool_of(event) == filters.tool)


def tool_of(event: StoredEvent) -> str | None:
    """The tool's name; None where it was erased."""
    value = json.loads(event.payload.get("request", b"{}"))
    return value.get("action") if isinstance(value, dict) else None


def _summary(event: StoredEvent) -> JsonObject:
    caller = json.loads(event.payload.get("caller", b"{}"))
    subject = caller.get("subject")
    plain = event.plain
    return {
        "decision_id": event.decision_id,
        "time": event.time,
        "index": event.index,
        "effect": "failed" if event.kind == "failed" else plain.get("effect"),
        "enforcement": plain.get("enforcement"),
        "reasons": plain.get("reasons", [plain["code"]] if "code" in plain else []),
        "family": plain.get("family"),
        "tool": tool_of(event),
        "subject": None if subject is None else {k: subject[k] for k in ("iss", "sub")},
        "actor": plain.get("actor"),
        "run": plain.get("run"),
        "policy": plain.get("policy"),
        **({} if event.missing is None else {"missing": event.missing}),
    }


def question_of(query: Sequence[tuple[str, str]], caller: Caller) -> Question:
    """What a query asks, for a person; without the role `auditor`, of themselves.

    Raises:
        SchemaViolation: an unknown or malformed filter.
        RoleRequired: it names another person.
    """
    values = _values(query)
    filters = Filters(
        since=_time(values, "since"),
        until=_time(values, "until"),
        subject=_subject(values),
        actor=leaf_word(values["actor"]) if "actor" in values else None,
        effect=values.get("effect"),
        tool=values.get("tool"),
        run=values.get("run"),
    )
    if filters.effect is not None and filters.effect not in EFFECTS:
        raise SchemaViolation(f"one of {', '.join(sorted(EFFECTS))}", pointer="#/effect")
    if AUDITOR not in caller.roles:
        own = (caller.subject.issuer, caller.subject.sub)
        if filters.subject not in {None, own}:
            raise RoleRequired
        filters = replace(filters, subject=own)
    limit = values.get("limit", str(MAX_SHOWN))
    if not (limit.isascii() and limit.isdigit() and len(limit) < 4 and 0 < int(limit) <= MAX_SHOWN):  # noqa: PLR2004 -- digits
        raise SchemaViolation(f"a whole number from 1 to {MAX_SHOWN}", pointer="#/limit")
    before = None
    if "cursor" in values:
        try:
            before = place_of(filters, values["cursor"])
        except (ValueError, RecursionError) as error:
            detail = "the `next` of an answer to the same filters"
            raise SchemaViolation(detail, pointer="#/cursor") from error
    return Question(filters=filters, limit=int(limit), before=before)


def _values(query: Sequence[tuple[str, str]]) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in query:
        if name not in _NAMES:
            raise SchemaViolation(f"filters are {', '.join(sorted(_NAMES))}", pointer="#")
        if name in values or not value or len(value) > MAX_CHARACTERS:
            raise SchemaViolation("once, and not empty or too long", pointer=f"#/{name}")
        values[name] = value
    return values


def _subject(values: dict[str, str]) -> tuple[str, str] | None:
    """A person is an issuer's: the same name at another issuer is somebody else."""
    if ("subject" in values) != ("issuer" in values):
        raise SchemaViolation("subject and issuer go together", pointer="#/subject")
    return (values["issuer"], values["subject"]) if "subject" in values else None


def _time(values: dict[str, str], name: str) -> str | None:
    if name not in values:
        return None
    try:
        return rfc3339(seconds_of(values[name]))
    except ValueError as error:
        detail = "a time in UTC, such as 2026-11-24T03:10:00Z"
        raise SchemaViolation(detail, pointer=f"#/{name}") from error
