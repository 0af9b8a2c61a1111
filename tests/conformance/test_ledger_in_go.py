"""Our notes and proofs, read by the Go libraries of the transparency ecosystem, and theirs by us."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from counterfoil.core.checkpoint import (
    Checkpoint,
    InvalidNote,
    VerifierKey,
    open_checkpoint,
    parse_verifier_key,
    signed_note,
)
from counterfoil.core.tiles import WIDTH, Tile
from counterfoil.core.tree import (
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_from_inclusion,
    root_of,
)
from counterfoil.ledger.evidence_reader import EvidenceReader
from counterfoil.ledger.keys import Verifier, known_key
from counterfoil.ledger.signing import order_rotation
from counterfoil.ledger.sqlite_source import SqliteSource
from many_records import ledger_of
from rotations import reopened

SOURCE = Path(__file__).parent / "go_ledger"
ORIGIN = "ledger.example.test/0011223344556677/log/default"
SIZES = 40
RECORDS = 521  # two full tiles, one partial, and a level above them


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    go = shutil.which("go")
    if go is None:
        if os.environ.get("CI"):
            pytest.fail("CI has no Go: the cross-check with foreign libraries must run there")
        pytest.skip("there is no Go here")
    built = tmp_path_factory.mktemp("go") / "go_ledger"
    subprocess.run([go, "build", "-mod=readonly", "-o", built, "."], cwd=SOURCE, check=True)
    return built


def run(program: Path, value: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program], input=json.dumps(value), capture_output=True, text=True, check=False
    )


def question() -> tuple[dict[str, Any], VerifierKey]:
    """A note and every proof of every tree up to 40 leaves."""
    private = Ed25519PrivateKey.generate()
    key = VerifierKey(ORIGIN, private.public_key().public_bytes_raw())
    leaves = [f"leaf {number}".encode() for number in range(SIZES)]
    hashed = [leaf_hash(leaf) for leaf in leaves]
    roots = [root_of(hashed[: size + 1]) for size in range(SIZES)]
    text = Checkpoint(ORIGIN, SIZES, roots[-1]).text()
    value = {
        "Note": signed_note(text, key, private.sign(text.encode())).decode(),
        "VerifierKey": key.text(),
        "Leaves": [base64(leaf) for leaf in leaves],
        "Roots": [base64(root) for root in roots],
        "Inclusion": [
            {
                "Index": index,
                "Size": size,
                "LeafHash": base64(hashed[index]),
                "Root": base64(roots[size - 1]),
                "Proof": [base64(step) for step in inclusion_proof(hashed[:size], index)],
            }
            for size in range(1, SIZES + 1)
            for index in range(size)
        ],
        "Consistency": [
            {
                "OldSize": old,
                "NewSize": new,
                "OldRoot": base64(roots[old - 1]),
                "NewRoot": base64(roots[new - 1]),
                "Proof": [base64(step) for step in consistency_proof(hashed[:new], old)],
            }
            for new in range(1, SIZES + 1)
            for old in range(1, new + 1)
        ],
    }
    return value, key


def base64(data: bytes) -> str:
    return b64encode(data).decode()


def test_go_accepts_our_notes_and_proofs_and_we_accept_its_notes(program: Path) -> None:
    value, _ = question()
    done = run(program, value)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["Checked"] == SIZES + len(value["Inclusion"]) + len(value["Consistency"])
    theirs = parse_verifier_key(answer["VerifierKey"])
    checkpoint = open_checkpoint(answer["Note"].encode(), theirs, Verifier(theirs))
    assert checkpoint.text() == answer["Text"]
    assert (checkpoint.origin, checkpoint.size) == (ORIGIN, SIZES)


@pytest.mark.parametrize("what", ["Note", "Roots", "Inclusion", "Consistency"])
def test_go_refuses_what_was_changed(program: Path, what: str) -> None:
    value, _ = question()
    if what == "Note":
        value["Note"] = value["Note"].replace(f"\n{SIZES}\n", f"\n{SIZES + 1}\n")
    elif what == "Roots":
        value["Roots"][7] = value["Roots"][8]
    else:
        value[what][-2]["Proof"][0] = base64(bytes(32))
    assert run(program, value).returncode == 1


def test_we_refuse_a_note_of_another_key_or_another_log() -> None:
    value, key = question()
    note = value["Note"].encode()
    assert open_checkpoint(note, key, Verifier(key)).size == SIZES  # control
    other = VerifierKey(ORIGIN, Ed25519PrivateKey.generate().public_key().public_bytes_raw())
    for stranger in (other, key.named(ORIGIN + "2")):
        with pytest.raises(InvalidNote):
            open_checkpoint(note, stranger, Verifier(stranger))


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """All that a ledger shows of a log whose key was rotated: notes, tiles, leaves, proof files."""
    made = ledger_of(tmp_path_factory.mktemp("published"), RECORDS)
    order_rotation(made.keys, starts_at=0, overlap_seconds=0)
    reopened(made.folder)
    key, source = known_key(made.keys), SqliteSource(made.database)
    assert key is not None
    evidence = EvidenceReader(lambda sql, *values: source.query(sql, values), lambda: key)
    size = RECORDS + 1
    note = evidence.checkpoint("default")
    assert note is not None
    wanted = [
        Tile(level, index, min(WIDTH, (size >> 8 * level) - index * WIDTH))
        for level in (0, 1)
        for index in range(-(-(size >> 8 * level) // WIDTH))
    ]
    leaves = [leaf for (leaf,) in source.query("SELECT leaf FROM entries ORDER BY idx", ())]
    ids = [name for (name,) in source.query("SELECT event_id FROM entries ORDER BY idx", ())]
    proofs = [evidence.proof("default", str(ids[at])) for at in (0, 255, 256, RECORDS - 1, RECORDS)]
    value = {
        "VerifierKeys": [one.text() for one in key.named(f"{key.name}/log/default").line()],
        "Checkpoint": note.decode(),
        "Tiles": {
            f"{tile.level}/{tile.index}/{tile.width}": base64(evidence.tile("default", tile) or b"")
            for tile in wanted
        },
        "Leaves": [base64(bytes(leaf)) for leaf in leaves if isinstance(leaf, bytes)],
        "ProofFiles": [proof.decode() for proof in proofs if proof is not None],
    }
    source.close()
    return value


def test_go_follows_a_rotated_log_by_its_tiles_and_proof_files_and_we_its_proofs(
    program: Path, published: dict[str, Any]
) -> None:
    assert len(published["VerifierKeys"]) == 2
    assert len(published["ProofFiles"]) == 5
    done = run(program, {"Ledger": published})
    assert done.returncode == 0, done.stderr
    theirs = json.loads(done.stdout)["Made"]
    size, hashed = RECORDS + 1, [leaf_hash(b64decode(leaf)) for leaf in published["Leaves"]]
    assert len(theirs) == size
    for index, path in enumerate(theirs):
        steps = [b64decode(step) for step in path]
        assert root_from_inclusion(hashed[index], index, size, steps) == root_of(hashed)


@pytest.mark.parametrize("what", ["Checkpoint", "Tiles", "Leaves", "ProofFiles", "VerifierKeys"])
def test_go_refuses_a_published_log_that_was_changed(
    program: Path, published: dict[str, Any], what: str
) -> None:
    value = {**published, what: published[what][:]} if what != "Tiles" else {**published}
    if what == "Checkpoint":
        value[what] = value[what].replace(f"\n{RECORDS + 1}\n", f"\n{RECORDS}\n")
    elif what == "Tiles":
        value[what] = {
            name: base64(bytes(len(b64decode(data)))) for name, data in value[what].items()
        }
    elif what == "Leaves":
        value[what][3] = value[what][4]
    elif what == "ProofFiles":
        value[what][0] = value[what][0].replace("index 0", "index 1")
    else:  # by the key that has ended alone
        value[what] = value[what][1:]
    assert run(program, {"Ledger": value}).returncode == 1
