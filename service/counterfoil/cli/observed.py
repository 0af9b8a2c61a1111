"""`counterfoil trail --observed`: what enforcement would have stopped, before it is switched on.

In observe mode the true effect is recorded and nothing is blocked. This counts, per tool and
reason, what would have been denied or asked about; and the calls that hooks let run while
they could not ask at all, as far as they told.
"""

from __future__ import annotations

import argparse
import re
import time
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from counterfoil.cli.text import members, opened, shown
from counterfoil.core.model import JsonValue
from counterfoil.core.times import rfc3339
from counterfoil.ledger.reader import Reader
from counterfoil.ports import StoredEvent

LAST = 20
_SPAN = re.compile(r"([0-9]{1,6})([mhd])", re.ASCII)
_SECONDS = {"m": 60, "h": 3_600, "d": 86_400}


def parse_since(text: str) -> str:
    """A moment as the ledger writes it, from a date, a time, or a span back from now.

    Raises:
        argparse.ArgumentTypeError: none of these.
    """
    span = _SPAN.fullmatch(text)
    if span is not None:
        now = time.time()  # noqa: TID251 -- a command has its own clock
        return rfc3339(now - int(span[1]) * _SECONDS[span[2]])
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        message = "write a date, an RFC 3339 time, or a span such as 90m, 24h or 7d"
        raise argparse.ArgumentTypeError(message) from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return rfc3339(moment.timestamp())


@dataclass(slots=True)
class Observed:
    """The counts, and the last of the decisions behind them."""

    decisions: int = 0
    unrecorded: int = 0
    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # tool, effect, code
    last: deque[JsonValue] = field(default_factory=lambda: deque(maxlen=LAST))

    @classmethod
    def of(cls, reader: Reader, tenants: Iterable[str], *, since: str | None) -> Observed:
        """Read every decision of these tenants once.

        Raises:
            LedgerError: the ledger cannot be read, or a record is not what its receipt says.
        """
        found = cls()
        for tenant in tenants:
            for event in reader.events(tenant, "decided", since=since or ""):
                found._take(event)
        return found

    def as_json(self) -> JsonValue:
        """For programs."""
        return {
            "observed_decisions": self.decisions,
            "unrecorded": self.unrecorded,
            "counts": [
                {"tool": tool, "effect": effect, "reason": code, "count": count}
                for (tool, effect, code), count in self._sorted()
            ],
            "last": list(self.last),
        }

    def as_text(self) -> str:
        """For people; nothing in it can repaint a terminal."""
        stopped = sum(self.counts.values())
        lines = [
            f"{self.decisions} observed decisions; enforcement would have stopped {stopped}.",
            f"{self.unrecorded} calls ran unrecorded, as far as hooks reported.",
        ]
        lines += [
            f"  {count:>6}  {shown(tool)}  {effect}  {shown(code)}"
            for (tool, effect, code), count in self._sorted()
        ]
        if self.last:
            lines.append(f"The last {len(self.last)} (counterfoil trail ID tells the rest):")
        lines += [
            "  {time}  {decision_id}  {effect}  {tool}  {person}  {reason}".format(
                **{name: shown(str(value)) for name, value in members(item).items()}
            )
            for item in self.last
        ]
        return "\n".join(lines)

    def _sorted(self) -> list[tuple[tuple[str, str, str], int]]:
        return sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))

    def _take(self, event: StoredEvent) -> None:
        reported = event.plain.get("unrecorded", 0)
        self.unrecorded += reported if isinstance(reported, int) else 0
        if event.plain.get("enforcement") != "observe":
            return
        self.decisions += 1
        effect = str(event.plain.get("effect"))
        if effect == "allow":
            return
        said = {name: members(opened(data)) for name, data in event.payload.items()}
        tool = str(said.get("request", {}).get("action", "(erased)"))
        subject = members(said.get("caller", {}).get("subject"))
        reasons = event.plain.get("reasons")
        code = str(reasons[0]) if isinstance(reasons, list) and reasons else ""
        self.counts[tool, effect, code] += 1
        self.last.append(
            {
                "time": event.time,
                "decision_id": event.decision_id,
                "effect": effect,
                "tool": tool,
                "person": str(subject.get("sub", "(erased)")),
                "reason": code,
            }
        )
