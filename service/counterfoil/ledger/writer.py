"""The writer process: the only one that writes the ledger, and the only holder of its key.

    python -m counterfoil.ledger.writer --database var/ledger.db --socket var/run/ledger.sock …

One thread. Each turn reads every request that has arrived, commits them as one group, then
answers: while one sync runs, the next group collects in the sockets. A connection has one
request out at a time, so what waits here is bounded by the number of workers.

Exit codes: 0 asked to stop, 65 the log contradicts itself (do not restart), 74 the storage
failed (restart: a failed sync is never retried in the same life), 78 wrong configuration.
"""

from __future__ import annotations

import argparse
import errno
import os
import selectors
import signal
import socket
import struct
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path

from counterfoil.errors import ConfigError, LedgerCorrupt
from counterfoil.ledger.database import StorageFailed, StorageUnavailable
from counterfoil.ledger.exit_codes import EXIT_CONFIG, EXIT_CORRUPT, EXIT_STORAGE
from counterfoil.ledger.frames import BadFrame, FrameBuffer, Value, pack
from counterfoil.ledger.keys import verifier_text
from counterfoil.ledger.mark import Mark, only_signer
from counterfoil.ledger.port import Answer, WriterStore
from counterfoil.ledger.signing import CLOCKS_SECONDS, KeyFolder, carried_out, load_signing
from counterfoil.ledger.store import Store

MAX_CONNECTIONS = 64
IDLE_SECONDS = 1.0
_BACKLOG = 512  # where it is full, connect(2) on a unix socket fails and does not wait
_PEER = struct.Struct("3i")  # SO_PEERCRED: pid, uid, gid


class _Connection:
    """One worker's connection: bytes in, at most one request out, bytes not yet taken."""

    __slots__ = ("buffer", "out", "peer")

    def __init__(self, peer: socket.socket) -> None:
        self.peer = peer
        self.buffer = FrameBuffer()
        self.out = b""


class Writer:
    """Serves one listening socket until `stop` is called."""

    def __init__(
        self, store: WriterStore, listener: socket.socket, keys: KeyFolder | None = None
    ) -> None:
        self._store, self._listener, self._keys = store, listener, keys
        self._selector = selectors.DefaultSelector()
        self._connections: set[_Connection] = set()
        self._stop_sender, self._stop_receiver = socket.socketpair()
        self._stop_sender.settimeout(0)
        self._selector.register(listener, selectors.EVENT_READ)
        self._selector.register(self._stop_receiver, selectors.EVENT_READ)
        self._stopping = False

    def stop(self, *_: object) -> None:
        """End after the current turn; safe in a signal handler."""
        self._stopping = True
        self._stop_sender.send(b"x")

    def run(self) -> None:
        """Serve until stopped.

        Raises:
            StorageFailed, LedgerCorrupt: the process must exit; callers see their connection end.
        """
        while not self._stopping:
            self.turn()

    def turn(self) -> None:
        """Wait for something, take all requests that are there, commit, answer."""
        ready = self._selector.select(IDLE_SECONDS)
        requests: list[tuple[_Connection, Value]] = []
        for key, mask in ready:
            connection = key.data
            if key.fileobj is self._listener:
                self._accept()
            elif connection is not None and mask & selectors.EVENT_WRITE:
                self._flush(connection)
            elif connection is not None:
                requests += self._read(connection)
        if requests:
            self._serve(requests)
        self._store.maintain(idle=not ready)
        if self._keys is not None:
            self._hand_over(self._keys)

    def _hand_over(self, keys: KeyFolder) -> None:
        """Go over to a rotated key when its time has come; else the present one goes on."""
        try:
            now = time.time()  # noqa: TID251 (as below)
            if keys.due(now):
                self._store.hand_over(load_signing(keys.directory, now))
        except StorageUnavailable as error:
            keys.again()
            _said(0, error)
        except ConfigError as error:
            _said(0, error)

    def close(self) -> None:
        """Close every socket; unanswered callers see the connection end."""
        for connection in list(self._connections):
            self._drop(connection)
        self._selector.close()
        for end in (self._listener, self._stop_sender, self._stop_receiver):
            end.close()

    def _accept(self) -> None:
        """Take callers in while there is room; the rest waits in the socket's own queue."""
        while len(self._connections) < MAX_CONNECTIONS:
            try:
                peer, _ = self._listener.accept()
            except BlockingIOError:
                return
            credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
            _, uid, _ = _PEER.unpack(credentials)
            if uid != os.geteuid():  # the socket's mode says the same, unless somebody widens it
                peer.close()
                continue
            peer.settimeout(0)
            connection = _Connection(peer)
            self._connections.add(connection)
            self._selector.register(peer, selectors.EVENT_READ, connection)
        self._selector.unregister(self._listener)

    def _read(self, connection: _Connection) -> list[tuple[_Connection, Value]]:
        try:
            if not connection.buffer.receive(connection.peer):
                self._drop(connection)
            elif connection.buffer.ready():
                return [(connection, connection.buffer.take())]
        except BlockingIOError:
            pass
        except (OSError, BadFrame):
            self._drop(connection)
        return []

    def _serve(self, requests: list[tuple[_Connection, Value]]) -> None:
        """Commit all frames of this turn as one group, then answer each."""
        wanted: list[Value] = []
        frames: list[tuple[_Connection, int, int]] = []
        for connection, frame in requests:
            match frame:
                case [int(number), float(deadline), list(items)]:
                    # Overdue: its caller has left, and answered 503 (the writer was stopped).
                    late = deadline <= time.monotonic()
                    frames.append((connection, number, -len(items) if late else len(items)))
                    wanted += [] if late else items
                case _:
                    self._drop(connection)
        answers = iter(self._answers(wanted))
        for connection, number, count in frames:
            own: list[Value] = [
                ["unavailable", "too late"] if count < 0 else next(answers)
                for _ in range(abs(count))
            ]
            self._send(connection, pack([number, own]))

    def _answers(self, wanted: Sequence[Value]) -> list[Value]:
        writes = [item for item in wanted if item not in (["hello"], ["health"])]
        try:
            written = iter(self._store.commit(writes) if writes else [])
        except StorageUnavailable as error:
            written = iter([["unavailable", str(error)] for _ in writes])
        return [
            self._hello()
            if item == ["hello"]
            else self._health()
            if item == ["health"]
            else next(written)
            for item in wanted
        ]

    def _hello(self) -> Answer:
        return ["ok", verifier_text(self._store.line)]

    def _health(self) -> Answer:
        trouble = self._store.trouble()
        return ["unavailable", trouble] if trouble else ["ok", self._store.entries]

    def _send(self, connection: _Connection, data: bytes) -> None:
        connection.out += data
        self._flush(connection)

    def _flush(self, connection: _Connection) -> None:
        """Send what the peer takes; while it takes no more, nothing more is read from it."""
        try:
            sent = connection.peer.send(connection.out)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._drop(connection)
            return
        waited = len(connection.out) > sent
        connection.out = connection.out[sent:]
        wish = selectors.EVENT_WRITE if waited else selectors.EVENT_READ
        if self._selector.get_key(connection.peer).events != wish:
            self._selector.modify(connection.peer, wish, connection)

    def _drop(self, connection: _Connection) -> None:
        if connection not in self._connections:
            return
        if len(self._connections) == MAX_CONNECTIONS:
            self._selector.register(self._listener, selectors.EVENT_READ)
        self._connections.discard(connection)
        self._selector.unregister(connection.peer)
        connection.peer.close()


