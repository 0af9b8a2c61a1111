"""Rule 13 of `core/lifecycle.py`: what was approved in advance, and what that answered.

A template stands in the trail of the decision whose approval gave it; what it answered in the
trails of other decisions. It is given once, with an approval that was given; used before its
time is over, as often as it says, and not when it has ended; and each use is the answer to one
approval, as each answer of a template is one use of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from counterfoil.core.model import JsonObject, JsonValue
from counterfoil.core.times import seconds_of

GIVEN, USED, ENDED = "template_given", "template_used", "template_ended"
TEMPLATE_KINDS = frozenset({GIVEN, USED, ENDED})


@dataclass(slots=True)
class _Template:
    uses: int
    until: int
    used: int = 0
    ended: bool = False


@dataclass(slots=True)
class Templates:
    """The templates of one trail."""

    known: dict[str, _Template] = field(default_factory=dict)

    def step(self, kind: str, plain: JsonObject, time: str, *, approved: bool) -> str | None:
        """Take an event of `TEMPLATE_KINDS`; `approved`: its approval was given."""
        name = str(plain.get("template"))
        found = self.known.get(name)
        if kind == GIVEN:
            if found is not None or not approved:
                return "similar actions are approved without an approval, or twice"
            self.known[name] = _Template(_whole(plain.get("uses")), _whole(plain.get("until")))
            return None
        if found is None:
            return f"{kind} of a template that nobody gave"
        if found.ended:
            return f"{kind} of a template that has ended"
        if kind == ENDED:
            found.ended = True
            return None
        found.used += 1
        if found.used > found.uses:
            return "a template is used more often than it says"
        return "a template is used after its time" if _after(time, found.until) else None


@dataclass(slots=True)
class Answering:
    """The uses whose answer is still due, by (template, approval) → event."""

    due: dict[tuple[str, str], str] = field(default_factory=dict)

    def step(self, leaf: JsonObject) -> str | None:
        """Take any leaf of the log, in order; what is wrong with it, or None."""
        plain = leaf["plain"]
        if not isinstance(plain, dict) or "template" not in plain:
            return None
        pair = (str(plain["template"]), str(plain.get("approval")))
        if leaf["event"] == USED:
            self.due[pair] = str(leaf["event_id"])
        elif leaf["event"] == "approval_answered" and self.due.pop(pair, None) is None:
            return "an approval is answered by a template that was not used for it"
        return None


def uses(leaf: JsonObject, answer: JsonObject) -> bool:
    """Whether this leaf is the use that an answer's plain members tell of."""
    plain = leaf["plain"]
    return (
        leaf["event"] == USED
        and isinstance(plain, dict)
        and (plain.get("template"), plain.get("approval"))
        == (answer.get("template"), answer.get("approval"))
    )


def _whole(value: JsonValue) -> int:
    return value if isinstance(value, int) else 0


def _after(time: str, until: int) -> bool:
    try:
        return seconds_of(time) > until
    except ValueError:
        return True
