"""Reads OPA's own trace of one decision: which rule held, and which data it looked up.

    opa eval --explain=full …    Enter, Eval, Exit, Fail and Redo of each query, in order

Nothing of the policy's logic is written down a second time here. A rule held where its query
left by Exit; the data that it rests on are the references into base data that its body, and
the functions that it called and did not step back out of, resolve to under the bindings of
that Exit. OPA enters a function once for the same arguments; later calls take its answer, and
so does this reader. Where a rule did not hold, its furthest Fail says what was missing. So the
rules of a customer, or of a tenant, are explained like the product's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from counterfoil.policy.tools import Node, Tree
from counterfoil.policy.traced_names import (
    DataPath,
    Names,
    call_of,
    is_equality,
    longest,
    paths_in,
    resolved,
    variable,
)

DECIDING: Final = frozenset({"allow", "needs_approval", "deny"})
"""Rules of a family or a tenant that decide; others are reached through them."""
_MAX_WAYS: Final = 8  # of one rule to fail for one operation: more help nobody
_INDEX: Final = "i"  # what policy calls an operation's place; docs/writing-policy.md


@dataclass(frozen=True, slots=True)
class Place:
    """A line of policy, and the title in its annotations."""

    file: str
    row: int
    title: str


@dataclass(frozen=True, slots=True)
class Held:
    """A deciding rule that held for an operation (None: for none in particular)."""

    name: str
    place: Place
    operation: int | None
    data: tuple[DataPath, ...]


@dataclass(frozen=True, slots=True)
class Missed:
    """How far a deciding rule came that did not hold: where it stopped, on which data."""

    name: str
    place: Place
    operation: int | None
    stopped: Place
    data: tuple[DataPath, ...]


_Way = tuple[Place, tuple[DataPath, ...]]
"""Where a rule stopped, and on which data."""


@dataclass(slots=True)
class _Answer:
    """What a function rests on, and the place in base data that its value is."""

    data: tuple[DataPath, ...]
    value: DataPath | None


@dataclass(slots=True)
class _Query:
    node: Node
    place: Place
    parent: _Query | None
    file_is_deciding: bool
    names: Names = field(default_factory=Names)
    operation: int | None = None
    asked: dict[int, Node] = field(default_factory=dict)
    last: Node = None
    left: list[tuple[_Query, tuple[DataPath, ...]]] = field(default_factory=list)
    entered: list[_Query] = field(default_factory=list)
    exited: bool = False
    furthest: dict[int | None, int] = field(default_factory=dict)
    ways: dict[int | None, list[_Way]] = field(default_factory=dict)
    result: str | None = None
    call: bytes | None = None

    @property
    def name(self) -> str:
        """The rule's name; empty for the body of a comprehension or a negation."""
        head = self.node.get("head") if isinstance(self.node, dict) else None
        reference = head.get("ref") if isinstance(head, dict) else None
        first = reference[0] if isinstance(reference, list) and reference else None
        return str(first.get("value")) if isinstance(first, dict) else ""


def read_trace(events: Iterable[Node]) -> tuple[list[Held], list[Missed]]:
    """What held, in order, and what of the rest came furthest.

    Args:
        events: the member `explanation` of `opa eval --format=json --explain=full`.
    """
    queries: dict[str, _Query] = {}
    answers: dict[bytes, _Answer] = {}
    held: list[Held] = []
    for event in events:
        if not isinstance(event, dict):
            continue
        key = str(event.get("QueryID"))
        if event.get("Op") == "Enter":
            parent = queries.get(str(event.get("ParentID")))
            queries[key] = _entered(event, parent)
            continue
        query = queries.get(key)
        if query is None:
            continue
        _bind(query, event)
        match event.get("Op"):
            case "Eval":
                _evaluated(query, event.get("Node"), answers)
            case "Exit":
                data = _exited(query, answers)
                if query.file_is_deciding and query.name in DECIDING:
                    held.append(Held(query.name, query.place, query.operation, data))
            case "Redo" if _is_rule_or_body(event.get("Node")) and query.parent is not None:
                query.parent.left = [item for item in query.parent.left if item[0] is not query]
            case "Fail":
                _failed(query, event)
    return _first(held), _missed(queries.values(), held)


def _entered(event: Tree, parent: _Query | None) -> _Query:
    node = event.get("Node")
    place = _place(event, node)
    parts = place.file.split("/")
    query = _Query(
        node=node,
        place=place,
        parent=parent,
        file_is_deciding=parts[:2] == ["counterfoil", "actions"] or parts[0] == "tenants",
    )
    if parent is None:
        return query
    parent.entered.append(query)
    head = node.get("head") if isinstance(node, dict) else None
    if not isinstance(head, dict):  # the body of a comprehension sees all around it
        query.names = Names(parent.names.aliases)
        query.operation = parent.operation
        return query
    asked = parent.last.get("terms") if isinstance(parent.last, dict) else None
    arguments = head.get("args")
    if isinstance(asked, list) and isinstance(arguments, list):
        for own, given in zip(arguments, asked[1:], strict=False):
            path = resolved(given, parent.names)
            name = variable(own)
            if path is not None and name is not None:
                query.names.aliases[name] = path[0]
        query.call = call_of(parent.last, parent.names)
        query.result = variable(asked[-1]) if len(asked) == len(arguments) + 2 else None
    return query


