"""A worker that runs hostile code could once leave a record that `verify` finds fault with for ever.

The writer looked at the few fields that it uses, signed the leaf's hash, and the ledger was red
from then on, by nobody's key but the writer's own. Now it holds each record and each data key
to all that `verify` holds it to, before it signs anything.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest

from counterfoil.core.canonical import canonical_bytes
from counterfoil.core.entry import MAX_LEAF_BYTES
from counterfoil.ledger.frames import Value, encode
from ledgers import Ledger, event, running_ledger, soon

Leaf = dict[str, Any]


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    with running_ledger(tmp_path_factory.mktemp("spoiled")) as started:
        yield started


def changed(**fields: Any) -> Callable[[bytes], bytes]:
    return lambda leaf: canonical_bytes({**orjson.loads(leaf), **fields})


LEAVES: dict[str, Callable[[bytes], bytes]] = {
    "a field too many": changed(more=1),
    "words in the open": changed(plain={"note": "drop the table"}),
    "a fraction": lambda leaf: leaf.replace(b'"plain":{', b'"plain":{"a":1.5,'),
    "another version": changed(v=2),
    "no kind": changed(event="DROP TABLE"),
    "no time": changed(time="yesterday"),
    "an id of another form": changed(event_id="1"),
    "a trail of another form": changed(decision_id="1"),
    "a second spelling": lambda leaf: leaf.replace(b":", b": ", 1),
    "a name twice": lambda leaf: leaf.replace(b'{"', b'{"v":1,"', 1),
    "an open hash": changed(commitments={"prompt": "x"}),
    "more than a leaf may hold": changed(plain={f"n{n}": "x" * 500 for n in range(200)}),
    "no payload": changed(sealed={}, commitments={}),
}
REFUSED_KEY = ["refused", "the data key's id is not that of its row"]
PAYLOADS: dict[str, bytes | None] = {
    "none": None,
    "another": encode({"arguments": b"x", "prompt": b"y"}),
    "no map": encode([1]),
    "not msgpack": b"\xc1",
    "fewer": encode({"prompt": b"y"}),
}


def append(ledger: Ledger, wire: list[Any]) -> Any:
    return ledger.client()._ask(["append", [wire]], soon())


@pytest.mark.parametrize("what", LEAVES)
def test_a_malformed_leaf_is_refused_and_the_ledger_stays_whole(ledger: Ledger, what: str) -> None:
    leaf, *rest = ledger.client()._seal(event(), soon()).wire
    assert isinstance(leaf, bytes)
    spoiled = LEAVES[what](leaf)
    assert spoiled != leaf
    assert (len(spoiled) > MAX_LEAF_BYTES) is (what == "more than a leaf may hold")
    assert append(ledger, [spoiled, *rest])[0] == "refused"
    assert append(ledger, [leaf, *rest])[0] == "ok"  # control
    assert ledger.verify().findings == []


@pytest.mark.parametrize("what", PAYLOADS)
def test_a_payload_that_the_leaf_did_not_hash_is_refused(ledger: Ledger, what: str) -> None:
    leaf, sealed, *rest = ledger.client()._seal(event(), soon()).wire
    assert append(ledger, [leaf, PAYLOADS[what], *rest])[0] == "refused"
    assert append(ledger, [leaf, sealed, *rest])[0] == "ok"  # control
    assert ledger.verify().findings == []


def test_a_data_key_under_a_name_that_is_not_its_own_is_refused(ledger: Ledger) -> None:
    client = ledger.client()
    lookup = client._master.lookup("default", ("https://idp.example.test", "mallory"))
    name, wrapped = client._master.new_key(lookup)
    bad_rows: list[list[Value]] = [
        [lookup, client._master.new_key(lookup)[0], wrapped],
        [lookup, name, bytes(len(wrapped))],
        [bytes(32), name, wrapped],
    ]
    for bad in bad_rows:
        assert client._ask(["key", *bad], soon()) == REFUSED_KEY
    assert client._ask(["key", lookup, name, wrapped], soon()) == ["ok", name, wrapped]  # control


def test_a_payload_key_changed_in_the_file_is_found(tmp_path: Path) -> None:
    """Whoever can write the file could once make a person unreadable without a trace."""
    with running_ledger(tmp_path) as ledger:
        client = ledger.client()
        client.append([event()], deadline=soon())
        client.close()
        ledger.stop()
        assert ledger.verify().findings == []  # control
        data = ledger.database.read_bytes()
        (wrapped,) = _wrapped(ledger)
        ledger.database.write_bytes(data.replace(wrapped, bytes(len(wrapped))))
        assert "data key" in ledger.verify().findings[0].what


def _wrapped(ledger: Ledger) -> list[bytes]:
    with closing(sqlite3.connect(ledger.database)) as database:
        return [row[0] for row in database.execute("SELECT wrapped FROM subject_keys")]
