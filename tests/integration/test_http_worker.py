"""What reaches the application, and what never does: our gunicorn worker on a real socket."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import threading
from collections.abc import Iterator

import pytest

import processes
from echo import MAX_BODY, WHOLE, echo_service, seen, talk


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with echo_service() as (port, _):
        yield port


def test_a_whole_request_reaches_the_application(port: int) -> None:
    told = seen(talk(port, WHOLE))
    assert told["body"] == "hello"
    assert told["environ"]["REQUEST_METHOD"] == "POST"
    assert told["environ"]["PATH_INFO"] == "/authorize"
    assert told["environ"]["QUERY_STRING"] == "a=b"
    assert told["environ"]["HTTP_HOST"] == "x"
    assert told["environ"]["REMOTE_ADDR"] == "127.0.0.1"


def test_chunks_arrive_as_one_body(port: int) -> None:
    told = seen(
        talk(
            port,
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
        )
    )
    assert told["body"] == "hello"


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        pytest.param(b"GET / HTTP/1.1\nHost: x\n\n", 400, id="bare-line-feeds"),
        pytest.param(b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400, id="space-before-colon"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\n y\r\n\r\n", 400, id="folded-header"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400, id="two-hosts"),
        pytest.param(b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", 400, id="unknown-version"),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
            400,
            id="two-lengths",
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"0\r\n\r\n",
            400,
            id="length-and-chunks",
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
            400,
            id="chunk-size-is-no-number",
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhelX",
            400,
            id="chunk-without-its-end",
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: sdch\r\n\r\n",
            400,
            id="unknown-coding",
        ),
        *(
            pytest.param(
                b"POST / HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\n" + body, 400, id=name
            )
            for name, head, body in [
                ("length-list", b"Content-Length: 2, 2", b"{}"),
                ("length-sign", b"Content-Length: +2", b"{}"),
                ("length-superscript", b"Content-Length: \xb2", b"{}"),
                ("coding-after-vertical-tab", b"Transfer-Encoding: \x0bchunked", b"0\r\n\r\n"),
                ("coding-twice", b"Transfer-Encoding: chunked, chunked", b"0\r\n\r\n"),
                ("coding-not-last", b"Transfer-Encoding: chunked, gzip", b"0\r\n\r\n"),
                (
                    "credential-in-a-trailer",
                    b"Transfer-Encoding: chunked",
                    b"2\r\n{}\r\n0\r\nAuthorization: Bearer x\r\n\r\n",
                ),
            ]
        ),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, id="http-2-preface"),
        pytest.param(b"post / HTTP/1.1\r\nHost: x\r\n\r\n", 400, id="method-in-lower-case"),
        pytest.param(b"GET\t/\tHTTP/1.1\r\nHost: x\r\n\r\n", 400, id="tabs-in-the-first-line"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nExpect: 200-ok\r\n\r\n", 400, id="expectation"),
        pytest.param(b"GET /" + b"a" * 5_000 + b" HTTP/1.1\r\n\r\n", 414, id="long-request-line"),
        pytest.param(
            b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 17_000 + b"\r\n\r\n", 431, id="long-header"
        ),
        pytest.param(
            b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: a\r\n" * 70 + b"\r\n", 431, id="many-headers"
        ),
    ],
)
def test_what_breaks_the_protocol_is_refused_and_never_500(
    port: int, request_bytes: bytes, status: int
) -> None:
    answer = talk(port, request_bytes)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split(b" ")[1] == str(status).encode(), answer
    assert b"Connection: close" in head
    assert b"application/problem+json" in head
    assert json.loads(body)["status"] == status
    seen(talk(port, WHOLE))  # control: the same door takes an honest request


def test_a_smuggled_second_request_is_not_served(port: int) -> None:
    # CL.TE: a proxy that counts by Content-Length would pass the second request unseen
    answer = talk(
        port,
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 60\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"0\r\n\r\nGET /admin HTTP/1.1\r\nHost: x\r\n\r\n",
    )
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"/admin" not in answer


def test_pipelined_requests_are_answered_in_order(port: int) -> None:
    answer = talk(port, WHOLE.replace(b"hello", b"first") + WHOLE.replace(b"hello", b"secnd"))
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.index(b'"first"') < answer.index(b'"secnd"')


def test_no_header_says_who_the_peer_is_or_where_it_came_in(port: int) -> None:
    told = seen(
        talk(
            port,
            b"GET /x HTTP/1.1\r\nHost: x\r\nX-Forwarded-Proto: https\r\nX-Forwarded-For: 10.0.0.1\r\n"
            b"SCRIPT_NAME: /x\r\nREMOTE_ADDR: 10.0.0.1\r\nHTTP_AUTHORIZATION: Bearer t\r\n\r\n",
        )
    )["environ"]
    assert told["wsgi.url_scheme"] == "http"
    assert told["REMOTE_ADDR"] == "127.0.0.1"
    assert (told["SCRIPT_NAME"], told["PATH_INFO"]) == ("", "/x")
    assert "HTTP_AUTHORIZATION" not in told


def test_a_header_of_ours_cannot_be_written_with_underscores(port: int) -> None:
    told = seen(talk(port, b"GET / HTTP/1.1\r\nHost: x\r\nX-A: good\r\nX_A: evil\r\n\r\n"))[
        "environ"
    ]
    assert told["HTTP_X_A"] == "good"


def test_a_body_that_is_too_large_is_answered_and_the_connection_ends(port: int) -> None:
    body = b"x" * 200_000
    answer = talk(
        port,
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body,
        finish=False,
    )
    told = seen(answer)
    assert len(told["body"]) == MAX_BODY + 1  # enough for the application to refuse it
    assert b"Connection: close" in answer


def test_expect_continue_is_answered_before_the_body(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as peer:
        peer.sendall(
            WHOLE.replace(b"Host: x", b"Host: x\r\nExpect: 100-continue").partition(b"hello")[0]
        )
        assert peer.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        peer.sendall(b"hello")
        assert seen(peer.recv(65_536))["body"] == "hello"


def test_an_answer_cannot_be_split_by_a_header(port: int) -> None:
    answer = talk(port, b"GET /split HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"Set-Cookie" not in answer


def test_a_head_that_comes_in_drips_loses_its_connection() -> None:
    with echo_service(keepalive=1) as (port, _):
        assert talk(port, b"GET / HTTP/1.1\r\nHost: ", finish=False) == b""
        seen(talk(port, WHOLE))


def test_a_body_that_does_not_come_is_a_408() -> None:
    with echo_service(body=1) as (port, _):
        answer = talk(port, WHOLE.removesuffix(b"lo"), finish=False)
        assert answer.startswith(b"HTTP/1.1 408 ")
        seen(talk(port, WHOLE))


def test_a_stop_waits_for_no_idle_connection() -> None:
    with echo_service(keepalive=600) as (port, pid):
        idle = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        idle.request("GET", "/")
        idle.getresponse().read()
        (worker,) = processes.children_of(pid)
        # leaving the block stops it; the exit within its 20 s is the assertion
    idle.close()
    assert not processes.alive(worker)


def test_a_stop_while_an_answer_leaves_does_not_wait_for_the_next_request() -> None:
    with echo_service(keepalive=600) as (port, _pid):
        idle = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        idle.request("GET", "/stop")
        worker = json.loads(idle.getresponse().read())["pid"]
        processes.eventually(lambda: not processes.alive(worker), "the stopped worker is gone")
    idle.close()


def test_a_killed_worker_comes_back() -> None:
    with echo_service(workers=2) as (port, pid):
        seen(talk(port, WHOLE))
        processes.eventually(lambda: len(processes.children_of(pid)) == 2, "two workers")
        victim = processes.children_of(pid)[0]
        processes.kill(victim)
        processes.eventually(
            lambda: len(set(processes.children_of(pid)) - {victim}) == 2, "a new worker"
        )
        seen(talk(port, WHOLE))


def test_a_worker_that_hangs_dies_with_its_master() -> None:
    with echo_service() as (port, pid):
        seen(talk(port, WHOLE))
        (worker,) = processes.children_of(pid)
        with socket.create_connection(("127.0.0.1", port), timeout=20) as peer:
            peer.sendall(WHOLE.replace(b"/authorize", b"/hang"))
            processes.eventually(lambda: unread(port), "its loop stands still")
            processes.kill(pid)
            processes.eventually(lambda: not processes.alive(worker), "the worker is gone")


def unread(port: int) -> bool:
    """Whether a request stays without an answer for a while."""
    with socket.create_connection(("127.0.0.1", port), timeout=0.5) as peer:
        peer.sendall(WHOLE)
        try:
            return not peer.recv(1)
        except TimeoutError:
            return True


def test_a_workers_first_request_is_answered_though_it_is_stopped_meanwhile() -> None:
    with (
        echo_service() as (port, pid),
        socket.create_connection(("127.0.0.1", port), timeout=20) as peer,
    ):
        peer.sendall(WHOLE.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")[:-1])
        assert peer.recv(100).startswith(b"HTTP/1.1 100")  # it has begun
        (worker,) = processes.children_of(pid)
        os.kill(worker, signal.SIGTERM)
        # its listener closes within the second that gunicorn takes to see the signal
        threading.Event().wait(2.5)
        peer.sendall(WHOLE[-1:])
        assert peer.recv(1_000).startswith(b"HTTP/1.1 200")
