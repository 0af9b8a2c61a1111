"""`counterfoil export` and the check of what it wrote, over what a real service recorded."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from counterfoil.cli import main
from counterfoil.core.canonical import b64url, canonical_bytes
from counterfoil.core.tree import Frontier, leaf_hash
from counterfoil.errors import LedgerCorrupt, LedgerUnavailable
from counterfoil.ledger.bulk import Bulk
from counterfoil.ledger.client import LedgerClient
from counterfoil.ledger.keys import load_master, read_verifier_key
from counterfoil.ledger.reader import Reader
from counterfoil.ledger.sealing import Master
from deployment import Deployment
from exporting import FORMULA, Export, auditor_arguments, checked, exportable, exporter, lines


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
    assert "prompt is not what was recorded" in capsys.readouterr().out


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


def hashed_anew(line: bytes) -> bytes:
    """As somebody would who knows how a line is made, and has no key."""
    value = json.loads(line)
    value["leaf"]["time"] = "2020-01-01T00:00:00.000000Z"
    value["leaf_hash"] = b64url(leaf_hash(canonical_bytes(value["leaf"])))
    return json.dumps(value).encode() + b"\n"


FORGED: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "another effect": (lambda line: line.replace(b'"deny"', b'"allow"'), "line {0} is not the"),
    "another effect, hashed anew": (hashed_anew, "line {0}: its receipt"),
    "cut": (lambda line: line[:40] + b"\n", "line {0} cannot be read"),
    "no record": (lambda _: b"[]\n", "line {0} cannot be read"),
    "taken out": (lambda _: b"", "line {0} stands out of order"),
    "twice": (lambda line: line + line, "line {1} stands out of order"),
    "a space more": (lambda line: line.replace(b"{", b"{ ", 1), "is not the file of the manifest"),
}


@pytest.mark.parametrize("what", FORGED)
def test_the_first_bad_record_of_an_export_is_named(
    deployment: Deployment, export: Export, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path, _ = export("whole.jsonl")
    key = f"--key={deployment.service.keys / 'receipt.pub'}"
    assert main(["verify", str(path), key]) == 0  # control; the export itself names its manifest
    change, told = FORGED[what]
    parts = path.read_bytes().splitlines(keepends=True)
    place = next(i for i, part in enumerate(parts) if b'"deny"' in part)
    path.write_bytes(b"".join([*parts[:place], change(parts[place]), *parts[place + 1 :]]))
    capsys.readouterr()
    assert main(["verify", str(path), key]) == 1
    assert told.format(place + 1, place + 2) in capsys.readouterr().out


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


def test_evidence_of_a_period_is_recorded_and_checked_anywhere(
    deployment: Deployment,
    auditor: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "q4"
    assert main(["evidence", "--output", str(folder), "--since", "1h", *auditor]) == 0
    report = json.loads((folder / "evidence.json").read_bytes())
    counts = {(f["section"], *f["of"]): f["count"] for f in report["figures"]}
    assert counts["effect", "allow"] == counts["effect", "deny"] == 1
    assert counts["effect", "needs_approval"] == counts["approval", "asked"] == 1
    assert counts["tool", "run_sql", "allow"] == 1
    assert counts["gap", "approvals that nobody answered"] == 1
    assert ("gap", "what ran and was never reported") not in counts  # its outcome came
    assert ("reconciliation", "recorded") not in counts
    assert report["verification"]["whole"] is True
    assert "globex" not in (folder / "evidence.json").read_text()
    slices = deployment.app.extensions["counterfoil"].ledger.slices
    (event,) = slices.backwards("acme", before=None, most=1, choose=lambda _: True).events
    assert (event.kind, event.plain["format"]) == ("exported", "evidence")
    assert checked(deployment, folder / "evidence.json") == 0  # control
    (listed, *_) = sorted((folder / "records").iterdir())
    listed.write_text(listed.read_text() + "0 evt_x - 2026-01-01T00:00:00.000000Z\n")
    capsys.readouterr()
    assert checked(deployment, folder / "evidence.json") == 1
    assert "is not the file that was written" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="2"):
        main(["evidence", "--output", str(folder), *auditor])  # never replaced


def test_only_an_auditor_gets_evidence(
    deployment: Deployment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "token").write_text(deployment.acme.person("alice"))
    config = ["--config", str(deployment.folder / "counterfoil.toml")]
    token = ["--token-file", str(tmp_path / "token")]
    assert main(["evidence", "--output", str(tmp_path / "q4"), *token, *config]) == 1
    assert "caller" in capsys.readouterr().err
    assert not (tmp_path / "q4").exists()


@pytest.mark.parametrize("form", ["jsonl", "csv", "cloudevents", "otlp", "ocsf"])
def test_a_secret_leaves_in_no_opened_format(
    deployment: Deployment, export: Export, form: str
) -> None:
    """What `trail` hides an export hides too; the record keeps the exact bytes, and is marked."""
    key = "AKIA" + "IOSFODNN7EXAMPLE"
    run = deployment.opened(deployment.acme, prompt=f"Use the key {key}")["access_token"]
    deployment.ask(run)
    path, _ = export(f"masked.{form}", "--open", "--format", form)
    written = path.read_text()
    assert key not in written
    assert form == "ocsf" or "Use the key [aws_access_key]" in written  # of runs it tells nothing
    assert "public.invoices" in written  # control: what holds no secret is shown
    assert checked(deployment, path) == 0
    if form == "jsonl":
        marks = [item["leaf"]["plain"].get("marked") for item in lines(path)]
        assert {"prompt": ["aws_access_key"]} in marks
        assert {"text": FORMULA}.items() <= lines(path)[0]["opened"]["prompt"].items()
