"""The writer's socket: bounded, private, and a receipt leaves it only after the commit."""

from __future__ import annotations

import os
import random
import select
import socket
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from counterfoil.core.checkpoint import log_origin
from counterfoil.errors import LedgerUnavailable
from counterfoil.ledger import frames
from counterfoil.ledger.asking import Ask
from counterfoil.ledger.channel import Channel
from counterfoil.ledger.frames import MAX_FRAME_BYTES, FrameBuffer, Value, encode, pack, pack_group
from counterfoil.ledger.sealing import Master, seal_event
from counterfoil.ledger.writer import MAX_CONNECTIONS, Writer, listen
from ledgers import CLOCK, Ledger, event, open_store, running_ledger, soon


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with running_ledger(tmp_path) as started:
        yield started


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """A short name for a socket."""
    with closing(Ledger(tmp_path)) as unused:
        yield unused.socket


def connected(path: Path) -> socket.socket:
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(str(path))
    peer.settimeout(20)
    return peer


def listening(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as peer:
        return peer.connect_ex(str(path)) == 0


def ask(peer: socket.socket, *requests: Value) -> Value:
    peer.sendall(pack_group(1, soon(), [encode(request) for request in requests]))
    buffer = FrameBuffer()
    while not buffer.ready():
        assert buffer.receive(peer)
    return buffer.take()


def test_the_receipt_leaves_only_after_the_commit(tmp_path: Path, path: Path) -> None:
    store = open_store(tmp_path)
    writer = Writer(store, listen(path))
    peer = connected(path)
    writer.turn()
    seen: list[tuple[str, bool]] = []

    def observe(statement: str) -> None:
        answered = bool(select.select([peer], [], [], 0)[0])
        seen.append((statement.split(maxsplit=1)[0], answered))

    store._db.set_trace_callback(observe)
    sealed = seal_event(
        event(subject=None, payload={}),
        log_origin(store.prefix, "default"),
        None,
        Master(bytes(32)),
    )
    peer.sendall(pack_group(1, soon(), [encode(["append", [sealed.wire]])]))
    writer.turn()
    assert ("COMMIT", False) in seen
    assert not any(answered for _, answered in seen)  # nothing is written after the answer either
    assert ask_nothing(peer)[0] == 1
    store._db.set_trace_callback(None)
    peer.close()
    writer.close()
    store.close()


def ask_nothing(peer: socket.socket) -> list[Value]:
    buffer = FrameBuffer()
    while not buffer.ready():
        assert buffer.receive(peer)
    answer = buffer.take()
    assert isinstance(answer, list)
    return answer


def test_the_socket_and_the_file_are_the_owners_alone(ledger: Ledger) -> None:
    ledger.client().append([event()], deadline=soon())
    for path in (ledger.socket, ledger.database, ledger.keys / "receipt.pem"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert stat.S_IMODE((ledger.keys / "sealing.key").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xff\xff\xff",
        (MAX_FRAME_BYTES + 1).to_bytes(4, "big"),
        b"\x00\x00\x00\x01\xc1",
        b"\x00\x00\x00\x02\x01\x01",
        pack([1, 2]),
        pack(["1", 2.0, []]),
        pack([1, 2, []]),
        pack({"a": 1}),
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_a_malformed_frame_ends_its_connection_and_no_other(ledger: Ledger, data: bytes) -> None:
    with connected(ledger.socket) as peer:
        peer.sendall(data)
        assert peer.recv(1) == b""
    ledger.client().append([event()], deadline=soon())  # control


@pytest.mark.parametrize(
    "request_",
    [
        ["append"],
        ["append", [[]]],
        ["append", [[b"{}", None, None]]],
        ["append", [[b"not json", None, None]]],
        ["append", [["text", None, None]]],
        ["append", [[b"{}", None, [1]]]],
        ["reserve", b"x"],
        ["spend", b"x", 1],
        ["key", 1, 2, 3],
        ["drop", "everything"],
        [],
        None,
        7,
    ],
)
def test_a_malformed_request_is_refused_alone(ledger: Ledger, request_: Value) -> None:
    with connected(ledger.socket) as peer:
        match ask(peer, request_, ["hello"]):
            case [1, [["refused", _], ["ok", *_]]]:
                pass
            case answer:
                pytest.fail(repr(answer))
    assert ledger.verify().entries == 0


def test_random_bytes_never_stop_the_writer(ledger: Ledger) -> None:
    seeded = random.Random(20_260_101)  # noqa: S311 (not for secrets)
    for _ in range(300):
        body = seeded.randbytes(seeded.randrange(1, 200))
        framed = len(body).to_bytes(4, "big") + body if seeded.random() < 0.7 else body
        with connected(ledger.socket) as peer:
            peer.sendall(framed)
    ledger.client().append([event()], deadline=soon())
    assert ledger.process is not None
    assert ledger.process.poll() is None


def test_a_peer_that_never_reads_or_never_finishes_delays_nobody(ledger: Ledger) -> None:
    with connected(ledger.socket) as silent, connected(ledger.socket) as half:
        half.sendall(pack_group(1, soon(), [encode(["hello"])])[:-3])
        for number in range(2_000):
            frame = pack_group(number, soon(), [encode(["hello"])] * 50)
            silent.settimeout(0.05)
            try:
                silent.sendall(frame)
            except TimeoutError:
                break
        else:
            pytest.fail("the writer reads on for a peer that takes no answers")
        ledger.client().append([event()], deadline=soon())


def test_connections_are_bounded_and_come_back(ledger: Ledger) -> None:
    ledger.stop()  # with it goes the connection of the client that waited for the start
    ledger.clients[0].close()
    ledger.socket.unlink()
    ledger.launch()
    while not listening(ledger.socket):
        pass
    peers = [connected(ledger.socket) for _ in range(MAX_CONNECTIONS)]
    ask(peers[-1], ["hello"])
    with connected(ledger.socket) as one_too_many:
        one_too_many.sendall(pack_group(1, soon(), [encode(["hello"])]))
        for peer in peers:
            ask(peer, ["hello"])
        assert not select.select([one_too_many], [], [], 0)[0]
        peers.pop().close()
        assert one_too_many.recv(1)
    for peer in peers:
        peer.close()
    ledger.client().append([event()], deadline=soon())


def test_an_event_too_large_for_a_frame_is_refused_before_it_is_sent(ledger: Ledger) -> None:
    client = ledger.client()
    with pytest.raises(LedgerUnavailable, match="too large"):
        client.append([event(payload={"prompt": os.urandom(MAX_FRAME_BYTES)})], deadline=soon())
    large = event(payload={"prompt": os.urandom(MAX_FRAME_BYTES // 2)})
    client.append([large], deadline=soon())  # control


def test_a_group_larger_than_a_frame_goes_in_several(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = ledger.client()
    monkeypatch.setattr("counterfoil.ledger.client.MAX_FRAME_BYTES", 8_000)
    sealed = [encode(["append", [client._seal(event(), soon()).wire]]) for _ in range(12)]
    answers = client._exchange([Ask(packed, soon()) for packed in sealed])
    assert [answer[0] for answer in answers if isinstance(answer, list)] == ["ok"] * 12
    assert ledger.verify().entries == 12


def test_an_answer_to_another_question_is_never_taken(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as impostor:
        impostor.bind(str(path))
        impostor.listen()
        channel = Channel(path, CLOCK.monotonic)
        for reply in (pack([7, [["ok"]]]), pack([2, []]), pack([3, [["ok"], ["ok"]]]), pack("ok")):
            channel.close()
            peer = connected_pair(impostor, channel)
            with peer:
                peer.sendall(reply)
                with pytest.raises(LedgerUnavailable, match="another answer"):
                    channel.exchange([encode(["hello"])], soon())
        peer = connected_pair(impostor, channel)  # control
        with peer:
            peer.sendall(pack([5, [["ok"]]]))
            assert channel.exchange([encode(["hello"])], soon()) == [["ok"]]
        channel.close()


def connected_pair(impostor: socket.socket, channel: Channel) -> socket.socket:
    channel._peer = channel._connect(soon())
    peer, _ = impostor.accept()
    return peer


def test_a_frame_buffer_takes_any_cut_of_the_stream() -> None:
    stream = b"".join(pack([number, "x" * number]) for number in range(20))
    for cut in (1, 2, 3, 5, 7, 64):
        left, right = socket.socketpair()
        buffer, taken = FrameBuffer(), []
        with left, right:
            for at in range(0, len(stream), cut):
                left.sendall(stream[at : at + cut])
                buffer.receive(right)
                while buffer.ready():
                    taken.append(buffer.take())
        assert taken == [[number, "x" * number] for number in range(20)]
    assert frames.unpack(encode([1])) == [1]
