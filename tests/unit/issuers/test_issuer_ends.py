"""Every credential ends in time, whatever happened, and the service hears of it."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from counterfoil.core.model import JsonObject
from counterfoil.errors import ConfigError
from counterfoil_issuers.contract import Ended, Finding, Job
from counterfoil_issuers.refusals import Unavailable
from counterfoil_issuers.state import MAX_FINDINGS, State
from issuer_bench import Bench, bench, claims_of, now
from simulators.issuing_service import EVENTS, ISSUED, IssuingService, issuing_service
from simulators.memory_target import MemoryTarget


@pytest.fixture
def service() -> Iterator[IssuingService]:
    with issuing_service() as started:
        yield started


def held(desk: Bench, **more: Any) -> tuple[JsonObject, Job]:
    """An honest request, and the job that it became."""
    claims = claims_of(desk.prover, **more)
    desk.issue(desk.sign(claims))
    return claims, next(job for job in desk.target.there.values() if job.jti == claims["jti"])


def test_credential_ends_at_its_deadline(service: IssuingService, tmp_path: Path) -> None:
    with bench(tmp_path, service) as desk:
        _, job = held(desk, seconds=2)
        (report,) = service.wait_for("ended")
        assert report["cause"] == "deadline"
        assert now() >= job.deadline
        assert not desk.target.there


@pytest.mark.parametrize(
    ("event", "cause"), [("outcome", "outcome"), ("revoked", "revoked"), ("expired", "deadline")]
)
def test_credential_ends_when_the_service_says_so(
    service: IssuingService, tmp_path: Path, event: str, cause: str
) -> None:
    with bench(tmp_path, service, follow=True) as desk:
        claims, _ = held(desk)
        other, stays = held(desk)
        service.tell(claims["jti"], event)  # type: ignore[arg-type]
        (report,) = service.wait_for("ended")
        assert (report["jti"], report["cause"]) == (claims["jti"], cause)
        assert list(desk.target.there) == [stays.name]
        assert other["jti"] != claims["jti"]


def test_events_that_are_not_understood_end_nothing_and_are_passed(
    service: IssuingService, tmp_path: Path
) -> None:
    with bench(tmp_path, service) as desk:
        claims, job = held(desk)
        service.tell(str(claims["jti"]), "something_new")
        service.tell("jti_of_somebody_else", "outcome")
        desk.follower.hear()
        assert list(desk.target.there) == [job.name]
        assert desk.state.cursor() == "2.0.0"


def test_events_are_not_asked_for_again_after_a_restart(
    service: IssuingService, tmp_path: Path
) -> None:
    service.tell("jti_of_somebody_else", "outcome")
    with bench(tmp_path, service) as desk:
        desk.follower.hear()
    with bench(tmp_path, service) as desk:
        service.tell("jti_of_somebody_else", "outcome")
        desk.follower.hear()
    assert [one for one in service.requests if one.startswith(EVENTS)][-1].endswith("after=1.0.0")


def test_revocation_while_it_is_made_gives_it_to_nobody(
    service: IssuingService, tmp_path: Path
) -> None:
    target = MemoryTarget(may_make=threading.Event())
    with bench(tmp_path, service, target) as desk:
        claims = claims_of(desk.prover)
        found: list[object] = []

        def ask() -> None:
            try:
                found.append(desk.issue(desk.sign(claims)))
            except Unavailable as error:
                found.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        assert target.making.wait(10)
        service.tell(claims["jti"], "revoked")
        desk.follower.hear()
        time.sleep(0.05)
        assert "end" not in target.steps, "nothing may be made after its end"
        assert target.may_make is not None
        target.may_make.set()
        asking.join()
        assert isinstance(found[0], Unavailable)
        assert service.wait_for("ended")[0]["cause"] == "revoked"
        assert not target.there


def test_end_that_fails_is_tried_until_it_works(service: IssuingService, tmp_path: Path) -> None:
    with bench(tmp_path, service) as desk:
        desk.target.ends_fail = 2
        claims, _ = held(desk)
        desk.state.end(str(claims["jti"]), "outcome", at=now())
        desk.ender.wake()
        assert service.wait_for("ended")[0]["cause"] == "outcome"
        assert desk.target.steps.count("end") == 3


def test_end_is_reported_when_the_service_is_back(service: IssuingService, tmp_path: Path) -> None:
    with bench(tmp_path, service) as desk:
        desk.target.findings = (Finding(code="undecided_table", object="public.other"),)
        claims, _ = held(desk)
        service.fault[ISSUED] = "503"
        desk.state.end(str(claims["jti"]), "outcome", at=now())
        desk.ender.wake()
        while desk.state.counts().get("ended") != 1:
            time.sleep(0.01)
        assert not desk.target.there
        assert not [one for one in service.reports if one["status"] == "ended"]
        service.fault.clear()
        (report,) = service.wait_for("ended")
        assert report["findings"] == [{"code": "undecided_table", "object": "public.other"}]
        assert report["handed_over"] == []


def test_what_the_service_would_not_record_whole_says_that_it_is_cut(tmp_path: Path) -> None:
    state = State(tmp_path / "state.db")
    job = _job("jti_a")
    state.intend(job)
    findings = tuple(Finding(code="undecided_table", object="x" * 2_000) for _ in range(300))
    state.ended(job.jti, Ended(findings=findings))
    (row,) = state.unreported(now())
    assert row.report is not None
    told: Any = row.report["findings"]
    assert len(told) == MAX_FINDINGS
    assert told[-1] == {"code": "more", "object": "45 more"}
    assert len(told[0]["object"]) == 1_024
    state.close()


@pytest.mark.parametrize("reached", ["intended", "redeemed", "made", "issued"])
def test_next_life_ends_what_the_last_one_left(
    service: IssuingService, tmp_path: Path, reached: str
) -> None:
    target, job = MemoryTarget(), _job("jti_a")
    service.redeemed[job.jti] = {}
    state = State(tmp_path / "state.db")
    state.intend(job)
    if reached != "intended":
        state.redeemed(job)
        target.there[job.name] = job
    if reached in {"made", "issued"}:
        state.made(job.jti)
    if reached == "issued":
        assert state.issued(job.jti, now=now())
    state.close()
    with bench(tmp_path, service, target):
        (report,) = service.wait_for("ended")
    assert report["cause"] == "swept"
    assert not target.there


def test_next_life_reports_what_the_last_one_did_not(
    service: IssuingService, tmp_path: Path
) -> None:
    job = _job("jti_a")
    service.redeemed[job.jti] = {}
    state = State(tmp_path / "state.db")
    state.intend(job)
    state.end(job.jti, "outcome", at=now())
    state.ended(job.jti, Ended(handed_over=("table public.invoices",)))
    state.close()
    target = MemoryTarget()
    with bench(tmp_path, service, target):
        (report,) = service.wait_for("ended")
    assert report["cause"] == "outcome"
    assert report["handed_over"] == ["table public.invoices"]
    assert target.steps == []


def test_credential_without_a_row_is_ended_by_its_name(
    service: IssuingService, tmp_path: Path
) -> None:
    target, lost = MemoryTarget(), _job("jti_lost")
    target.there[lost.name] = lost
    with bench(tmp_path, service, target) as desk:
        assert not target.there
        assert target.steps == ["end_name"]
        _, job = held(desk)
        desk.ender.sweep()
        assert service.wait_for("ended")[0]["credential"] == job.name
        assert target.steps.count("end_name") == 1


def test_stop_ends_all_that_lives(service: IssuingService, tmp_path: Path) -> None:
    with bench(tmp_path, service) as desk:
        held(desk)
        held(desk)
        desk.ender.end_all()
        assert {one["cause"] for one in service.wait_for("ended", 2)} == {"swept"}
        assert not desk.ender.alive()


def test_intent_is_durable_before_anything_is_redeemed_and_the_rest_before_it_is_made(
    service: IssuingService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def look() -> None:
        with sqlite3.connect(tmp_path / "state.db") as other:
            seen.extend(row[0] for row in other.execute("SELECT state FROM job"))

    class Looking(MemoryTarget):
        def make(self, job: Job) -> Any:
            look()
            return super().make(job)

    whole = service.answer

    def answer(path: str, body: Any) -> tuple[int, Any]:
        if path.startswith(("/grants/jti", "/decisions/")):
            look()
        return whole(path, body)

    monkeypatch.setattr(service, "answer", answer)
    with bench(tmp_path, service, Looking()) as desk:
        desk.issue()
        assert seen == ["intended", "redeemed", "made"]


def test_state_keeps_what_it_says_through_a_power_cut(tmp_path: Path) -> None:
    state = State(tmp_path / "state.db")
    assert state._db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    assert state._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert (tmp_path / "state.db").stat().st_mode & 0o777 == 0o600
    state.close()


def test_only_one_process_is_this_issuer(tmp_path: Path) -> None:
    state = State(tmp_path / "state.db")
    with pytest.raises(ConfigError, match="another issuer runs"):
        State(tmp_path / "state.db")
    state.close()
    State(tmp_path / "state.db").close()


def test_state_of_another_version_is_refused(tmp_path: Path) -> None:
    State(tmp_path / "state.db").close()
    with sqlite3.connect(tmp_path / "state.db") as other:
        other.execute("PRAGMA user_version = 99")
    with pytest.raises(ConfigError, match="another version"):
        State(tmp_path / "state.db")


def test_state_that_cannot_be_written_gives_nothing(
    service: IssuingService, tmp_path: Path
) -> None:
    with bench(tmp_path, service) as desk:
        assert desk.issue()
        redeemed = len(service.redeemed)
        desk.state._db.execute("PRAGMA query_only = 1")
        with pytest.raises(Unavailable):
            desk.issue()
        assert len(service.redeemed) == redeemed
        desk.state._db.execute("PRAGMA query_only = 0")


def test_what_is_long_over_is_forgotten_and_nothing_else(tmp_path: Path) -> None:
    state = State(tmp_path / "state.db")
    for jti in ("jti_old", "jti_open"):
        state.intend(_job(jti))
    state.closed("jti_old")
    state.spend(["dpop", "a"], expires_at=now() + 100, deadline=0)
    state.forget(now() + 3_600)
    assert state.counts() == {"closed": 1, "intended": 1}
    state.forget(now() + 200_000)
    assert state.counts() == {"intended": 1}
    state.close()


def _job(jti: str) -> Job:
    return Job(
        jti=jti,
        decision_id="dec_a",
        action_digest="A" * 43,
        permissions=({"type": "postgresql"},),
        ambient=(),
        deadline=now() + 600,
        operations=({"family": "database", "verb": "create", "object": {}},),
        session={"search_path": "pg_catalog"},
    )
