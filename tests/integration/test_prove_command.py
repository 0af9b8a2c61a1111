"""`counterfoil prove` and `counterfoil verify FILE`: one record leaves the house, and nothing else."""

from __future__ import annotations

import json
import re
import sqlite3
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from counterfoil.cli import main
from counterfoil.ledger.keys import load_master
from counterfoil.ledger.proof_file import InvalidProof, check_proof, read_proof
from counterfoil.ledger.sealing import Master, open_fields, unpack_sealed
from many_records import Many, ledger_of

RECORDS = 345
Value = dict[str, Any]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Many:
    return ledger_of(tmp_path_factory.mktemp("prove"), RECORDS, tenants=("default", "other"))


def rows(made: Many, sql: str, *parameters: str) -> list[Any]:
    with closing(sqlite3.connect(made.database)) as database:
        return database.execute(sql, parameters).fetchall()


def a_decision(made: Many) -> str:
    sql = 'SELECT decision_id FROM entries WHERE CAST(leaf AS TEXT) LIKE \'%"effect":"allow"%\' AND idx > 20'
    return str(rows(made, f"{sql} LIMIT 1")[0][0])


@pytest.fixture
def proof(made: Many, tmp_path: Path) -> Path:
    """A proof with one payload opened, and the public key beside it, in a place of their own."""
    path = tmp_path / "proof.json"
    code = main(
        [
            *("prove", a_decision(made), "--open", "arguments", "--output", str(path)),
            *("--ledger", str(made.database), "--keys", str(made.keys)),
        ]
    )
    assert code == 0
    (tmp_path / "receipt.pub").write_text((made.keys / "receipt.pub").read_text())
    return path


def verified(path: Path) -> int:
    return main(["verify", str(path), "--key", str(path.with_name("receipt.pub"))])


