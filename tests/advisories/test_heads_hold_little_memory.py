"""64 headers of the largest size were a megabyte, for each of 512 connections of a worker.

Without a credential. A head that comes in small pieces also cost a copy of all of it for each.
"""

from __future__ import annotations

import pytest

from echo import WHOLE, echo_service, seen, talk


@pytest.mark.parametrize("place", [b"Host: x\r\n", b"Transfer-Encoding: chunked\r\n"])
def test_headers_and_trailers_are_bounded_in_all(place: bytes) -> None:
    many = b"".join(b"A%d: %s\r\n" % (i, b"a" * 15_000) for i in range(30))
    with echo_service() as (port, _):
        # Never ended: only a bound refuses it. In a trailer the bound ends the connection.
        chunks = b"\r\n0\r\n" if b"chunked" in place else b""
        answer = talk(port, b"POST / HTTP/1.1\r\n" + place + chunks + many, finish=False)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")
        token = b"Authorization: Bearer " + b"t" * 16_000 + b"\r\n"
        seen(talk(port, WHOLE.replace(b"Content-Length", token + b"Content-Length")))  # control
