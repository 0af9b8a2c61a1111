"""The formats of `counterfoil export`: chosen rows in, bytes of a file out, piece by piece."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import orjson

from counterfoil.cli.export_parquet import ParquetSink
from counterfoil.core.canonical import b64url
from counterfoil.core.columns import (
    CLOSED,
    OPENED,
    Record,
    closed_cells,
    neutral,
    opened_cells,
)
from counterfoil.core.events_out import OcsfVersion, cloudevent, ocsf, otlp_record, otlp_request
from counterfoil.core.model import JsonValue
from counterfoil.ledger.bulk import Row

Fields = dict[str, tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A row that goes out; `fields` is None where the export is closed."""

    row: Row
    fields: Fields | None


class Sink(Protocol):
    """Turns rows into bytes; holds no more than a piece."""

    def head(self) -> bytes:
        """What a file begins with."""

    def piece(self, chosen: Sequence[Chosen]) -> tuple[bytes, int]:
        """The bytes of some rows, and how many records they hold."""

    def foot(self) -> bytes:
        """What a file ends with."""


@dataclass(frozen=True, slots=True)
class Lines:
    """One JSON value a record, or nothing for a record that the format does not have."""

    line: Callable[[Chosen], bytes | None]

    def head(self) -> bytes:
        """Nothing."""
        return b""

    def piece(self, chosen: Sequence[Chosen]) -> tuple[bytes, int]:
        """Line after line."""
        lines = [line for line in map(self.line, chosen) if line is not None]
        return b"".join(lines), len(lines)

    def foot(self) -> bytes:
        """Nothing."""
        return b""


def native_line(chosen: Chosen) -> bytes:
    """A record as it is stored: the leaf's exact bytes stand in the line, to be checked.

    Opened, each field comes with the salt that binds it to the leaf's commitment.
    """
    row = chosen.row
    line = b'{"index":%d,"leaf_hash":"%b","leaf":%b,"signature":"%b"' % (
        row.index,
        b64url(row.hashed).encode(),
        row.leaf,
        b64url(row.signature).encode(),
    )
    if chosen.fields is None:
        return line + b"}\n"
    opened = {
        name: {"salt": b64url(salt), "text": data.decode(errors="replace")}
        for name, (salt, data) in chosen.fields.items()
    }
    return line + b',"opened":%b}\n' % orjson.dumps(opened)


def record_of(chosen: Chosen) -> Record:
    """The record that the projections read."""
    row, fields = chosen.row, chosen.fields
    said = None if fields is None else {name: data for name, (_, data) in fields.items()}
    leaf = orjson.loads(row.leaf)
    return Record(index=row.index, leaf_hash=b64url(row.hashed), leaf=leaf, said=said)


def _json_line(value: JsonValue) -> bytes | None:
    return None if value is None else orjson.dumps(value) + b"\n"


@dataclass(frozen=True, slots=True)
class Csv:
    """RFC 4180 in UTF-8, a heading first; no cell is a formula."""

    opened: bool

    def head(self) -> bytes:
        """The heading."""
        return self._text([[*CLOSED, *(OPENED if self.opened else ())]])

    def piece(self, chosen: Sequence[Chosen]) -> tuple[bytes, int]:
        """Rows, every cell neutralised."""
        rows = [[neutral(cell) for cell in self._cells(record_of(item))] for item in chosen]
        return self._text(rows), len(rows)

    def foot(self) -> bytes:
        """Nothing."""
        return b""

    def _cells(self, record: Record) -> list[str | int | None]:
        return [*closed_cells(record), *(opened_cells(record) if self.opened else ())]

    @staticmethod
    def _text(rows: Sequence[Sequence[str]]) -> bytes:
        written = io.StringIO(newline="")
        csv.writer(written).writerows(rows)
        return written.getvalue().encode()


@dataclass(frozen=True, slots=True)
class Otlp:
    """OTLP/JSON: one ExportLogsServiceRequest a line, as the collector's file exporter writes."""

    origin: str

    def head(self) -> bytes:
        """Nothing."""
        return b""

    def piece(self, chosen: Sequence[Chosen]) -> tuple[bytes, int]:
        """One request of all rows."""
        records = [otlp_record(record_of(item)) for item in chosen]
        request = otlp_request(records, self.origin)
        return (orjson.dumps(request) + b"\n" if records else b""), len(records)

    def foot(self) -> bytes:
        """Nothing."""
        return b""


FORMATS: Final = ("jsonl", "csv", "parquet", "ocsf", "cloudevents", "otlp")


def sink_of(name: str, *, opened: bool, origin: str, version: OcsfVersion) -> Sink:
    """The format by its name.

    Raises:
        ConfigError: Parquet without its library.
    """
    match name:
        case "jsonl":
            return Lines(native_line)
        case "csv":
            return Csv(opened)
        case "parquet":
            return ParquetSink(opened=opened, record_of=record_of)
        case "ocsf":
            return Lines(lambda chosen: _json_line(ocsf(record_of(chosen), version)))
        case "cloudevents":
            return Lines(lambda chosen: _json_line(cloudevent(record_of(chosen), origin)))
        case _:
            return Otlp(origin)
