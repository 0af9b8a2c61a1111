"""Races for one approval: two rivals at the same moment, then two uses of it at the same moment.

`judge` holds what came of one to its trail: each step that was acknowledged stands there, none
that was refused does, the approval ended at most once, and what ran is what the record allows.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from approval_story import ADMINS, BRIEF, CREATE, Desk, answering, approval_bundle, fresh, request
from counterfoil.app import Adapters
from counterfoil.errors import CounterfoilError
from counterfoil.ports import PolicyAnswer, PolicyQuestion
from main_path import flow_of, run, settings
from simulators.real_opa import real_opa

FRESH = 0.3  # a little longer than a worker goes without looking at revocations
SEED = 1_169
CHANCE = random.Random(SEED)  # noqa: S311 -- a schedule that can be repeated, not a secret
APART = 0.02  # seconds; an answer takes about half of it
ENDS = ("approval_spent", "approval_cancelled", "approval_expired")
Rival = Callable[[], str]


def at_once(rivals: Sequence[Rival], start_at: float = 0.0) -> list[str]:
    """What each rival got; none begins before all are ready, and the moment has come.

    Without a moment each begins a chosen few milliseconds late: rivals that take unlike long
    would else always come in the same order.
    """
    found = ["nothing"] * len(rivals)
    late = [0.0 if start_at else CHANCE.uniform(0, APART) for _ in rivals]
    gate = threading.Barrier(len(rivals))

    def one(index: int) -> None:
        gate.wait()
        time.sleep(late[index] or max(0.0, start_at - time.time()))  # noqa: TID251
        found[index] = rivals[index]()

    threads = [threading.Thread(target=one, args=(n,)) for n in range(len(rivals))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@dataclass(frozen=True)
class Round:
    """One approval and everybody's words for it."""

    desk: Desk
    token: str
    approval: dict[str, Any]
    sql: str = CREATE

    @classmethod
    def opened(cls, desk: Desk, sql: str = CREATE) -> Round:
        """A new approval in a run of its own."""
        token = fresh(desk)
        return cls(desk, token, desk.opened(token, sql), sql)

    def approve(self, sub: str = "bob") -> str:
        """Somebody approves."""
        return str(self.desk.answer(self.approval, self.desk.person(sub)).status)

    def cancel(self) -> str:
        """Who asked withdraws."""
        return str(self.desk.cancel(self.approval, self.token).status)

    def revoke(self) -> str:
        """An administrator ends the run."""
        admin = self.desk.person("root", ["administrators"])
        named = {"run": self.approval["run"]}
        return str(self.desk.service.request("POST", "/revocations", named, token=admin).status)

    def use(self) -> str:
        """The agent sends the same action again, under the approval."""
        body = request(self.sql, self.approval["id"])
        answer = self.desk.service.request("POST", "/authorize", body, token=self.token)
        return str(answer.body["effect"]) if answer.status == 200 else str(answer.status)


def judge(desk: Desk, approval: dict[str, Any], answers: Sequence[str], uses: Sequence[str]) -> str:
    """Hold one race to its trail; the outcome in a word.

    `answers` are what approvers got, `uses` what the agent got.
    """
    events = desk.trail(approval["decision_id"])
    kinds = [event["event"] for event in events]
    given = [event for event in events if event["event"] == "approval_answered"]
    assert len(given) == answers.count("200"), (answers, kinds)
    ends = [kind for kind in kinds if kind in ENDS]
    assert len(ends) <= 1, kinds
    assert kinds[:2] == ["decided", "approval_requested"]
    assert not ends or kinds[-1] == ends[0], kinds
    assert uses.count("allow") == kinds.count("approval_spent"), (uses, kinds)
    for event in given:
        assert event["time"][:19] < approval["expires_at"][:19]
    if "approval_spent" in kinds:
        assert given
        granting = desk.trail(events[-1]["granting_decision"])[0]
        assert granting["effect"] == "allow"
        assert granting["approval"] == approval["id"]
        assert granting["policy"] == events[1]["policy"]  # the revision that asked
    return ends[0].removeprefix("approval_") if ends else ("approved" if given else "pending")


def two_approvers(desk: Desk, count: int) -> Counter[str]:
    """One approval is wanted, and two people give it."""
    found: Counter[str] = Counter()
    for _ in range(count):
        one = Round.opened(desk)
        answers = at_once([one.approve, partial(one.approve, "dora")])
        assert sorted(answers) == ["200", "409"]
        uses = at_once([one.use, one.use])
        assert sorted(uses) == ["allow", "deny"]
        found[judge(desk, one.approval, answers, uses)] += 1
    assert set(found) == {"spent"}
    return found


def approve_and_cancel(desk: Desk, count: int) -> Counter[str]:
    """Somebody approves while the agent withdraws; in every other one it also uses at once."""
    found: Counter[str] = Counter()
    for number in range(count):
        one = Round.opened(desk)
        rivals: list[Rival] = [one.approve, one.cancel]
        if number % 2:
            assert one.approve("dora") == "200"
            rivals = [one.use, one.cancel]
        first, cancelled = at_once(rivals)
        answers = ["200"] if number % 2 else [first]
        uses = [*([first] if number % 2 else []), *at_once([one.use, one.use])]
        outcome = judge(desk, one.approval, answers, uses)
        assert (outcome == "cancelled") == (cancelled == "200"), (outcome, cancelled)
        assert outcome in {"cancelled", "spent"}
        found[outcome] += 1
    return found


