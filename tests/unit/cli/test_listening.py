"""A port that cannot be had is said with its setting and what to do."""

from __future__ import annotations

import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from gunicorn.sock import UnixSocket

from counterfoil.cli import listening
from counterfoil.cli.gunicorn_app import CounterfoilApplication, _Arbiter
from counterfoil.config import load_config
from counterfoil.errors import ConfigError


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "_RELEASE_SECONDS", 0.05)


def test_a_taken_port_names_the_setting_and_the_remedy() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        pytest.raises(
            ConfigError, match=r"server.listen: 127.0.0.1:\d+ is taken .* another port"
        ) as refused,
    ):
        listening.listen(other.getsockname()[:2], "server.listen")
    assert refused.value.pointer == "server.listen"


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(ConfigError, match="Name an address of this machine"):
        listening.listen(("192.0.2.1", 18_282), "server.listen")


def test_a_port_in_time_wait_is_no_obstacle() -> None:
    with listening.listen(("127.0.0.1", 0), "server.listen") as door:
        port = door.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        server, _ = door.accept()
        server.close()  # this side closes first: TIME_WAIT stays on the port
        client.close()
    with listening.listen(("127.0.0.1", port), "server.listen") as again:
        assert again.getsockname()[1] == port


def test_an_ipv6_address_can_be_had() -> None:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            pass
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    with listening.listen(("::1", 0), "server.listen") as door:
        assert door.getsockname()[0] == "::1"


# The proxy's own socket


@pytest.fixture
def folder() -> Iterator[Path]:
    # A socket's name has 107 bytes at most, and pytest's folders are long.
    with tempfile.TemporaryDirectory(prefix="cf-") as name:
        yield Path(name)


def test_without_a_setting_there_is_no_second_way_in() -> None:
    with listening.listen_for_proxy(None) as none:
        assert none is None


def test_the_proxys_socket_is_of_this_account_and_one_group_and_goes_with_the_service(
    folder: Path,
) -> None:
    path = folder / "proxy.sock"
    with listening.listen_for_proxy(path) as door:
        assert door is not None
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
    assert not path.exists()


def test_a_socket_that_a_killed_service_left_is_no_obstacle_and_a_file_is(folder: Path) -> None:
    path = folder / "proxy.sock"
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))
    with listening.listen_for_proxy(path):
        pass
    path.write_text("somebody's")
    with pytest.raises(ConfigError) as refused, listening.listen_for_proxy(path):
        pass
    assert refused.value.pointer == "server.proxy_socket"
    assert path.read_text() == "somebody's"


def test_a_folder_in_which_anybody_could_put_another_socket_is_refused(folder: Path) -> None:
    path = folder / "proxy.sock"
    for mode in (0o777, 0o702, 0o1777):
        folder.chmod(mode)
        with pytest.raises(ConfigError, match="any account may write"):
            listening._bound(path)
    folder.chmod(0o770)
    listening._bound(path).close()


@pytest.mark.parametrize("name", ["missing/proxy.sock", "x" * 120])
def test_a_path_that_cannot_be_had_names_the_setting(folder: Path, name: str) -> None:
    with pytest.raises(ConfigError) as refused, listening.listen_for_proxy(folder / name):
        pass
    assert refused.value.pointer == "server.proxy_socket"


def test_workers_that_end_leave_the_proxys_socket_to_the_parent(folder: Path) -> None:
    path = folder / "proxy.sock"
    with listening.listen_for_proxy(path) as door:
        assert door is not None
        number = os.dup(door.fileno())
        master = _Arbiter(CounterfoilApplication(load_config(None, {}, dev=True), number))
        master.LISTENERS = [UnixSocket(str(path), master.cfg, master.log, fd=number)]
        master.stop()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
