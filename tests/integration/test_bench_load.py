from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.harness import documents, load
from benchmarks.harness.load import LoadError, Measured, Target

ALLOW = b'{"effect": "allow", "reasons": []}'


@dataclass
class Server:
    """An HTTP/1.1 server that gives one fixed answer and keeps what it was sent."""

    address: str = ""
    status: int = 200
    body: bytes = ALLOW
    chunks: tuple[bytes, ...] = ()
    cut: bool = False
    seen: list[bytes] = field(default_factory=list)
    credentials: set[str | None] = field(default_factory=set)


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            server.seen.append(self.rfile.read(int(self.headers["Content-Length"])))
            server.credentials.add(self.headers["Authorization"])
            self.send_response(server.status)
            if server.chunks:
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for chunk in (*server.chunks, b""):
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                return
            self.send_header("Content-Length", str(len(server.body) + server.cut))
            self.end_headers()
            self.wfile.write(server.body)
            self.close_connection = server.cut

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        server.address = f"127.0.0.1:{http.server_address[1]}"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()


def _measure(server: Server, folder: Path, *, items: int = 1, count: int = 40) -> Measured:
    load.build()
    body = folder / "body.json"
    body.write_text(json.dumps(documents.authorization_batch(items)), "utf-8")
    target = Target(
        name="server",
        address=server.address,
        path="/authorize",
        body=body,
        headers=("Authorization: Bearer abc",),
        allows=items,
    )
    return load.run(target, connections=4, seconds=30, count=count)


def _names(server: Server) -> list[str]:
    actions = [action for body in server.seen for action in json.loads(body)["actions"]]
    return [action["action"]["properties"]["arguments"]["sql"] for action in actions]


def test_every_request_is_a_new_command_with_the_credential(tmp_path: Path) -> None:
    with serving(Server()) as server:
        first = _measure(server, tmp_path)
        second = _measure(server, tmp_path)
    assert (first.good, first.errors, second.good, second.errors) == (40, {}, 40, {})
    assert len(set(_names(server))) == 80
    assert all(name.startswith("CREATE TABLE public.t") for name in _names(server))
    assert server.credentials == {"Bearer abc"}
    assert 0 < first.p50_us <= first.p90_us <= first.p99_us <= first.max_us


def test_batch_counts_each_item_and_names_each_differently(tmp_path: Path) -> None:
    body = b"[" + b",".join([ALLOW] * 16) + b"]"
    with serving(Server(body=body)) as server:
        measured = _measure(server, tmp_path, items=16, count=5)
    assert (measured.good, measured.errors) == (5, {})
    assert len(set(_names(server))) == 80


def test_chunked_answer_is_read_whole(tmp_path: Path) -> None:
    with serving(Server(chunks=(ALLOW[:9], ALLOW[9:]))) as server:
        measured = _measure(server, tmp_path)
    assert (measured.good, measured.errors) == (40, {})


@pytest.mark.parametrize(
    ("server", "kind"),
    [
        (Server(body=b'{"effect":"deny"}'), "effect"),
        (Server(body=b'{"effect":"allow_not"}'), "effect"),
        (Server(body=b"{}"), "effect"),
        (Server(body=ALLOW + ALLOW), "effect"),
        (Server(body=b'[{"effect":"allow"},{"effect":"deny"}]'), "effect"),
        (Server(status=503), "status_503"),
        (Server(status=401), "status_401"),
        (Server(cut=True), "read"),
    ],
)
def test_answer_that_is_no_allow_is_an_error_and_never_counted(
    tmp_path: Path, server: Server, kind: str
) -> None:
    with serving(server):
        measured = _measure(server, tmp_path)
    assert (measured.good, measured.errors) == (0, {kind: 40})
    target = Target(name="server", address="", path="", body=tmp_path)
    with pytest.raises(LoadError, match=kind):
        load.demand_good(target, measured)


def test_nobody_listening_is_an_error(tmp_path: Path) -> None:
    with serving(Server()) as server:
        pass
    measured = _measure(server, tmp_path, count=8)
    assert (measured.good, measured.errors) == (0, {"connect": 8})


def test_one_late_answer_in_a_thousand_is_forgiven_and_no_more() -> None:
    target = Target(name="service", address="", path="", body=Path())
    run = Measured(
        connections=1,
        seconds=1.0,
        good=2000,
        throughput=2000.0,
        p50_us=1.0,
        p90_us=1.0,
        p99_us=1.0,
        max_us=1.0,
        cpu_us_per_request=1.0,
        errors={"status_503": 2},
        first_error="",
    )
    assert load.demand_good(target, run) is run
    for errors in ({"status_503": 3}, {"status_503": 1, "effect": 1}, {"status_500": 1}):
        with pytest.raises(LoadError):
            load.demand_good(target, replace(run, errors=errors))
