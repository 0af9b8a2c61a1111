"""`counterfoil verify` and `counterfoil trail`, as an auditor and an operator type them."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from counterfoil.cli import main
from counterfoil.core.canonical import canonical_bytes
from counterfoil.core.model import Receipt
from counterfoil.ports import Event
from ledgers import ALICE, Ledger, event, new_id, running_ledger, soon

DECISION = canonical_bytes(
    {
        "reasons": [{"code": "rbac.granted", "title": "A role grants it", "solution": "None"}],
        "permissions": [{"type": "postgresql", "object": "schema", "identifier": "public"}],
        "obligations": [],
        "ambient": [{"type": "postgresql", "object": "database", "identifier": "orders"}],
        "operations": [{"family": "database", "verb": "create", "object": {"name": "invoices"}}],
        "uncertain": [],
        "action_digest": "x" * 43,
        "execute": None,
    }
)
CALLER = canonical_bytes(
    {
        "tenant": "default",
        "subject": {"iss": ALICE[0], "sub": ALICE[1], "groups": ["developers"]},
        "actor": {"iss": ALICE[0], "sub": "coder"},
        "run": "run_1",
        "prompt_source": "agent",
    }
)


@dataclass(frozen=True, slots=True)
class Told:
    """A ledger with one decision and its outcome, and its configuration file."""

    ledger: Ledger
    decision_id: str
    receipts: list[Receipt]
    config: Path


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    decided = event(
        payload={
            "caller": CALLER,
            "prompt": "Add a table \x1b[2J\u202e".encode(),
            "request": canonical_bytes({"action": "run_sql", "resource": None, "context": {}}),
            "arguments": canonical_bytes({"sql": "CREATE TABLE invoices (id int)"}),
            "decision": DECISION,
        }
    )
    outcome = Event(
        kind="outcome",
        event_id=new_id("evt"),
        time=decided.time + 1,
        tenant="default",
        subject=ALICE,
        decision_id=decided.decision_id,
        plain={"status": "ok", "reported_by": "agent"},
        payload={"response": canonical_bytes({"excerpt": "CREATE TABLE", "status": "ok"})},
    )
    config = tmp_path / "counterfoil.toml"
    config.write_text('[ledger]\nurl = "sqlite:///ledger.db"\n[keys]\ndirectory = "keys"\n')
    with running_ledger(tmp_path) as ledger:
        client = ledger.client()
        recorded = client.append([decided], deadline=soon()) + client.append(
            [outcome], deadline=soon()
        )
        yield Told(ledger, str(decided.decision_id), [item.receipt for item in recorded], config)


def test_a_live_ledger_is_verified_with_the_configurations_key(
    told: Told, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", "--config", str(told.config)]) == 0
    printed = capsys.readouterr().out
    assert "whole:" in printed
    assert "2 entries" in printed
    assert "Not shown" in printed


def test_a_copy_is_verified_anywhere_with_the_public_key_alone(
    told: Told, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told.ledger.stop()
    place = tmp_path / "auditor"
    place.mkdir()
    shutil.copyfile(told.ledger.database, place / "copy.db")
    shutil.copyfile(told.ledger.keys / "receipt.pub", place / "key")
    (place / "receipts").write_text("\n".join(json.dumps(asdict(r)) for r in told.receipts))
    with closing(sqlite3.connect(place / "copy.db")) as database:
        ((note,),) = database.execute("SELECT note FROM logs").fetchall()
    (place / "checkpoint").write_bytes(note)
    (place / "copy.db").chmod(0o400)
    command = ["verify", f"--ledger=sqlite:///{place / 'copy.db'}", f"--key={place / 'key'}"]
    held = [f"--receipt={place / 'receipts'}", f"--checkpoint={place / 'checkpoint'}", "--json"]
    assert main([*command, *held]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["whole"], report["records"], report["found"]) == (True, 2, 0)
    assert (report["held_receipts"], report["held_checkpoints"]) == (2, 1)
    assert report["logs"][0]["size"] == 2


def test_a_changed_record_is_named_and_the_exit_code_is_one(
    told: Told, capsys: pytest.CaptureFixture[str]
) -> None:
    told.ledger.stop()
    with closing(sqlite3.connect(told.ledger.database)) as database, database:
        ((leaf,),) = database.execute("SELECT leaf FROM entries WHERE idx = 0").fetchall()
        database.execute(
            "UPDATE entries SET leaf = ? WHERE idx = 0", (leaf.replace(b'"allow"', b'"denyy"'),)
        )
    assert main(["verify", "--config", str(told.config)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("NOT WHOLE")
    assert f"entry 0 ({told.receipts[0].event_id}): the stored receipt" in lines[1]


def test_what_cannot_be_checked_is_a_usage_error(
    told: Told, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = told.ledger.keys / "receipt.pub"
    (tmp_path / "bad").write_text("bad")
    for arguments in (
        [f"--ledger={tmp_path / 'none.db'}", f"--key={key}"],
        [f"--ledger={told.ledger.database}", f"--key={tmp_path / 'none'}"],
        [f"--ledger={told.ledger.database}", f"--key={tmp_path / 'bad'}"],
        [f"--ledger={told.ledger.database}", f"--key={key}", f"--receipt={tmp_path / 'bad'}"],
        [f"--ledger={told.ledger.database}", f"--key={key}", f"--checkpoint={tmp_path / 'bad'}"],
    ):
        assert main(["verify", *arguments]) == 2, arguments
        assert "counterfoil verify:" in capsys.readouterr().err


def test_the_trail_tells_the_whole_story(told: Told, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trail", told.decision_id, "--config", str(told.config)]) == 0
    printed = capsys.readouterr().out
    for text in (
        "decided: allow",
        "alice (https://idp.example.test; developers)",
        "coder (",
        "Add a table",
        "as the agent tells it",
        "run_sql",
        "CREATE TABLE invoices",
        'create {"name": "invoices"}',
        "rbac.granted: A role grants it → None",
        "permission",
        "outcome: ok",
        "agent, its word only",
        f"entry 1, {told.receipts[1].event_id}",
        "signature valid",
    ):
        assert text in printed, text


def test_a_prompt_cannot_repaint_the_readers_terminal(
    told: Told, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["trail", told.decision_id, "--config", str(told.config)])
    printed = capsys.readouterr().out
    assert "\\x1b[2J\\u202e" in printed
    assert all(character.isprintable() or character == "\n" for character in printed)


def test_the_trail_as_json_holds_every_event_opened(
    told: Told, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["trail", told.decision_id, "--json", "--config", str(told.config)]) == 0
    story: dict[str, Any] = json.loads(capsys.readouterr().out)
    decided, outcome = story["events"]
    assert decided["payload"]["arguments"] == {"sql": "CREATE TABLE invoices (id int)"}
    assert decided["receipt"] == asdict(told.receipts[0])
    assert (outcome["event"], outcome["status"]) == ("outcome", "ok")


def test_an_unknown_decision_or_tenant_has_no_trail(
    told: Told, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in ([new_id("dec")], [told.decision_id, "--tenant", "other"]):
        assert main(["trail", *arguments, "--config", str(told.config)]) == 1
        assert "there is no decision" in capsys.readouterr().err
    assert main(["trail", told.decision_id, "--tenant=default", f"--config={told.config}"]) == 0


def test_an_edited_record_has_no_trail(told: Told, capsys: pytest.CaptureFixture[str]) -> None:
    told.ledger.stop()
    with closing(sqlite3.connect(told.ledger.database)) as database, database:
        ((sealed,),) = database.execute("SELECT sealed FROM payloads WHERE seq = 1").fetchall()
        changed = sealed[:-1] + bytes([sealed[-1] ^ 1])
        database.execute("UPDATE payloads SET sealed = ? WHERE seq = 1", (changed,))
    assert main(["trail", told.decision_id, "--config", str(told.config)]) == 1
    assert "edited or moved" in capsys.readouterr().err
