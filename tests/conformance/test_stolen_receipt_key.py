"""What a thief of an old receipt key signs after its end is nothing that anybody accepts.

The thief owns the file as well. Control: the same place, the same change, by the ledger itself.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import pytest

from counterfoil.core.checkpoint import VerifierKey
from counterfoil.core.tree import Frontier, leaf_hash
from counterfoil.ledger.keys import known_key
from counterfoil.ledger.mark import SIGNED
from counterfoil.ledger.proof_file import InvalidProof, ProofFile, check_proof
from counterfoil.ledger.prove import proof_of, record_of
from counterfoil.ledger.sqlite_source import SqliteSource
from counterfoil.ledger.verify import verify_ledger
from ledgers import Ledger, event, running_ledger, soon
from rotations import Thief, rotate

EXIT_CORRUPT = 65


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ledger, Thief, list[str]]]:
    """A ledger whose key was rotated once: two logs before, one after as well."""
    with running_ledger(tmp_path_factory.mktemp("stolen")) as ledger:
        client = ledger.client()
        ids = []
        for tenant in ("default", "other", "default"):
            client.append([sent := event(tenant=tenant, plain={"effect": "deny"})], deadline=soon())
            ids.append(sent.event_id)
        thief = rotate(ledger)
        client.append([sent := event(plain={"effect": "deny"})], deadline=soon())
        ids.append(sent.event_id)
        client.close()
        assert ledger.stop() == 0
        yield ledger, thief, ids


@pytest.fixture
def stolen(
    story: tuple[Ledger, Thief, list[str]], tmp_path: Path
) -> Iterator[tuple[Ledger, Thief, list[str]]]:
    """A copy to change, whole at first."""
    made, thief, ids = story
    copied = Ledger(tmp_path)
    shutil.copyfile(made.database, copied.database)
    shutil.copytree(made.keys, copied.keys)
    report = copied.verify()
    assert (report.findings, report.entries) == ([], 6)  # control: with two records of the rotation
    yield copied, thief, ids
    copied.close()


def tree_of(ledger: Ledger, log: int, size: int) -> Frontier:
    tree = Frontier()
    sql = f"SELECT leaf FROM entries WHERE log = {log} ORDER BY idx LIMIT {size}"  # noqa: S608
    for (leaf,) in ledger.rows(sql):
        tree.append(leaf_hash(leaf))
    return tree


def put_head(ledger: Ledger, log: int, tree: Frontier, note: bytes) -> None:
    with closing(sqlite3.connect(ledger.database)) as database, database:
        database.execute("DELETE FROM checkpoints WHERE log = ? AND size > ?", (log, tree.size))
        (kept,) = database.execute(
            "SELECT count(*) FROM checkpoints WHERE log = ?", (log,)
        ).fetchone()
        database.execute(
            "UPDATE logs SET size = ?, frontier = ?, root = ?, note = ?, kept = ? WHERE log = ?",
            (tree.size, tree.to_bytes(), tree.root(), note, kept, log),
        )


def append(ledger: Ledger, thief: Thief, log: int, tenant: str) -> Frontier:
    """The thief's own record behind the last one."""
    (size,), (last,) = (
        ledger.rows(f"SELECT size FROM logs WHERE log = {log}")[0],  # noqa: S608
        ledger.rows("SELECT max(seq) FROM entries")[0],
    )
    event_id, leaf = thief.leaf(tenant)
    ledger.edit(
        "INSERT INTO entries VALUES (?, ?, ?, ?, NULL, ?, ?)",
        *(last + 1, log, size, event_id, leaf, thief.stored_receipt(tenant, event_id, leaf)),
    )
    return tree_of(ledger, log, size + 1)


def test_a_record_added_after_the_end_is_found(stolen: tuple[Ledger, Thief, list[str]]) -> None:
    ledger, thief, _ = stolen
    tree = append(ledger, thief, 1, "default")
    put_head(ledger, 1, tree, thief.note("default", tree))
    what = [finding.what for finding in ledger.verify().findings]
    assert "is signed by a key or name that had ended here" in what
    assert any(text.startswith("the signed checkpoint") for text in what)


def test_a_history_cut_to_before_the_rotation_is_found(
    stolen: tuple[Ledger, Thief, list[str]],
) -> None:
    """All that remains was honestly signed by the old key: what is missing is the new one's."""
    ledger, thief, _ = stolen
    with closing(sqlite3.connect(ledger.database)) as database, database:
        database.execute("DELETE FROM payloads WHERE seq > 3")
        database.execute("DELETE FROM entries WHERE seq > 3")
    for log, tenant, size in ((1, "default", 2), (2, "other", 1)):
        tree = tree_of(ledger, log, size)
        put_head(ledger, log, tree, thief.note(tenant, tree))
    found = ledger.verify()
    assert {finding.what for finding in found.findings} == {
        "was never handed over to its present key and name"
    }
    old = verify_ledger(ledger.database, thief.ledger)  # control: whole by the old key alone
    assert (old.findings, old.entries) == ([], 3)
    (ledger.keys / SIGNED).unlink(missing_ok=True)  # it tells as well; not this test's matter
    ledger.launch()
    assert ledger.wait() == EXIT_CORRUPT  # the writer does not hand it over once more
    assert "no signature of this key" in ledger.said()


