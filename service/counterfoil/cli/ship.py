"""The shipper: pushes new records to each `[[export]]`, beside the service and never in its way.

    python -m counterfoil.cli.ship --config counterfoil.toml

1 read behind the cursor, held to the signed checkpoint; 2 deliver; 3 move the cursor, durably.
So a record is delivered at least once, and a kill between 2 and 3 delivers it again. What
cannot be delivered waits; a collector that fails for long, or that is too slow, raises an
alarm (log line, metric, detail of /readyz). Each export is on its own: one never waits for
another.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from counterfoil.cli.masking import without_secrets
from counterfoil.cli.ship_cursor import Cursor, cursor_file, load_cursor, save_cursor
from counterfoil.cli.ship_targets import NotDelivered, Target, target_of
from counterfoil.config import Config, load_config
from counterfoil.config_model import ExportEntry
from counterfoil.core.canonical import canonical_bytes, digest
from counterfoil.core.export_manifest import cursor_of
from counterfoil.errors import ConfigError, CounterfoilError
from counterfoil.export_status import ExportStatus, write_status
from counterfoil.flows.reading_events import shipping
from counterfoil.ledger.bulk import Bulk, Fields, Rows
from counterfoil.ledger.channel import SOCKET_NAME
from counterfoil.ledger.client import LedgerClient
from counterfoil.system import RandomIds, SystemClock

EXIT_CONFIG: Final = 78  # EX_CONFIG of sysexits.h
_RECORD_SECONDS: Final = 2.0
_OPENED_AT_ONCE: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds. A failure that lasts `alarm`, or a backlog that lasts `late`, is an alarm."""

    first_pause: float = 1.0
    longest_pause: float = 30.0
    alarm: float = 10.0
    late: float = 120.0
    status: float = 15.0


