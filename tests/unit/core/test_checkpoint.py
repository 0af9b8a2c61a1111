"""Signed notes and checkpoints: the published example, and every way to be none."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from counterfoil.core.checkpoint import (
    Checkpoint,
    InvalidNote,
    VerifierKey,
    log_id,
    log_origin,
    note_origin,
    open_checkpoint,
    parse_checkpoint,
    parse_verifier_key,
    signed_note,
    split_note,
)
from counterfoil.ledger.keys import Verifier

# The example of golang.org/x/mod/sumdb/note, in whose format C2SP's signed notes are.
KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
ORIGIN = "ledger.example.test/log/default"
_private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OURS = VerifierKey(ORIGIN, _private.public_key().public_bytes_raw())
CHECKPOINT = Checkpoint(ORIGIN, 7, bytes(range(32)))


def note(text: str | None = None, key: VerifierKey = OURS) -> bytes:
    text = CHECKPOINT.text() if text is None else text
    return signed_note(text, key, _private.sign(text.encode()))


def opened(data: bytes) -> Checkpoint:
    return open_checkpoint(data, OURS, Verifier(OURS))


def test_the_published_key_and_note_verify() -> None:
    key = parse_verifier_key(KEY)
    assert key.text() == KEY
    assert key.key_id().hex() == "c74f20a3"
    text, ((name, data),) = split_note(NOTE.encode())
    assert (name, data[:4]) == (key.name, key.key_id())
    assert Verifier(key)(data[4:], text.encode())
    assert not Verifier(key)(data[4:], text.encode() + b"\n")


def test_a_checkpoint_comes_back_through_its_note() -> None:
    assert opened(note()) == CHECKPOINT
    assert parse_checkpoint(CHECKPOINT.text()) == CHECKPOINT
    assert note_origin(note()) == ORIGIN


def test_signatures_of_witnesses_are_passed_over() -> None:
    witness = note(key=VerifierKey("witness.example.test", OURS.public)).split(b"\n\n")[1]
    assert opened(note() + witness) == CHECKPOINT


def test_a_second_wrong_signature_of_the_same_key_is_refused() -> None:
    text = CHECKPOINT.text()
    wrong = signed_note(text, OURS, bytes(64)).split(b"\n\n")[1]
    with pytest.raises(InvalidNote, match="not valid"):
        opened(note() + wrong)


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"{ORIGIN}\n7\n",
        f"{ORIGIN}\n07\n" + CHECKPOINT.text().split("\n")[2] + "\n",
        f"{ORIGIN}\n-7\n" + CHECKPOINT.text().split("\n")[2] + "\n",
        f"{ORIGIN}\n\u0667\n" + CHECKPOINT.text().split("\n")[2] + "\n",
        f"{ORIGIN}\n7\nAAAA\n",
        f"{ORIGIN}\n7\n" + "A" * 42 + "B=\n",
        CHECKPOINT.text() + "extension\n",
        CHECKPOINT.text().replace("default", "another"),
    ],
)
def test_a_signed_text_that_is_no_checkpoint_of_this_log_is_refused(text: str) -> None:
    with pytest.raises(InvalidNote):
        opened(note(text))


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-1],
        lambda data: data + b"\n",
        lambda data: data + b"x",
        lambda data: data.replace(b"\n\n", b"\n"),
        lambda data: data.replace("—".encode(), b"-"),
        lambda data: data.replace(b"\n7\n", b"\n8\n"),
        lambda data: data.replace(b"\n7\n", b"\r\n7\r\n"),
        lambda data: data.replace(b"default ", b"default"),
        lambda data: data.replace(b"default ", b"another "),
        lambda data: data[:-3] + b"!=\n",
        lambda data: b"\xff" + data,
        lambda data: data + b"\n" * 70_000,
    ],
)
def test_a_changed_note_is_refused(change: object) -> None:
    assert callable(change)
    changed = change(note())
    if changed == note():
        pytest.fail("the change changes nothing")
    with pytest.raises(InvalidNote):
        opened(changed)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a+b",
        "a+b+c",
        KEY.replace("c74f20a3", "c74f20a4"),
        KEY.replace("PeterNeumann", "Peter Neumann"),
        KEY.replace("+ARpc", "+AhpC"),
        KEY[:-4],
    ],
)
def test_a_malformed_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(InvalidNote):
        parse_verifier_key(text)


def test_log_names_are_one_to_one_and_safe_in_a_path_and_a_note() -> None:
    tenants = ["", "system", "%73ystem", "a", "A", "a/b", "a%2Fb", ".", "..", ".a", "a.b", "é", "~"]
    ids = [log_id(tenant) for tenant in tenants]
    assert len(set(ids)) == len(tenants)
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEF0123456789%.-_") for name in ids)
    assert not any(name.startswith(".") for name in ids)
    assert log_origin("p", "") == "p/log/system"
    with pytest.raises(ValueError, match="too long"):
        log_id("x" * 129)
