"""The closed tables: every field that is read, its type, and the power that it carries.

Fields and types are the published ones (fields_table.py), powers are ours (powers.py). A
field that is not here is `uncertain`: a case variant (`HostNetwork`) is dropped by the
server and read by careless readers, and a new field may be a new power.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from counterfoil.core.kubernetes_api.fields_table import FIELDS
from counterfoil.core.kubernetes_api.powers import GUARDED

_SPECIAL: Final = {
    ("ObjectMeta", "labels"): "labels",
    ("ObjectMeta", "annotations"): "annotations",
    ("ObjectMeta", "creationTimestamp"): "absent",
    ("Container", "image"): "image",
    ("EphemeralContainer", "image"): "image",
    ("ImageVolumeSource", "reference"): "image",
    ("ResourceRequirements", "limits"): "devices",
    ("ResourceRequirements", "requests"): "devices",
    ("Secret", "type"): "secret-type",
}
"""Fields whose values mean more than their published type says."""


class Field(NamedTuple):
    """One field: the type of its value or items, its power, and when it counts.

    `many` is `[` for a list, `{` for a mapping of names to such values. `when` is empty
    (it holds anything), `?` (it is true), `^` (it is not false), or the harmless value.
    """

    type: str
    many: str
    power: str
    when: str


def _powers(text: str) -> dict[str, tuple[str, str]]:
    """Field → power and condition, of one text of `GUARDED`."""
    found: dict[str, tuple[str, str]] = {}
    power = ""
    for word in text.split():
        if word in _WORDS:
            power = "" if word == "-" else word
            continue
        word = word.removeprefix(".")  # noqa: PLW2901 -- `.data` is the field
        name, _, value = word.rstrip("?^").partition("=")
        found[name] = (power, value or word[len(name) :])
    return found


# `image` is no word here: images carry that power by their type.
_WORDS: Final = frozenset(
    {"-", "secret-read", "identity", "node", "data", "lasting", "traffic", "rights", "switch"}
)


def _shape(name: str, fields: list[str]) -> dict[str, Field]:
    guarded = _powers(GUARDED[name]) if name in GUARDED else None
    table: dict[str, Field] = {}
    for text in fields:
        field, _, kind = text.partition(":")
        if guarded is not None and field not in guarded:
            continue
        power, when = guarded[field] if guarded is not None else ("", "")
        many = kind[0] if kind[0] in "[{" else ""
        kind = _SPECIAL.get((name, field)) or kind.strip("[]{}")
        many = "" if kind in _WHOLE else many
        table[field] = Field(kind, many, power, when)
    if {"apiVersion", "kind", "metadata"} <= table.keys():
        table["status"] = Field("absent", "", "", "")
    return table


_WHOLE: Final = frozenset({"labels", "annotations", "devices"})

SHAPES: Final[dict[str, dict[str, Field]]] = {
    words[0]: _shape(words[0], words[1:])
    for words in (line.split() for line in FIELDS.splitlines())
}
