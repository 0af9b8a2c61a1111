"""The bounds of the HTTP layer; each keeps one caller from holding what others need."""

from __future__ import annotations

from typing import Final

KEEPALIVE_SECONDS: Final = 5  # idling between requests, and the whole of a request's head
BODY_SECONDS: Final = 10  # a 256 KiB body at 26 KB/s; slower is an attack or a broken line
SEND_SECONDS: Final = 10  # an answer is some KiB: a client that does not read it is gone
GRACEFUL_SECONDS: Final = 8  # for requests in flight at a stop; each is bounded by far less
HUNG_SECONDS: Final = 30  # a worker whose loop stands still this long is killed
MAX_CONNECTIONS: Final = 512  # per worker; more wait in the backlog
MAX_HEADER_BYTES: Final = 16_640  # one header: a 16 KiB token and its name
MAX_HEADERS: Final = 64
MAX_HEAD_BYTES: Final = 32_768  # all headers: a full token twice over
MAX_REQUEST_LINE_BYTES: Final = 4094
