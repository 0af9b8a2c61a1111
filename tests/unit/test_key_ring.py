"""Rotation of a key: what counts beside it, for how long, and what no accident may lose."""

from __future__ import annotations

import json
import stat
import threading
from pathlib import Path

import pytest

from counterfoil import key_ring
from counterfoil.config_model import DELEGATION_JWKS_FILE
from counterfoil.errors import ConfigError
from counterfoil.key_ring import (
    MAX_KEYS,
    MAX_OVERLAP_SECONDS,
    MIN_OVERLAP_SECONDS,
    read_ring,
    ring_path,
    rotate,
)
from counterfoil.keys import (
    ensure_delegation_key,
    ensure_grant_key,
    load_delegation_key,
    load_grant_key,
    public_jwk,
    write_private,
)

NOW, OVERLAP = 1_800_000_000.0, 3_600


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ensure_grant_key(tmp_path)
    ensure_delegation_key(tmp_path)
    return tmp_path


def turn(folder: Path, now: float = NOW, purpose: str = "grant") -> str:
    """Rotate; the kid of the key that signed before."""
    return rotate(folder, purpose, now=now, overlap_seconds=OVERLAP).jwk["kid"]


def current(folder: Path) -> str:
    return public_jwk(load_grant_key(folder))["kid"]


def counting(folder: Path, now: float, purpose: str = "grant") -> list[str]:
    return [key.jwk["kid"] for key in read_ring(folder, purpose) if key.counts(now)]


def test_the_earlier_key_counts_until_its_end_and_not_a_second_longer(folder: Path) -> None:
    before = current(folder)
    assert turn(folder) == before
    assert current(folder) != before
    assert counting(folder, NOW + OVERLAP - 1) == [current(folder), before]
    assert counting(folder, NOW + OVERLAP) == [current(folder)]


def test_three_generations_count_beside_each_other_each_with_its_own_end(folder: Path) -> None:
    kids = [turn(folder, NOW + 1_000 * i) for i in range(3)]
    assert counting(folder, NOW + 2_000) == [current(folder), *reversed(kids)]
    assert counting(folder, NOW + OVERLAP + 500) == [current(folder), kids[2], kids[1]]
    turn(folder, NOW + OVERLAP + 5_000)
    assert len(read_ring(folder, "grant")) == 2  # what has ended is forgotten


def test_what_verifies_delegation_tokens_names_every_key_of_the_ring(folder: Path) -> None:
    before = public_jwk(load_delegation_key(folder))
    turn(folder, purpose="delegation")
    ensure_delegation_key(folder)  # as a start does: it forgets none
    named = json.loads((folder / DELEGATION_JWKS_FILE).read_text())["keys"]
    assert named == [public_jwk(load_delegation_key(folder)), before]
    assert not ring_path(folder, "grant").exists()  # one key at a time


def test_ring_and_key_are_of_their_account_alone(folder: Path) -> None:
    turn(folder)
    for path in (ring_path(folder, "grant"), folder / "grant.pem"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    ring_path(folder, "grant").chmod(0o666)  # whoever may write it may name a key of theirs
    with pytest.raises(ConfigError, match="others may use"):
        read_ring(folder, "grant")


def test_no_private_part_is_in_the_ring(folder: Path) -> None:
    turn(folder)
    ring = json.loads(ring_path(folder, "grant").read_text())
    assert [item for item in ring if "d" in item["jwk"]] == []


def test_a_rotation_that_is_cut_off_leaves_the_old_key_at_work(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = current(folder)

    def cut(path: Path, data: bytes, *, replace: bool) -> None:
        if path.suffix == ".pem":
            raise ConfigError("cut off")
        write_private(path, data, replace=replace)

    monkeypatch.setattr(key_ring, "write_private", cut)
    with pytest.raises(ConfigError, match="cut off"):
        turn(folder)
    assert current(folder) == before
    assert before in counting(folder, NOW)
    monkeypatch.undo()
    assert turn(folder, NOW + 10) == before  # control: the next one goes through
    endless = [key for key in read_ring(folder, "grant") if key.until is None]
    assert [key.jwk["kid"] for key in endless] == [current(folder)]


def test_rotations_at_once_forget_no_key(folder: Path) -> None:
    before = current(folder)
    kids: list[str] = []
    threads = [threading.Thread(target=lambda: kids.append(turn(folder))) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(kids)) == 5
    assert before in kids
    assert set(counting(folder, NOW)) == {*kids, current(folder)}


@pytest.mark.parametrize("seconds", [0, -1, MIN_OVERLAP_SECONDS - 1, MAX_OVERLAP_SECONDS + 1])
def test_an_overlap_shorter_than_a_token_lives_is_refused(folder: Path, seconds: int) -> None:
    before = current(folder)
    with pytest.raises(ConfigError, match="overlap"):
        rotate(folder, "grant", now=NOW, overlap_seconds=seconds)
    assert current(folder) == before
    rotate(folder, "grant", now=NOW, overlap_seconds=MIN_OVERLAP_SECONDS)  # control


def test_a_key_is_not_rotated_without_end(folder: Path) -> None:
    for _ in range(MAX_KEYS - 1):
        turn(folder)
    before = current(folder)
    with pytest.raises(ConfigError, match="Wait"):
        turn(folder)
    assert current(folder) == before
    turn(folder, NOW + OVERLAP)  # control: when they have ended


@pytest.mark.parametrize(
    "text", ["", "x", "{}", "[1]", '[{"jwk": {}, "until": null}]', '[{"until": 1}]', "[[]]"]
)
def test_a_ring_that_is_none_is_refused_and_left_alone(folder: Path, text: str) -> None:
    turn(folder)
    before = current(folder)
    ring_path(folder, "grant").write_text(text)
    with pytest.raises(ConfigError, match="ring"):
        turn(folder)
    assert current(folder) == before
    assert ring_path(folder, "grant").read_text() == text


def test_without_a_key_there_is_nothing_to_rotate(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        turn(tmp_path)
    assert not ring_path(tmp_path, "grant").exists()
