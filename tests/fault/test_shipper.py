"""Collectors that fail, hang and lie, and a shipper that is killed: nothing is lost, and it is said."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from counterfoil.cli import ship_targets
from counterfoil.cli.ship import Pace, Shipment
from counterfoil.cli.ship_cursor import cursor_file
from counterfoil.config import Config, load_config
from counterfoil.config_model import ExportEntry
from counterfoil.export_status import ExportStatus, read_status
from ledgers import CLOCK, Ledger, event, running_ledger, soon
from servers import ledger_server
from simulators import document_server
from simulators.collector import Collector, collector

PACE = Pace(first_pause=0.0, alarm=0.0)
SECRET = "Bearer s3cret-of-the-collector"


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    with running_ledger(tmp_path_factory.mktemp("ship")) as started:
        yield started


@pytest.fixture
def own_ledger(tmp_path: Path) -> Iterator[Ledger]:
    """For what spoils one: its writer leaves when somebody else has written."""
    with running_ledger(tmp_path / "own") as started:
        yield started


@pytest.fixture
def sink() -> Iterator[Collector]:
    with collector() as started:
        yield started


class World:
    """One export over the ledger, from a tenant of its own; each turn is a new shipper's."""

    def __init__(self, ledger: Ledger, folder: Path, name: str, **entry: Any) -> None:
        self.ledger, self.tenant = ledger, name
        written = folder / "counterfoil.toml"
        where = ledger.place if ledger.server else f"sqlite:///{ledger.database}"
        written.write_text(
            f'[ledger]\nurl = "{where}"\n'
            f'[keys]\ndirectory = "{ledger.keys}"\n'
            f'[server]\nrun_directory = "{ledger.socket.parent}"\n'
        )
        self.entry = ExportEntry(name=name, tenant=name, **entry)
        self.file = written
        self.config: Config = replace(load_config(written, {}), exports=(self.entry,))
        self.shipment = Shipment(self.entry, self.config, PACE)

    def append(self, count: int = 1) -> list[str]:
        made = [event(tenant=self.tenant) for _ in range(count)]
        self.ledger.clients[0].append(made, deadline=soon())
        return [item.event_id for item in made]

    def turn(self) -> ExportStatus:
        async def once() -> None:
            await self.shipment.turn()
            await self.shipment._let_go()

        asyncio.run(once())
        return self.status()

    def status(self) -> ExportStatus:
        return read_status(self.ledger.socket.parent, self.entry.name, now=CLOCK.now())

    def kinds(self) -> list[str]:
        events = self.ledger.clients[0].slices.forwards(
            self.tenant, after=-1, most=512, choose=lambda _: True
        )
        return [item.kind for item in events.events]


def test_each_record_arrives_once_and_the_cursor_survives(
    ledger: Ledger, sink: Collector, tmp_path: Path
) -> None:
    world = World(ledger, tmp_path, "honest", url=sink.url)
    first = world.append(3)
    assert world.turn().alarm == ""
    assert sink.events == first
    second = world.append()
    world.shipment = Shipment(world.entry, world.config, PACE)  # another life
    world.turn()
    status = world.turn()
    assert [name for name in sink.events if name in {*first, *second}] == [*first, *second]
    assert (status.shipped, status.behind, status.alarm) == (len(sink.events), 0, "")
    # What leaves the ledger is known to it: once, not with each request.
    assert world.kinds() == [*["decided"] * 3, "exported", "decided"]


def test_records_of_a_postgresql_ledger_arrive_in_the_order_of_their_numbers(
    postgresql_server: ledger_server.Server, sink: Collector, tmp_path: Path
) -> None:
    with running_ledger(tmp_path / "own", server=postgresql_server) as ledger:
        ledger.client()
        world = World(ledger, tmp_path, "replicas", url=sink.url)
        first = world.append(3)
        ledger.settle()
        assert world.turn().alarm == ""
        assert sorted(sink.events) == sorted(first)
        second = world.append()
        ledger.settle()
        world.shipment = Shipment(world.entry, world.config, PACE)  # another life
        status = world.turn()
        numbered = [
            item.event_id
            for item in ledger.clients[0]
            .slices.forwards(world.tenant, after=-1, most=512, choose=lambda _: True)
            .events
        ]
        assert sink.events == numbered[: len(sink.events)]
        assert second[0] in sink.events
        assert (status.behind, status.alarm) == (0, "")


