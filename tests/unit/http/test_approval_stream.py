"""Server-sent events of an approval: each step once, then a wait, then the end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from counterfoil.http.approval_stream import EVENTS, WAIT_SECONDS, stream, wants_events


class Steps:
    """An approval that has taken a step more at each wait, never before."""

    def __init__(self, *views: dict[str, Any]) -> None:
        self.views = list(views)
        self.waits: list[int] = []

    def read(self, seconds: int) -> dict[str, Any]:
        if seconds:
            self.waits.append(seconds)
            del self.views[: len(self.views) > 1]
        return self.views[0]


def view(status: str, answers: int = 0) -> dict[str, Any]:
    return {"id": "apr_1", "status": status, "answers": [{}] * answers, "line": "a\nb"}


def event(body: bytes) -> tuple[str, dict[str, Any]]:
    lines = body.decode().removesuffix("\n\n").split("\n")
    fields = dict(line.split(": ", 1) for line in lines)
    assert set(fields) == {"retry", "event", "id", "data"}  # no data breaks its line
    return fields["id"], json.loads(fields["data"])


def test_what_is_new_comes_at_once_and_what_was_seen_waits_for_the_next() -> None:
    steps = Steps(view("pending"), view("pending", 1), view("approved", 2))
    seen, told = "", []
    for _ in range(3):
        reply = stream({"HTTP_LAST_EVENT_ID": seen}, steps.read, None)
        assert (reply.status, reply.content_type) == (200, EVENTS)
        seen, said = event(reply.body)
        told.append((said["status"], len(said["answers"])))
    assert told == [("pending", 0), ("pending", 1), ("approved", 2)]
    assert steps.waits == [WAIT_SECONDS] * 2
    done = stream({"HTTP_LAST_EVENT_ID": seen}, steps.read, None)
    assert (done.status, done.body) == (204, b"")


def test_a_wait_without_news_brings_none() -> None:
    steps = Steps(view("pending"))
    reply = stream({"HTTP_LAST_EVENT_ID": "pending.0"}, steps.read, 3)
    assert (reply.status, b"data:" in reply.body, b"retry: " in reply.body) == (200, False, True)
    assert steps.waits == [3]


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("text/event-stream", True),
        ("Text/Event-Stream; q=1", True),
        ("", False),
        ("*/*", False),
        ("application/json, text/event-stream", False),
    ],
)
def test_who_asks_for_nothing_but_events_gets_them(accept: str, *, wanted: bool) -> None:
    assert wants_events({"HTTP_ACCEPT": accept}) is wanted
