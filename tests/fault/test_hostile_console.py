"""Whatever a browser, or what stands for one, sends to the console: no failure of ours, no trace."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from console import CHANGES, FORM, PAGES, Visitor, visitor
from counterfoil.http.lean import LeanFlask
from main_path import TRACES
from service import Service
from simulators.http_door import Answer
from simulators.in_process import application_over

IDS = ("apr_" + "0" * 26, "dec_" + "0" * 26, "oidc", "saml")
BAD = (
    *("", "\x00", "\xe9", "%00", "../..", "'", '"', "<a>", "A" * 5_000, "=", "a=b&a=c", "%ff", "%"),
    *("true", "-1", "9" * 30, "\xed\xa0\xbd", "{{1}}", "a\r\nSet-Cookie: x=y", "//evil.example"),
)
NAMES = (
    *("cursor", "since", "until", "effect", "then", "code", "state", "iss", "run", "tool", "actor"),
    *("subject", "issuer", "fresh", "error", "x"),
)
FIELDS = ("change_token", "answer", "action_digest", "comment", "sub", "groups", "state")
ROUNDS = 25


@pytest.fixture(scope="module")
def app(service: Service) -> Iterator[LeanFlask]:
    with application_over(service) as made:
        yield made


def _filled(rule: str, chance: random.Random) -> str:
    for name in ("<approval_id>", "<decision_id>", "<way>", "<name>"):
        rule = rule.replace(name, chance.choice((*BAD, *IDS)))
    return rule


def _read(browser: Visitor, rule: str, chance: random.Random, number: int) -> Answer:
    names = chance.sample(NAMES, chance.randrange(4)) * chance.choice((1, 1, 2, 12))
    query = "&".join(f"{name}={chance.choice(BAD)}" for name in names)
    return browser._send(
        b"",
        REQUEST_METHOD="GET",
        PATH_INFO=_filled(rule, chance),
        QUERY_STRING=query,
        CONTENT_TYPE=None,
        REMOTE_ADDR=str(number),
    )


def _change(browser: Visitor, rule: str, chance: random.Random, token: str, number: int) -> Answer:
    fields = {name: chance.choice(BAD) for name in chance.sample(FIELDS, chance.randrange(7))}
    if chance.random() < 0.7:
        fields["change_token"] = token
    body = urlencode(fields, encoding="latin-1").encode()
    sent: dict[str, Any] = {
        "CONTENT_TYPE": chance.choice((FORM, FORM, FORM, "text/plain", "")),
        "HTTP_ORIGIN": browser.origin,
        "HTTP_SEC_FETCH_SITE": "same-origin",
        "REMOTE_ADDR": str(number),
    }
    cut = chance.choice((len(body), len(body), len(body) + 1))
    return browser._send(
        body, PATH_INFO=_filled(rule, chance), **{**sent, "CONTENT_LENGTH": str(cut)}
    )


def test_no_request_makes_the_console_fail(app: LeanFlask, service: Service) -> None:
    chance = random.Random(11)  # noqa: S311 -- the same requests each time
    browser = visitor(app, service)
    browser.sign_in("mallory", "compliance operators")
    kept, token = dict(browser.cookies), browser.change_token()
    statuses: dict[int, int] = {}
    for rule in (*PAGES, *CHANGES):
        for number in range(ROUNDS):
            browser.cookies = dict(kept)
            if chance.random() < 0.2:
                browser.cookies[chance.choice((*kept, "counterfoil-signin"))] = chance.choice(BAD)
            if rule == "/console/signout" and number:
                continue  # the first one that is taken ends the session
            args = (browser, rule, chance)
            answer = _read(*args, number) if rule in PAGES else _change(*args, token, number)
            statuses[answer.status] = statuses.get(answer.status, 0) + 1
            assert answer.status < 500, (rule, answer.data)
            assert not any(trace.encode() in answer.data for trace in TRACES)
            for name in ("Location", "Set-Cookie"):
                for value in answer.headers.getlist(name):
                    assert "evil.example" not in value or value.startswith("/console/signin?then=")
    assert {200, 303, 403, 404, 422} <= statuses.keys(), statuses
