"""What workers ask of the writer, read strictly: the events of an append, and refusals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from counterfoil.core.entry import data_key_id
from counterfoil.core.privacy import erased_key
from counterfoil.core.retention import FLOOR_DAYS, Dropped, cutoff_of, read_dropped, stays
from counterfoil.ledger.evidence import check_sealed, read_leaf
from counterfoil.ledger.frames import Value
from counterfoil.ledger.once import OnceRow, Standing
from counterfoil.ledger.states import Step, read_step


class Refused(Exception):
    """This request is answered with a code and writes nothing."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.answer: list[Value] = [code, detail]


@dataclass(slots=True)
class Item:
    """One event of an append: the leaf, what the leaf itself says, and its once row."""

    leaf: bytes
    sealed: bytes | None
    tenant: str
    origin: str
    event_id: str
    decision_id: str | None
    time: str
    subject_key: str | None
    promise: tuple[bytes, bytes, bytes, float] | None  # scope, body, answer, expires_at
    step: Step | None = None
    earlier: OnceRow | None = None
    erases: str | None = None  # the data key that the leaf says is destroyed
    drops: Dropped | None = None  # the range whose payloads the leaf says are dropped

    @property
    def repeats(self) -> bool:
        """Whether it was recorded before: then its first receipt is the answer."""
        return self.earlier is not None and self.earlier.standing is Standing.DONE


def read_item(event: Value) -> Item:
    """One event of an append.

    Raises:
        Refused: malformed.
    """
    match event:
        case [bytes(leaf), (bytes() | None) as sealed, (list() | None) as promise, *rest] if (
            len(rest) <= 1
        ):
            pass
        case _:
            raise Refused("refused", "malformed event")
    # Before anything is signed: a worker that is not what it was must not be able to leave a
    # record that `verify` finds fault with for ever.
    try:
        fields = read_leaf(leaf)
        check_sealed(sealed, fields["sealed"])
        step = read_step(rest[0]) if rest else None
    except ValueError as error:
        raise Refused("refused", f"malformed leaf or change: {error}") from error
    return Item(
        leaf=leaf,
        sealed=sealed,
        tenant=fields["tenant"],
        origin=fields["origin"],
        event_id=fields["event_id"],
        decision_id=fields["decision_id"],
        time=fields["time"],
        subject_key=fields["subject_key"],
        promise=None if promise is None else _read_promise(promise),
        step=step,
        erases=erased_key(fields),
        drops=read_dropped(fields),
    )


def admit(
    items: Sequence[Item],
    *,
    origin: Callable[[str], str],
    key_exists: Callable[[str], bool],
    standing: Callable[[bytes, bytes], OnceRow],
    destroying: bool = False,
) -> None:
    """Hold an append to what is stored; fills in `Item.earlier`.

    Args:
        items: all events of one caller.
        origin: the name of a tenant's log.
        key_exists: whether a data key stands.
        standing: how a scope stands for a body.
        destroying: whether a key or payloads go in the same transaction.

    Raises:
        Refused: the whole append.
    """
    scopes: set[bytes] = set()
    for item in items:
        if (item.erases or item.drops) and not destroying:
            raise Refused("refused", "an erasure or a drop is no append")
        if item.origin != origin(item.tenant):
            raise Refused("stale", "the event names another ledger")
        if item.subject_key is not None and not key_exists(item.subject_key):
            raise Refused("stale", "the event's data key does not exist")
        if item.promise is not None:
            scope, body = item.promise[:2]
            if scope in scopes:
                raise Refused("refused", "one scope twice in an append")
            scopes.add(scope)
            item.earlier = standing(scope, body)
            if item.earlier.standing is Standing.CONFLICT:
                raise Refused("conflict")


def new_steps(items: Sequence[Item]) -> list[tuple[str, str | None, Step]]:
    """(tenant, decision, step) of all new events that take one.

    Raises:
        Refused: a decision that was recorded before would have its other half recorded now.
    """
    fresh = [item for item in items if not item.repeats]
    steps = [(i.tenant, i.decision_id, i.step) for i in fresh if i.step is not None]
    if steps and len(fresh) != len(items):
        raise Refused("state")
    return steps


