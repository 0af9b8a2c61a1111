"""What a writer signs by: its private key, the public line that it ends, and a rotation on its way.

`counterfoil keys rotate receipt` writes the next private key (`receipt.next.pem`) and an order
(`receipt.next.json`: from, to, the old key's signature over that, and from when on). At that time
every writer that has the folder goes over: the logs get the records that hand them over
(`core/succession.py`), then `receipt.pub` gets the new key on top, the new private key takes the
old one's place, and the order is taken away. Killed anywhere in between, it is carried on.
`receipt.pub` names the new key only when all logs are signed by it: so what an old key signs later
is never handed over.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from counterfoil.core.canonical import b64url
from counterfoil.core.checkpoint import InvalidNote, VerifierKey, parse_verifier_key
from counterfoil.core.entry import from_b64url
from counterfoil.core.succession import statement
from counterfoil.errors import ConfigError
from counterfoil.ledger.keys import (
    RECEIPT_KEY,
    ReceiptKey,
    export_verifier_key,
    known_key,
    load_receipt_key,
    new_receipt_key,
    receipt_key_of,
    replace_file,
    signed_by,
)

ORDER: Final = "receipt.next.json"
NEXT_KEY: Final = "receipt.next.pem"
CLOCKS_SECONDS: Final = 1.0  # how far replicas' clocks may differ


@dataclass(frozen=True, slots=True)
class Signing:
    """A private key with the line that it ends.

    Args:
        key: signs.
        line: what it signs as, with what came before; None where the keys folder knows of no
            ledger yet.
        endorsement: the old key's signature over this one, while logs may still have to be
            handed over; else None.
        ends_at: until when records by the old key are still numbered, where there are replicas.
        coming: the next key, before its time: receipts by it are known already.
    """

    key: ReceiptKey
    line: VerifierKey | None = None
    endorsement: bytes | None = None
    ends_at: float = 0.0
    coming: VerifierKey | None = None

    @property
    def recovers(self) -> bool:
        """Whether a new name is gone over to, and not a new key."""
        line = () if self.line is None else self.line.line()
        return self.endorsement is not None and line[0].name != line[1].name

    @property
    def signs(self) -> int:
        """How many of the line a log may be signed by (`startup.load_logs`)."""
        if self.line is None or self.endorsement is None:
            return 1
        return len(self.line.line()) if self.recovers else 2

    def of(self, prefix: str) -> VerifierKey:
        """The line under a ledger's name."""
        return VerifierKey(prefix, self.key.public) if self.line is None else self.line


@dataclass(frozen=True, slots=True)
class _Order:
    old: VerifierKey
    new: VerifierKey
    endorsement: bytes
    starts_at: int
    ends_at: int


def load_signing(directory: Path, now: float, *, create: bool = False) -> Signing:
    """What the keys folder says at a time (seconds since the epoch).

    Raises:
        ConfigError: a key or the order cannot be read.
    """
    key, known = load_receipt_key(directory, create=create), known_key(directory)
    order = None if known is None else _read_order(directory)
    if known is None or order is None or order.old != known.line()[0]:
        # Where the two differ, the logs are not signed by this key, and the writer will say so.
        foreign = known is not None and known.public != key.public
        return Signing(key, VerifierKey(known.name, key.public) if foreign and known else known)
    if now < order.starts_at:
        return Signing(key, known, coming=order.new)
    rotates = order.new.public != order.old.public
    fresh = load_receipt_key(directory, create=False, name=NEXT_KEY) if rotates else key
    if fresh.public != order.new.public:
        raise ConfigError(f"{directory / NEXT_KEY} is not the key of the order beside it")
    line = replace(order.new, earlier=known.line())
    return Signing(fresh, line, order.endorsement, order.ends_at)


