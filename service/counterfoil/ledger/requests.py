"""What workers ask of the writer, read strictly: the events of an append, and refusals."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from counterfoil.ledger.frames import Value
from counterfoil.ledger.once import OnceRow
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
    try:
        fields = orjson.loads(leaf)
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
            step=read_step(rest[0]) if rest else None,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise Refused("refused", "malformed leaf") from error


def _read_promise(promise: list[Value]) -> tuple[bytes, bytes, bytes, float]:
    match promise:
        case [bytes(scope), bytes(body), bytes(answer), float(expires_at)]:
            return scope, body, answer, expires_at
        case _:
            raise Refused("refused", "malformed once")
