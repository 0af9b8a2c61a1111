"""Sealing: a blob opens in its own place, under its own key, with its own commitment only."""

from __future__ import annotations

import os
import threading
from dataclasses import replace

import orjson
import pytest

from counterfoil.core.canonical import digest
from counterfoil.core.entry import data_key_id
from counterfoil.errors import LedgerCorrupt
from counterfoil.ledger import sealing
from counterfoil.ledger.fields import DataKey, seal_ahead
from counterfoil.ledger.frames import encode, unpack
from counterfoil.ledger.sealing import (
    KeyRing,
    Master,
    open_once,
    open_payload,
    seal_event,
    unpack_sealed,
)
from counterfoil.ports import Event, Once
from ledgers import ALICE, PROMPT, SQL, event

ORIGIN = "ledger.example.test/00/log/default"
MASTER = Master(bytes(32))
LOOKUP = MASTER.lookup("default", ALICE)


def fresh_key() -> DataKey:
    name, wrapped = MASTER.new_key(LOOKUP)
    return MASTER.unwrap(name, LOOKUP, wrapped)


def test_a_sealed_payload_opens_to_the_same_bytes() -> None:
    key, sent = fresh_key(), event()
    leaf, packed, _ = seal_event(sent, ORIGIN, key, MASTER).wire
    assert isinstance(leaf, bytes)
    assert isinstance(packed, bytes)
    blobs, commitments = unpack_sealed(packed), orjson.loads(leaf)["commitments"]
    place = (ORIGIN, sent.event_id)
    assert open_payload(key, blobs, commitments, place) == {"arguments": SQL, "prompt": PROMPT}


def blobs_of(sent: Event, key: DataKey, origin: str = ORIGIN) -> dict[str, bytes]:
    """What is stored of the event; it opens, and to what was sent."""
    leaf, packed, _ = seal_event(sent, origin, key, MASTER).wire
    assert isinstance(leaf, bytes)
    assert isinstance(packed, bytes)
    blobs = unpack_sealed(packed)
    commitments, place = orjson.loads(leaf)["commitments"], (origin, sent.event_id)
    assert open_payload(key, blobs, commitments, place) == sent.payload
    return blobs


def test_what_was_sealed_ahead_is_taken_over_and_the_rest_is_sealed() -> None:
    key, sent = fresh_key(), event()
    part = {"prompt": sent.payload["prompt"]}
    ahead = seal_ahead(part, key, ORIGIN, sent.event_id)
    blobs = blobs_of(replace(sent, ahead=ahead), key)
    assert blobs["prompt"] == ahead.fields["prompt"].blob
    assert set(blobs) == set(sent.payload)


@pytest.mark.parametrize("changed", ["event", "origin", "key", "bytes", "absent"])
def test_what_was_sealed_ahead_for_another_event_key_or_text_is_sealed_anew(changed: str) -> None:
    """Or a record would not open, or would hold other words than were judged."""
    key, sent = fresh_key(), event()
    part = {"prompt": sent.payload["prompt"]}
    ahead = seal_ahead(part, key, ORIGIN, sent.event_id)
    stale, origin = ahead.fields["prompt"].blob, ORIGIN
    if changed == "event":
        sent = replace(sent, event_id="evt_" + "9" * 26)
    elif changed == "origin":
        origin = ORIGIN.replace("/00/", "/01/")
    elif changed == "key":
        key = fresh_key()
    elif changed == "bytes":
        sent = replace(sent, payload={**sent.payload, "prompt": b"another prompt"})
    else:
        sent = replace(sent, payload={"arguments": SQL})
    blobs = blobs_of(replace(sent, ahead=ahead), key, origin)
    assert set(blobs) == set(sent.payload)
    assert stale not in blobs.values()


@pytest.mark.parametrize("attack", ["byte", "field", "event", "origin", "key", "commitment"])
def test_a_moved_or_changed_blob_does_not_open(attack: str) -> None:
    key, sent = fresh_key(), event()
    leaf, packed, _ = seal_event(sent, ORIGIN, key, MASTER).wire
    assert isinstance(leaf, bytes)
    assert isinstance(packed, bytes)
    blobs, commitments = unpack_sealed(packed), orjson.loads(leaf)["commitments"]
    place = (ORIGIN, sent.event_id)
    open_payload(key, blobs, commitments, place)  # control
    if attack == "byte":
        blob = bytearray(blobs["prompt"])
        blob[20] ^= 1
        blobs["prompt"] = bytes(blob)
    elif attack == "field":
        blobs["prompt"] = blobs["arguments"]
    elif attack == "event":
        place = (ORIGIN, event().event_id)
    elif attack == "origin":
        place = (ORIGIN + "2", sent.event_id)
    elif attack == "key":
        key = fresh_key()
    else:
        commitments["prompt"] = commitments["arguments"]
    with pytest.raises(LedgerCorrupt):
        open_payload(key, blobs, commitments, place)


