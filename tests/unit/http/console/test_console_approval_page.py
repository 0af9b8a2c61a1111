"""The page of one approval, from what the flow says of it."""

from __future__ import annotations

from typing import Any

import pytest

from counterfoil.core.model import Caller, Subject
from counterfoil.errors import AlreadyAnswered, SignInTooOld
from counterfoil.http.console.approve import approval_values, why_not
from counterfoil.http.console.door import nobody
from counterfoil.http.console.pages import Pages

DIGEST = "CzrKiariUa7FY_TA68CdRZGApqKEOlMe8od80S9sd8Q"


def approval(**changes: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "id": "apr_" + "0" * 26,
        "status": "pending",
        "expires_at": "2026-11-25T00:04:07Z",
        "decision_id": "dec_" + "0" * 26,
        "action_digest": DIGEST,
        "opened_at": "2026-11-24T23:04:07.623399Z",
        "subject": {"iss": "urn:x", "sub": "alice"},
        "actor": {"iss": "urn:x", "sub": "coder"},
        "run": "run_1",
        "action": {"name": "run_shell", "family": "shell", "arguments": {"command": "rm  -r a;b"}},
        "resource": None,
        "operations": [
            {"family": "shell", "verb": "remove", "object": {"kind": "file", "path": "a"}}
        ],
        "permissions": [],
        "ambient": [],
        "execute": {"arguments": {"command": "'rm' '-r' 'a'"}, "session": None},
        "reasons": [{"code": "policy.x", "title": "Ask", "solution": ""}],
        "prompt": {"text": None, "source": "run", "digest": DIGEST},
        "approvers": ["admins"],
        "quorum": 2,
        "answers": [],
        "policy": {"revision": "r", "digest": "d"},
    }
    return {**whole, **changes}


def rendered(shown: dict[str, Any], command: str | None = "command") -> str:
    values = {"before": [], "why_not": "", "person": "bob", "roles": frozenset()}
    base = {"change_token": "t", "here": "/console/approvals"}
    reply = Pages(development=False).render(
        "approval.html", {**values, **base, **approval_values(shown, command)}
    )
    assert len(reply.body) < 100_000 or len(str(shown)) > 50_000
    return reply.body.decode()


def test_what_runs_is_shown_where_it_is_not_what_was_asked() -> None:
    page = rendered(approval())
    assert "What will run" in page
    assert "rm  -r a;b" in page
    assert "&#39;rm&#39; &#39;-r&#39; &#39;a&#39;" in page
    same = {"arguments": {"command": "rm  -r a;b"}, "session": None}
    assert "What will run" not in rendered(approval(execute=same))
    assert "What will run" not in rendered(approval(execute=None))


def test_every_argument_is_whole_even_where_none_is_known_as_the_command() -> None:
    arguments = {"command": "x" * 60_000, "other": {"deep": ["<b>", 1.5, None]}, "z": "\u202e"}
    action = {"name": "t", "family": "f", "arguments": arguments}
    for command in ("command", None, "gone"):
        page = rendered(approval(action=action, execute=None), command)
        assert "x" * 60_000 in page
        assert "&lt;b&gt;" in page
        assert "U+202E RIGHT-TO-LEFT OVERRIDE" in page
        assert "\u202e" not in page


def test_a_long_command_of_many_operations_is_quickly_made() -> None:
    """Spans times length would be minutes; nothing is timed, it just must end."""
    text = "DROP TABLE a; " * 4_000
    operations = [
        {
            "verb": "drop",
            "object": {"kind": "table", "name": f"a{n}"},
            "span": [n * 14, n * 14 + 12],
        }
        for n in range(500)
    ]
    action = {"name": "t", "family": "f", "arguments": {"command": text}}
    page = rendered(approval(action=action, execute=None, operations=operations))
    assert page.count("<mark>") == 500


@pytest.mark.parametrize(
    ("changes", "sub", "groups", "why"),
    [
        ({}, "bob", ["admins"], ""),
        ({"status": "denied"}, "bob", ["admins"], "It is denied"),
        ({}, "alice", ["admins"], "You asked"),
        ({}, "coder", ["admins"], "You asked"),
        ({}, "bob", ["developers"], "none of the groups"),
        ({"answers": [{"person": {"iss": "urn:x", "sub": "bob"}, "answer": "approve", "comment": None, "answered_at": "t"}]}, "bob", ["admins"], "You have answered"),
        ({"answers": [{"person": None, "answer": "approve", "comment": None, "answered_at": "t"}]}, "bob", ["admins"], ""),
    ],
)  # fmt: skip
def test_there_is_a_form_for_whoever_may_answer(
    changes: dict[str, Any], sub: str, groups: list[str], why: str
) -> None:
    caller = Caller(
        tenant="default",
        subject=Subject(issuer="urn:x", sub=sub, groups=tuple(groups)),
        actor=None,
        run_id=None,
        prompt_digest=None,
        expires_at=1.0,
    )
    found = why_not(approval(**changes), caller)
    assert why in found
    assert bool(found) == bool(why)


def test_whose_sign_in_is_too_old_is_shown_where_to_sign_in_again() -> None:
    base = {**nobody(), "here": "/console/approvals/apr_1/answer"}
    for error, there in ((SignInTooOld(), True), (AlreadyAnswered(), False)):
        page = Pages(development=False).refusal(error, base).body.decode()
        link = 'href="/console/signin/start/oidc?fresh=1&amp;then=/console/approvals/apr_1"'
        assert (link in page) == there
