"""Kills processes of a loaded service and counts what was lost of what it acknowledged.

Clients send one new statement after the other, each with its own Idempotency-Key, and repeat
a request that got no answer until it gets one. Meanwhile processes are killed by SIGKILL in
a seeded order. Afterwards `counterfoil verify` must find the ledger whole *and* holding every
receipt that a client was given; a receipt stands for one acknowledged decision.
"""

from __future__ import annotations

import http.client
import json
import random
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import processes
from service import PROGRAM, Answer, Service, sql_request

KINDS = ("opa", "ledger", "http", "worker", "reader", "parent", "all")
STALLED_SECONDS = 60.0  # no acknowledged decision for this long: it did not recover
_AGAIN_SECONDS = 0.02  # between two tries of one request
_TOKEN_REQUESTS = 500
_RETRIES = 3_000


@dataclass(slots=True)
class Load:
    """Clients, and what they were told."""

    service: Service
    clients: int
    seed: int
    receipts: list[str] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    unexpected: list[str] = field(default_factory=list)
    _moved: threading.Condition = field(default_factory=threading.Condition)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Begin to ask."""
        for number in range(self.clients):
            thread = threading.Thread(target=self._client, args=(number,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Let each client end its request."""
        self._stop.set()
        for thread in self._threads:
            thread.join(STALLED_SECONDS)
            assert not thread.is_alive(), "a client hangs"

    def acknowledged(self) -> int:
        """How many decisions clients hold a receipt of."""
        return len(self.receipts)

    def wait_for(self, count: int) -> None:
        """Wait until `count` decisions are acknowledged, and that they keep coming."""
        with self._moved:
            while len(self.receipts) < count:
                last = "\n".join(
                    [str(self.answers), *self.unexpected[-3:], *self.service.lines[-20:]]
                )
                assert self._moved.wait(STALLED_SECONDS), f"no decision any more:\n{last}"

    def _client(self, number: int) -> None:
        try:
            self._ask(number)
        except Exception as error:  # a thread's death must fail the test, not starve it
            self.unexpected.append(f"client {number} died: {error!r}")
            raise

    def _ask(self, number: int) -> None:
        asked, token = 0, ""
        connection = self.service.connect()
        while not self._stop.is_set():
            if asked % _TOKEN_REQUESTS == 0:
                token = self.service.token()
            asked += 1
            name = f"{self.seed}_{number}_{asked}"
            body = sql_request(f"CREATE TABLE public.k{name} (id int)")
            headers = {"Idempotency-Key": f"kill-{name}"}
            answer = self._until_answered(connection, body, token, headers)
            if answer is not None:
                self._note(answer)
        connection.close()

    def _until_answered(
        self, connection: http.client.HTTPConnection, body: Any, token: str, headers: dict[str, str]
    ) -> Answer | None:
        """Repeat the same request until it is decided, as a hook would."""
        for _ in range(_RETRIES):
            try:
                answer = self.service.request(
                    "POST", "/authorize", body, token=token, headers=headers, connection=connection
                )
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                self._count(f"no answer ({type(error).__name__})")
            else:
                if answer.status not in (409, 503):  # 409: the first try is still being decided
                    return answer
                self._count(f"{answer.status} {answer.body.get('type', '').rpartition('/')[2]}")
            if self._stop.wait(_AGAIN_SECONDS):
                return None
        return None

    def _count(self, what: str) -> None:
        with self._moved:
            self.answers[what] += 1

    def _note(self, answer: Answer) -> None:
        with self._moved:
            if answer.status == 200:
                self.answers[f"200 {answer.body['effect']}"] += 1
                self.receipts.append(json.dumps(answer.body["receipt"]))
                if answer.body["effect"] == "allow":
                    self._moved.notify_all()
                    return
                # A reader killed in the middle of a command makes it uncertain: a deny, with its code
                codes = {reason["code"] for reason in answer.body["reasons"]}
                if any(code.startswith("uncertain.") for code in codes):
                    self._moved.notify_all()
                    return
            self.unexpected.append(f"{answer.status} {json.dumps(answer.body)[:400]}")


def run_kills(
    service: Service, order: Sequence[str], *, every: int, seed: int, clients: int = 8
) -> Load:
    """Load the service, kill one process (or all) about every `every` acknowledged decisions."""
    chance = random.Random(seed)  # noqa: S311  # a schedule that can be repeated, not a secret
    load = Load(service=service, clients=clients, seed=seed)
    load.start()
    try:
        load.wait_for(every)
        for kind in order:
            _kill(service, kind, chance)
            load.wait_for(load.acknowledged() + chance.randint(every // 2, every + every // 2))
    finally:
        load.stop()
    return load


def _kill(service: Service, kind: str, chance: random.Random) -> None:
    """SIGKILL one process of a kind; a killed parent is started again by the same command."""
    parent = service.process.pid
    if kind in ("parent", "all"):
        everyone = processes.everyone(parent)
        for pid in everyone if kind == "all" else [parent]:
            try:
                processes.kill(pid)
            except ProcessLookupError:
                continue  # it died with another one
        service.process.wait()
        service.start(wait=False)
        return
    processes.eventually(lambda: bool(processes.family(parent)[kind]), f"a process of kind {kind}")
    while True:
        try:
            processes.kill(chance.choice(processes.family(parent)[kind]))
        except (ProcessLookupError, IndexError):
            continue  # it went between the look and the kill
        return


def kill_order(count: int, seed: int, kinds: Sequence[str] = KINDS) -> list[str]:
    """`count` kinds in a seeded order, all about equally often."""
    order = [kinds[n % len(kinds)] for n in range(count)]
    random.Random(seed).shuffle(order)  # noqa: S311
    return order


def verified(service: Service, load: Load, folder: Path) -> dict[str, Any]:
    """The report of `counterfoil verify` over the ledger and all receipts of the clients."""
    receipts = folder / "receipts.jsonl"
    receipts.write_text("".join(f"{line}\n" for line in load.receipts))
    started = time.monotonic()
    done = subprocess.run(
        [
            *PROGRAM,
            "verify",
            f"--ledger={service.database}",
            f"--key={service.keys / 'receipt.pub'}",
            f"--receipt={receipts}",
            "--json",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    report["seconds"] = round(time.monotonic() - started, 1)
    return report
