"""One export: rows in pieces into a partial file, then the manifest, its record, its name."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING

import orjson

from counterfoil.cli.export_formats import sink_of
from counterfoil.cli.masking import without_secrets
from counterfoil.core.columns import parsed
from counterfoil.core.events_out import OcsfVersion
from counterfoil.core.export_manifest import VERSION, cursor_of, frontier_of, manifest_digest
from counterfoil.core.model import JsonObject
from counterfoil.core.response import receipt_json
from counterfoil.core.search import Filters
from counterfoil.core.times import rfc3339
from counterfoil.core.tree import Frontier
from counterfoil.errors import ConfigError, LedgerUnavailable
from counterfoil.flows.reading_events import exported
from counterfoil.ledger.bulk import Bulk, Fields, Rows

if TYPE_CHECKING:
    from counterfoil.cli.auditor import Auditor

_SAVED_EVERY_PIECES = 128
_PIECES_BEHIND = 4  # on their way to the disk; more would only be memory
_BAR_CHARACTERS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What one command wants."""

    output: Path
    format: str
    opened: bool
    filters: Filters
    frontier: Frontier
    version: OcsfVersion

    def settings(self, tenant: str) -> JsonObject:
        """What must be the same for a broken-off export to go on."""
        about = {**self.filters.as_json(), "tenant": tenant, "format": self.format}
        return {**about, "opened": self.opened, "ocsf": self.version}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a finished export says."""

    records: int
    cursor: str


class _Partial:
    """The file until it has its name; its hash and count go on after a break."""

    def __init__(self, job: Job, settings: JsonObject) -> None:
        self._path = job.output.with_name(job.output.name + ".partial")
        self._state = job.output.with_name(job.output.name + ".partial.json")
        self._settings = settings
        self.hash, self.size, self.records = hashlib.sha256(), 0, 0
        self.first, self.frontier = job.frontier.size, job.frontier.copy()
        self._resumable = job.format != "parquet"  # its footer needs what came before
        resumed = self._resumable and self._resume()
        self.resumed = resumed
        self._file: IO[bytes] = self._path.open("r+b" if resumed else "wb")
        self._path.chmod(0o600)
        self._hand = ThreadPoolExecutor(1)
        self._behind: deque[Future[None]] = deque()
        if resumed:
            self._file.truncate(self.size)
            self._file.seek(self.size)

    def _resume(self) -> bool:
        try:
            state = json.loads(self._state.read_text())
            if state["settings"] != self._settings or state["first"] != self.first:
                return False
            with self._path.open("rb") as file:
                left = int(state["size"])
                while left:
                    data = file.read(min(left, 1 << 20))
                    if not data:
                        return self._forget()
                    self.hash.update(data)
                    left -= len(data)
            self.frontier = frontier_of(state["cursor"])
            self.size, self.records = int(state["size"]), int(state["records"])
        except (OSError, ValueError, KeyError, TypeError):
            return self._forget()
        return True

    def _forget(self) -> bool:
        self.hash = hashlib.sha256()
        return False

    def write(self, data: bytes, records: int = 0) -> None:
        """Append; disk and hash work beside what makes the next piece.

        Raises:
            OSError: an earlier piece could not be written.
        """
        self.size += len(data)
        self.records += records
        if len(self._behind) >= _PIECES_BEHIND:
            self._behind.popleft().result()
        self._behind.append(self._hand.submit(self._put, data))

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self.hash.update(data)

    def _settle(self) -> None:
        while self._behind:
            self._behind.popleft().result()
        self._file.flush()

    def save(self, frontier: Frontier) -> None:
        """Keep where it stands, so that a break costs little."""
        if not self._resumable:
            return
        self._settle()
        state = {
            "settings": self._settings,
            "first": self.first,
            "size": self.size,
            "records": self.records,
            "cursor": cursor_of(frontier),
        }
        written = self._state.with_name(self._state.name + ".new")
        written.write_text(json.dumps(state))
        written.replace(self._state)

    def sync(self) -> None:
        """Make the bytes durable."""
        self._settle()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Let the file go."""
        self._hand.shutdown(cancel_futures=True)
        self._file.close()

    def name(self, output: Path, manifest: bytes) -> None:
        """Give the file its name, the manifest first."""
        beside = output.with_name(output.name + ".manifest.json")
        beside.write_bytes(manifest)
        self._path.replace(output)
        self._state.unlink(missing_ok=True)


def export(job: Job, auditor: Auditor) -> Outcome:
    """Write, record, name.

    Raises:
        ConfigError: the file cannot be written.
        CounterfoilError: the ledger cannot be read, is not what was signed, or does not record it.
    """
    tenant = auditor.caller.tenant
    try:
        with closing(_Partial(job, job.settings(tenant))) as partial:
            bulk = Bulk(auditor.ledger.reader, tenant, partial.frontier)
            fill(job, _Choose(job, bulk, _key_of(job, auditor)), bulk, partial)
            partial.sync()
            partial.save(bulk.frontier)
            manifest = _manifest(job, bulk, partial, auditor)
            partial.name(job.output, recorded(manifest, job.output, auditor))
    except OSError as error:
        raise ConfigError(f"{job.output}: {error.strerror}", pointer="--output") from error
    return Outcome(partial.records, cursor_of(bulk.frontier))


