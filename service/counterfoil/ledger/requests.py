"""What workers ask of the writer, read strictly: the events of an append, and refusals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from counterfoil.core.entry import data_key_id
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
    )


def admit(
    items: Sequence[Item],
    *,
    origin: Callable[[str], str],
    key_exists: Callable[[str], bool],
    standing: Callable[[bytes, bytes], OnceRow],
) -> None:
    """Hold an append to what is stored; fills in `Item.earlier`.

    Args:
        items: all events of one caller.
        origin: the name of a tenant's log.
        key_exists: whether a data key stands.
        standing: how a scope stands for a body.

    Raises:
        Refused: the whole append.
    """
    scopes: set[bytes] = set()
    for item in items:
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
