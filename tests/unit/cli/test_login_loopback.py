"""The launcher's own address takes one answer, of its own login, and nothing else."""

from __future__ import annotations

import http.client
import socket
from urllib.parse import urlencode

import pytest

from counterfoil.cli.login_http import LoginFailed, Web
from counterfoil.cli.login_loopback import Loopback, listening

STATE = "the-state-of-this-login"


def visit(loopback: Loopback, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", loopback.port, timeout=20)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        sent = {name.lower(): value for name, value in response.getheaders()}
        return response.status, sent, response.read().decode()
    finally:
        connection.close()


def good(**changes: str) -> str:
    return "/?" + urlencode({"code": "c0de", "state": STATE, **changes})


def test_the_browsers_answer_is_taken_once() -> None:
    with listening(0, STATE) as loopback:
        status, headers, page = visit(loopback, good())
        assert (status, "closed" in page) == (200, True)
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert "c0de" not in page
        assert visit(loopback, good(code="another"))[0] == 404
        assert loopback.wait(1)["code"] == "c0de"


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/", {}),
        (good(state="of-another-login"), {}),
        (good(state=""), {}),
        ("/?" + urlencode({"code": "c0de"}), {}),
        (good() + "&state=x", {}),
        (good() + f"&state={STATE}", {}),
        (good().replace("/?", "/callback?"), {}),
        (good(), {"Host": "evil.example"}),
        (good(), {"Host": "localhost"}),
        ("/?" + "&".join(f"a{i}=b" for i in range(40)), {}),
        ("/favicon.ico", {}),
        (good(more="x" * 20_000), {}),
    ],
)
def test_what_is_not_this_logins_answer_changes_nothing(path: str, headers: dict[str, str]) -> None:
    with listening(0, STATE) as loopback:
        status, _, page = visit(loopback, path, **headers)
        assert status == 404
        assert "evil" not in page
        assert loopback.answer is None
        assert visit(loopback, good())[0] == 200  # control: the login still goes on


def test_who_connects_and_says_nothing_holds_up_nobody() -> None:
    with listening(0, STATE) as loopback, socket.create_connection(("127.0.0.1", loopback.port)):
        assert visit(loopback, good())[0] == 200


def test_it_listens_on_this_machine_alone_and_only_while_it_waits() -> None:
    with listening(0, STATE) as loopback:
        port = loopback.port
        assert loopback.redirect_uri == f"http://127.0.0.1:{port}/"
        with pytest.raises(LoginFailed, match="taken"), listening(port, STATE):
            pass
        # Another address of this machine: what is bound to every address answers there too.
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port))
    with pytest.raises(ConnectionRefusedError):
        visit(loopback, good())


def test_nobody_who_comes_back_is_said_so() -> None:
    with listening(0, STATE) as loopback, pytest.raises(LoginFailed, match="nobody came back"):
        loopback.wait(0.05)


@pytest.mark.parametrize(
    "url", ["http://idp.example.test/", "ftp://127.0.0.1/", "https://", "//x", "http://[::1", "x"]
)
def test_only_https_or_this_machine_is_asked(url: str) -> None:
    with pytest.raises(LoginFailed):
        Web().get(url)
