"""What the events of one trail must say together, read from their leaves alone.

Every record may be signed and in its place, and the story still be false: a grant that nothing
decided, an answer after its time. A trail is what shares a `decision_id`, in log order.

1. A trail of a decision begins with `decided` or `failed`, once; a run's with `run_opened`, once.
2. A grant stands in an allow and nowhere else.
3. An outcome follows a decision that let something run (an allow, or anything in observe), once.
4. An approval is requested once, by a decision that needs it, and nothing follows its end.
5. It is answered and spent before it expires; it is recorded as expired not before.
6. It is approved by as many answers as its quorum wants, among them one from each group that
   must send somebody, and spent only when approved.
7. What it was spent for is an allow that names it; an allow that names one has spent it.
8. A legal hold is set once and released once (`core/privacy.py`).
9. Nobody is erased under a hold that stands, and nothing is dropped under one on everything.
10. Nothing is dropped that is younger than six months (`core/retention.py`).
11. A grant is redeemed once: the one of this allow, by its own issuer, before it expires, and
    not for a job whose outcome was reported.
12. Of its credential `issued` is said once and `credential_ended` once, after the redeem, under
    the name that it was redeemed for, and nothing after its end.
13. What was approved in advance is used as often and as long as it says, and answers one
    approval each time (`core/lifecycle_templates.py`).

Kinds without a rule pass: their features come with their own.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from counterfoil.core.approval_quorum import one_from_each
from counterfoil.core.lifecycle_templates import TEMPLATE_KINDS, Templates
from counterfoil.core.model import JsonObject, JsonValue
from counterfoil.core.policy_result import MAX_EACH_FROM

KINDS = frozenset(
    {
        *("decided", "failed", "outcome", "run_opened", "run_renewed", "run_handed_on"),
        *("approval_requested", "approval_answered", "approval_cancelled"),
        *("approval_expired", "approval_spent"),
        *("grant_redeemed", "issued", "credential_ended"),
        *TEMPLATE_KINDS,
    }
)
"""The kinds that a rule is about."""
_ALLOW, _NEEDS_APPROVAL = "allow", "needs_approval"


@dataclass(slots=True)
class _Approval:
    """Where one approval stands."""

    expires: str
    quorum: int
    groups: int
    approvals: int = 0
    of: list[list[str]] = field(default_factory=list)  # of which groups each approver is
    status: str = "pending"


@dataclass(slots=True)
class _Credential:
    """Where the one credential of a trail's grant stands; `name` once it was redeemed."""

    name: str = ""
    issued: bool = False
    ended: bool = False

    def step(self, kind: str, plain: JsonObject) -> str | None:
        if not self.name:
            return f"{kind} of a grant that was not redeemed"
        if plain.get("credential") != self.name:
            return f"{kind} of another credential than was redeemed"
        if self.ended:
            return f"{kind} of a credential that has ended"
        if kind == "issued" and self.issued:
            return "a credential is issued twice"
        self.issued = self.issued or kind == "issued"
        self.ended = kind == "credential_ended"
        return None


