"""The agent's token is renewed in time, and what cannot be renewed is said once."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from counterfoil.cli.login_exchange import Given
from counterfoil.cli.login_http import LoginFailed
from counterfoil.cli.login_run import (
    RENEW_AT,
    RETRY_SECONDS,
    Renewal,
    agent_environment,
    token_file,
)

RUN = "run_01JZZZZZZZZZZZZZZZZZZZZZZZ"


@dataclass
class World:
    now: float = 1_000.0
    broken: bool = False
    said: list[str] = field(default_factory=list)
    renewed: int = 0

    def renew(self, given: Given) -> Given:
        self.renewed += 1
        if self.broken:
            raise LoginFailed("the service is away", "Wait.")
        return Given(token=f"token {self.renewed}", run=given.run, expires_at=self.now + 100)

    def renewal(self) -> Renewal:
        first = Given(token="first", run=RUN, expires_at=self.now + 100)
        return Renewal(first, self.renew, self.said.append, now=lambda: self.now)


def test_a_token_is_renewed_well_before_it_ends_and_not_sooner() -> None:
    world = World()
    renewal = world.renewal()
    world.now += 100 * RENEW_AT - 1
    assert renewal.step() is None
    assert renewal.seconds == pytest.approx(1)
    world.now += 1
    fresh = renewal.step()
    assert fresh is not None
    assert fresh.token == "token 1"
    assert renewal.step() is None
    assert renewal.seconds == pytest.approx(100 * RENEW_AT)


def test_a_service_that_is_away_is_asked_again_and_said_once() -> None:
    world = World(broken=True)
    renewal = world.renewal()
    world.now += 100 * RENEW_AT
    assert renewal.step() is None
    assert [line for line in world.said if "40 s" in line]
    said = len(world.said)
    for _ in range(3):
        world.now += RETRY_SECONDS
        assert renewal.step() is None
    assert (world.renewed, len(world.said)) == (4, said)
    world.broken = False
    world.now += RETRY_SECONDS
    assert renewal.step() is not None


def test_the_file_is_replaced_whole_and_nobody_else_may_read_it() -> None:
    given = Given(token="first", run=RUN, expires_at=0.0)
    with token_file(given) as file:
        assert file.path.read_text() == "first"
        before = file.path.stat().st_ino
        file.write("second")
        assert file.path.read_text() == "second"
        assert file.path.stat().st_ino != before  # who reads the old one reads it whole
        assert file.path.stat().st_mode & 0o777 == 0o600
        assert file.path.parent.stat().st_mode & 0o777 == 0o700
        assert [path.name for path in file.path.parent.iterdir()] == ["token"]
    assert not file.path.parent.exists()


def test_a_link_in_the_place_of_the_fresh_file_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("keep")
    with token_file(Given(token="first", run=RUN, expires_at=0.0)) as file:
        (file.path.parent / "token.new").symlink_to(victim)
        with pytest.raises(OSError, match="symbolic links"):
            file.write("second")
    assert victim.read_text() == "keep"


def test_the_programs_environment_has_the_file_and_no_word_of_the_login() -> None:
    ours = {
        "PATH": "/bin",
        "COUNTERFOIL_TOKEN": "an older one",
        "COUNTERFOIL_LOGIN__CLIENT_SECRET_FILE": "secret",
        "COUNTERFOIL_LOGIN__LAUNCHER_KEY_FILE": "key.pem",
    }
    made = agent_environment(ours, Path("/run/token"))
    assert made == {"PATH": "/bin", "COUNTERFOIL_TOKEN_FILE": "/run/token"}


def test_no_secret_is_in_what_our_values_print() -> None:
    assert "first" not in repr(Given(token="first", run=RUN, expires_at=0.0))