def _bind(query: _Query, event: Tree) -> None:
    """Take over the bindings that the event shows, and the operation that `i` names."""
    listed, about = event.get("Locals"), event.get("LocalMetadata")
    query.names.bindings = {}
    for item in listed if isinstance(listed, list) else []:
        if not isinstance(item, dict):
            continue
        name, value = str(item.get("name")), item.get("value")
        query.names.bindings[name] = item
        described = about.get(name) if isinstance(about, dict) else None
        if (
            isinstance(described, dict)
            and described.get("name") == _INDEX
            and isinstance(value, int)
        ):
            query.operation = value


def _evaluated(query: _Query, node: Node, answers: Mapping[bytes, _Answer]) -> None:
    query.last, query.entered = node, []
    if not isinstance(node, dict):
        return
    index = node.get("index")
    query.asked[index if isinstance(index, int) else -1] = node
    terms = node.get("terms")
    answer = answers.get(call_of(node, query.names) or b"")
    name = variable(terms[-1]) if isinstance(terms, list) else None
    if answer is not None and answer.value is not None and name is not None:
        query.names.aliases[name] = answer.value
    wanted = 3  # eq, left, right
    if isinstance(terms, list) and len(terms) == wanted and is_equality(terms[0]):
        for one, other in ((terms[1], terms[2]), (terms[2], terms[1])):
            name = variable(one)
            if name is not None and name not in query.names.aliases:
                query.names.aliases[name] = other
                break


def _exited(query: _Query, answers: dict[bytes, _Answer]) -> tuple[DataPath, ...]:
    paths = [
        path for node in query.asked.values() for path in paths_in(node, query.names, whole=True)
    ]
    for _, inner in query.left:
        paths += inner
    for node in query.asked.values():
        remembered = answers.get(call_of(node, query.names) or b"")
        paths += remembered.data if remembered is not None else ()
    data = longest(paths)
    query.exited = True
    if query.parent is not None:
        query.parent.left.append((query, data))
        head = query.node.get("head") if isinstance(query.node, dict) else None
        value = resolved(head.get("value"), query.names) if isinstance(head, dict) else None
        if query.call is not None:
            answers[query.call] = _Answer(data, None if value is None else value[0])
        if query.result is not None and value is not None:
            query.parent.names.aliases[query.result] = value[0]
    return data


def _failed(query: _Query, event: Tree) -> None:
    node = event.get("Node")
    index = node.get("index") if isinstance(node, dict) else None
    at = index if isinstance(index, int) else 0
    furthest = query.furthest.get(query.operation, -1)
    if at < furthest:
        return
    if at > furthest:
        query.furthest[query.operation], query.ways[query.operation] = at, []
    inner = [
        way
        for item in query.entered
        if not item.exited
        for ways in item.ways.values()
        for way in ways
        if way[1]
    ]
    own = (_place(event, query.node), longest(paths_in(node, query.names, whole=False)))
    known = query.ways[query.operation]
    known += [way for way in inner or [own] if way not in known][: _MAX_WAYS - len(known)]


def _first(held: Iterable[Held]) -> list[Held]:
    """Each rule once for an operation: a second role that also allows decides nothing."""
    return list({(item.place, item.operation): item for item in reversed(list(held))}.values())[
        ::-1
    ]


def _missed(queries: Iterable[_Query], held: Iterable[Held]) -> list[Missed]:
    decided = {item.operation for item in held if item.name != "deny"}
    found = []
    for query in queries:
        if not query.file_is_deciding or query.name not in DECIDING - {"deny"}:
            continue
        for operation, ways in query.ways.items():
            if operation is None or operation in decided:
                continue
            for stopped, data in ways:
                if data:
                    found.append(Missed(query.name, query.place, operation, stopped, data))
    return list(dict.fromkeys(found))


def _place(event: Tree, rule: Node) -> Place:
    location = event.get("Location")
    where = location if isinstance(location, dict) else {}
    row = where.get("row")
    notes = rule.get("annotations") if isinstance(rule, dict) else None
    title = next(
        (str(item["title"]) for item in notes or [] if isinstance(item, dict) and "title" in item)
        if isinstance(notes, list)
        else iter(()),
        "",
    )
    file = str(where.get("file", "")).lstrip("/")
    return Place(file, row if isinstance(row, int) else 0, title)


def _is_rule_or_body(node: Node) -> bool:
    return isinstance(node, list) or (isinstance(node, dict) and "head" in node)