@dataclass(slots=True)
class Trail:
    """What a trail has said so far. `step` takes the next leaf, of a kind in `KINDS`."""

    begun: str = ""
    decision: JsonObject = field(default_factory=dict)
    reported: bool = False
    approvals: dict[str, _Approval] = field(default_factory=dict)
    credential: _Credential = field(default_factory=_Credential)
    templates: Templates = field(default_factory=Templates)

    def step(self, leaf: JsonObject) -> str | None:
        """Take a leaf that fits the published schema; what is wrong with it, or None."""
        kind, plain = str(leaf["event"]), leaf["plain"]
        if not isinstance(plain, dict):
            return "plain is not an object"
        if kind in {"decided", "failed", "run_opened"}:
            return self._begin(kind, plain)
        if kind in {"run_renewed", "run_handed_on"}:
            return None if self.begun == "run_opened" else f"{kind} in a run that was not opened"
        if self.begun != "decided":
            return f"{kind} without a decision"
        if kind == "outcome":
            return self._outcome()
        if kind == "grant_redeemed":
            return self._redeemed(plain, _moment(leaf["time"]))
        if kind in {"issued", "credential_ended"}:
            return self.credential.step(kind, plain)  # 12
        if kind in TEMPLATE_KINDS:
            giver = self.approvals.get(str(plain.get("approval")))
            approved = giver is not None and giver.status == "approved"
            return self.templates.step(kind, plain, str(leaf["time"]), approved=approved)
        return self._approval(kind, plain, _moment(leaf["time"]))

    def _begin(self, kind: str, plain: JsonObject) -> str | None:
        if self.begun:  # 1
            return f"{kind} after {self.begun} in one trail"
        self.begun, self.decision = kind, plain
        if "grant" in plain and (kind != "decided" or plain.get("effect") != _ALLOW):  # 2
            return "a grant without an allow"
        return None

    def _outcome(self) -> str | None:
        if self.reported:  # 3
            return "a second outcome of one decision"
        self.reported = True
        ran = self.decision.get("effect") == _ALLOW or self.decision.get("enforcement") == "observe"
        return None if ran else "an outcome of a decision that let nothing run"

    def _redeemed(self, plain: JsonObject, time: str) -> str | None:
        grant, known = self.decision.get("grant"), self.credential  # 11
        if not isinstance(grant, dict) or grant.get("jti") != plain.get("jti"):
            return "a grant is redeemed that its decision did not give"
        if known.name:
            return "a grant is redeemed twice"
        if grant.get("issuer", plain.get("issuer")) != plain.get("issuer"):
            return "a grant is redeemed by another issuer than its own"
        if time >= _moment(grant.get("expires")):
            return "a grant is redeemed after it expired"
        if self.reported:
            return "a grant is redeemed after the outcome"
        known.name = str(plain.get("credential"))
        return None

    def _approval(self, kind: str, plain: JsonObject, time: str) -> str | None:
        name = str(plain.get("approval"))
        known = self.approvals.get(name)
        if kind == "approval_requested":
            return self._requested(name, plain)
        if known is None:  # 4
            return f"{kind} of an approval that was not requested"
        if known.status not in {"pending", "approved"}:  # 4
            return f"{kind} of an approval that is {known.status}"
        if kind == "approval_answered":
            return _answered(known, plain, time)
        before, known.status = known.status, kind.removeprefix("approval_")
        if kind == "approval_spent":
            if before != "approved":  # 6
                return "an approval is spent that nobody gave"
            return "an approval is spent after it expired" if time > known.expires else None  # 5
        if kind == "approval_expired" and time < known.expires:  # 5
            return "an approval expired before its time"
        return None

    def _requested(self, name: str, plain: JsonObject) -> str | None:
        if name in self.approvals:  # 4
            return "an approval is requested twice"
        quorum, groups = plain.get("quorum"), plain.get("groups", 0)
        self.approvals[name] = _Approval(
            _moment(plain.get("expires")),
            quorum if isinstance(quorum, int) else 1,
            groups if isinstance(groups, int) else 0,
        )
        if self.decision.get("effect") != _NEEDS_APPROVAL or self.decision.get("approval") != name:
            return "an approval is requested that no decision needs"  # 4
        return None


def _answered(known: _Approval, plain: JsonObject, time: str) -> str | None:
    of = plain.get("of", [])
    if plain.get("answer") == "approve":
        known.approvals += 1
        known.of.append([str(n) for n in of] if isinstance(of, list) else [])
    known.status = str(plain.get("status"))
    if time > known.expires:  # 5
        return "an approval is answered after it expired"
    if known.status == "approved" and known.approvals < known.quorum:  # 6
        return "an approval counts as given with fewer answers than its quorum"
    wanted = map(str, range(min(known.groups, MAX_EACH_FROM)))
    if known.status == "approved" and not one_from_each(known.of, wanted):
        return "an approval counts as given without somebody from each group"
    if plain.get("answer") != "approve" and known.status != "denied":
        return "a denied approval stays open"
    return None


@dataclass(slots=True)
class Spending:
    """Rule 7, which joins two trails: the pairs (approval, decision) whose other half is due."""

    due: dict[tuple[str, str], str] = field(default_factory=dict)

    def step(self, leaf: JsonObject) -> str | None:
        """Take any leaf of the log, in order; what is wrong with it, or None."""
        plain = leaf["plain"]
        if not isinstance(plain, dict) or "approval" not in plain:
            return None
        if allows(leaf, plain["approval"]):
            pair = (str(plain["approval"]), str(leaf["decision_id"]))
            self.due[pair] = str(leaf["event_id"])
        elif leaf["event"] == "approval_spent":
            pair = (str(plain["approval"]), str(plain.get("granting_decision")))
            if self.due.pop(pair, None) is None:
                return "an approval is spent for a decision that it did not allow"
        return None


def allows(leaf: JsonObject, approval: JsonValue) -> bool:
    """Whether this is a decision that this approval allowed."""
    plain = leaf["plain"]
    return (
        leaf["event"] == "decided"
        and isinstance(plain, dict)
        and plain.get("effect") == _ALLOW
        and plain.get("approval") == approval
    )


def _moment(value: JsonValue) -> str:
    """A time with microseconds, so that text compares as time does; one to the second gets them."""
    text = str(value)
    return text if "." in text else text.removesuffix("Z") + ".000000Z"
