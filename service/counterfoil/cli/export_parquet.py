"""Parquet by pyarrow, which is an extra of its own (40 MB that a service does not need)."""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable, Sequence
from typing import Any

from counterfoil.core.columns import CLOSED, OPENED, Cell, Record, closed_cells, opened_cells
from counterfoil.errors import ConfigError

_GROUP_ROWS = 65_536


class ParquetSink:
    """Row groups of 65,536 records, zstd; times are UTC timestamps, reasons lists of codes."""

    def __init__(self, *, opened: bool, record_of: Callable[[Any], Record]) -> None:
        try:
            self._pa: Any = importlib.import_module("pyarrow")
            parquet = importlib.import_module("pyarrow.parquet")
        except ImportError as error:
            raise ConfigError(
                "Parquet needs pyarrow: pip install 'counterfoil[parquet]', or use --format jsonl",
                pointer="--format",
            ) from error
        self._opened, self._record_of = opened, record_of
        self._schema = self._pa.schema([(name, self._type(name)) for name in self._names()])
        self._buffer = io.BytesIO()
        self._writer = parquet.ParquetWriter(self._buffer, self._schema, compression="zstd")
        self._rows: list[list[Cell]] = []

    def head(self) -> bytes:
        """What the writer has begun with."""
        return self._taken()

    def piece(self, chosen: Sequence[Any]) -> tuple[bytes, int]:
        """Keep rows until a group is full."""
        for item in chosen:
            record = self._record_of(item)
            cells = closed_cells(record)
            self._rows.append([*cells, *opened_cells(record)] if self._opened else cells)
        if len(self._rows) >= _GROUP_ROWS:
            self._write()
        return self._taken(), len(chosen)

    def foot(self) -> bytes:
        """The last group and the footer."""
        self._write()
        self._writer.close()
        return self._taken()

    def _names(self) -> tuple[str, ...]:
        return (*CLOSED, *OPENED) if self._opened else CLOSED

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
        columns = dict(zip(self._names(), zip(*self._rows, strict=True), strict=True))
        arrays = [self._array(name, columns[name]) for name in self._names()]
        self._writer.write_table(self._pa.Table.from_arrays(arrays, schema=self._schema))
        self._rows.clear()

    def _array(self, name: str, cells: Sequence[Cell]) -> Any:
        if name == "time":
            return self._pa.array(cells, self._pa.string()).cast(self._type(name))
        if name == "reasons":
            lists = [None if cell is None else str(cell).split() for cell in cells]
            return self._pa.array(lists, self._type(name))
        return self._pa.array(cells, self._type(name))

    def _taken(self) -> bytes:
        """What was written since; the writer only ever appends."""
        data = self._buffer.getvalue()
        self._buffer.seek(0)
        self._buffer.truncate()
        return data
