"""Every bit of a closed ledger's files: flipped, it is found, or every row of evidence reads the same.

What goes unseen, and why that is no harm: counters in SQLite's header that nothing here reads,
space between and behind cells and on free pages, and the tables `once` and `states`, which are
no evidence (a wrong row there is a refused or repeated call, never a changed record).
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import evidence
from counterfoil.errors import ConfigError
from counterfoil.ledger.keys import VERIFIER_KEY, read_verifier_key
from counterfoil.ledger.verify import verify_ledger
from ledger_samples import Sample, closed_ledger, copy_of

EVIDENCE = ("entries", "payloads", "logs", "checkpoints", "meta", "subject_keys")
STEP = 2_039
"""In CI: a prime, so that all offsets in a page and all bits have their turn."""


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    with closed_ledger(tmp_path_factory.mktemp("bits")) as made:
        yield made


@pytest.fixture
def sample(original: Sample, tmp_path: Path) -> Iterator[Sample]:
    with copy_of(original, tmp_path) as copied:
        yield copied


def flipped(sample: Sample, bits: range) -> Counter[str]:
    """Flip each of these bits of the ledger's file alone; what became of it."""
    data = bytearray(sample.path.read_bytes())
    content = {table: sample.rows(table) for table in EVIDENCE}
    outcome: Counter[str] = Counter()
    for at in bits:
        data[at // 8] ^= 1 << at % 8
        sample.path.write_bytes(data)
        if sample.verify().found:
            outcome["found"] += 1
        else:
            assert {table: sample.rows(table) for table in EVIDENCE} == content, at
            outcome["the header's counters" if at < 100 * 8 else "no row of evidence"] += 1
        data[at // 8] ^= 1 << at % 8
    sample.path.write_bytes(data)
    assert sample.verify().findings == []  # control
    return outcome


def test_a_flipped_bit_is_found_or_changes_no_evidence(sample: Sample) -> None:
    outcome = flipped(sample, range(0, len(sample.path.read_bytes()) * 8, STEP))
    assert outcome["found"] > 30


@pytest.mark.prove
def test_every_flipped_bit_is_found_or_changes_no_evidence(sample: Sample) -> None:
    """All bits: an hour and more."""
    size = len(sample.path.read_bytes())
    outcome = flipped(sample, range(size * 8))
    evidence.record(
        "ledger_bits", "every bit of a small ledger, flipped alone", bytes=size, bits=dict(outcome)
    )


def test_every_flipped_bit_of_the_public_key_is_found(sample: Sample) -> None:
    path = sample.ledger.keys / VERIFIER_KEY
    data = bytearray(path.read_bytes())
    read = 0
    for at in range((len(data) - 1) * 8):  # all but the newline at the end
        data[at // 8] ^= 1 << at % 8
        path.write_bytes(data)
        with suppress(ConfigError):
            key = read_verifier_key(path)
            read += 1
            assert verify_ledger(sample.path, key).found, at
        data[at // 8] ^= 1 << at % 8
    path.write_bytes(data)
    assert verify_ledger(sample.path, read_verifier_key(path)).findings == []  # control


@pytest.mark.parametrize("kind", ["BLOB", "INTEGER"])
def test_a_table_definition_that_is_no_text_is_found(sample: Sample, kind: str) -> None:
    sample.edit(
        ("PRAGMA writable_schema = ON",),
        (f"UPDATE sqlite_schema SET sql = CAST(sql AS {kind}) WHERE type = 'index' AND sql <> ''",),  # noqa: S608
    )
    assert sample.verify().found


def test_no_bit_of_a_stored_table_definition_can_hide(sample: Sample) -> None:
    """The schema's own text: a view or trigger in disguise would be read instead of the rows."""
    data = bytearray(sample.path.read_bytes())
    database = sqlite3.connect(sample.path)
    texts = [row[0].encode() for row in database.execute("SELECT sql FROM sqlite_schema") if row[0]]
    database.close()
    assert len(texts) > 8
    for text in texts:
        start = data.index(text)
        for place in range(start, start + len(text), 17):
            data[place] ^= 1
            sample.path.write_bytes(data)
            assert sample.verify().found, place
            data[place] ^= 1
    sample.path.write_bytes(data)
    assert sample.verify().findings == []  # control
