"""Parquet by pyarrow, which is an extra of its own (40 MB that a service does not need).

Leaves are JSON of a closed shape, so pyarrow's own reader makes the closed columns of a whole
row group in one pass in C. Where a group holds a value that the columns would spell as text
(`core.columns.closed_cells`), that group is made record by record instead.
"""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from counterfoil.core.canonical import b64url
from counterfoil.core.columns import CLOSED, OPENED, Cell, Record, closed_cells, opened_cells
from counterfoil.errors import ConfigError
from counterfoil.ledger.bulk import Rows

GROUP_ROWS: Final = 65_536
_LEAF: Final = ("time", "event", "event_id", "decision_id", "tenant", "subject_key")
_WORDS: Final = ("effect", "enforcement", "family", "run", "policy", "approval", "status", "code")
_INNER: Final = {
    "actor_iss": ("actor", "iss"),
    "actor_sub": ("actor", "sub"),
    "grant_jti": ("grant", "jti"),
}
_EACH_ITS_OWN: Final = frozenset(
    {"index", "time", "event_id", "leaf_hash", "grant_jti", "prompt", "arguments", "response"}
)
"""Columns in which a dictionary of values would be as long as the column."""


class ParquetSink:
    """Row groups of 65,536 records, zstd; times are UTC timestamps, reasons lists of codes."""

    def __init__(self, *, opened: bool, records: Callable[[Rows], Iterator[Record]]) -> None:
        try:
            self._pa: Any = importlib.import_module("pyarrow")
            self._json: Any = importlib.import_module("pyarrow.json")
            parquet = importlib.import_module("pyarrow.parquet")
        except ImportError as error:
            raise ConfigError(
                "Parquet needs pyarrow: pip install 'counterfoil[parquet]', or use --format jsonl",
                pointer="--format",
            ) from error
        self._opened, self._records = opened, records
        names = (*CLOSED, *OPENED) if opened else CLOSED
        self._schema = self._pa.schema([(name, self._type(name)) for name in names])
        self._buffer = io.BytesIO()
        self._writer = parquet.ParquetWriter(
            self._buffer,
            self._schema,
            compression="zstd",
            use_dictionary=[name for name in names if name not in _EACH_ITS_OWN],
        )
        self._rows: list[Rows] = []
        self._said: list[list[Cell]] = []

    def head(self) -> bytes:
        """What the writer has begun with."""
        return self._taken()

    def piece(self, rows: Rows) -> tuple[bytes, int]:
        """Keep rows until a group is full."""
        if rows:
            self._rows.append(Rows(rows.index, rows.leaf, rows.hashed, (), None))
        if self._opened:
            self._said += map(opened_cells, self._records(rows))
        if sum(map(len, self._rows)) >= GROUP_ROWS:
            self._write()
        return self._taken(), len(rows)

    def foot(self) -> bytes:
        """The last group and the footer."""
        self._write()
        self._writer.close()
        return self._taken()

    def _type(self, name: str) -> Any:
        match name:
            case "index":
                return self._pa.int64()
            case "time":
                return self._pa.timestamp("us", tz="UTC")
            case "reasons":
                return self._pa.list_(self._pa.string())
            case _:
                return self._pa.string()

    def _write(self) -> None:
        if not self._rows:
            return
        try:
            closed = self._closed()
        except self._pa.ArrowInvalid:
            closed = self._one_by_one()
        said = zip(*self._said, strict=True) if self._opened else ()
        opened = [self._pa.array(cells, self._pa.string()) for cells in said]
        table = self._pa.Table.from_arrays([*closed, *opened], schema=self._schema)
        self._writer.write_table(table, row_group_size=len(table))
        self._rows.clear()
        self._said.clear()

    def _closed(self) -> list[Any]:
        """The columns of `CLOSED`, out of the leaves by pyarrow.

        Raises:
            ArrowInvalid: a leaf holds a value that is no text where the column is.
        """
        pa = self._pa
        leaves = b"\n".join(leaf for rows in self._rows for leaf in rows.leaf)
        table = self._json.read_json(
            pa.BufferReader(leaves),
            read_options=self._json.ReadOptions(block_size=1 << 22),
            parse_options=self._json.ParseOptions(
                explicit_schema=self._leaf_schema(), unexpected_field_behavior="ignore"
            ),
        )
        flat = table.flatten().flatten()  # plain, then actor and grant
        found = {name: flat.column(name) for name in _LEAF}
        found |= {name: flat.column(f"plain.{name}") for name in (*_WORDS, "reasons")}
        found |= {name: flat.column(f"plain.{a}.{b}") for name, (a, b) in _INNER.items()}
        found["time"] = found["time"].cast(self._type("time"))
        found["index"] = pa.array([i for rows in self._rows for i in rows.index], pa.int64())
        hashes = [b64url(hashed) for rows in self._rows for hashed in rows.hashed]
        found["leaf_hash"] = pa.array(hashes, pa.string())
        return [found[name] for name in CLOSED]

    def _leaf_schema(self) -> Any:
        pa = self._pa
        text = pa.string()
        plain: list[tuple[str, Any]] = [(name, text) for name in _WORDS]
        plain += [
            ("reasons", pa.list_(text)),
            ("actor", pa.struct([("iss", text), ("sub", text)])),
            ("grant", pa.struct([("jti", text)])),
        ]
        return pa.schema([*((name, text) for name in _LEAF), ("plain", pa.struct(plain))])

    def _one_by_one(self) -> list[Any]:
        cells = (closed_cells(record) for rows in self._rows for record in self._records(rows))
        columns = dict(zip(CLOSED, zip(*cells, strict=True), strict=True))
        return [self._array(name, columns[name]) for name in CLOSED]

    def _array(self, name: str, cells: Sequence[Cell]) -> Any:
        if name == "time":
            return self._pa.array(cells, self._pa.string()).cast(self._type(name))
        if name == "reasons":
            lists = [None if cell is None else str(cell).split() for cell in cells]
            return self._pa.array(lists, self._type(name))
        if name == "index":
            return self._pa.array(cells, self._type(name))
        texts = [None if cell is None else str(cell) for cell in cells]
        return self._pa.array(texts, self._type(name))

    def _taken(self) -> bytes:
        """What was written since; the writer only ever appends."""
        data = self._buffer.getvalue()
        self._buffer.seek(0)
        self._buffer.truncate()
        return data
