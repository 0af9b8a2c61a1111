"""Paths and bodies of a tiled log (c2sp.org/tlog-tiles). Values only."""

from __future__ import annotations

import re
from dataclasses import dataclass

from counterfoil.core.tree import Range

WIDTH = 256
LEVEL_BITS = 8
MAX_LEVEL = 7  # 2^64 leaves
_PATH = re.compile(r"((?:x[0-9]{3}/){0,5})([0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII)
_LEVEL = re.compile(r"0|[1-9][0-9]?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Tile:
    """The `width` hashes of one tile: the roots of 256^level leaves each."""

    level: int
    index: int
    width: int = WIDTH

    def parts(self) -> list[Range]:
        """Whose roots it holds, left to right."""
        leaves = 1 << LEVEL_BITS * self.level
        first = self.index * WIDTH
        return [((first + n) * leaves, (first + n + 1) * leaves) for n in range(self.width)]

    def is_in(self, size: int) -> bool:
        """Whether a log of this size has it."""
        return (self.index * WIDTH + self.width) << LEVEL_BITS * self.level <= size


def read_level(text: str) -> int | None:
    """A level without leading zeroes, None for any other text."""
    return int(text) if _LEVEL.fullmatch(text) and int(text) <= MAX_LEVEL else None


def read_tile(level: int, path: str) -> Tile | None:
    """The tile that `<N>[.p/<W>]` names; None for any other spelling, of which there is none."""
    match = _PATH.fullmatch(path)
    if match is None or (match[1] and match[1].startswith("x000/")):
        return None
    index = int(match[1].replace("x", "").replace("/", "") + match[2])
    width = WIDTH if match[3] is None else int(match[3])
    if match[3] is not None and width >= WIDTH:
        return None
    return Tile(level, index, width)


def tile_path(tile: Tile) -> str:
    """How `read_tile` reads it."""
    digits = str(tile.index)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    path = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
    return path if tile.width == WIDTH else f"{path}.p/{tile.width}"


def entry_bundle(leaves: list[bytes]) -> bytes:
    """Leaves with their lengths before them; a leaf has at most 65,535 bytes (`core.entry`)."""
    return b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in leaves)
