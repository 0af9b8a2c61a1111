"""The rule and the data that decided, and what would be allowed instead, as JSON and as text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from counterfoil.cli.explain_why import Why
from counterfoil.cli.text import compact, shown
from counterfoil.core.model import JsonObject, JsonValue
from counterfoil.core.remedy import Change
from counterfoil.policy.evidence import looked_up
from counterfoil.policy.traced_names import DataPath
from counterfoil.policy.tracing import Held, Missed, Place

_PLAIN: Final = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_CATALOGUES: Final = {
    "current": "read by the resource's catalogue",
    "stale": "read without a catalogue: the one there is too old (counterfoil resource snapshot)",
    "refused": "read without a catalogue: the one there does not hold to its seal or resource",
    "none": "read without a catalogue: none was taken (counterfoil resource snapshot)",
}
_SCALARS: Final = (str, int, float, bool)


def because_json(why: Why) -> JsonObject:
    """Members `decided` and `instead` of `counterfoil explain --json`."""
    about = {} if why.catalogue is None else {"catalogue_state": why.catalogue}
    return {
        **about,
        "decided": [_decided(item, why.data) for item in (*why.evidence.held, *missed(why))],
        "instead": [_change(item) for item in why.changes],
        **({"untried": why.untried} if why.untried else {}),
    }


def missed(why: Why) -> list[Missed]:
    """Each lack once, whichever rules met it; none beside a rule that denies."""
    if any(item.name == "deny" for item in why.evidence.held):
        return []
    found: dict[tuple[int | None, Place, tuple[DataPath, ...]], Missed] = {}
    for item in why.evidence.missed:
        key = (item.operation, item.stopped, item.data)
        if key not in found or item.name == "allow":
            found[key] = item
    return sorted(found.values(), key=lambda item: (item.operation or 0, item.place.row))


def because_lines(why: Why) -> Iterator[str]:
    """For people: the rules with their places and data, then what would be allowed."""
    if why.catalogue is not None:
        yield f"  {_CATALOGUES[why.catalogue]}"
    if not why.evidence.traced:
        yield "  too many operations to show each one's rule"
    for held in why.evidence.held:
        yield f"  {_whose(held.operation)}{held.name} by {held.place.title} ({_where(held.place)})"
        yield from (f"    {shown(_looked(path, why.data))}" for path in held.data)
    for item in missed(why):
        where = f"{item.stopped.title} ({_where(item.stopped)})"
        yield f"  {_whose(item.operation)}not covered: stopped at {where}"
        yield from (f"    {shown(_looked(path, why.data))}" for path in item.data)
    if why.untried:
        yield f"  {why.untried} changes of data were not tried: no time was left"
    if why.changes:
        yield ""
        yield "would be allowed instead (each was tried), smallest first"
    for number, change in enumerate(why.changes, start=1):
        yield f"  {number}. {shown(change.title)}"
        for line in _said(change):
            yield f"     {shown(line)}"


def path_text(path: DataPath) -> str:
    """A place in base data, as Rego writes it."""
    text = "data"
    for part in path:
        plain = isinstance(part, str) and _PLAIN.fullmatch(part)
        text += f".{part}" if plain else f"[{compact(part)}]"
    return text


def _said(change: Change) -> Iterator[str]:
    if change.arguments is not None:
        yield compact(change.arguments)
    for setting in change.settings:
        yield f"{path_text(setting.path)} = {compact(setting.value)}"


def _change(change: Change) -> JsonObject:
    value: dict[str, JsonValue] = {"change": change.kind, "title": change.title}
    if change.arguments is not None:
        value["arguments"] = change.arguments
    if change.settings:
        value["set"] = [{"path": list(item.path), "value": item.value} for item in change.settings]
    return value


def _decided(item: Held | Missed, data: JsonObject) -> JsonObject:
    held = isinstance(item, Held)
    value: dict[str, JsonValue] = {
        "rule": item.name,
        "title": item.place.title,
        "at": _where(item.place),
        "held": held,
        "operation": item.operation,
        "data": [_found(path, data) for path in item.data],
    }
    if isinstance(item, Missed):
        value["stopped_at"] = _where(item.stopped)
    return value


def _found(path: DataPath, data: JsonObject) -> JsonObject:
    value = looked_up(data, path)
    there: dict[str, JsonValue] = {"path": path_text(path), "found": value is not None}
    if isinstance(value, _SCALARS):
        there["value"] = value
    return there


def _looked(path: DataPath, data: JsonObject) -> str:
    value = looked_up(data, path)
    if value is None:
        return f"{path_text(path)} is missing"
    return path_text(path) + (f" = {compact(value)}" if isinstance(value, _SCALARS) else "")


def _where(place: Place) -> str:
    return f"{place.file}:{place.row}"


def _whose(operation: int | None) -> str:
    return "" if operation is None else f"{operation + 1}  "
