"""What an auditor's report counts over a period, and which records each number rests on.

Records come in log order, from the beginning of the log: what was asked before the period may
be answered in it, and what ran in it may be reported after it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import Final, TypeAlias

from counterfoil.core.columns import Record, members, parsed, text
from counterfoil.core.model import JsonObject, JsonValue
from counterfoil.core.times import seconds_of

Figure: TypeAlias = tuple[str, ...]
"""A section and what is counted in it: `("effect", "deny")`, `("tool", "run_sql", "allow")`."""

SECTIONS: Final = {
    "effect": "Decisions by effect",
    "tool": "Decisions by tool",
    "person": "Decisions by person",
    "agent": "Decisions by agent",
    "reason": "Decisions by reason",
    "observed": "Recorded and not enforced (observe mode)",
    "approval": "Approvals",
    "policy": "Decisions by policy revision",
    "failed": "Decisions that policy gave no answer to",
    "gap": "Gaps",
    "reconciliation": "Reconciliations with the targets' own audit",
    "event": "Records by event",
}
NO_OUTCOME: Final = ("gap", "what ran and was never reported")
UNANSWERED: Final = ("gap", "approvals that nobody answered")
UNKNOWN: Final = "nobody that is still known"
_SILENCES: Final = 5


@dataclass(slots=True, kw_only=True)
class Asked:
    """One approval: when it was asked for and first answered, and where it stands."""

    approval: str
    decision_id: str
    line: str
    asked: str
    within: bool
    answered: str | None = None
    seconds: float | None = None
    status: str = "pending"


@dataclass(slots=True)
class Figures:
    """Counts of a period; `since` is included, `until` not, None is no bound."""

    since: str | None = None
    until: str | None = None
    counts: Counter[Figure] = field(default_factory=Counter)
    asked: dict[str, Asked] = field(default_factory=dict)
    policies: dict[str, list[str]] = field(default_factory=dict)
    silences: list[tuple[float, str, str]] = field(default_factory=list)
    _running: dict[str, str] = field(default_factory=dict)
    _last: tuple[str, str] | None = None

    def take(self, record: Record) -> list[Figure]:
        """Take the next record of the log; the figures that it counts in."""
        time = str(record.leaf["time"])
        within = (self.since is None or time >= self.since) and (
            self.until is None or time < self.until
        )
        line = record_line(record)
        self._approval(record, time, line, within=within)
        self._ran(record, line, within=within)
        if not within:
            return []
        self._silence(time, line)
        found = list(dict.fromkeys(_figures(record)))
        self.counts.update(found)
        for figure in found:
            if figure[0] == "policy":
                self.policies.setdefault(figure[1], [time, time])[1] = time
        return found

    def end(self) -> Iterator[tuple[Figure, str]]:
        """What only the end shows: figures, and the lines of their records."""
        for line in self._running.values():
            self.counts[NO_OUTCOME] += 1
            yield NO_OUTCOME, line
        for asked in self.asked.values():
            if asked.within and asked.status in {"pending", "approval_expired"}:
                self.counts[UNANSWERED] += 1
                yield UNANSWERED, asked.line

    def durations(self) -> JsonObject:
        """How long the first answers of the period took, in seconds."""
        took = sorted(a.seconds for a in self.asked.values() if a.within and a.seconds is not None)
        if not took:
            return {"answered": 0, "median": None, "nine_of_ten_within": None, "longest": None}
        return {
            "answered": len(took),
            "median": round(median(took), 3),
            "nine_of_ten_within": round(took[(len(took) * 9 + 9) // 10 - 1], 3),
            "longest": round(took[-1], 3),
        }

    def _approval(self, record: Record, time: str, line: str, *, within: bool) -> None:
        plain, kind = members(record.leaf["plain"]), record.leaf["event"]
        name = text(plain.get("approval"))
        if name is None:
            return
        if kind == "approval_requested":
            decision = str(record.leaf["decision_id"])
            self.asked[name] = Asked(
                approval=name, decision_id=decision, line=line, asked=time, within=within
            )
        asked = self.asked.get(name)
        if asked is None:
            return
        if kind == "approval_answered":
            asked.status = str(plain.get("status"))
            if asked.answered is None:
                asked.answered = time
                if "template" not in plain:  # nobody took any time over it
                    asked.seconds = max(0.0, seconds_of(time) - seconds_of(asked.asked))
        elif kind in {"approval_cancelled", "approval_expired", "approval_spent"}:
            asked.status = str(kind)
        if not within and not asked.within and kind == "approval_spent":
            del self.asked[name]  # over before the period: it is never asked about again

    def _ran(self, record: Record, line: str, *, within: bool) -> None:
        leaf = record.leaf
        plain, decision = members(leaf["plain"]), text(leaf["decision_id"])
        if decision is None:
            return
        if leaf["event"] == "outcome":
            self._running.pop(decision, None)
        elif leaf["event"] == "decided" and within and _runs(plain):
            self._running[decision] = line

    def _silence(self, time: str, line: str) -> None:
        if self._last is not None:
            seconds = seconds_of(time) - seconds_of(self._last[0])
            self.silences.append((seconds, self._last[1], line))
            self.silences = sorted(self.silences, reverse=True)[:_SILENCES]
        self._last = (time, line)


def record_line(record: Record) -> str:
    """How a record is named in a list: its place, its id, its trail, its time."""
    leaf = record.leaf
    return f"{record.index} {leaf['event_id']} {leaf['decision_id'] or '-'} {leaf['time']}"


def _runs(plain: dict[str, JsonValue]) -> bool:
    """Whether a decision let something run: an allow, or anything in observe mode."""
    return plain.get("effect") == "allow" or plain.get("enforcement") == "observe"


def _figures(record: Record) -> Iterator[Figure]:
    kind, plain = str(record.leaf["event"]), members(record.leaf["plain"])
    yield "event", kind
    if kind in {"decided", "failed"}:
        yield from _decision(record, kind, plain)
    elif kind == "approval_requested":
        yield "approval", "asked"
    elif kind == "approval_answered" and "template" in plain:
        yield "approval", "answered in advance"
    elif kind == "approval_answered":
        yield "approval", f"answered: {plain.get('answer')}"
        yield "approval", f"answered by {_person(record)}"
    elif kind in {"approval_cancelled", "approval_expired", "approval_spent"}:
        yield "approval", kind.removeprefix("approval_")
    elif kind in {"template_given", "template_ended"}:
        yield "approval", f"in advance: {kind.removeprefix('template_')}"
    elif kind == "reconciled":
        yield "reconciliation", "recorded"


def _decision(record: Record, kind: str, plain: dict[str, JsonValue]) -> Iterator[Figure]:
    effect = "failed" if kind == "failed" else str(plain.get("effect"))
    request = parsed((record.said or {}).get("request"))
    actor, reasons = members(plain.get("actor")), plain.get("reasons")
    yield "effect", effect
    yield "tool", text(request.get("action")) or "not told, or erased", effect
    yield "person", _person(record), effect
    yield "agent", text(actor.get("sub")) or "none", effect
    if isinstance(reasons, (list, tuple)):
        for code in reasons:
            yield "reason", str(code), effect
    if plain.get("enforcement") == "observe" and effect != "allow":
        yield "observed", effect
    if plain.get("policy"):
        yield "policy", str(plain["policy"])
    if kind == "failed":
        yield "failed", str(plain.get("code") or "no code")


def _person(record: Record) -> str:
    subject = members(parsed((record.said or {}).get("caller")).get("subject"))
    sub, issuer = text(subject.get("sub")), text(subject.get("iss"))
    return f"{sub} ({issuer})" if sub else f"{UNKNOWN} (key {record.leaf['subject_key']})"
