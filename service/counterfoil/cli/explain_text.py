"""An explanation for people: the text marked with what each part causes, then the reasons."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from string import Formatter
from typing import Final

from counterfoil.cli.explain_because import because_lines
from counterfoil.cli.explain_why import Why
from counterfoil.cli.text import compact, items, members, shown
from counterfoil.core.explanation import command_text, explanation_json
from counterfoil.core.model import JsonObject, JsonValue
from counterfoil.flows.explain import Explained

_RESET: Final = "\x1b[0m"
_COLOURS: Final = {"allow": "\x1b[32m", "deny": "\x1b[31m", "needs_approval": "\x1b[33m"}
_MARK: Final = "\x1b[1;4m"
_DOUBT: Final = "\x1b[1;4;31m"

Span = tuple[int, int]


def printed(item: Explained, why: Why, *, colour: bool) -> str:
    """Everything about one action, ready to print; control characters are escaped."""
    value = explanation_json(item.case, item.decision, details=True)
    lines = [
        *marked(command_text(item.case), value, colour=colour),
        *reasons_of(value, colour=colour),
        *(f"  must be held to: {shown(compact(item))}" for item in items(value.get("obligations"))),
        "",
        *because_lines(why),
    ]
    return "\n".join(lines)


def reasons_of(value: JsonObject, *, colour: bool) -> Iterator[str]:
    """The effect and each reason, with its way on; begins with an empty line."""
    effect = str(value["effect"])
    yield ""
    yield _Paint(colour).text(effect, _COLOURS.get(effect, ""))
    for reason in map(members, items(value["reasons"])):
        yield f"  {reason['code']}: {reason['title']}"
        if reason.get("details"):
            yield f"    {shown(compact(reason['details']))}"
        if reason.get("solution"):
            yield f"    → {reason['solution']}"


class _Paint:
    def __init__(self, colour: bool) -> None:  # noqa: FBT001 -- one switch for the whole page
        self._colour = colour

    def text(self, text: str, code: str) -> str:
        return f"{code}{text}{_RESET}" if self._colour and code else text


def marked(text: str, value: JsonObject, *, colour: bool) -> Iterator[str]:
    """The command, then its operations (or doubts), each with the part that causes it."""
    paint = _Paint(colour)
    operations = [members(item) for item in items(value["operations"])]
    doubts = [members(item) for item in items(value["uncertain"])]
    spans = [_span(item, text) for item in (*operations, *doubts)]
    yield _painted(text, spans, paint, _DOUBT if doubts else _MARK)
    needed = _by_operation(items(value["required"]))
    for number, item in enumerate(operations):
        yield f"{number + 1:>3}  {_operation(item)}   {_quote(text, _span(item, text))}"
        yield from (f"       needs {right}" for right in needed.get(number, []))
    for item in doubts:
        yield f"  ?  {item['code']}   {_quote(text, _span(item, text))}"


def _painted(text: str, spans: Sequence[Span], paint: _Paint, code: str) -> str:
    whole = (0, len(text))
    marked: set[int] = set()
    for span in spans:
        if span != whole:
            marked.update(range(*span))
    pieces, at = [], 0
    while at < len(text):
        end = at + 1
        while end < len(text) and (end in marked) == (at in marked):
            end += 1
        piece = "\n".join(map(shown, text[at:end].split("\n")))
        pieces.append(paint.text(piece, code if at in marked else ""))
        at = end
    return "".join(pieces)


_NAMES: Final = {
    "aws": "{arn} in {account}",
    "code": "in {language}, {digest}",
    "directory": "{path} beneath {root}",
    "endpoint": "{origin}{segments}{query}",
    "file": "{path} beneath {root}",
    "ref": "{ref} of {repository} ({host}{path})",
    "repository": "{repository} ({host}{path})",
    "terraform": "{resource_type} {name} in {workspace}",
    "worktree": "{path} beneath {root}",
}
"""How a kind of object is named that has no parts for dots."""
_JOINED: Final = {"segments": ("/", "/"), "query": (" ?", "&")}
"""Members that are lists, with what stands before such a list and between its items."""


def _named(kind: str, target: dict[str, JsonValue]) -> str:
    """Its name. Where the form would leave a member out, or lacks one, all members are shown."""
    form = _NAMES.get(kind, "")
    target = {name: _joined(name, part) for name, part in target.items() if name != "components"}
    if {field for _, field, _, _ in Formatter().parse(form)} - {None} == target.keys():
        return form.format_map(target)
    # A cluster's core group has an empty name.
    parts = (part for member, part in target.items() if (member, part) != ("api_group", ""))
    return ".".join(map(str, parts))


def _joined(name: str, part: JsonValue) -> JsonValue:
    if not isinstance(part, (list, tuple)) or name not in _JOINED:
        return part
    before, between = _JOINED[name]
    return before + between.join(map(str, part)) if part else ""


def _operation(item: dict[str, JsonValue]) -> str:
    target = members(item["object"])
    kind = target.pop("kind", "object")
    name = _named(str(kind), target)
    columns = items(item.get("columns"))
    listed = f" ({', '.join(map(str, columns))})" if columns else ""
    details = members(item.get("details"))
    notes = f"  {compact(details)}" if details else ""
    return shown(f"{item['verb']} {kind} {name}{listed}{notes}")


def _by_operation(required: Sequence[JsonValue]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for right in map(members, required):
        columns = items(right.get("columns"))
        listed = f" ({', '.join(map(str, columns))})" if columns else ""
        actions = ", ".join(map(str, items(right.get("actions")))) or _rules(right)
        what = f"{right.get('object', right['type'])} {right.get('identifier', '')}"
        for number in items(right.get("operations")):
            if isinstance(number, int):
                found.setdefault(number, []).append(shown(f"{actions}{listed} on {what}"))
    return found


def _rules(right: dict[str, JsonValue]) -> str:
    """Rules of a cluster: verbs and resource, with its names."""
    said = []
    for rule in map(members, items(right.get("rules"))):
        verbs, resources = items(rule.get("verbs")), items(rule.get("resources"))
        names = ", ".join(map(str, items(rule.get("resourceNames"))))
        said.append(f"{', '.join(map(str, verbs))} {', '.join(map(str, resources))} {names}")
    return "; ".join(part.rstrip() for part in said)


def _span(item: dict[str, JsonValue], text: str) -> Span:
    """The part that causes it; the whole text where none is named."""
    span = items(item.get("span", [0, len(text)]))
    start, end = (number if isinstance(number, int) else 0 for number in span)
    return start, end


def _quote(text: str, span: Span) -> str:
    longest = 60
    part = text[slice(*span)]
    return "“" + shown(part if len(part) <= longest else part[: longest - 1] + "…") + "”"
