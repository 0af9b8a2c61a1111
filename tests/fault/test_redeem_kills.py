"""A grant is never redeemed twice, whenever the writer is killed; who was told so, is on record."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from counterfoil.core.model import Grant
from counterfoil.errors import AlreadyRedeemed, LedgerUnavailable
from ledgers import Ledger
from redeeming import Desk

KILLS = 3
RIVALS = 6
GRANTS = 12
"""Of each life of the writer."""


@dataclass
class Attempts:
    """Rivals who try each grant, again and again where they got no answer; all that was told."""

    desk: Desk
    told: dict[str, list[str]] = field(default_factory=dict)
    started: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def run(self, grants: list[Grant]) -> list[threading.Thread]:
        """Start the rivals."""
        threads = [
            threading.Thread(target=self._try_all, args=(grants, self.desk.ledger.client()))
            for _ in range(RIVALS)
        ]
        for thread in threads:
            thread.start()
        return threads

    def _try_all(self, grants: list[Grant], client: object) -> None:
        for grant in grants:
            told = self.told.setdefault(grant.jti, [])
            while not self._try(grant, client, told):
                threading.Event().wait(0.02)  # the writer is being started again

    def _try(self, grant: Grant, client: object, told: list[str]) -> bool:
        self.started.release()
        try:
            self.desk.redeem(grant, client=client)  # type: ignore[arg-type]
        except AlreadyRedeemed:
            told.append("refused")
        except LedgerUnavailable:
            told.append("unknown")
            return False
        else:
            told.append("redeemed")
        return True


def test_no_grant_is_redeemed_twice_when_the_writer_is_killed(any_ledger: Ledger) -> None:
    desk = Desk(any_ledger)
    attempts, all_grants = Attempts(desk), []
    for _ in range(KILLS):
        grants = [desk.granted() for _ in range(GRANTS)]
        all_grants += grants
        threads = attempts.run(grants)
        for _ in range(GRANTS):
            attempts.started.acquire()  # in the middle of it
        any_ledger.kill()
        any_ledger.start()
        for thread in threads:
            thread.join()
    for grant in all_grants:
        assert desk.kinds(grant) == ["decided", "grant_redeemed"]
        told = attempts.told[grant.jti]
        assert told.count("redeemed") <= 1
        assert told.count("redeemed") + told.count("refused") == RIVALS
    answers = [told for of in attempts.told.values() for told in of]
    assert "redeemed" in answers
    assert "unknown" in answers  # control: the kills fell among the attempts
    assert any_ledger.verify().findings == []