class Shipment:
    """One `[[export]]`, for as long as the process lives."""

    def __init__(self, entry: ExportEntry, config: Config, pace: Pace) -> None:
        self._entry, self._config, self._pace = entry, config, pace
        self._clock, self._ids = SystemClock(), RandomIds()
        keys = config.keys.directory
        self._file = cursor_file(config.ledger.place, keys, entry.name)
        self._status, self._left = ExportStatus(), ExportStatus()
        self._left_at = float("-inf")
        self._ledger: LedgerClient | None = None
        self._target: Target | None = None
        self._level_at = self._well_at = self._clock.monotonic()
        self._pause = pace.first_pause
        self._late = pace.late + entry.every_seconds

    async def run(self) -> None:
        """Ship until cancelled."""
        try:
            pause = 0.0
            while True:  # the ledger's other processes tell nobody: it can only be asked
                await asyncio.sleep(pause)
                pause = await self.turn()
        finally:
            await self._let_go()

    async def turn(self) -> float:
        """Ship what is new; the seconds to wait."""
        try:
            await self._ship()
        except (NotDelivered, CounterfoilError, ValueError, OSError) as error:
            await self._let_go()  # everything anew: the other side may have been replaced
            pause, self._pause = self._pause, min(self._pause * 2, self._pace.longest_pause)
            self._tell(trouble=_said(error))
            return pause
        self._pause, self._well_at = self._pace.first_pause, self._clock.monotonic()
        self._tell()
        return float(self._entry.every_seconds)

    async def _ship(self) -> None:
        entry, cursor = self._entry, load_cursor(self._file)
        if self._ledger is None:
            self._ledger = self._connect()
        reader = self._ledger.reader
        if entry.tenant not in reader.tenants():
            return  # nobody of it has done anything yet
        origin = reader.log_key(entry.tenant).name
        cursor = cursor.of(origin)
        bulk = Bulk(reader, entry.tenant, cursor.frontier())
        behind = bulk.checkpoint.size - bulk.frontier.size
        self._status = replace(self._status, shipped=cursor.shipped, behind=behind)
        if behind == 0:
            self._level_at = self._clock.monotonic()
            return
        cursor = self._recorded(self._ledger, cursor, bulk.frontier.size)
        if self._target is None:
            self._target = target_of(entry)
        for rows in bulk.pieces(sealed=entry.opened):
            rejected = 0
            for part in _parts(bulk, rows) if entry.opened else (rows,):
                rejected += await self._target.put(part, origin)
            cursor = replace(
                cursor,
                cursor=cursor_of(bulk.frontier),
                shipped=cursor.shipped + len(rows),
                rejected=cursor.rejected + rejected,
            )
            save_cursor(self._file, cursor)
            self._delivered(cursor, bulk.checkpoint.size - bulk.frontier.size)
        self._level_at = self._clock.monotonic()

    def _delivered(self, cursor: Cursor, behind: int) -> None:
        self._well_at, self._pause = self._clock.monotonic(), self._pace.first_pause
        if cursor.rejected > self._status.rejected:
            self._say(f"the collector rejected {cursor.rejected - self._status.rejected} records")
        self._status = replace(
            self._status, shipped=cursor.shipped, rejected=cursor.rejected, behind=behind
        )
        self._tell()

    def _recorded(self, ledger: LedgerClient, cursor: Cursor, first: int) -> Cursor:
        """Once for each place that records go to: what leaves the ledger is known to it."""
        entry = self._entry
        where = str(entry.url or entry.directory)
        told = digest(canonical_bytes([cursor.origin, where, entry.opened]))
        if told == cursor.recorded:
            return cursor
        event = shipping(
            entry.tenant,
            name=entry.name,
            where=where,
            opened=entry.opened,
            first=first,
            event_id=self._ids.new("evt"),
            now=self._clock.now(),
        )
        ledger.append([event], deadline=self._clock.monotonic() + _RECORD_SECONDS)
        cursor = replace(cursor, recorded=told)
        save_cursor(self._file, cursor)
        return cursor

    def _connect(self) -> LedgerClient:
        config = self._config
        return LedgerClient(
            socket_path=config.server.run_directory / SOCKET_NAME,
            place=config.ledger.place,
            keys_directory=config.keys.directory,
            clock=self._clock,
        )

    async def _let_go(self) -> None:
        ledger, self._ledger = self._ledger, None
        target, self._target = self._target, None
        if ledger is not None:
            ledger.close()
        if target is not None:
            await target.close()

    def _tell(self, *, trouble: str = "") -> None:
        """Raise or end the alarm, and leave the status for the others."""
        now, alarm = self._clock.monotonic(), ""
        if trouble and now - self._well_at >= self._pace.alarm:
            alarm = f"nothing delivered for {now - self._well_at:.0f} s: {trouble}"
        elif self._status.behind and now - self._level_at >= self._late:
            alarm = f"too slow: not level for {now - self._level_at:.0f} s"
        began, ended = alarm and not self._status.alarm, self._status.alarm and not alarm
        if began:
            self._say(f"ALARM: {alarm}; {self._status.behind} records wait")
        elif ended:
            self._say(f"delivers again, {self._status.behind} records wait")
        self._status = replace(self._status, alarm=alarm)
        if self._status != self._left or now - self._left_at >= self._pace.status:
            with suppress(OSError):  # a full disk must not end what is still delivered
                write_status(self._config.server.run_directory, self._entry.name, self._status)
                self._left, self._left_at = self._status, now

    def _say(self, text: str) -> None:
        print(f"export {self._entry.name}: {text}", file=sys.stderr)


def _parts(bulk: Bulk, rows: Rows) -> Iterator[Rows]:
    """Opened, a few at a time: what was said may be long, and a request must not be."""
    for start in range(0, len(rows), _OPENED_AT_ONCE):
        places = range(start, min(start + _OPENED_AT_ONCE, len(rows)))
        fields: list[Fields] = [without_secrets(bulk.opened(rows, place)) for place in places]
        yield rows.only(places, fields)


def _said(error: Exception) -> str:
    if isinstance(error, CounterfoilError):
        return error.detail or error.title
    return str(error) if isinstance(error, (NotDelivered, ValueError)) else type(error).__name__


async def ship(config: Config, pace: Pace) -> None:
    """All exports of a configuration, until a signal."""
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(Shipment(entry, config, pace).run()) for entry in config.exports]
        await stopped.wait()
        for task in tasks:
            task.cancel()


def main(arguments: Sequence[str] | None = None) -> int:
    """Ship until stopped; the exit code."""
    parser = argparse.ArgumentParser(prog="counterfoil-ship", description=__doc__)
    parser.add_argument("--config", type=Path)
    parser.add_argument("--dev", action="store_true")
    args = parser.parse_args(arguments)
    os.umask(0o077)
    try:
        asyncio.run(ship(load_config(args.config, os.environ, dev=args.dev), Pace()))
    except ConfigError as error:
        print(error.detail, file=sys.stderr)
        return EXIT_CONFIG
    return 0


if __name__ == "__main__":
    sys.exit(main())
