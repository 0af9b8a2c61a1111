"""A port that cannot be had is said with its setting and what to do."""

from __future__ import annotations

import socket

import pytest

from counterfoil.cli import listening
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