def test_a_log_of_the_thiefs_own_is_found(stolen: tuple[Ledger, Thief, list[str]]) -> None:
    ledger, thief, _ = stolen
    ledger.edit("INSERT INTO logs VALUES (3, 'third', 0, x'', x'00', x'', 0)")
    tree = append(ledger, thief, 3, "third")
    put_head(ledger, 3, tree, thief.note("third", tree))
    assert "was never handed over to its present key and name" in {
        finding.what for finding in ledger.verify().findings
    }


def test_a_forged_handing_over_is_found(stolen: tuple[Ledger, Thief, list[str]]) -> None:
    """The record that ends the old key is held to what stood there, word by word."""
    ledger, _, _ = stolen
    ((seq, leaf),) = ledger.rows(
        "SELECT seq, leaf FROM entries WHERE log = 1 AND idx = 2 AND CAST(leaf AS TEXT) LIKE '%key_rotated%'"
    )
    value = json.loads(leaf)
    said = "does not hand over what stood here"
    for name, changed, what in (
        ("previous_size", 1, said),
        ("previous_root", "A" * 43, said),
        ("previous_origin", "elsewhere", said),
        ("previous_key", "A" * 43, said),
        ("endorsement", "A" * 86, "is not endorsed by the key that it ends"),
        ("endorsement", "short", "is not endorsed by the key that it ends"),
    ):
        plain = {**value["plain"], name: changed}
        forged = json.dumps({**value, "plain": plain}, sort_keys=True, separators=(",", ":"))
        ledger.edit("UPDATE entries SET leaf = ? WHERE seq = ?", forged.encode(), seq)
        assert what in {finding.what for finding in ledger.verify().findings}, name
    ledger.edit("UPDATE entries SET leaf = ? WHERE seq = ?", leaf, seq)
    assert ledger.verify().findings == []  # control


def test_a_proof_signed_after_the_end_proves_nothing(
    stolen: tuple[Ledger, Thief, list[str]],
) -> None:
    ledger, thief, ids = stolen
    key, source = ledger.key, SqliteSource(ledger.database)
    for event_id in ids:  # control: records of both keys, under the present checkpoint
        proof = proof_of(source.query, record_of(source.query, event_id), key)
        assert check_proof(proof, key).leaf["event_id"] == event_id
        with pytest.raises(InvalidProof):
            check_proof(proof, thief.ledger)
    source.close()
    event_id, leaf = thief.leaf("default")
    tree = Frontier()
    tree.append(leaf_hash(leaf))
    receipt = thief.stored_receipt("default", event_id, leaf)
    forged = ProofFile(leaf, 0, [], thief.note("default", tree), receipt)
    with pytest.raises(InvalidProof, match="has ended"):
        check_proof(forged, key)
    assert check_proof(forged, thief.ledger).index == 0  # control: whoever knows of no rotation


def test_held_evidence_of_the_old_key_counts_for_its_time_alone(
    stolen: tuple[Ledger, Thief, list[str]],
) -> None:
    ledger, thief, ids = stolen
    honest, late = tree_of(ledger, 1, 2), tree_of(ledger, 1, 4)
    good = ledger.verify(notes=[thief.note("default", honest)])
    assert (good.findings, good.held_checkpoints) == ([], 1)  # control
    (said,) = ledger.verify(notes=[thief.note("default", late)]).findings
    assert said.what == "a held checkpoint of size 4 is of a key or name that had ended"
    ((leaf,),) = ledger.rows(f"SELECT leaf FROM entries WHERE event_id = '{ids[0]}'")  # noqa: S608
    assert thief.named("default").name in leaf.decode()
    event_id, forged = thief.leaf("default")
    held = json.dumps(asdict(thief.receipt("default", event_id, forged))).encode()
    assert ledger.verify(receipts=[held]).found


def test_the_keys_folder_names_both_keys_and_go_reads_each_line(
    stolen: tuple[Ledger, Thief, list[str]],
) -> None:
    ledger, thief, _ = stolen
    key = known_key(ledger.keys)
    assert key is not None
    assert [one.public for one in key.line()] == [key.public, thief.ledger.public]
    lines = (ledger.keys / "receipt.pub").read_text().splitlines()
    assert lines == [VerifierKey(key.name, key.public).text(), thief.ledger.text()]
