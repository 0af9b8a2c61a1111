"""`counterfoil approvals approve --similar`: the words that may be others, as one writes them."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence

from counterfoil.core.model import JsonObject, JsonValue
from counterfoil.errors import ConfigError

_FORM = re.compile(r"([^:=]+):([A-Za-z0-9_]+)=(one_of|prefix|number):(.+)", re.ASCII)
_NUMBER = re.compile(r"([0-9]{1,15})-([0-9]{1,15})", re.ASCII)


def add_similar_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of approving in advance."""
    parser.add_argument(
        "--similar",
        action="append",
        default=[],
        metavar="ARGUMENT:WORD=TYPE:…",
        help="approve similar actions too: this word of this argument may be another,"
        " one_of:a,b or prefix:old_ or number:1-100; where policy lets it",
    )
    parser.add_argument("--uses", type=int, default=1, help="how many more actions (default 1)")
    parser.add_argument("--within", type=int, default=300, help="for so many seconds (default 300)")


def similar(written: Sequence[str], *, uses: int, seconds: int) -> JsonObject:
    """The member `similar` of an answer.

    Raises:
        ConfigError: a hole that is not written so.
    """
    holes: list[JsonValue] = [_hole(text) for text in written]
    return {"holes": holes, "uses": uses, "expires_in_seconds": seconds}


def _hole(text: str) -> JsonObject:
    found = _FORM.fullmatch(text)
    if found is None:
        raise ConfigError(f"{text}: write ARGUMENT:WORD=prefix:old_", pointer="--similar")
    argument, word, kind, rest = found.groups()
    hole: dict[str, JsonValue] = {"argument": argument, "value": word}
    if kind == "one_of":
        return {**hole, "one_of": list(rest.split(","))}
    if kind == "prefix":
        return {**hole, "prefix": rest}
    bounds = _NUMBER.fullmatch(rest)
    if bounds is None:
        raise ConfigError(f"{text}: write number:1-100", pointer="--similar")
    return {**hole, "number": {"least": int(bounds[1]), "most": int(bounds[2])}}
