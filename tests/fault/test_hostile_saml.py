"""Nothing that somebody posts as a SAML answer gives a 5xx, grows a process, or shows itself.

The forms go through the real WSGI application, with the real XML child and a real ledger. An
answer that is taken must be one that the provider signed, word for word.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from counterfoil.core.model import Subject
from evidence import record
from saml_cases.encrypted import decryption_lines
from saml_cases.workshop import ALICE
from saml_world import World, returned, saml_world
from simulators.hostile_saml import HostileSaml
from simulators.hostile_session import TRACES
from simulators.http_door import Answer
from simulators.saml_idp import IDP

SEED = 20_261_124
FORM = "application/x-www-form-urlencoded"
HONEST_EVERY = 250
PERSON = Subject(issuer=IDP, sub=ALICE, groups=("developers", "on call"))
GROWTH_KIB = 40_000  # caches that fill once; 50,000 documents of 6 KB would be 300 MB


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("hostile-saml")
    with saml_world(folder, more=decryption_lines(folder)) as made:
        yield made


@dataclass(slots=True)
class Session:
    """One stream against one world; every answer is judged."""

    world: World
    hostile: HostileSaml
    statuses: Counter[int] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)

    def run(self, count: int) -> None:
        for number in range(count):
            if number % HONEST_EVERY == 0:
                self.honest()
            login = self.world.start()
            body = self.hostile.form(login.workshop, login.relay)
            answer = self.world.deployment.call("POST", "/saml/acs", None, body, CONTENT_TYPE=FORM)
            self.statuses[answer.status] += 1
            try:
                self._judge(answer, login.verifier)
            except Exception as error:
                at = f"seed {self.hostile.seed}, form {number}: {answer.status} {answer.data!r}"
                raise AssertionError(at) from error
        self.honest()

    def honest(self) -> None:
        """The control: an honest answer, taken for its person."""
        login = self.world.start()
        self._judge(self.world.post(login.workshop.honest(), login.relay), login.verifier)

    def _judge(self, answer: Answer, verifier: str) -> None:
        assert answer.status in {303, 400, 401, 413}
        assert not [trace for trace in TRACES if trace in answer.data]
        if answer.status != 303:
            self.codes[answer.problem()["code"]] += 1
            return
        codes = self.world.codes
        source = codes.take(returned(answer)["code"], verifier, now=time.time())  # noqa: TID251
        assert source.subject.issuer == IDP
        assert source.subject == PERSON or source.subject.sub in self.world.signed_names


def _survives(session: Session, count: int, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        session.run(count)
    said = [item.getMessage() for item in caplog.records]
    assert not [line for line in said if "unexpected" in line]
    for line in said:
        assert ALICE not in line
        assert "mallory" not in line
        assert len(line) < 400
    assert session.codes["identity.saml_refused"]
    assert session.codes["identity.saml_request_unknown"]
    assert session.statuses[303]  # what was left honest is taken


def _resident_kib(pid: int | str) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


def test_hostile_answers_get_refusals_and_never_a_failure(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    _survives(Session(world, HostileSaml(SEED)), 1_000, caplog)


@pytest.mark.prove
def test_fifty_thousand_hostile_answers_get_refusals_and_memory_stays_flat(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    session, started = Session(world, HostileSaml(SEED + 1)), time.monotonic()
    reader = world.deployment.app.extensions["counterfoil"].xml_reader
    _survives(session, 5_000, caplog)
    worker, child = _resident_kib("self"), 0
    for _ in range(9):
        caplog.clear()
        _survives(session, 5_000, caplog)
        pid = reader.pid()
        child = max(child, _resident_kib(pid) if pid else 0)
    growth = _resident_kib("self") - worker
    assert growth < GROWTH_KIB
    record(
        "hostile_saml",
        "Hostile SAML answers through the WSGI application, with the XML child and a ledger writer",
        seed=session.hostile.seed,
        answers=50_000,
        seconds=round(time.monotonic() - started, 1),
        statuses={str(status): n for status, n in sorted(session.statuses.items())},
        codes=dict(sorted(session.codes.items())),
        wrongly_accepted=0,
        worker_growth_kib=growth,
        largest_child_kib=child,
    )