def fill(job: Job, choose: _Choose, bulk: Bulk, partial: _Partial) -> None:
    """Write the chosen rows.

    Raises:
        ConfigError: the format needs a library that is not there.
        CounterfoilError: the ledger cannot be read, or is not what was signed.
    """
    origin = bulk.checkpoint.origin
    sink = sink_of(job.format, opened=job.opened, origin=origin, version=job.version)
    if not partial.resumed:
        partial.write(sink.head())
    for number, rows in enumerate(bulk.pieces(sealed=job.opened or job.filters.tool is not None)):
        partial.write(*sink.piece(choose.of(rows)))
        if number % _SAVED_EVERY_PIECES == _SAVED_EVERY_PIECES - 1:
            partial.save(bulk.frontier)
            show_bar(bulk.frontier.size, bulk.checkpoint.size)
    partial.write(sink.foot())


class _Choose:
    """Applies the filters to rows, and opens what is to be opened."""

    def __init__(self, job: Job, bulk: Bulk, key: str | None) -> None:
        self._opened, self._filters, self._bulk, self._key = job.opened, job.filters, bulk, key
        self._all = not job.filters.as_json()

    def of(self, rows: Rows) -> Rows:
        """The chosen rows."""
        if self._all and not self._opened:
            return rows
        places, opened = [], []
        for place, leaf in enumerate(rows.leaf):
            if not self._all and not self._takes(leaf):
                continue
            if self._opened or self._filters.tool is not None:
                fields = self._bulk.opened(rows, place)
                if self._filters.tool is not None and not self._of_tool(fields):
                    continue
                opened.append(without_secrets(fields) if self._opened else fields)
            places.append(place)
        return rows.only(places, opened if self._opened else None)

    def _takes(self, leaf: bytes) -> bool:
        if self._filters.subject is not None and self._key is None:
            return False  # nobody of that name: not the records that are nobody's
        return self._filters.takes(orjson.loads(leaf), self._key)

    def _of_tool(self, fields: Fields) -> bool:
        request = fields.get("request")
        return request is not None and parsed(request[1]).get("action") == self._filters.tool


def _key_of(job: Job, auditor: Auditor) -> str | None:
    """The data key of the person that was asked for."""
    subject = job.filters.subject
    if subject is None:
        return None
    return auditor.ledger.slices.subject_key(auditor.caller.tenant, subject)


def _manifest(job: Job, bulk: Bulk, partial: _Partial, auditor: Auditor) -> JsonObject:
    filters = job.filters
    whole = not filters.as_json() and partial.first == 0 and job.format != "ocsf"
    return {
        "v": VERSION,
        "file": job.output.name,
        "format": job.format,
        "ocsf": job.version if job.format == "ocsf" else None,
        "opened": job.opened,
        "log": bulk.checkpoint.origin,
        "first": partial.first,
        "size": bulk.checkpoint.size,
        "whole": whole,
        "filters": replace(filters, subject=None).as_json(),
        "about": _key_of(job, auditor),
        "records": partial.records,
        "bytes": partial.size,
        "sha256": partial.hash.hexdigest(),
        "checkpoint": bulk.note.decode(),
        "cursor": cursor_of(bulk.frontier),
        "made_at": rfc3339(auditor.clock.now()),
    }


def recorded(manifest: JsonObject, output: Path, auditor: Auditor) -> bytes:
    """The manifest with the leaf and the receipt of its event.

    Raises:
        LedgerUnavailable: not recorded, so not exported.
    """
    event = exported(
        auditor.caller,
        manifest=manifest,
        digest=manifest_digest(manifest),
        event_id=auditor.ids.new("evt"),
        now=auditor.clock.now(),
    )
    try:
        (recorded,) = auditor.ledger.append([event], deadline=auditor.deadline())
        leaf = auditor.ledger.reader.leaf_of(event.event_id)
    except LedgerUnavailable as error:
        raise LedgerUnavailable(
            f"{error.detail}: an export is recorded first; start the service, and give the"
            f" same command again to go on ({output}.partial stays)"
        ) from error
    record = {
        "manifest": manifest,
        "leaf": leaf.decode(),
        "receipt": receipt_json(recorded.receipt),
    }
    return json.dumps(record, indent=2, ensure_ascii=False).encode() + b"\n"


def show_bar(done: int, total: int) -> None:
    """How far it has come, where somebody looks."""
    if sys.stderr.isatty() and total:
        filled = _BAR_CHARACTERS * done // total
        bar = "█" * filled + "·" * (_BAR_CHARACTERS - filled)
        print(f"\r{bar} {done}/{total}", end="", file=sys.stderr, flush=True)
