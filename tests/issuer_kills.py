"""Many jobs at once through `/authorize` and an issuer, while both are killed at random.

Each holder sends its request twice, the second time perhaps while the first is still being
answered: a thief, or a retry. Whoever gets a credential works with it, and reports the outcome
or leaves it to the deadline.
"""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg

from issuing_world import World
from servers.issuer import start

_LOST = (OSError, http.client.HTTPException, ValueError)
_AGAIN_SECONDS = 0.2


@dataclass
class Told:
    """What holders and killers saw."""

    given: dict[str, str] = field(default_factory=dict)  # decision → role
    decisions: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, what: str) -> None:
        with self.lock:
            self.counts[what] += 1


@dataclass
class Kills:
    """The story; `seed` makes the same choices again."""

    world: World
    seed: int
    told: Told = field(default_factory=Told)
    _over: threading.Event = field(default_factory=threading.Event)

    def run(self, jobs: int, at_once: int, kills: int) -> Told:
        """Do all jobs; kill `kills` times meanwhile, every third time the service."""
        killer = threading.Thread(target=self._kill, args=(kills,))
        killer.start()
        with ThreadPoolExecutor(at_once) as pool:
            for done in [pool.submit(self._job, number) for number in range(jobs)]:
                done.result()
        self._over.set()
        killer.join()
        return self.told

    def _job(self, number: int) -> None:
        chance = random.Random(self.seed * 100_003 + number)  # noqa: S311 -- no secret
        sql = f"CREATE TABLE public.job_{number} (id int)"
        token = self.world.service.token()
        allow = self._until(lambda: self._allowed(sql, token))
        decision, request = allow["decision_id"], allow["scoped_token_request"]["signed_request"]
        with self.told.lock:
            self.told.decisions.append(decision)
        thief = threading.Thread(target=self._ask, args=(decision, request, chance.random()))
        if number % 2:
            thief.start()
        role = self._ask(decision, request, 0.0)
        if number % 2:
            thief.join()
        else:
            self._ask(decision, request, 0.0)
        if role is not None:
            self._work(role, sql)
        if chance.random() < 0.8:
            self._until(lambda: self._reported(token, decision))

    def _allowed(self, sql: str, token: str) -> Any:
        answer = self.world.service.authorize(sql, token=token)
        return answer.body if answer.body.get("effect") == "allow" else None

    def _reported(self, token: str, decision: str) -> Any:
        path = f"/decisions/{decision}/outcome"
        answer = self.world.service.request("POST", path, {"status": "ok"}, token=token)
        return answer if answer.status == 200 else None

    def _ask(self, decision: str, request: str, wait: float) -> dict[str, Any] | None:
        time.sleep(wait)
        try:
            status, answer = self._sent(request)
        except _LOST:
            self.told.count("no_answer")
            return None
        if status != 200:
            self.told.count(answer["error_uri"].rpartition(":")[2])
            return None
        with self.told.lock:
            assert decision not in self.told.given, "one request gave two credentials"
            self.told.given[decision] = answer["credential"]["user"]
        found: dict[str, Any] = answer["credential"]
        return found

    def _sent(self, request: str) -> tuple[int, Any]:
        """Send it once; while nobody listens it was not sent."""
        while True:
            try:
                return self.world.issuer.ask(request)
            except ConnectionRefusedError:
                self.told.count("waited")
                time.sleep(_AGAIN_SECONDS)

    def _work(self, secret: dict[str, Any], sql: str) -> None:
        try:
            with psycopg.connect(**secret, autocommit=True, connect_timeout=30) as session:
                session.execute(sql)
            self.told.count("worked")
        except psycopg.Error:
            self.told.count("ended_before_it_worked")  # a kill swept it

    def _until(self, ask: Callable[[], Any]) -> Any:
        until = time.monotonic() + 300
        while time.monotonic() < until:
            with suppress(*_LOST):
                found = ask()
                if found is not None:
                    return found
            time.sleep(_AGAIN_SECONDS)
        raise AssertionError("the service did not come back")

    def _kill(self, kills: int) -> None:
        chance = random.Random(self.seed)  # noqa: S311 -- no secret
        for number in range(kills):
            if self._over.wait(chance.uniform(0.5, 6.0)):
                return
            if number % 3 == 2:
                self._restart_service()
            else:
                process = self.world.issuer.process.process
                process.kill()
                process.wait()
                start(self.world.issuer)
                self.told.count("issuer_kills")

    def _restart_service(self) -> None:
        process = self.world.service.process
        process.kill()
        process.wait()
        self.world.service.start()
        self.told.count("service_kills")


def judged(world: World, told: Told) -> dict[str, Any]:
    """What is left and what was recorded, once everything has come to rest."""
    trails = {decision: world.trail(decision) for decision in told.decisions}
    return {
        "jobs": len(told.decisions),
        "credentials_given": len(told.given),
        "credentials_without_issued": sum(
            "issued" not in trails[decision] for decision in told.given
        ),
        "double_redemptions": sum(trail.count("grant_redeemed") > 1 for trail in trails.values()),
        "redeemed": sum("grant_redeemed" in trail for trail in trails.values()),
        "ended": sum("credential_ended" in trail for trail in trails.values()),
        "leftover_roles": len(world.db.names()),
        **dict(sorted(told.counts.items())),
    }
