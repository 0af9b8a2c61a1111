"""What each format makes of records that no service ever wrote: odd values, and none."""

from __future__ import annotations

import importlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from counterfoil.cli.export_file import Job, _Choose, show_bar
from counterfoil.cli.export_formats import Native, records, sink_of
from counterfoil.cli.export_parquet import ParquetSink
from counterfoil.core.canonical import b64url
from counterfoil.core.columns import CLOSED, closed_cells
from counterfoil.core.entry import leaf_bytes
from counterfoil.core.model import JsonObject
from counterfoil.core.search import Filters
from counterfoil.core.tree import Frontier, leaf_hash
from counterfoil.ledger.bulk import Bulk, Rows

ORIGIN = "ledger.example.test/0123456789abcdef/log/acme"
DECIDED: JsonObject = {
    "effect": "deny",
    "reasons": ["rbac.no_role", "database.drop"],
    "actor": {"iss": "https://cf.example.test", "sub": "coder"},
    "grant": {"jti": "jti_1", "expires": "2026-01-01T00:00:00Z"},
    "run": "run_1",
}


def rows(plains: Sequence[JsonObject]) -> Rows:
    leaves = [
        leaf_bytes(
            event="decided",
            event_id=f"evt_{number:026d}",
            time=f"2026-01-01T00:00:{number % 60:02d}.000001Z",
            origin=ORIGIN,
            tenant="acme",
            subject_key=None,
            decision_id=None if number % 2 else f"dec_{number:026d}",
            plain=plain,
            commitments={},
            sealed={},
        )
        for number, plain in enumerate(plains)
    ]
    signatures = [bytes([number]) * 68 for number in range(len(leaves))]
    return Rows(range(len(leaves)), leaves, list(map(leaf_hash, leaves)), signatures, None)


def parquet(given: Sequence[Rows]) -> list[dict[str, Any]]:
    sink = ParquetSink(opened=False, records=records)
    data = sink.head() + b"".join(sink.piece(part)[0] for part in given) + sink.foot()
    table = importlib.import_module("pyarrow.parquet").read_table(io.BytesIO(data))
    found: list[dict[str, Any]] = table.to_pylist()
    return found


@pytest.mark.parametrize(
    "odd",
    [
        DECIDED,
        {},
        {"status": 7},
        {"approval": {"id": "apr_1"}},
        {"reasons": "none"},
        {"reasons": [1, None]},
        {"actor": "coder", "grant": None},
        {"run": True, "policy": None, "effect": "\x21quote\x22"},
    ],
    ids=str,
)
def test_parquet_says_what_the_columns_say_whatever_a_record_holds(odd: JsonObject) -> None:
    """The columns that are read in C are those of every other format, also for odd values."""
    given = rows([DECIDED, odd])
    for row, record in zip(parquet([given]), records(given), strict=True):
        cells = dict(zip(CLOSED, closed_cells(record), strict=True))
        reasons, time = cells.pop("reasons"), cells.pop("time")
        assert row.pop("reasons") == (None if reasons is None else str(reasons).split())
        assert row.pop("time").isoformat(timespec="microseconds") == str(time)[:-1] + "+00:00"
        assert row.pop("index") == cells.pop("index")
        assert row == {name: cell if cell is None else str(cell) for name, cell in cells.items()}


def test_parquet_of_nothing_is_a_table_without_rows() -> None:
    nothing = rows([])
    assert parquet([nothing]) == []
    assert [row["index"] for row in parquet([nothing, rows([DECIDED] * 3), nothing])] == [0, 1, 2]


def test_native_lines_spell_hashes_and_signatures_as_everything_else_does() -> None:
    given = rows([DECIDED, {}, {"run": "run_2"}])
    data, count = Native().piece(given)
    parts = zip(given.hashed, given.leaf, given.signature, strict=True)
    lines = [
        f'{{"index":{index},"leaf_hash":"{b64url(hashed)}","leaf":{leaf.decode()}'
        f',"signature":"{b64url(signature)}"}}\n'
        for index, (hashed, leaf, signature) in enumerate(parts)
    ]
    assert (data.decode(), count) == ("".join(lines), 3)


@pytest.mark.parametrize("form", ["jsonl", "csv", "ocsf", "cloudevents", "otlp"])
def test_a_piece_of_nothing_writes_nothing(form: str) -> None:
    sink = sink_of(form, opened=True, origin=ORIGIN, version="1.8.0")
    given = rows([])
    assert sink.piece(Rows([], [], [], [], None, fields=[])) == (b"", 0)
    assert sink.piece(given)[1] == 0


def test_a_person_whom_nobody_knows_takes_nobodys_records() -> None:
    """A record without a person has no key, and neither has a person who never came."""
    given, nowhere = rows([DECIDED, DECIDED]), cast("Bulk", None)

    def job(filters: Filters) -> Job:
        return Job(
            output=Path("out"),
            format="jsonl",
            opened=False,
            filters=filters,
            frontier=Frontier(),
            version="1.8.0",
        )

    unknown = job(Filters(subject=("https://idp.example.test", "mallory")))
    assert len(_Choose(unknown, nowhere, None).of(given)) == 0
    assert len(_Choose(job(Filters(effect="deny")), nowhere, None).of(given)) == 2  # control


@pytest.mark.parametrize("terminal", [True, False])
def test_a_long_export_shows_how_far_it_is_to_who_looks(
    monkeypatch: pytest.MonkeyPatch,
    terminal: bool,  # noqa: FBT001
) -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return terminal

    screen = Screen()
    monkeypatch.setattr("sys.stderr", screen)
    show_bar(512, 1024)
    assert ("512/1024" in screen.getvalue()) is terminal
    assert screen.getvalue().count("█") == (15 if terminal else 0)
