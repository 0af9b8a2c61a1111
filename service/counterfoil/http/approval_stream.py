"""Server-sent events of one approval (WHATWG HTML §9.2), beside the long poll.

A worker holds no connection open for longer than a long poll: each response carries what has
changed since `Last-Event-ID`, ends, and says how soon to come back, which an event source does by
itself. Where nothing can change any more the answer is 204, at which it stops (§9.2.3).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, cast

import orjson

from counterfoil.core.model import JsonObject, JsonValue
from counterfoil.http.exchange import Environ, Reply

EVENTS: Final = "text/event-stream"
WAIT_SECONDS: Final = 25
_COME_BACK: Final = b"retry: 1000\n"
_NOTHING_NEW: Final = b": nothing new\n\n"
_NO_CONTENT: Final = 204


def wants_events(environ: Environ) -> bool:
    """Whether the client asks for events and for nothing else."""
    accepted = str(environ.get("HTTP_ACCEPT", ""))
    return accepted.partition(";")[0].strip().lower() == EVENTS


def stream(environ: Environ, read: Callable[[int], JsonValue], wait_seconds: int | None) -> Reply:
    """What is new of the approval that `read` gives, after waiting at most so many seconds.

    Raises:
        CounterfoilError: as `read` does.
    """
    seen = str(environ.get("HTTP_LAST_EVENT_ID", ""))
    value = cast("JsonObject", read(0))
    if _name(value) == seen:
        if value["status"] != "pending":
            return Reply(_NO_CONTENT, b"", EVENTS)
        value = cast("JsonObject", read(WAIT_SECONDS if wait_seconds is None else wait_seconds))
        if _name(value) == seen:
            return Reply(200, _COME_BACK + _NOTHING_NEW, EVENTS)
    head = f"event: approval\nid: {_name(value)}\n".encode()
    return Reply(200, _COME_BACK + head + b"data: " + orjson.dumps(value) + b"\n\n", EVENTS)


def _name(value: JsonObject) -> str:
    """Differs wherever the approval has taken a step."""
    return f"{value['status']}.{len(cast('list[JsonValue]', value['answers']))}"
