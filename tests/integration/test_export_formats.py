"""Each format of `counterfoil export`, read by somebody who did not write it."""

from __future__ import annotations

import csv
import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from counterfoil.cli import main
from counterfoil.core.columns import CLOSED, EXECUTABLE, OPENED, neutral
from deployment import Deployment
from evidence import ROOT
from exporting import FORMULA, Export, auditor_arguments, exportable, exporter, lines

VECTORS = ROOT / "tests" / "vectors"


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with exportable(tmp_path_factory.mktemp("export")) as started:
        yield started


@pytest.fixture
def auditor(deployment: Deployment, tmp_path: Path) -> list[str]:
    return auditor_arguments(deployment, tmp_path)


@pytest.fixture(autouse=True)
def _socket(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command finds the running writer as the service's own configuration does."""
    directory = str(deployment.service.run_directory)
    monkeypatch.setenv("COUNTERFOIL_SERVER__RUN_DIRECTORY", directory)


@pytest.fixture
def export(auditor: list[str], tmp_path: Path) -> Export:
    return exporter(auditor, tmp_path)


def test_the_columns_are_those_of_the_documentation() -> None:
    words = (ROOT / "docs" / "auditing.md").read_text().split()
    for columns in (CLOSED, OPENED):
        assert f"`{' '.join(columns)}`" in " ".join(words)


def test_no_cell_of_csv_is_a_formula(export: Export) -> None:
    path, manifest = export("all.csv", "--format", "csv", "--open")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == manifest["records"]
    assert list(rows[0]) == [*CLOSED, *OPENED]
    assert f"'{FORMULA}" in {row["prompt"] for row in rows}
    for row in rows:
        for cell in row.values():
            assert not cell.lstrip(" ").startswith(EXECUTABLE), cell


@pytest.mark.parametrize("start", [*EXECUTABLE, "  =", " \t@"])
def test_each_start_that_a_spreadsheet_executes_is_neutralised(start: str) -> None:
    assert neutral(start + "1+1") == f"'{start}1+1"
    assert neutral("a" + start) == "a" + start  # control


@pytest.mark.parametrize(("flag", "version"), [("1.8", "1.8.0"), ("1.9", "1.9.0-dev")])
@pytest.mark.parametrize("opened", [True, False])
def test_ocsf_is_valid_by_the_published_schema(
    export: Export,
    flag: str,
    version: str,
    opened: bool,  # noqa: FBT001
) -> None:
    name = f"ocsf_{version.replace('.', '_').replace('-', '_')}.json"
    validator = Draft202012Validator(json.loads((VECTORS / name).read_text()))
    more = ["--open"] if opened else []
    path, manifest = export("o.jsonl", "--format", "ocsf", "--ocsf-version", flag, *more)
    events = lines(path)
    assert len(events) == manifest["records"] >= 3
    for event in events:
        assert [error.message for error in validator.iter_errors(event)] == []
        assert event["metadata"]["version"] == version
    standing = {e["status_detail"]: (e["action_id"], e["disposition_id"]) for e in events}
    assert {(1, 1), (2, 2), (2, 14)} == set(standing.values())
    for broken in ({**events[0], "made_up": 1}, {**events[0], "type_uid": "600301"}):
        assert not validator.is_valid(broken)  # control: closed, and typed


def test_cloudevents_are_unique_and_complete(export: Export) -> None:
    path, manifest = export("c.jsonl", "--format", "cloudevents", "--open")
    events = lines(path)
    assert len({(event["source"], event["id"]) for event in events}) == manifest["records"]
    for event in events:
        assert event["specversion"] == "1.0"
        assert event["type"] == f"io.counterfoil.{event['data']['leaf']['event']}.v1"
        assert all(name.isalnum() and name == name.lower() for name in event)


def test_otlp_lines_are_requests_of_log_records(export: Export) -> None:
    path, manifest = export("l.jsonl", "--format", "otlp")
    records = [
        record
        for request in lines(path)
        for resource in request["resourceLogs"]
        for scope in resource["scopeLogs"]
        for record in scope["logRecords"]
    ]
    assert len(records) == manifest["records"]
    assert {record["severityText"] for record in records} == {"INFO", "WARN"}
    for record in records:
        assert record["timeUnixNano"].isdigit()
        names = {item["key"] for item in record["attributes"]}
        assert "counterfoil.event_id" in names


def test_parquet_has_the_right_types_for_another_reader(export: Export) -> None:
    path, manifest = export("all.parquet", "--format", "parquet", "--open")
    duckdb = importlib.import_module("duckdb")
    table = duckdb.read_parquet(str(path))
    types = dict(zip(table.columns, map(str, table.types), strict=True))
    assert list(types) == [*CLOSED, *OPENED]
    assert types["index"] == "BIGINT"
    assert types["time"] == "TIMESTAMP WITH TIME ZONE"
    assert types["reasons"] == "VARCHAR[]"
    assert types["effect"] == "VARCHAR"
    ((count, prompts),) = table.aggregate("count(*), count(prompt)").fetchall()
    assert count == manifest["records"]
    assert prompts > 0
    denied = table.filter("effect = 'deny' AND time > '2026-01-01'")
    (effects,) = denied.aggregate("count(*)").fetchall()
    assert effects == (1,)


def test_parquet_without_its_library_says_what_to_install(
    tmp_path: Path,
    auditor: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def missing(name: str) -> Any:
        if name.startswith("pyarrow"):
            raise ModuleNotFoundError(name)
        return real(name)

    real = importlib.import_module
    monkeypatch.setattr("counterfoil.cli.export_parquet.importlib.import_module", missing)
    output = str(tmp_path / "x.parquet")
    assert main(["export", "--format", "parquet", "--output", output, *auditor]) == 78
    assert "counterfoil[parquet]" in capsys.readouterr().err
