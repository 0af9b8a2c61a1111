"""Paths of tiles have one spelling (c2sp.org/tlog-tiles), and a tile is in a log or is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.core.tiles import Tile, entry_bundle, read_level, read_tile, tile_path


@pytest.mark.parametrize(
    ("path", "tile"),
    [
        ("000", Tile(0, 0)),
        ("x001/x234/067", Tile(0, 1_234_067)),  # the specification's own example
        ("273.p/112", Tile(0, 273, 112)),
        ("000.p/1", Tile(0, 0, 1)),
    ],
)
def test_a_path_names_a_tile(path: str, tile: Tile) -> None:
    assert read_tile(0, path) == tile
    assert tile_path(tile) == path


@pytest.mark.parametrize(
    "path",
    [
        *("", "0", "00", "0000", "x000/000", "x000/x001/000", "000.p/0", "000.p/256", "000.p/01"),
        *(
            "001/000",
            "x01/000",
            "000.p",
            "000/",
            "/000",
            "\u0660\u0660\u0660",
            "000.p/1/",
            "-01",
            "x001/",
        ),
    ],
)
def test_there_is_no_second_spelling(path: str) -> None:
    assert read_tile(0, path) is None


@pytest.mark.parametrize("text", ["8", "64", "00", "01", "-1", "", "x", "٣"])
def test_a_level_is_a_small_number(text: str) -> None:
    assert read_level(text) is None
    assert [read_level(str(level)) for level in range(8)] == list(range(8))  # control


@given(index=st.integers(0, 10**15 - 1), width=st.integers(1, 256))
def test_every_tile_is_read_as_it_is_written(index: int, width: int) -> None:
    assert read_tile(2, tile_path(Tile(2, index, width))) == Tile(2, index, width)


def test_a_tree_of_70000_has_the_tiles_of_the_specification() -> None:
    there = [(0, 272, 256), (0, 273, 112), (1, 0, 256), (1, 1, 17), (2, 0, 1)]
    gone = [(0, 273, 113), (0, 274, 1), (1, 1, 18), (2, 0, 2), (3, 0, 1)]
    assert all(Tile(*parts).is_in(70_000) for parts in there)
    assert not any(Tile(*parts).is_in(70_000) for parts in gone)


def test_a_bundle_holds_leaves_after_their_lengths() -> None:
    assert entry_bundle([b"ab", b""]) == b"\x00\x02ab\x00\x00"