@dataclass(slots=True)
class Erasure:
    """A person's data key to destroy, by what it is found; and the one event that says so.

    `holds` are the keyed names under which a legal hold on it would stand.
    """

    lookup: bytes
    holds: list[bytes]
    item: Item


def read_erasure(request: Sequence[Value]) -> Erasure:
    """An erasure, after its word.

    Raises:
        Refused: malformed, or the event is not an erasure's: then a key would go, and nobody
            would ever know by whom.
    """
    match request:
        case [bytes(lookup), list(names), event]:
            holds = [name for name in names if isinstance(name, bytes)]
            item = read_item(event)
        case _:
            raise Refused("refused", "malformed erasure")
    if item.erases is None or item.promise is not None or item.step is not None:
        raise Refused("refused", "an erasure without its event")
    return Erasure(lookup, holds, item)


def admit_erasure(erasure: Erasure, *, key: str | None, held: bool) -> None:
    """Hold an erasure to what is stored.

    Args:
        erasure: what is asked.
        key: the id of the data key that stands there now.
        held: whether a legal hold stands over it.

    Raises:
        Refused: nothing is destroyed.
    """
    if key is None:
        raise Refused("none")
    if held:
        raise Refused("held")
    if key != erasure.item.erases:  # another has been made since it was looked up
        raise Refused("state")
    if key == erasure.item.subject_key:
        raise Refused("refused", "an erasure cannot be recorded under what it destroys")


@dataclass(slots=True)
class Drop:
    """A range of a log whose payloads are to go; and the one event that says so.

    `holds` are the ids of all legal holds that the range was chosen under.
    """

    holds: frozenset[str]
    dropped: Dropped
    item: Item


def read_drop(request: Sequence[Value]) -> Drop:
    """A drop, after its word.

    Raises:
        Refused: malformed, or the event is not that of a drop.
    """
    match request:
        case [list(holds), event]:
            item = read_item(event)
            names = frozenset(name for name in holds if isinstance(name, str))
        case _:
            raise Refused("refused", "malformed drop")
    if item.drops is None or item.promise is not None or item.step is not None:
        raise Refused("refused", "a drop without its event")
    return Drop(names, item.drops, item)


def admit_drop(
    drop: Drop, rows: Sequence[tuple[int, bytes]], *, holds: AbstractSet[str], now: float
) -> list[int]:
    """Hold a drop to what is stored; the places in `rows` whose payloads go.

    Args:
        drop: what is asked.
        rows: (index, leaf) of the whole range, in order.
        holds: the ids of all holds that stand in the tenant.
        now: seconds since the epoch, by the store's own clock.

    Raises:
        Refused: another hold than it was chosen under, or something too young.
    """
    if holds != drop.holds:
        raise Refused("held")
    dropped, floor = drop.dropped, cutoff_of(now, FLOOR_DAYS)
    if [index for index, _ in rows] != list(range(dropped.start, dropped.end)):
        raise Refused("refused", "the range is not in the log")
    going = [place for place, (index, _) in enumerate(rows) if dropped.covers(index)]
    for place in going:
        leaf = read_leaf(rows[place][1])
        if leaf["time"] >= min(dropped.cutoff, floor) or stays(leaf["decision_id"]):
            raise Refused("refused", "a record in the range is younger than retention allows")
    return going


def check_key(lookup: bytes, name: str, wrapped: bytes) -> None:
    """Whether a proposed data key goes by the name that `verify` will want of it.

    Raises:
        Refused: it does not.
    """
    if data_key_id(lookup, wrapped) != name:
        raise Refused("refused", "the data key's id is not that of its row")


def _read_promise(promise: list[Value]) -> tuple[bytes, bytes, bytes, float]:
    match promise:
        case [bytes(scope), bytes(body), bytes(answer), float(expires_at)]:
            return scope, body, answer, expires_at
        case _:
            raise Refused("refused", "malformed once")