def test_a_proof_needs_nothing_but_the_key(proof: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verified(proof) == 0
    said = capsys.readouterr().out
    assert "proved" in said
    assert "CREATE TABLE" in said
    assert "not shown: caller, decision, grant, request" in said


def test_a_proof_of_a_whole_ledgers_every_record_holds(made: Many, tmp_path: Path) -> None:
    (tmp_path / "receipt.pub").write_text((made.keys / "receipt.pub").read_text())
    path = tmp_path / "one.json"
    for (event_id,) in rows(made, "SELECT event_id FROM entries WHERE seq % 23 = 0"):
        place = ("--ledger", str(made.database), "--keys", str(made.keys))
        assert main(["prove", event_id, "--output", str(path), *place]) == 0
        assert verified(path) == 0


def test_what_was_not_opened_stands_nowhere_in_the_file(made: Many, proof: Path) -> None:
    """Neither as text nor as bytes, nor its salt, nor what would open with the key of the person."""
    event_id = json.loads(json.loads(proof.read_text())["leaf"])["event_id"]
    (found,) = rows(
        made,
        "SELECT e.leaf, p.sealed, k.id, k.lookup, k.wrapped FROM entries e JOIN payloads p"
        " ON p.seq = e.seq JOIN subject_keys k ON instr(e.leaf, k.id) > 0"
        " WHERE e.event_id = ?",
        event_id,
    )
    leaf, blobs = json.loads(found[0]), unpack_sealed(found[1])
    key = Master(load_master(made.keys, create=False)).unwrap(*found[2:])
    fields = open_fields(key, blobs, leaf["commitments"], (leaf["origin"], event_id))
    written = forms(proof.read_bytes())
    salt, shown = fields.pop("arguments")
    assert any(shown in form for form in written)  # control: the opened one is found so
    assert any(salt in form for form in written)
    assert fields.keys() == {"caller", "decision", "grant", "request"}
    for name, (salt, data) in fields.items():
        for secret in (salt, data, blobs[name], blobs[name][20:52]):
            assert not any(secret in form for form in written), name
    assert b"person" not in proof.read_bytes()  # the person's name, sealed in `caller` and `grant`


def forms(data: bytes) -> list[bytes]:
    """The file, and everything in it that could be bytes in base64."""
    found = [data]
    values: list[Any] = [json.loads(data)]
    while values:
        value = values.pop()
        if isinstance(value, dict):
            values += value.values()
        elif isinstance(value, str):
            found.append(value.encode())
            for part in value.split():
                for decode in (b64decode, urlsafe_b64decode):
                    try:
                        found.append(decode(part + "=" * (-len(part) % 4)))
                    except ValueError:
                        continue
            if value.startswith("{"):
                values.append(json.loads(value))
    return found


def leaf_with(change: Callable[[Value], None]) -> Callable[[Value], None]:
    def edit(value: Value) -> None:
        leaf = json.loads(value["leaf"])
        change(leaf)
        value["leaf"] = json.dumps(leaf, separators=(",", ":"), sort_keys=True)

    return edit


EDITS: dict[str, Callable[[Value], Any]] = {
    "another effect": leaf_with(lambda leaf: leaf["plain"].update(effect="deny")),
    "another commitment": leaf_with(lambda leaf: leaf["commitments"].update(caller="A" * 43)),
    "another opened text": lambda value: value["opened"]["arguments"].update(text="{}"),
    "another salt": lambda value: value["opened"]["arguments"].update(salt="A" * 43),
    "opened under another name": lambda value: value.update(
        opened={"request": value["opened"]["arguments"]}
    ),
    "a payload that is not there": lambda value: value["opened"].update(
        prompt=value["opened"]["arguments"]
    ),
    "another place": lambda value: value.update(proof=value["proof"].replace("index ", "index 1")),
    "a step less": lambda value: value.update(
        proof="\n".join(value["proof"].split("\n")[:2] + value["proof"].split("\n")[3:])
    ),
    "another size": lambda value: value.update(
        proof=re.sub(r"\n(\d+)\n", r"\n1\1\n", value["proof"])
    ),
    "another receipt": lambda value: value.update(receipt="A" * len(value["receipt"])),
    "another format": lambda value: value.update(format="counterfoil/proof/v2"),
    "a member more": lambda value: value.update(more=1),
}


@pytest.mark.parametrize("what", EDITS)
def test_an_edited_proof_proves_nothing(what: str, proof: Path) -> None:
    value = json.loads(proof.read_text())
    before = json.dumps(value)
    EDITS[what](value)
    assert json.dumps(value) != before
    assert verified(proof) == 0  # control
    proof.write_text(json.dumps(value))
    assert verified(proof) == 1


def test_every_flipped_bit_of_a_proof_is_seen_or_changes_no_value(made: Many, proof: Path) -> None:
    """What goes unseen is white space between members: the file then says exactly the same."""
    data = bytearray(proof.read_bytes())
    said, unseen = json.loads(data), 0
    for at in range(len(data) * 8):
        data[at // 8] ^= 1 << at % 8
        with suppress(InvalidProof):
            check_proof(read_proof(bytes(data)), made.key)
            assert json.loads(data) == said, at
            unseen += 1
        data[at // 8] ^= 1 << at % 8
    assert unseen < 80
    check_proof(read_proof(bytes(data)), made.key)  # control


def test_a_proof_under_another_key_is_refused(proof: Path, tmp_path: Path) -> None:
    other = ledger_of(tmp_path / "other", 5)
    assert main(["verify", str(proof), "--key", str(other.keys / "receipt.pub")]) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["dec_" + "0" * 26], "there is no record"),
        (["evt_" + "0" * 26], "there is no record"),
        (["DECISION", "--open", "prompt"], "has no payload prompt; there is: arguments"),
    ],
)
def test_what_cannot_be_proved_is_said(
    made: Many, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [a_decision(made) if word == "DECISION" else word for word in arguments]
    place = ("--ledger", str(made.database), "--keys", str(made.keys))
    assert main(["prove", *words, *place]) == 1
    assert said in capsys.readouterr().err


def test_a_record_that_was_edited_is_not_proved(made: Many, tmp_path: Path) -> None:
    """`prove` believes nothing that it reads: it checks its own file before it hands it out."""
    with closing(sqlite3.connect(made.database)) as source:
        source.backup(target := sqlite3.connect(tmp_path / "copy.db"))
    event_id = rows(made, "SELECT event_id FROM entries WHERE seq = 30")[0][0]
    place = ("--ledger", str(tmp_path / "copy.db"), "--keys", str(made.keys))
    assert main(["prove", event_id, "--output", str(tmp_path / "x"), *place]) == 0  # control
    target.execute(
        "UPDATE entries SET leaf = (SELECT leaf FROM entries WHERE seq = 31) WHERE seq = 30"
    )
    target.commit()
    target.close()
    (tmp_path / "x").unlink()
    assert main(["prove", event_id, "--output", str(tmp_path / "x"), *place]) == 1
    assert not (tmp_path / "x").exists()
