"""What a ledger's store is, whichever database it lies in: the writer's side and the readers'.

Two adapters: SQLite (`store.py`, `sqlite_source.py`), one file and one writer; PostgreSQL
(`postgresql/`), one writer on each replica. The same tests hold both to what stands here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, TypeAlias

from counterfoil.core.checkpoint import VerifierKey
from counterfoil.ledger.frames import Value
from counterfoil.ledger.signing import Signing

Answer: TypeAlias = "list[Value]"

KEPT_SECONDS = 1.0
"""The merge delay: an older checkpoint is kept about this often."""


class WriterStore(Protocol):
    """One writer process's store; one thread."""

    @property
    def prefix(self) -> str:
        """The ledger's own name, which its logs' origins begin with."""

    @property
    def line(self) -> VerifierKey:
        """The ledger's name and the public half of the receipt key, with those before them."""

    @property
    def entries(self) -> int:
        """How many entries are numbered."""

    def commit(self, requests: Sequence[Value]) -> list[Answer]:
        """Carry out all requests durably; answer i belongs to request i.

        A refused request writes nothing, and what it names together is done together.
        Of all writers that share a ledger, one wins what happens once.

        Raises:
            StorageUnavailable: nothing is known to be written; the writer goes on.
            StorageFailed, LedgerCorrupt: the writer must exit.
        """

    def hand_over(self, signing: Signing) -> None:
        """Go over to a rotated key; what is signed from then on is signed by that one.

        Raises:
            ConfigError: it is no successor of the present key, which goes on.
            StorageUnavailable, StorageFailed: as `commit`.
        """

    def trouble(self) -> str:
        """Why nothing can be recorded now, or the empty string.

        Raises:
            StorageFailed: the writer must exit.
        """

    def maintain(self, *, idle: bool) -> None:
        """Housekeeping after a turn, more of it where there is time.

        Raises:
            StorageFailed: as `commit`.
        """

    def close(self) -> None:
        """Leave everything at rest and let the ledger go."""


class Found(Protocol):
    """The rows of one query."""

    def fetchone(self) -> Any:
        """The next row, or None."""

    def fetchall(self) -> list[Any]:
        """All rows that are left."""

    def __iter__(self) -> Iterator[Any]:
        """Row after row."""


class Database(Protocol):
    """A connection for checks: the tables of `schema.py` by their names, `?` for parameters."""

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Found:
        """Run one query."""


class Source(Protocol):
    """Where a reader's rows come from; threads and greenlets share it.

    The texts are the queries that differ: what is committed may be waiting for its number.
    """

    @property
    def trail(self) -> str:
        """(decision, tenant) → (index, leaf, signature, sealed) in log order, all committed."""

    @property
    def leaf(self) -> str:
        """(event) → (leaf) of what is committed."""

    @property
    def unnumbered(self) -> str | None:
        """(trail) → (0, tenant, leaf, signature) of what has no number yet; None: never any."""

    def query(self, sql: str, parameters: tuple[str | bytes, ...]) -> list[tuple[object, ...]]:
        """All rows of one query.

        Raises:
            LedgerUnavailable: it cannot be read.
        """

    def version(self) -> tuple[object, ...]:
        """Differs from an earlier one after any commit: cheap enough to ask often.

        Raises:
            LedgerUnavailable: as `query`.
        """

    def close(self) -> None:
        """Close the connection; the next query opens another."""
