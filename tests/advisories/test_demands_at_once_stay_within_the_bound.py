"""An agent opened twice as many approvals as its run may have, by asking for them at once.

Each request counted what was open before it, and none saw the others' (batches of 16 in 30
threads left 63 open where 32 are the most). Now the ledger counts, in the commit that opens.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from approval_story import Desk, approving_service, request
from counterfoil.flows.approval_events import MOST_OPEN
from counterfoil.ports import Event
from main_path import WatchedLedger, adapters_over, assert_denied, flow_of, new_run, run

RIVALS = 4


def test_those_who_counted_at_the_same_moment_cannot_all_open(tmp_path: Path) -> None:
    answers: dict[int, dict[str, Any]] = {}
    with approving_service(tmp_path) as service, adapters_over(service) as adapters:
        token = Desk(service).agent(new_run())
        for number in range(MOST_OPEN - 1):
            Desk(service).opened(token, f"CREATE TABLE public.t{number} (id int)")
        counted = threading.Barrier(RIVALS)

        def ask(number: int) -> None:
            def wait(_events: Sequence[Event]) -> None:
                if not watched.calls.count("durable") and watched.calls.count("append") == 1:
                    counted.wait(20)  # all have counted, none has written

            watched = WatchedLedger(adapters.ledger, before_append=wait)
            body = request(f"CREATE TABLE public.rival{number} (id int)")
            answers[number] = run(flow_of(service, adapters, ledger=watched), body, token=token)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(RIVALS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(Desk(service).read("", token).body["approvals"]) == MOST_OPEN
    effects = [answer["effect"] for answer in answers.values()]
    assert sorted(effects) == ["deny"] * (RIVALS - 1) + ["needs_approval"]  # control: room for one
    for answer in answers.values():
        if answer["effect"] == "deny":
            assert_denied(answer, "approval.too_many_open")
