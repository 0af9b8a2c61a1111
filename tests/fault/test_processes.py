"""Kill, stop, start: the service's processes live and die together, on the same port."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import processes
from service import Service, make_service, running_service


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Service]:
    """A service that this test may disturb."""
    with running_service(tmp_path) as started:
        yield started


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service for tests that disturb it and leave it whole."""
    with running_service(tmp_path_factory.mktemp("shared")) as started:
        yield started


def decides(service: Service) -> bool:
    """Whether an honest request is allowed now."""
    try:
        answer = service.authorize()
    except OSError:
        return False
    assert answer.status in (200, 503), answer
    return answer.status == 200 and answer.body["effect"] == "allow"


def recovers(service: Service) -> None:
    processes.eventually(lambda: decides(service), "it decides again")


WHOLE = {"opa": 1, "ledger": 1, "http": 1, "worker": 2, "reader": 6}  # two readers and a spare each


def complete(service: Service) -> dict[str, list[int]]:
    """All processes by kind, once all are there: the first worker is ready before the second."""

    def whole() -> bool:
        now = {kind: len(pids) for kind, pids in family().items()}
        return bool(now.pop("reader")) and now.items() <= WHOLE.items()

    def family() -> dict[str, list[int]]:
        return processes.family(service.process.pid)

    processes.eventually(whole, "all processes are there")
    return family()


@pytest.mark.parametrize("kind", processes.KINDS)
def test_a_killed_process_of_any_kind_comes_back(shared: Service, kind: str) -> None:
    before = complete(shared)
    # All readers: a worker notices a dead one, and starts another, only when it needs it
    victims = before[kind] if kind == "reader" else before[kind][:1]
    for victim in victims:
        processes.kill(victim)
    recovers(shared)

    def back() -> bool:
        decides(shared)
        now = processes.family(shared.process.pid)
        enough = all(len(now[other]) == WHOLE[other] for other in WHOLE if other != "reader")
        return enough and bool(now["reader"]) and not set(victims) & set(now[kind])

    processes.eventually(back, "all processes are there again")
    for other in {"opa", "ledger", "http"} - {kind}:
        assert processes.family(shared.process.pid)[other] == before[other]


def test_a_killed_parent_takes_all_its_children_with_it(own: Service) -> None:
    complete(own)
    everyone = processes.everyone(own.process.pid)
    processes.kill(own.process.pid)
    own.process.wait()
    processes.eventually(lambda: not any(map(processes.alive, everyone)), "nobody is left")


def test_the_same_command_starts_again_right_after_its_parent_was_killed(own: Service) -> None:
    assert decides(own)
    processes.kill(own.process.pid)
    own.process.wait()
    own.start()  # its old children may still be dying
    assert decides(own)
    assert own.stop() == 0