def test_equal_payloads_leave_no_equal_traces() -> None:
    key = fresh_key()
    leaves = [seal_event(event(), ORIGIN, key, MASTER).wire[0] for _ in range(2)]
    one, two = (orjson.loads(leaf) for leaf in leaves if isinstance(leaf, bytes))
    for part in ("commitments", "sealed"):
        assert not set(one[part].values()) & set(two[part].values())


def test_a_data_key_opens_under_its_own_master_name_and_person_only() -> None:
    name, wrapped = MASTER.new_key(LOOKUP)
    MASTER.unwrap(name, LOOKUP, wrapped)  # control
    other, bob = MASTER.new_key(LOOKUP)[0], MASTER.lookup("default", None)
    for master, id_, lookup, data in (
        (Master(os.urandom(32)), name, LOOKUP, wrapped),
        (MASTER, other, LOOKUP, wrapped),
        (MASTER, name, bob, wrapped),
        (MASTER, data_key_id(bob, wrapped), bob, wrapped),
        (MASTER, name, LOOKUP, wrapped[:-1]),
        (MASTER, data_key_id(LOOKUP, b""), LOOKUP, b""),
    ):
        with pytest.raises(LedgerCorrupt):
            master.unwrap(id_, lookup, data)


def test_names_of_persons_are_keyed_and_cannot_be_confused() -> None:
    subjects = [None, ALICE, ("https://idp.example.test", "bob"), ("", "x"), ("x", "")]
    names = {MASTER.lookup(tenant, who) for tenant in ("a", "b") for who in subjects}
    assert len(names) == 10
    assert MASTER.lookup("a", ALICE) != Master(os.urandom(32)).lookup("a", ALICE)


def test_a_stored_answer_opens_for_its_own_scope_only() -> None:
    key = fresh_key()
    once = Once(scope="s", body_digest=digest(b""), answer=b"the answer", expires_at=1.0)
    wire = seal_event(event(once=once), ORIGIN, key, MASTER).wire
    match wire[2]:
        case [bytes(scope), bytes(body), bytes(answer), float()]:
            pass
        case _:
            pytest.fail("no once on the wire")
    assert scope == MASTER.once_scope("s")
    assert body == MASTER.once_body(once)
    assert sealing.once_key_id(answer) == key.id
    assert open_once(answer, once, key, MASTER) == b"the answer"
    with pytest.raises(LedgerCorrupt):
        open_once(answer, replace(once, scope="t"), key, MASTER)
    with pytest.raises(LedgerCorrupt):
        open_once(answer[:-1], once, key, MASTER)


def test_equal_bodies_of_two_scopes_have_different_hashes() -> None:
    once = Once(scope="s", body_digest=digest(b""), answer=b"", expires_at=1.0)
    assert MASTER.once_body(once) != MASTER.once_body(replace(once, scope="t"))


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"\xc1",
        encode([1]),
        encode({"b": b"", "a": b""}),
        encode({"a": "text"}),
        encode({"a": b""}) + b"\x00",
        b"\xde\x00\x01\xa1a\xc4\x00",
        b"\x82\xa1a\xc4\x00\xa1a\xc4\x00",
        b"\x81\x01\xc4\x00",
    ],
)
def test_a_second_spelling_of_sealed_fields_is_refused(packed: bytes) -> None:
    assert unpack_sealed(encode({"a": b"", "b": b"x"})) == {"a": b"", "b": b"x"}  # control
    with pytest.raises((ValueError, TypeError)):
        unpack_sealed(packed)
    assert unpack(encode(1)) == 1


def test_the_key_ring_asks_once_and_forgets_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "MAX_CACHED_KEYS", 2)
    asked: list[bytes] = []

    def fetch(lookup: bytes, name: str, wrapped: bytes, *, deadline: float) -> tuple[str, bytes]:
        asked.append(lookup)
        return name, wrapped

    ring = KeyRing(MASTER, fetch)
    people = [("idp", name) for name in "abc"]
    first = ring.key_for("t", people[0], deadline=1.0)
    assert ring.key_for("t", people[0], deadline=1.0) is first
    assert len(asked) == 1
    for who in people[1:]:
        ring.key_for("t", who, deadline=1.0)
    assert ring.key_for("t", people[0], deadline=1.0) is not first
    ring.forget("t", people[2])
    ring.key_for("t", people[2], deadline=1.0)
    assert len(asked) == 5
    threads = [
        threading.Thread(target=ring.key_for, args=("t", people[2]), kwargs={"deadline": 1.0})
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(asked) == 5
