"""A token that is about to end is renewed before it is used, from whatever source it comes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from autogen_counterfoil import Guard, credentials, protect, run
from autogen_counterfoil.credentials import MOMENTS_SECONDS, TokenBook, delegation_token
from builders import Ran, assistant
from simulator import Simulator, delegation

NOW = time.time()  # noqa: TID251 -- tokens are of today
OLD, FRESH = delegation(sub="old", exp=int(NOW)), delegation(sub="fresh", exp=int(NOW) + 900)


class Pauses:
    """Sleeps for nobody; at each pause something may happen."""

    def __init__(self, then: Callable[[], object] = lambda: None) -> None:
        self.taken: list[float] = []
        self._then = then

    async def sleep(self, seconds: float) -> None:
        self.taken.append(seconds)
        self._then()


def paused(patch: pytest.MonkeyPatch, pauses: Pauses) -> Pauses:
    patch.setattr("autogen_counterfoil.credentials.asyncio.sleep", pauses.sleep)
    return pauses


async def test_a_file_that_a_launcher_replaces_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text(OLD)
    pauses = paused(monkeypatch, Pauses(lambda: file.write_text(FRESH)))
    token = await TokenBook(file).token("coder")
    assert token.unverified_claims["sub"] == "fresh"
    assert len(pauses.taken) == 1


async def test_a_callable_is_asked_again_before_its_token_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tokens = iter([OLD, OLD, FRESH])
    pauses = paused(monkeypatch, Pauses())
    token = await TokenBook(lambda: next(tokens)).token(None)
    assert token.unverified_claims["sub"] == "fresh"
    assert len(pauses.taken) == 2


async def test_the_file_that_the_environment_names_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text(OLD)
    monkeypatch.setenv("COUNTERFOIL_TOKEN_FILE", str(file))
    paused(monkeypatch, Pauses(lambda: file.write_text(FRESH)))
    assert (await TokenBook(None).token(None)).unverified_claims["sub"] == "fresh"


async def test_a_token_that_lives_long_enough_waits_for_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses = paused(monkeypatch, Pauses())
    now = int(time.time())  # noqa: TID251 -- this file was read a while ago
    lasting = delegation(exp=now + 3 * MOMENTS_SECONDS)
    for value in (FRESH, lasting, delegation()):  # the last says no end: the service's business
        await TokenBook(lambda value=value: value).token(None)
    assert pauses.taken == []


async def test_a_token_that_could_end_on_its_way_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moment = int(NOW)
    monkeypatch.setattr(credentials, "_now", lambda: float(moment))
    for left, waits in ((0, True), (1, True), (4, True), (5, True), (6, False)):
        tokens = iter([delegation(exp=moment + left), FRESH])
        pauses = paused(monkeypatch, Pauses())
        await TokenBook(lambda tokens=tokens: next(tokens)).token(None)
        assert bool(pauses.taken) is waits, left


async def test_an_old_token_is_sent_after_a_bounded_wait_for_the_services_clock_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses = paused(monkeypatch, Pauses())
    assert (await TokenBook(lambda: OLD).token(None)).unverified_claims["sub"] == "old"
    assert pauses.taken == list(credentials.PAUSES_SECONDS)


async def test_a_call_goes_with_the_renewed_token(
    sim: Simulator, guard: Guard, tmp_path: Path
) -> None:
    sim.default = "allow"
    file = tmp_path / "token"
    file.write_text(FRESH)
    ran = Ran()

    async def act(n: int) -> str:
        ran.append(("coder", n))
        file.write_text(delegation(sub="renewed", exp=int(NOW) + 900))
        return "ok"

    turns = [("act", {"n": 1})], [("act", {"n": 2})]
    team = assistant(*turns, "done", name="coder", tools=[act])
    await run(guard, protect(team, guard), task="t", token=file)
    assert [asked.claims["sub"] for asked in sim.asked] == ["fresh", "renewed"]


@pytest.mark.parametrize("end", ["soon", None, [], {}])
def test_an_end_that_is_no_number_is_no_end(end: object) -> None:
    assert delegation_token(delegation(exp=end)).ends_at == float("inf")