def order_rotation(
    directory: Path, *, starts_at: int, overlap_seconds: int
) -> tuple[VerifierKey, VerifierKey]:
    """Make a new key that the writers go over to; (from, to).

    Raises:
        ConfigError: nothing was signed yet, an earlier rotation is not carried out, or the
            folder cannot be written.
    """
    key, known = load_receipt_key(directory, create=False), known_key(directory)
    if known is None:
        raise ConfigError(
            f"{directory}: no ledger was begun with this key: there is nothing to end"
        )
    if known.public != key.public:
        raise ConfigError(f"{directory}: receipt.pem is not the key that receipt.pub names first")
    if (directory / ORDER).exists():
        raise ConfigError(
            "an earlier rotation is not carried out yet: the running service does it at its time"
        )
    pem = new_receipt_key()
    old, new = known.line()[0], VerifierKey(known.name, receipt_key_of(pem).public)
    order = {
        "from": old.text(),
        "to": new.text(),
        "endorsement": b64url(key.sign(statement(old, new))),
        "starts_at": starts_at,
        "ends_at": starts_at + overlap_seconds,
    }
    try:
        replace_file(directory / NEXT_KEY, pem)
        replace_file(directory / ORDER, json.dumps(order, indent=1).encode())
    except OSError as error:
        raise ConfigError(f"{directory} cannot be written: {error.strerror}") from error
    return old, new


def order_recovery(directory: Path, name: str) -> None:
    """Order a new name for the ledger, signed by the present key.

    Raises:
        ConfigError: no ledger was begun with it, or the folder cannot be written.
    """
    key, known = load_receipt_key(directory, create=False), known_key(directory)
    if known is None or known.public != key.public:
        raise ConfigError(f"{directory}: receipt.pub does not name the key in receipt.pem first")
    old, new = known.line()[0], VerifierKey(name, key.public)
    order = {
        "from": old.text(),
        "to": new.text(),
        "endorsement": b64url(key.sign(statement(new, new))),
        "starts_at": 0,
        "ends_at": 0,
    }
    try:
        (directory / NEXT_KEY).unlink(missing_ok=True)
        replace_file(directory / ORDER, json.dumps(order, indent=1).encode())
    except OSError as error:
        raise ConfigError(f"{directory} cannot be written: {error.strerror}") from error


def carried_out(directory: Path, line: VerifierKey) -> None:
    """All logs are signed by the line's key: say so, and let it take the old one's place."""
    export_verifier_key(directory, line)
    order = _read_order(directory)
    try:
        if order is None or known_key(directory) != line or order.new != line.line()[0]:
            return
        if (directory / NEXT_KEY).exists():
            (directory / NEXT_KEY).replace(directory / RECEIPT_KEY)
        (directory / ORDER).unlink(missing_ok=True)
    except OSError:
        return  # a read-only mount: the operator puts the new files there


class KeyFolder:
    """Whether a rotation is due that was not taken up yet; asked once a turn, for a stat."""

    def __init__(self, directory: Path, *, margin_seconds: float = 0.0) -> None:
        self.directory, self._margin = directory, margin_seconds
        self._seen = (0, 0)
        self._due_at: float | None = None

    def due(self, now: float) -> bool:
        """Whether its time has come; True once.

        Raises:
            ConfigError: the order cannot be read.
        """
        seen = self._look()
        if seen != self._seen:
            self._seen = seen
            order = _read_order(self.directory)
            if order is None and self._due_at is not None:  # another process carried it out
                self._due_at = now
            elif order is not None:
                self._due_at = order.starts_at + self._margin
        if self._due_at is None or now < self._due_at:
            return False
        self._due_at = None
        return True

    def again(self) -> None:
        """What was due could not be taken up: ask once more, in the next turn."""
        self._seen = (0, 0)

    def _look(self) -> tuple[int, int]:
        try:
            status = os.stat(self.directory / ORDER)  # noqa: PTH116 (a Path costs more)
        except OSError:
            return (0, 0)
        return (status.st_ino, status.st_mtime_ns)


def _read_order(directory: Path) -> _Order | None:
    path = directory / ORDER
    try:
        value = json.loads(path.read_text())
        order = _Order(
            parse_verifier_key(value["from"]),
            parse_verifier_key(value["to"]),
            from_b64url(value["endorsement"]),
            int(value["starts_at"]),
            int(value["ends_at"]),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, InvalidNote) as error:
        raise ConfigError(
            f"{path} is no order of a rotation: restore it from the backup"
        ) from error
    signer, message = order.old.public, statement(order.old, order.new)
    if order.old.name != order.new.name:
        signer, message = order.new.public, statement(order.new, order.new)
    if not signed_by(signer, order.endorsement, message):
        raise ConfigError(f"{path} is not signed by the key that it ends")
    return order
