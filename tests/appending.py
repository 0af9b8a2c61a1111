"""Processes that append as workers do: `python appending.py SOCKET URL KEYS CALLERS EACH`."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

from ledgers import Ledger


def appended_by(ledger: Ledger, *, processes: int, callers: int, each: int) -> int:
    """Let processes of their own append; how many events all have recorded."""
    words = [str(ledger.socket), str(ledger.place), str(ledger.keys), str(callers), str(each)]
    running = [
        subprocess.Popen(
            [sys.executable, __file__, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for _ in range(processes)
    ]
    for process in running:
        assert process.wait(300) == 0
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
    return processes * callers * each


def main(words: list[str]) -> None:
    """One process: as many callers at once, each so many events after another."""
    from counterfoil.config_ledger import postgresql_place  # noqa: PLC0415
    from counterfoil.ledger.client import LedgerClient  # noqa: PLC0415
    from ledgers import CLOCK, event, soon  # noqa: PLC0415

    socket, url, keys, callers, each = words
    client = LedgerClient(
        socket_path=Path(socket),
        place=postgresql_place(url),
        keys_directory=Path(keys),
        clock=CLOCK,
    )

    def append() -> None:
        for _ in range(int(each)):
            client.append([event()], deadline=soon(60))

    threads = [threading.Thread(target=append) for _ in range(int(callers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.close()


if __name__ == "__main__":
    main(sys.argv[1:])
