"""Nothing that an attacker sends gives a 5xx (other than an honest 503) or a stack trace.

The requests go through the real WSGI application, in process, with a real OPA and a real
ledger writer behind it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

import pytest

from counterfoil.http.lean import LeanFlask
from evidence import record
from service import Service, running_service
from simulators.hostile_requests import Hostile
from simulators.hostile_session import Session
from simulators.in_process import application_over

SEED = 20_261_124
MAX_UNAVAILABLE = 0.001  # of all answers


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_service(tmp_path_factory.mktemp("hostile"), server__workers=1) as service:
        yield service


@pytest.fixture
def application(backend: Service) -> Iterator[LeanFlask]:
    with application_over(backend) as app:
        yield app


def _session(backend: Service, application: LeanFlask, seed: int) -> Session:
    tokens = [
        backend.token(),
        backend.token("bob", ["guests"]),
        backend.token("carol", ["compliance"], agent=None),
        backend.token("dave", exp=1_700_000_000),
    ]
    secret = (backend.keys / "launcher.secret").read_text().strip()
    hostile = Hostile(seed, tokens, secret=secret)
    return Session(application, hostile, host=f"127.0.0.1:{backend.port}")


def _survives(session: Session, count: int, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        session.run(count)
    assert not [record for record in caplog.records if "unexpected" in record.getMessage()]
    assert session.statuses[503] <= MAX_UNAVAILABLE * count
    # the stream reaches every layer, and is not only turned away at the door
    assert {200, 400, 401, 404, 405, 413, 415, 422} <= set(session.statuses)
    assert session.effects["allow"]
    assert session.effects["deny"]


def test_hostile_requests_get_refusals_and_never_a_failure(
    backend: Service, application: LeanFlask, caplog: pytest.LogCaptureFixture
) -> None:
    _survives(_session(backend, application, SEED), 3000, caplog)


@pytest.mark.prove
def test_fifty_thousand_hostile_requests_get_refusals_and_never_a_failure(
    backend: Service, application: LeanFlask, caplog: pytest.LogCaptureFixture
) -> None:
    session, count, started = _session(backend, application, SEED + 1), 50_000, time.monotonic()
    _survives(session, count, caplog)
    record(
        "hostile_requests",
        "Hostile requests through the WSGI application, with a real OPA and ledger writer",
        seed=session.hostile.seed,
        requests=count,
        seconds=round(time.monotonic() - started, 1),
        statuses={str(status): n for status, n in sorted(session.statuses.items())},
        effects=dict(sorted(session.effects.items())),
        failures=sum(
            n for status, n in session.statuses.items() if status >= 500 and status != 503
        ),
    )
