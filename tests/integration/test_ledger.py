"""The ledger end to end: a real writer process, real clients, one file."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import orjson
import pytest

from counterfoil.core.canonical import b64url, canonical_bytes, digest
from counterfoil.core.checkpoint import log_origin, open_checkpoint
from counterfoil.core.entry import from_b64url, leaf_problem, receipt_message
from counterfoil.core.tree import leaf_hash
from counterfoil.errors import IdempotencyInProgress, LedgerCorrupt, LedgerUnavailable
from counterfoil.ledger.answers import OnceConflict
from counterfoil.ledger.keys import Verifier, load_master
from counterfoil.ledger.reader import Reader
from counterfoil.ledger.sealing import Master
from counterfoil.ledger.sources import source_of
from counterfoil.ports import Once
from ledgers import ALICE, CLOCK, PROMPT, SQL, Ledger, event, new_id, soon


@pytest.fixture
def ledger(any_ledger: Ledger) -> Ledger:
    return any_ledger


def once(scope: str, body: str = "body", answer: bytes = b"the answer", **changes: float) -> Once:
    expires_at = changes.get("expires_at", CLOCK.now() + 600)
    return Once(
        scope=scope, body_digest=digest(body.encode()), answer=answer, expires_at=expires_at
    )


def rows(ledger: Ledger, sql: str) -> list[tuple[object, ...]]:
    return ledger.rows(sql)


def test_a_recorded_event_is_read_back_whole_with_its_receipt(ledger: Ledger) -> None:
    client, sent = ledger.client(), event()
    (recorded,) = client.append([sent], deadline=soon())
    ledger.settle()
    (stored,) = client.trail("default", str(sent.decision_id))
    assert dict(stored.payload) == {"arguments": SQL, "prompt": PROMPT}
    assert (stored.kind, stored.index, stored.plain) == ("decided", 0, sent.plain)
    assert stored.receipt == recorded.receipt
    assert recorded.repeated is None


def test_the_receipt_is_signed_over_the_leaf_by_the_key_that_is_published(ledger: Ledger) -> None:
    (recorded,) = ledger.client().append([event()], deadline=soon())
    receipt, key = recorded.receipt, ledger.key
    ((leaf,),) = rows(ledger, "SELECT leaf FROM entries")
    assert isinstance(leaf, bytes)
    assert receipt.leaf_hash == b64url(leaf_hash(leaf))
    assert receipt.origin == log_origin(key.name, "default")
    assert receipt.key_id == key.named(receipt.origin).key_id().hex()
    message = receipt_message(receipt.origin, receipt.event_id, receipt.leaf_hash, receipt.time)
    assert Verifier(key)(from_b64url(receipt.signature), message)
    assert not Verifier(key)(from_b64url(receipt.signature), message + b" ")


def test_a_leaf_is_the_canonical_form_of_a_valid_entry(ledger: Ledger) -> None:
    ledger.client().append([event()], deadline=soon())
    ((leaf,),) = rows(ledger, "SELECT leaf FROM entries")
    assert isinstance(leaf, bytes)
    value = orjson.loads(leaf)
    assert leaf_problem(value) is None
    assert canonical_bytes(value) == leaf


def test_every_record_stands_under_a_signed_checkpoint_at_once(ledger: Ledger) -> None:
    client = ledger.client()
    for size in (1, 2, 3):
        client.append([event()], deadline=soon())
        ((note,),) = rows(ledger, "SELECT note FROM logs WHERE tenant = 'default'")
        assert isinstance(note, bytes)
        key = ledger.key.named(log_origin(ledger.key.name, "default"))
        assert open_checkpoint(note, key, Verifier(key)).size == size


def test_what_was_said_stands_nowhere_readable(ledger: Ledger) -> None:
    secret = "hunter2-in-a-prompt"
    action_digest = digest(b"an action")
    prompt_digest = digest(secret.encode())
    promise = once(f"idempotency {secret}", body=secret, answer=b"answer " + secret.encode())
    payload = {
        "prompt": secret.encode(),
        "decision": action_digest.encode(),
        "caller": prompt_digest.encode(),
    }
    client = ledger.client()
    client.append([event(payload=payload, once=promise)], deadline=soon())
    client.reserve(once(f"pending {secret}", body=secret), deadline=soon())
    client.close()
    ledger.stop()
    places: dict[object, bytes] = {
        path: path.read_bytes() for path in ledger.folder.rglob("*") if path.is_file()
    }
    places["the store"] = ledger.stored()
    for path, data in places.items():
        for word in (secret, action_digest, prompt_digest, promise.scope, promise.body_digest):
            assert word.encode() not in data, path
        for person in ALICE:
            assert person.encode() not in data, path
    assert b"rbac.granted" in ledger.stored()  # control: codes are readable


def test_a_foreign_tenant_sees_nothing(ledger: Ledger) -> None:
    client, sent = ledger.client(), event()
    client.append([sent], deadline=soon())
    assert client.trail("other", str(sent.decision_id)) == []
    assert len(client.trail("default", str(sent.decision_id))) == 1


def test_each_tenant_has_its_own_log_and_nobody_can_take_the_name_of_another(
    ledger: Ledger,
) -> None:
    tenants = ["default", "", "system", "a/b", "a b", "%", "..", "ü", "a+b", "x" * 128]
    client = ledger.client()
    receipts = [client.append([event(tenant=t)], deadline=soon())[0].receipt for t in tenants]
    assert len({receipt.origin for receipt in receipts}) == len(tenants)
    assert receipts[1].origin.endswith("/log/system")
    assert not receipts[2].origin.endswith("/log/system")
    assert ledger.verify().found == 0
    with pytest.raises(LedgerUnavailable, match="too long"):
        client.append([event(tenant="x" * 129)], deadline=soon())


def test_events_of_a_batch_are_recorded_together_or_not_at_all(ledger: Ledger) -> None:
    client = ledger.client()
    client.append([event(once=once("taken"))], deadline=soon())
    batch = [event(), event(once=once("taken", body="another"))]
    with pytest.raises(OnceConflict):
        client.append(batch, deadline=soon())
    assert rows(ledger, "SELECT count(*) FROM entries") == [(1,)]
    good = [event() for _ in range(16)]  # control
    recorded = client.append(good, deadline=soon())
    assert [item.receipt.event_id for item in recorded] == [item.event_id for item in good]


def test_words_in_the_plain_part_are_refused_and_nothing_is_recorded(ledger: Ledger) -> None:
    client = ledger.client()
    for plain in ({"note": "DROP TABLE users"}, {"Note": 1}, {"share": 0.5}, {"n": 2**53}):
        with pytest.raises(LedgerUnavailable, match="plain"):
            client.append([event(plain=plain)], deadline=soon())
    assert rows(ledger, "SELECT count(*) FROM entries") == [(0,)]
    client.append([event()], deadline=soon())  # control


def test_an_event_without_a_person_is_sealed_under_the_tenants_key(ledger: Ledger) -> None:
    client = ledger.client()
    opening = event(subject=None)
    client.append([opening, event(), event(subject=None, tenant="other")], deadline=soon())
    assert dict(client.trail("default", str(opening.decision_id))[0].payload) == dict(
        opening.payload
    )
    assert len({from_leaf(leaf) for (leaf,) in rows(ledger, "SELECT leaf FROM entries")}) == 3
    bare = event(subject=None, payload={})
    client.append([bare], deadline=soon())
    assert client.trail("default", str(bare.decision_id))[0].payload == {}


def from_leaf(leaf: object) -> object:
    assert isinstance(leaf, bytes)
    return orjson.loads(leaf)["subject_key"]


def test_one_person_has_one_data_key_whichever_workers_meet_them_first(ledger: Ledger) -> None:
    clients = [ledger.client() for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: clients[n % 4].append([event()], deadline=soon()), range(40)))
    assert len({from_leaf(leaf) for (leaf,) in rows(ledger, "SELECT leaf FROM entries")}) == 1
    assert rows(ledger, "SELECT count(*) FROM subject_keys") == [(1,)]


def test_an_event_id_is_recorded_once_and_spoils_nobody_elses_group(ledger: Ledger) -> None:
    client, first = ledger.client(), event()
    client.append([first], deadline=soon())
    others = [event() for _ in range(30)]
    with ThreadPoolExecutor(31) as pool:
        twice = pool.submit(client.append, [replace(first, time=1.0)], deadline=soon())
        answers = list(pool.map(lambda item: client.append([item], deadline=soon()), others))
    with pytest.raises(LedgerUnavailable, match="exists already"):
        twice.result()
    assert [answer[0].receipt.event_id for answer in answers] == [o.event_id for o in others]
    assert ledger.verify().entries == 31


def test_concurrent_events_share_commits(ledger: Ledger) -> None:
    client = ledger.client()
    client.append([event()], deadline=soon())
    before = commits(ledger)
    with ThreadPoolExecutor(32) as pool:
        list(pool.map(lambda _: client.append([event()], deadline=soon()), range(640)))
    assert rows(ledger, "SELECT count(*) FROM entries") == [(641,)]
    assert commits(ledger) - before < 320


def commits(ledger: Ledger) -> int:
    """How many transactions brought records."""
    if ledger.server:
        return int(str(ledger.rows("SELECT count(DISTINCT xid) FROM records")[0][0]))
    return transactions_in_wal(ledger)


def transactions_in_wal(ledger: Ledger) -> int:
    """How many transactions the WAL holds: a frame with a size ends one (fileformat2 §4.1)."""
    data = ledger.database.with_name("ledger.db-wal").read_bytes()
    page = int.from_bytes(data[8:12], "big")
    salt, frames = data[16:24], range(32, len(data) - page, page + 24)
    return sum(
        data[at + 4 : at + 8] != bytes(4) and data[at + 8 : at + 16] == salt for at in frames
    )


def test_the_same_scope_and_body_is_recorded_once_and_answered_with_the_first(
    ledger: Ledger,
) -> None:
    client, first = ledger.client(), event(once=once("key-1", answer=b"first"))
    (recorded,) = client.append([first], deadline=soon())
    again = event(once=once("key-1", answer=b"second"))
    (repeated,) = ledger.client().append([again], deadline=soon())
    assert repeated.repeated == b"first"
    assert repeated.receipt == recorded.receipt
    assert rows(ledger, "SELECT count(*) FROM entries") == [(1,)]
    (other,) = client.append([event(once=once("key-2"))], deadline=soon())  # control
    assert other.repeated is None


def test_two_racing_clients_record_one_scope_once(ledger: Ledger) -> None:
    clients = [ledger.client() for _ in range(2)]
    for number in range(20):
        barrier = threading.Barrier(8)

        def race(who: int, number: int = number, barrier: threading.Barrier = barrier) -> bytes:
            sent = event(once=once(f"race-{number}", answer=str(who).encode()))
            barrier.wait()
            (recorded,) = clients[who % 2].append([sent], deadline=soon())
            return recorded.repeated or sent.once.answer  # type: ignore[union-attr]  # set above

        with ThreadPoolExecutor(8) as pool:
            answers = set(pool.map(race, range(8)))
        assert len(answers) == 1
    assert rows(ledger, "SELECT count(*) FROM entries") == [(20,)]


def test_a_claim_holds_until_it_is_done_released_or_late(ledger: Ledger) -> None:
    one, two = ledger.client(), ledger.client()
    promise = once("claim")
    assert one.reserve(promise, deadline=soon()) is None
    with pytest.raises(IdempotencyInProgress):
        two.reserve(promise, deadline=soon())
    with pytest.raises(OnceConflict):
        two.reserve(once("claim", body="another"), deadline=soon())
    one.release(promise)
    assert two.reserve(promise, deadline=soon()) is None
    two.append([event(once=promise)], deadline=soon())
    assert one.reserve(promise, deadline=soon()) == b"the answer"
    one.release(promise)  # a done scope is not given back
    assert one.reserve(promise, deadline=soon()) == b"the answer"


def test_the_claim_of_a_dead_worker_ends_at_its_deadline(ledger: Ledger) -> None:
    promise = once("orphan")
    moment = 0.3
    assert ledger.client().reserve(promise, deadline=soon(moment)) is None
    threading.Event().wait(moment)
    assert ledger.client().reserve(promise, deadline=soon()) is None


def test_an_expired_answer_counts_as_absent(ledger: Ledger) -> None:
    client = ledger.client()
    client.append([event(once=once("old", expires_at=CLOCK.now() - 1))], deadline=soon())
    assert client.reserve(once("old", body="another"), deadline=soon()) is None


def test_a_stored_answer_whose_key_somebody_took_away_is_no_answer(ledger: Ledger) -> None:
    client = ledger.client()
    client.append([event(once=once("erased"))], deadline=soon())
    client.close()
    ledger.stop()
    ledger.edit("DELETE FROM subject_keys")
    ledger.start()
    with pytest.raises(LedgerCorrupt, match="not erased"):
        ledger.client().reserve(once("erased"), deadline=soon())


def test_an_event_under_a_destroyed_key_is_refused_and_sealed_anew(ledger: Ledger) -> None:
    client, first = ledger.client(), event()
    client.append([first], deadline=soon())
    ledger.stop()
    ledger.edit("DELETE FROM subject_keys")
    ledger.start()
    second = event()
    client.append([second], deadline=soon())  # its cached key is gone: refused, then made anew
    leaves = [from_leaf(leaf) for (leaf,) in rows(ledger, "SELECT leaf FROM entries ORDER BY seq")]
    assert leaves[0] != leaves[1]
    assert rows(ledger, "SELECT id FROM subject_keys") == [(leaves[1],)]
    with pytest.raises(LedgerCorrupt):  # it went without an erasure
        client.trail("default", str(first.decision_id))
    assert client.trail("default", str(second.decision_id))[0].payload["prompt"] == PROMPT


def test_an_edited_record_is_never_told_as_true(ledger: Ledger) -> None:
    sent = event(plain={"effect": "deny"})
    client = ledger.client()
    client.append([sent], deadline=soon())
    assert client.trail("default", str(sent.decision_id))[0].plain == {"effect": "deny"}  # control
    client.close()
    ledger.stop()
    ((leaf,),) = ledger.rows("SELECT leaf FROM entries")
    ledger.edit("UPDATE entries SET leaf = ?", leaf.replace(b'"deny"', b'"allow"'))
    with offline_reader(ledger) as reader, pytest.raises(LedgerCorrupt):
        reader.trail("default", str(sent.decision_id))


def offline_reader(ledger: Ledger) -> closing[Reader]:
    master = Master(load_master(ledger.keys, create=False))
    return closing(Reader(source_of(ledger.place), master, lambda: ledger.key))


def test_health_says_whether_an_event_could_be_recorded(ledger: Ledger) -> None:
    client = ledger.client()
    assert client.health(deadline=soon()).ready
    ledger.stop()
    found = client.health(deadline=soon(0.5))
    assert not found.ready
    assert "writer" in found.detail


def test_an_unknown_id_is_an_empty_trail(ledger: Ledger) -> None:
    assert ledger.client().trail("default", new_id("dec")) == []