def hangs(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.recv(1)  # nothing more comes, until the other side has had enough


MISBEHAVIOUR: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {
    "answers 500": document_server.status(500),
    "answers 404": document_server.status(404),
    "cuts its answer": document_server.cut,
    "hangs": hangs,
    "drips": document_server.drips,
    "floods": document_server.floods,
}


@pytest.mark.parametrize("what", MISBEHAVIOUR)
def test_a_collector_that_fails_loses_nothing_and_raises_an_alarm(  # noqa: PLR0917 -- fixtures
    what: str,
    ledger: Ledger,
    sink: Collector,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(ship_targets, "EXCHANGE_SECONDS", 0.2)
    world = World(ledger, tmp_path, "bad-" + what.replace(" ", "-"), url=sink.url)
    made = world.append(2)
    sink.misbehave = MISBEHAVIOUR[what]
    status = world.turn()
    assert "nothing delivered" in status.alarm
    assert (status.shipped, status.behind) == (0, 2)
    assert "ALARM" in capfd.readouterr().err
    sink.misbehave = None  # control: the same collector, well again
    monkeypatch.setattr(ship_targets, "EXCHANGE_SECONDS", 10.0)
    status = world.turn()
    assert status.alarm == ""
    assert sink.events[:2] == made
    assert "delivers again" in capfd.readouterr().err


def test_a_collector_that_sends_us_elsewhere_is_not_followed(
    ledger: Ledger, sink: Collector, tmp_path: Path
) -> None:
    """Where it sends us is nobody's choice: records, and the secret header, stay here."""
    with collector() as elsewhere:
        sink.misbehave = redirected(elsewhere.url)
        world = World(ledger, tmp_path, "redirected", url=sink.url)
        world.append()
        assert "307" in world.turn().alarm
        assert (sink.asked, elsewhere.asked) == (1, 0)


def redirected(to: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(307)  # keeps method and body, as no other does
        handler.send_header("Location", to)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def test_a_collector_that_is_down_raises_an_alarm_and_slows_no_decision(
    ledger: Ledger, tmp_path: Path
) -> None:
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1/logs"
        world = World(ledger, tmp_path, "down", url=url)
        world.append()
        assert "ClientConnectorError" in world.turn().alarm
        assert len(world.append(3)) == 3  # recorded all the same
        assert world.turn().behind == 5  # with the record of the export itself


def test_what_a_collector_rejects_is_counted_and_holds_up_nobody(
    ledger: Ledger, sink: Collector, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    sink.answer = b'{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"too old"}}'
    world = World(ledger, tmp_path, "picky", url=sink.url)
    world.append(2)
    status = world.turn()
    assert (status.shipped, status.rejected, status.alarm) == (2, 1, "")
    assert "rejected 1 records" in capfd.readouterr().err
    assert world.turn().rejected == 2  # the record of the export came in a second request


def test_the_secret_of_a_collector_is_sent_and_never_said(
    ledger: Ledger, sink: Collector, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    header = tmp_path / "header"
    header.write_text(f"Authorization: {SECRET}\n")
    world = World(ledger, tmp_path, "secret", url=sink.url, header_file=header)
    world.append()
    world.turn()
    assert sink.headers[-1]["Authorization"] == SECRET  # control
    sink.misbehave = document_server.status(401)
    world.append()
    told = [world.turn().alarm]
    header.write_text(f"{SECRET}\r\nX-Other: 1")
    told.append(world.turn().alarm)
    assert "401" in told[0]
    assert "header_file" in told[1]
    cursor = cursor_file(ledger.database, ledger.keys, "secret").read_text()
    for text in (*told, cursor, *capfd.readouterr()):
        assert "s3cret" not in text


def test_files_hold_every_record_and_are_named_by_their_places(
    ledger: Ledger, tmp_path: Path
) -> None:
    folder = tmp_path / "shelf"
    world = World(ledger, tmp_path, "shelf", directory=folder, opened=True)
    made = world.append(2)
    world.turn()
    world.turn()
    names = sorted(path.name for path in folder.iterdir())
    assert names == [f"shelf-{i:012d}-{j:012d}.jsonl" for i, j in ((0, 1), (2, 2))]
    lines = [json.loads(x) for x in (folder / names[0]).read_text().splitlines()]
    assert [line["leaf"]["event_id"] for line in lines] == made
    assert "CREATE TABLE" in lines[0]["opened"]["arguments"]["text"]
    assert (folder / names[0]).stat().st_mode & 0o077 == 0


def test_a_secret_is_not_shipped(ledger: Ledger, tmp_path: Path) -> None:
    """What the trail hides leaves the house neither; the rest of the record does."""
    key, folder = "AKIA" + "IOSFODNN7EXAMPLE", tmp_path / "masked"
    world = World(ledger, tmp_path, "masked", directory=folder, opened=True)
    said = {"prompt": f"use {key}".encode(), "arguments": b'{"sql":"SELECT 1"}'}
    ledger.clients[0].append([event(tenant="masked", payload=said)], deadline=soon())
    world.turn()
    (line, *_) = next(folder.iterdir()).read_text().splitlines()
    assert key not in line
    shown = json.loads(line)["opened"]
    assert shown["prompt"] == {"masked": "use [aws_access_key]"}
    assert shown["arguments"]["text"] == '{"sql":"SELECT 1"}'  # control


def test_an_export_that_is_never_level_raises_an_alarm(
    ledger: Ledger, sink: Collector, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It delivers, and more comes than it can deliver: nothing fails, and somebody must know."""
    world = World(ledger, tmp_path, "slow", url=sink.url)
    world.append(600)  # more than one piece
    hurried = replace(PACE, late=-float(world.entry.every_seconds))
    world.shipment = Shipment(world.entry, world.config, hurried)
    world.turn()
    said = capfd.readouterr().err
    assert "ALARM: too slow" in said
    assert "delivers again, 0 records wait" in said
    world.append(600)
    world.shipment = Shipment(world.entry, world.config, PACE)  # control: it has its time
    assert world.turn().alarm == ""
    assert "too slow" not in capfd.readouterr().err


def test_an_edited_record_is_not_shipped_and_never_passed_over(
    own_ledger: Ledger, sink: Collector, tmp_path: Path
) -> None:
    world = World(own_ledger, tmp_path, "edited", url=sink.url)
    made = world.append(2)
    world.turn()
    assert sink.events[:2] == made  # control
    (victim,) = world.append()
    before = len(sink.events)
    change = "replace(CAST(leaf AS TEXT), '\"allow\"', '\"deny\"')"
    own_ledger.edit(
        f"UPDATE entries SET leaf = CAST({change} AS BLOB) WHERE event_id = ?",  # noqa: S608
        victim,
    )
    for _ in range(2):
        assert "not those of the signed checkpoint" in world.turn().alarm
    assert len(sink.events) == before


def test_a_spoiled_cursor_is_for_somebody_to_mend(
    ledger: Ledger, sink: Collector, tmp_path: Path
) -> None:
    """Guessing a place would leave records out, or send them all again unasked."""
    world = World(ledger, tmp_path, "torn", url=sink.url)
    world.append()
    world.turn()
    file = cursor_file(ledger.database, ledger.keys, "torn")
    good, asked = file.read_bytes(), sink.asked
    for spoiled in (b"", b"[]", b'{"cursor": "x"}', good[:-9]):
        file.write_bytes(spoiled)
        assert world.turn().alarm
    assert sink.asked == asked
    file.write_bytes(good)
    assert world.turn().alarm == ""  # control


def test_a_shipper_that_is_killed_after_the_delivery_delivers_again(
    ledger: Ledger, sink: Collector, tmp_path: Path
) -> None:
    """At least once: the cursor had not moved when it died."""
    world = World(ledger, tmp_path, "killed", url=sink.url)
    made = world.append(2)
    with world.file.open("a") as file:
        file.write(
            f'[[export]]\nname = "killed"\ntenant = "killed"\nkind = "otlp"\nurl = "{sink.url}"\n'
        )
    command = [sys.executable, "-I", "-m", "counterfoil.cli.ship", f"--config={world.file}"]
    process = subprocess.Popen(command)

    def kills(handler: BaseHTTPRequestHandler) -> None:
        sink.misbehave = None
        os.kill(process.pid, signal.SIGKILL)
        handler.send_response(200)

    sink.misbehave = kills
    assert process.wait(30) == -signal.SIGKILL
    assert sink.records == []
    assert world.turn().alarm == ""
    assert sink.events[:2] == made
