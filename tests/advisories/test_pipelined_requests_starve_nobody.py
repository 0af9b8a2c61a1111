"""One connection that pipelined without end had a worker for itself.

A greenlet gives way only where it waits. A client that always had its next request there, and
read its answers, never made it wait: nobody else was served for as long as it went on, and
after 30 seconds the master killed the worker with everything in it. No credential was needed.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from echo import WHOLE, echo_service, seen, talk

OTHERS = 5  # requests of another caller, while the flood goes on


@contextmanager
def flood(port: int) -> Iterator[None]:
    """Requests without a pause on one connection, once the first answers are there."""
    stop, flowing = threading.Event(), threading.Event()
    with socket.create_connection(("127.0.0.1", port)) as peer:

        def ask() -> None:
            with suppress(OSError):  # the last lot is cut
                while not stop.is_set():
                    peer.sendall(WHOLE * 1_000)

        def read() -> None:
            with suppress(OSError):
                while peer.recv(1 << 20):
                    flowing.set()

        threads = [threading.Thread(target=target) for target in (ask, read)]
        for thread in threads:
            thread.start()
        try:
            assert flowing.wait(20)
            yield
        finally:
            stop.set()
            peer.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()


def test_a_connection_that_never_pauses_leaves_the_worker_to_others() -> None:
    with echo_service() as (port, _):
        seen(talk(port, WHOLE))  # control: alone
        with flood(port):
            for _ in range(OTHERS):
                seen(talk(port, WHOLE))