def test_the_same_command_starts_again_after_everything_was_killed(own: Service) -> None:
    first = own.authorize().body["decision_id"]
    for pid in processes.everyone(own.process.pid):
        processes.kill(pid)
    own.process.wait()
    own.start()
    assert decides(own)
    assert own.stop() == 0
    report = subprocess.run(
        [*own.command[:4], "trail", first],
        env=own.environment,
        cwd=own.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert report.returncode == 0, report.stderr


def test_a_second_service_in_the_same_place_is_refused(shared: Service) -> None:
    second = subprocess.run(
        shared.command,
        env=shared.environment,
        cwd=shared.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 1
    assert f"process {shared.process.pid} already uses" in second.stderr
    assert decides(shared)


def test_a_taken_port_stops_the_start_with_its_setting(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        refused = _refused(tmp_path, server__listen=f"127.0.0.1:{port}")
    assert refused.returncode == 78
    assert f"server.listen: 127.0.0.1:{port} is taken" in refused.stderr


def test_a_wrong_setting_stops_the_start_with_path_and_remedy(tmp_path: Path) -> None:
    refused = _refused(tmp_path, server__max_body_bytes="much")
    assert refused.returncode == 78
    assert "COUNTERFOIL_SERVER__MAX_BODY_BYTES" in refused.stderr
    assert not (tmp_path / "var").exists()


def test_dev_refuses_an_address_that_is_not_loopback(tmp_path: Path) -> None:
    refused = _refused(tmp_path, server__listen="0.0.0.0:18282")
    assert refused.returncode == 78
    assert "server.listen" in refused.stderr


def _refused(folder: Path, **overrides: object) -> subprocess.CompletedProcess[str]:
    service = make_service(folder, folder / "run", **overrides)
    return subprocess.run(
        service.command,
        env=service.environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_stop_by_signal_is_clean(own: Service, number: signal.Signals) -> None:
    assert decides(own)
    everyone = processes.everyone(own.process.pid)
    own.process.send_signal(number)
    assert own.process.wait(60) == 0
    assert not any(map(processes.alive, everyone))
    assert not [line for line in own.lines if "Traceback" in line or "did not stop" in line]


def test_a_stop_lets_a_request_in_flight_end(own: Service) -> None:
    assert decides(own)
    connection = own.connect()
    connection.putrequest("POST", "/authorize")
    body = b'{"action"'
    connection.putheader("Content-Length", str(len(body) + 1))
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Expect", "100-continue")
    connection.endheaders()
    assert connection.sock.recv(100).startswith(b"HTTP/1.1 100")  # a worker has begun with it
    connection.send(body)  # one byte is missing: the worker waits for it
    # the parent refuses new connections from now on, but this one is being served
    own.process.send_signal(signal.SIGTERM)

    def refused() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", own.port), timeout=1):
                return False
        except OSError:
            return True

    processes.eventually(refused, "new connections are refused")
    connection.send(b"x")
    assert connection.getresponse().status == 400  # answered: it is not JSON
    connection.close()
    assert own.process.wait(60) == 0


def test_connections_wait_while_the_workers_start_again(shared: Service) -> None:
    assert decides(shared)
    token = shared.token()
    (master,) = processes.family(shared.process.pid)["http"]
    processes.kill(master)
    processes.eventually(lambda: not processes.alive(master), "it is gone")
    # not refused, not reset: the parent's socket takes it, the next worker answers
    with closing(shared.connect(seconds=60)) as connection:
        answer = shared.authorize(token=token, connection=connection)
    assert answer.status in (200, 503)


def test_restarts_are_counted_for_operators(shared: Service) -> None:
    before = restarts(shared)
    processes.kill(complete(shared)["opa"][0])
    processes.eventually(lambda: restarts(shared) == before + 1, "it is counted")
    processes.eventually(lambda: 'counterfoil_child_up{child="opa"} 1' in shared.metrics(), "up")
    recovers(shared)


def restarts(service: Service) -> int:
    """How often OPA was started again, as `/metrics` says."""
    match = re.search(r'counterfoil_child_restarts_total\{child="opa"\} (\d+)', service.metrics())
    assert match
    return int(match[1])


def test_no_secret_and_no_setting_stands_on_a_command_line(service: Service) -> None:
    for pid in processes.everyone(service.process.pid):
        command = processes.command_of(pid)
        for path in service.keys.iterdir():
            secret = path.read_bytes()
            assert secret[:40].decode("latin-1") not in command


def test_children_get_a_small_fixed_environment(service: Service) -> None:
    kinds = processes.family(service.process.pid)
    allowed = {
        "LANG",
        "PATH",
        "HOME",
        "PROMETHEUS_MULTIPROC_DIR",
        "GOGC",
        "GOMEMLIMIT",
        "GOMAXPROCS",
    }
    for pid in (*kinds["opa"], *kinds["ledger"], *kinds["http"]):
        names = {
            entry.partition(b"=")[0].decode()
            for entry in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            if entry
        }
        assert {name for name in names if not name.startswith("COUNTERFOIL_")} <= allowed
    (opa,) = kinds["opa"]
    assert b"COUNTERFOIL_" not in Path(f"/proc/{opa}/environ").read_bytes()
