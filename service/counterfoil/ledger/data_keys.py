"""Data keys as `verify` finds them, without a secret."""

from __future__ import annotations

from counterfoil.core.entry import data_key_id
from counterfoil.ledger.port import Database

_KNOWN_KEYS = 100_000  # data key ids remembered before they are looked up again
_DATA_KEY = "SELECT lookup, wrapped FROM subject_keys WHERE id = ?"


class DataKeys:
    """What is wrong with a data key, if anything; remembers a bounded number of sound ones."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._sound: set[str] = set()

    def there(self, name: str) -> bool:
        """Whether the key has a row."""
        return self._db.execute(_DATA_KEY, (name,)).fetchone() is not None

    def problem(self, name: str) -> str | None:
        """None where the key is there, whole and its person's (`data_key_id`)."""
        if name in self._sound:
            return None
        row = self._db.execute(_DATA_KEY, (name,)).fetchone()
        match row:
            case None:
                return f"lost its data key {name}"
            case (bytes(lookup), bytes(wrapped)) if data_key_id(lookup, wrapped) == name:
                if len(self._sound) >= _KNOWN_KEYS:
                    self._sound.clear()
                self._sound.add(name)
                return None
            case _:
                return f"its data key {name} was changed"