def approve_and_revoke(desk: Desk, count: int, batch: int = 10) -> Counter[str]:
    """Somebody approves while the run is revoked; when all workers know it nothing runs."""
    found: Counter[str] = Counter()
    for _ in range(0, count, batch):
        rounds = [Round.opened(desk) for _ in range(min(batch, count))]
        answers = [at_once([one.approve, one.revoke, one.use]) for one in rounds]
        time.sleep(FRESH)
        for one, (approved, revoked, used) in zip(rounds, answers, strict=True):
            assert revoked == "200"
            assert one.use() == "401"  # nobody of this run is known any more
            seen = desk.view(one.approval["id"], desk.person("carol", ["compliance"]))
            assert seen["status"] in {"cancelled", "spent"}
            outcome = judge(desk, one.approval, [approved], [used])
            found[outcome] += 1
    return found


def approve_at_expiry(desk: Desk, count: int, batch: int = 20) -> Counter[str]:
    """Answers and uses around the very moment in which the time is over."""
    found: Counter[str] = Counter()
    for _ in range(0, count, batch):
        rounds = [Round.opened(desk, BRIEF) for _ in range(min(batch, count))]
        given = [[one.approve()] if number % 2 else [] for number, one in enumerate(rounds)]
        last = max(_seconds(one.approval["expires_at"]) for one in rounds)
        rivals = [one.use if number % 2 else one.approve for number, one in enumerate(rounds)]
        got: list[str] = []
        for number, (one, rival) in enumerate(zip(rounds, rivals, strict=True)):
            moment = _seconds(one.approval["expires_at"]) - 0.03 + 0.003 * (number % batch)
            got += at_once([rival], moment)
        time.sleep(max(0.0, last - time.time()))  # noqa: TID251
        for number, one in enumerate(rounds):
            late = one.use()
            assert late == "deny"
            desk.view(one.approval["id"], one.token)  # whoever looks has the end recorded
            answers = given[number] if number % 2 else [got[number]]
            uses = [got[number], late] if number % 2 else [late]
            outcome = judge(desk, one.approval, answers, uses)
            assert outcome in {"spent", "expired"}
            found[outcome] += 1
    return found


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


class Changing:
    """A policy that is exchanged while somebody asks: each query goes to the one of its moment."""

    def __init__(self, *engines: Any) -> None:
        self._engines = engines
        self.current = 0

    def ask(
        self, questions: Sequence[PolicyQuestion], **bounds: Any
    ) -> list[PolicyAnswer | Exception]:
        """Ask the engine of now."""
        found: list[PolicyAnswer | Exception] = self._engines[self.current].ask(questions, **bounds)
        return found

    def known_revisions(self) -> frozenset[str]:
        """Both were verified."""
        return frozenset().union(*(engine.known_revisions() for engine in self._engines))

    def change(self) -> str:
        """The other one decides from here on."""
        self.current = 1 - self.current
        return "changed"


@contextmanager
def changing(folder: Path, adapters: Adapters) -> Iterator[Changing]:
    """The service's own policy and, in an OPA beside it, one with more approvers.

    Those who may approve now may then: only that policy is another one tells the two apart.
    """
    data = approval_bundle(folder, approvers=[ADMINS, "owners"]) / "data/access/default/data.json"
    with real_opa({"data/access/default/data.json": data.read_text("utf-8")}) as other:
        engine = other.engine()
        try:
            yield Changing(adapters.policy, engine)
        finally:
            engine.close()


def policy_changes_between(
    desk: Desk, adapters: Adapters, policy: Changing, count: int
) -> Counter[str]:
    """Policy changes while somebody approves; in every other one while the agent uses it."""
    found: Counter[str] = Counter()
    asking = flow_of(desk.service, adapters, policy=policy, settings=settings())
    answers = answering(desk.service, adapters, policy=policy)

    def approve(approval: dict[str, Any]) -> str:
        body = {"answer": "approve", "action_digest": approval["action_digest"]}
        try:
            answers.run(
                approval_id=approval["id"],
                body=json.dumps(body).encode(),
                unverified_token=desk.person(),
            )
        except CounterfoilError as error:
            return str(error.status)
        return "200"

    for number in range(count):
        policy.current = 0
        token = fresh(desk)
        opened = run(asking, request(CREATE), token=token)
        approval = {**opened, **opened["approval"]}

        def use(token: str = token, approval: dict[str, Any] = approval) -> str:
            return str(run(asking, request(CREATE, approval["id"]), token=token)["effect"])

        uses: list[str] = []
        if number % 2:
            given = approve(approval)
            uses += at_once([use, policy.change, use])[::2]
        else:
            given, _ = at_once([partial(approve, approval), policy.change])
        assert policy.current == 1
        uses += at_once([use, use])
        found[judge(desk, approval, [given], uses)] += 1
        assert uses[-2:] == ["deny", "deny"]  # the change is over: nothing runs under the old one
    return found