def listen(path: Path) -> socket.socket:
    """Bind the socket, taking over one that nobody serves any more.

    Raises:
        ConfigError: somebody answers there, or the path cannot be bound.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(0)
            if probe.connect_ex(str(path)) in (0, errno.EAGAIN):  # alive, perhaps busy
                raise ConfigError(f"another process serves {path}")
        path.unlink(missing_ok=True)
        listener.bind(str(path))  # the umask makes it 0600 from its first moment
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise ConfigError(f"cannot listen on {path}: {error}") from error
    listener.settimeout(0)
    return listener


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the writer; see the module's text for the exit codes."""
    options = _parse(arguments)
    os.umask(0o077)
    try:
        # Replicas on PostgreSQL sign by the same keys; what each has signed is compared there.
        with nullcontext() if options.url else only_signer(options.keys):
            _serve_until_stopped(_open_store(options), options)
    except ConfigError as error:
        return _said(EXIT_CONFIG, error)
    except LedgerCorrupt as error:
        return _said(EXIT_CORRUPT, error)
    except (StorageFailed, StorageUnavailable) as error:
        return _said(EXIT_STORAGE, error)
    return 0


def _open_store(options: argparse.Namespace) -> WriterStore:
    now = time.time()  # noqa: TID251 (as below)
    if options.url:
        now -= CLOCKS_SECONDS
    signing = load_signing(options.keys, now, create=options.create_keys)
    if options.url:
        # Loaded here: a SQLite writer starts without the driver.
        from counterfoil.ledger.postgresql.arguments import place_from  # noqa: PLC0415
        from counterfoil.ledger.postgresql.store import PostgresqlStore  # noqa: PLC0415

        return PostgresqlStore(
            place_from(options),
            signing,
            base=options.origin,
            max_delay_seconds=options.max_delay_seconds,
            handed_over=partial(carried_out, options.keys),
            mark=lambda rows, line: Mark(options.keys, rows, line, time.monotonic),
            monotonic=time.monotonic,
        )
    return Store(
        options.database.absolute(),
        signing,
        base=options.origin,
        reserve_bytes=options.reserve_bytes,
        handed_over=partial(carried_out, options.keys),
        mark=lambda rows, line: Mark(options.keys, rows, line, time.monotonic),
        now=time.time,  # noqa: TID251 (this process is its own entry point)
        monotonic=time.monotonic,
    )


def _serve_until_stopped(store: WriterStore, options: argparse.Namespace) -> None:
    # On PostgreSQL receipts go over a little later than the logs, by clocks that may differ.
    keys = KeyFolder(options.keys, margin_seconds=CLOCKS_SECONDS if options.url else 0.0)
    writer = Writer(store, listen(options.socket.absolute()), keys)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, writer.stop)
    try:
        writer.run()
    finally:
        writer.close()
    store.close()


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="counterfoil.ledger.writer", description=__doc__)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--database", type=Path, help="a SQLite ledger's file")
    where.add_argument("--url", help="postgresql://user@host/database")
    parser.add_argument("--password-file", type=Path)
    parser.add_argument("--max-delay-seconds", type=int, default=10, help="PostgreSQL only")
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--keys", type=Path, required=True, help="folder with receipt.pem")
    parser.add_argument("--origin", required=True, help="what the logs' names begin with")
    parser.add_argument("--reserve-bytes", type=int, default=64 * 1024 * 1024)
    parser.add_argument("--create-keys", action="store_true", help="development only")
    return parser.parse_args(arguments)


def _said(code: int, error: Exception) -> int:
    print(f"counterfoil ledger writer: {error}", file=sys.stderr)  # noqa: T201 (its only voice)
    return code


if __name__ == "__main__":
    sys.exit(main())
