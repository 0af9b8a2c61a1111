"""The formats of `counterfoil export`: chosen rows in, bytes of a file out, piece by piece."""

from __future__ import annotations

import csv
import io
from binascii import b2a_base64
from collections.abc import Callable, Iterator, Sequence
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
from counterfoil.ledger.bulk import Fields, Rows

_NATIVE = b'{"index":%d,"leaf_hash":"%b","leaf":%b,"signature":"%b"'
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


class Sink(Protocol):
    """Turns rows into bytes; holds no more than a piece."""

    def head(self) -> bytes:
        """What a file begins with."""

    def piece(self, rows: Rows) -> tuple[bytes, int]:
        """The bytes of some rows, and how many records they hold."""

    def foot(self) -> bytes:
        """What a file ends with."""


class Native:
    """Records as they are stored: the leaf's exact bytes stand in the line, to be checked.

    Opened, each field comes with the salt that binds it to the leaf's commitment; one in which a
    secret is hidden comes as `masked`, without: it is not what was committed.
    """

    def head(self) -> bytes:
        """Nothing."""
        return b""

    def piece(self, rows: Rows) -> tuple[bytes, int]:
        """Line after line."""
        columns = (rows.index, _b64url_all(rows.hashed), rows.leaf, _b64url_all(rows.signature))
        lines = [_NATIVE % values for values in zip(*columns, strict=True)]
        if rows.fields is not None:
            said = map(_opened, rows.fields)
            lines = [b'%b,"opened":%b' % both for both in zip(lines, said, strict=True)]
        return (b"}\n".join(lines) + b"}\n" if lines else b""), len(lines)

    def foot(self) -> bytes:
        """Nothing."""
        return b""


def _b64url_all(values: Sequence[bytes]) -> list[bytes]:
    """`canonical.b64url` of values of one length, encoded at once: a tenth of the price."""
    if not values:
        return []
    width = len(values[0])
    filler = bytes(-width % 3)  # whole groups of three bytes, so that each begins a group of four
    characters, step = (width * 4 + 2) // 3, (width + len(filler)) // 3 * 4
    text = b2a_base64(filler.join(values) + filler, newline=False).translate(_URL_SAFE)
    return [text[start : start + characters] for start in range(0, len(text), step)]


def _opened(fields: Fields) -> bytes:
    return orjson.dumps(
        {
            name: {"salt": b64url(salt), "text": data.decode(errors="replace")}
            if salt
            else {"masked": data.decode(errors="replace")}
            for name, (salt, data) in fields.items()
        }
    )


def records(rows: Rows) -> Iterator[Record]:
    """The records that the projections read."""
    opened: Sequence[Fields | None] = rows.fields or [None] * len(rows)
    for index, hashed, leaf, fields in zip(rows.index, rows.hashed, rows.leaf, opened, strict=True):
        said = None if fields is None else {name: data for name, (_, data) in fields.items()}
        yield Record(index=index, leaf_hash=b64url(hashed), leaf=orjson.loads(leaf), said=said)


@dataclass(frozen=True, slots=True)
class Lines:
    """One JSON value a record, or nothing for a record that the format does not have."""

    value: Callable[[Record], JsonValue]

    def head(self) -> bytes:
        """Nothing."""
        return b""

    def piece(self, rows: Rows) -> tuple[bytes, int]:
        """Line after line."""
        values = [value for value in map(self.value, records(rows)) if value is not None]
        return b"".join(orjson.dumps(value) + b"\n" for value in values), len(values)

    def foot(self) -> bytes:
        """Nothing."""
        return b""


@dataclass(frozen=True, slots=True)
class Csv:
    """RFC 4180 in UTF-8, a heading first; no cell is a formula."""

    opened: bool

    def head(self) -> bytes:
        """The heading."""
        return self._text([[*CLOSED, *(OPENED if self.opened else ())]])

    def piece(self, rows: Rows) -> tuple[bytes, int]:
        """Rows, every cell neutralised."""
        cells = [[neutral(cell) for cell in self._cells(record)] for record in records(rows)]
        return self._text(cells), len(cells)

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

    def piece(self, rows: Rows) -> tuple[bytes, int]:
        """One request of all rows."""
        logged = [otlp_record(record) for record in records(rows)]
        request = otlp_request(logged, self.origin)
        return (orjson.dumps(request) + b"\n" if logged else b""), len(logged)

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
            return Native()
        case "csv":
            return Csv(opened)
        case "parquet":
            return ParquetSink(opened=opened, records=records)
        case "ocsf":
            return Lines(lambda record: ocsf(record, version))
        case "cloudevents":
            return Lines(lambda record: cloudevent(record, origin))
        case _:
            return Otlp(origin)
