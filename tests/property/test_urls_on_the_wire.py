"""URLs that are certain, against the bytes that requests and httpx really send."""

# ruff: noqa: S311
# Seeded choices, so that a failure can be repeated.

from __future__ import annotations

from collections import Counter
from functools import partial
from random import Random
from typing import Any

import pytest

from evidence import record
from requests_read import CLIENTS, Listener, read_request

HONEST = (
    "/v1/orders/17?limit=20&state=open",
    "/repos/acme/web/issues?labels=bug,ui&per_page=100",
    "/a%20b/c;d=1/@me?q=a+b%26c&x[]=1#top",
    "/search?q=O'Neill|Jos\u00e9&from=2026-11-24T03:10:00Z",
)
PIECES = (
    *"abcXYZ019-._~!$&'()*+,;=:@/?#[]|^`{}<>\"\\% \t\n\x00\x7f",
    *("..", "//", "/./", "/../", "%2e", "%2E%2e", "%2f", "%5C", "%25", "%41", "%7e", "%zz", "%"),
    *("%c3%a9", "%C0%AE", "%00", "%0d%0a", "\u00e9", "\u202e", "\u3002", "\uff0f", "\ud800"),
    *(";", "..;", "_method=PUT", "?", "#", "@evil.example", ":80", "\\@"),
)


def bent(random: Random) -> str:
    text = random.choice(HONEST)
    for _ in range(random.randrange(4)):
        at = random.randrange(1, len(text) + 1)
        cut = at + random.choice((0, 0, 1, 3))
        text = text[:at] + random.choice(PIECES) + text[cut:]
    return text


def compared(listener: Listener, seed: int, count: int) -> dict[str, Any]:
    """What clients sent of certain URLs: the text that was judged, or something else."""
    random, found = Random(seed), Counter[str]()
    otherwise: list[str] = []
    origin = f"http://127.0.0.1:{listener.port}"
    while found["certain"] < count:
        sent = origin + bent(random)
        reading = read_request(sent)
        found["texts"] += 1
        if reading.uncertain:
            continue
        found["certain"] += 1
        assert reading.execute is not None
        (permission,) = reading.required
        runs = str(reading.execute.arguments["url"])
        for name, client in CLIENTS.items():
            wire = listener.sent_by(partial(client, runs))
            if wire != ("GET", permission["identifier"], f"127.0.0.1:{listener.port}"):
                otherwise.append(f"{name}: {sent!r} -> {wire}")
    return {**found, "read_otherwise": otherwise}


def storm(seed: int, count: int) -> dict[str, Any]:
    listener = Listener()
    try:
        return compared(listener, seed, count)
    finally:
        listener.close()


def test_clients_send_exactly_what_was_judged() -> None:
    assert storm(9, 150)["read_otherwise"] == []


@pytest.mark.prove
def test_twenty_thousand_urls_on_the_wire() -> None:
    found = storm(2026, 20_000)
    what = "bent URLs: what requests and httpx send of those that are certain, byte for byte"
    record("http_wire", what, seed=2026, clients=sorted(CLIENTS), **found)
    assert found["read_otherwise"] == []
