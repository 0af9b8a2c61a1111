"""A run as its events tell it: opened once, renewed and handed on, ended by time or revoked.

All events of a run stand in its own trail, whose id is the run's. A payload may be gone,
because its person was erased: then nothing is known of the run, and it does not go on.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from counterfoil.core.canonical import canonical_bytes
from counterfoil.core.model import JsonObject, Subject

OPENED, RENEWED, HANDED_ON = "run_opened", "run_renewed", "run_handed_on"
KINDS = frozenset({OPENED, RENEWED, HANDED_ON})


class RecordedEvent(Protocol):
    """An event read back (`ports.StoredEvent`)."""

    @property
    def kind(self) -> str:
        """Which event."""

    @property
    def payload(self) -> Mapping[str, bytes]:
        """What was said, opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run. Times are whole seconds, cut down: nothing lives longer by rounding.

    `session` names the provider's session (`sources.session_name`); `tokens` counts what was
    given so far.
    """

    id: str
    tenant: str
    subject: Subject
    launcher: str
    agent: str
    prompt_digest: str | None
    opened_at: int
    ends_at: int
    source_expires_at: int
    session: str | None = None
    tokens: int = 1


def opened_json(run: Run) -> bytes:
    """The payload of `run_opened`, which `fold` reads back."""
    return canonical_bytes(
        {
            "tenant": run.tenant,
            "subject": [run.subject.issuer, run.subject.sub],
            "launcher": run.launcher,
            "agent": run.agent,
            "prompt_digest": run.prompt_digest,
            "opened_at": run.opened_at,
            "ends_at": run.ends_at,
            **_source(run),
        }
    )


def source_json(run: Run) -> bytes:
    """The payload of a `run_renewed` by a fresh token of the provider."""
    return canonical_bytes(_source(run))


def fold(events: Iterable[RecordedEvent], run_id: str) -> Run | None:
    """The run that the events of its trail tell, or None where they tell none (any more)."""
    found: Run | None = None
    for event in events:
        data = event.payload.get("run")
        if event.kind == OPENED and found is None and data is not None:
            found = _opened(data, run_id)
        elif found is not None and event.kind in KINDS:
            found = replace(found, tokens=found.tokens + 1)
            if event.kind == RENEWED and data is not None:
                found = _with_source(found, data)
    return found


def _source(run: Run) -> JsonObject:
    return {
        "groups": list(run.subject.groups),
        "source_expires_at": run.source_expires_at,
        "session": run.session,
    }


def _opened(data: bytes, run_id: str) -> Run:
    value = json.loads(data)
    issuer, sub = value["subject"]
    run = Run(
        id=run_id,
        tenant=value["tenant"],
        subject=Subject(issuer=issuer, sub=sub),
        launcher=value["launcher"],
        agent=value["agent"],
        prompt_digest=value["prompt_digest"],
        opened_at=value["opened_at"],
        ends_at=value["ends_at"],
        source_expires_at=0,
    )
    return _with_source(run, data)


def _with_source(run: Run, data: bytes) -> Run:
    value = json.loads(data)
    return replace(
        run,
        subject=replace(run.subject, groups=tuple(value["groups"])),
        source_expires_at=value["source_expires_at"],
        session=value["session"],
    )
