"""A catalogue that is missing, broken, another's or too old counts as none."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from commands import ORDERS
from counterfoil.catalogues.seal import PUBLIC_KEY, load_private_key, seal
from counterfoil.catalogues.store import FUTURE_SECONDS, LOOK_SECONDS, CatalogueStore, file_of
from counterfoil.core.model import Resource

BODY = b'{"format":"postgresql/1"}'
AGE = 3_600.0
NOW = 1_795_489_800.0


@dataclass
class Hands:
    """A clock that stands where it was put."""

    time: float = NOW
    ticks: float = 0.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.ticks


@dataclass
class Shelf:
    folder: Path
    clock: Hands
    store: CatalogueStore

    def put(
        self, *, taken_at: float = NOW, resource: Resource = ORDERS, body: bytes = BODY
    ) -> None:
        key = load_private_key(self.folder)
        path = file_of(self.folder, ORDERS.id)
        path.unlink(missing_ok=True)
        path.write_bytes(seal(resource, body, taken_at=taken_at, key=key))
        self.clock.ticks += LOOK_SECONDS

    def state(self) -> str:
        return self.store.state(ORDERS)

    def found(self) -> bytes | None:
        snapshot = self.store.current(ORDERS)
        return None if snapshot is None else snapshot.body


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    clock = Hands()
    return Shelf(
        tmp_path, clock, CatalogueStore(tmp_path, tmp_path, max_age_seconds=AGE, clock=clock)
    )


def test_a_catalogue_is_found_with_its_name_and_date(shelf: Shelf) -> None:
    assert shelf.found() is None
    shelf.put()
    snapshot = shelf.store.current(ORDERS)
    assert snapshot is not None
    assert snapshot.body == BODY
    assert snapshot.digest.startswith("sha256:")
    assert snapshot.taken_at == "2026-11-24T03:10:00Z"
    assert shelf.store.current(ORDERS) is snapshot


def test_a_stale_one_counts_as_none(shelf: Shelf) -> None:
    shelf.put()
    shelf.clock.time = NOW + AGE
    assert shelf.found() == BODY
    shelf.clock.time = NOW + AGE + 1
    assert shelf.found() is None
    shelf.put(taken_at=NOW + AGE)
    assert shelf.found() == BODY


def test_one_from_the_future_counts_as_none(shelf: Shelf) -> None:
    shelf.put(taken_at=NOW + FUTURE_SECONDS)
    assert shelf.found() == BODY
    shelf.put(taken_at=NOW + FUTURE_SECONDS + 2)
    assert shelf.found() is None


def test_another_resources_or_locations_counts_as_none(shelf: Shelf) -> None:
    for other in (replace(ORDERS, id="billing"), replace(ORDERS, location="postgresql://h/x")):
        shelf.put(resource=other)
        assert shelf.found() is None
    shelf.put()
    assert shelf.found() == BODY


def test_a_broken_one_counts_as_none_until_a_whole_one_comes(shelf: Shelf) -> None:
    shelf.put()
    assert shelf.found() == BODY
    path = file_of(shelf.folder, ORDERS.id)
    path.write_bytes(path.read_bytes() + b" ")
    shelf.clock.ticks += LOOK_SECONDS
    assert shelf.found() is None
    path.unlink()
    shelf.clock.ticks += LOOK_SECONDS
    assert shelf.found() is None
    shelf.put(body=b"{}")
    assert shelf.found() == b"{}"


def test_without_its_key_none_counts(shelf: Shelf) -> None:
    shelf.put()
    (shelf.folder / PUBLIC_KEY).unlink()
    assert shelf.found() is None


def test_no_id_reaches_another_folder(tmp_path: Path) -> None:
    for odd in ("../keys/x", "a/b", "..", "."):
        assert file_of(tmp_path, odd).parent == tmp_path


def test_people_are_told_why_there_is_none(shelf: Shelf) -> None:
    assert shelf.state() == "none"
    shelf.put()
    assert shelf.state() == "current"
    shelf.clock.time = NOW + AGE + 1
    assert shelf.state() == "stale"
    shelf.put(resource=replace(ORDERS, location="postgresql://elsewhere:5432/orders"))
    assert shelf.state() == "refused"
