"""A person answers in the console: they see exactly the action, and only that is answered."""

from __future__ import annotations

import time
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest

from approval_story import ADMINS, CREATE, Desk, approving_service, codes, fresh
from console import PAYLOADS, Visitor, assert_harmless, elements, visitor, words
from counterfoil.http.lean import LeanFlask
from main_path import leaves, new_run
from revoking import FRESH
from simulators.http_door import Answer
from simulators.in_process import application_over


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with approving_service(tmp_path_factory.mktemp("console")) as service:
        yield Desk(service)


@pytest.fixture(scope="module")
def app(desk: Desk) -> Iterator[LeanFlask]:
    with application_over(desk.service) as made:
        yield made


@pytest.fixture(scope="module")
def bob(app: LeanFlask, desk: Desk) -> Visitor:
    """An approver's browser."""
    browser = visitor(app, desk.service)
    browser.sign_in("bob", ADMINS)
    return browser


def page(browser: Visitor, approval: dict[str, Any]) -> Answer:
    answer = browser.get(f"/console/approvals/{approval['id']}")
    assert answer.status == 200, answer.data
    return answer


def answered(browser: Visitor, shown: Answer, said: str = "approve", **changes: str) -> Answer:
    """Press a button of the page as it was shown."""
    (form,) = (
        it for tag, it in elements(shown) if tag == "form" and it["action"].endswith("/answer")
    )
    fields = {name: browser.field(shown, name) for name in ("change_token", "action_digest")}
    return browser.post(form["action"], {**fields, "answer": said, **changes})


def test_a_person_approves_what_they_read_and_the_agent_goes_on(bob: Visitor, desk: Desk) -> None:
    token = fresh(desk)
    desk.ask(token, "SELECT id FROM public.invoices")
    approval = desk.opened(token)
    listed = bob.get("/console/approvals")
    assert f"/console/approvals/{approval['id']}" in [it.get("href") for _, it in elements(listed)]
    shown = page(bob, approval)
    said = words(shown)
    assert "create table public.invoices in database orders" in said
    assert "create on schema public, at postgresql://127.0.0.1:5432/orders" in said
    assert "alice of urn:counterfoil:development" in said
    assert "A person must approve this action first policy.approval_required" in said
    assert "Untrusted text: the prompt, as the agent states it." in said
    assert "allow run_sql" in said  # what happened before
    assert len(shown.data) < 100_000
    answer = answered(bob, shown, comment="go <b>on</b>")
    assert answer.status == 303
    assert answer.headers["Location"] == f"/console/approvals/{approval['id']}"
    after = page(bob, approval)
    assert "approve bob: go <b>on</b>" in words(after)
    assert_harmless(after)
    assert desk.view(approval["id"], token)["comment"] == "go <b>on</b>"
    assert desk.ask(token, approval=approval["id"])["effect"] == "allow"


def test_a_person_denies_and_nothing_runs(bob: Visitor, desk: Desk) -> None:
    token = fresh(desk)
    approval = desk.opened(token)
    assert answered(bob, page(bob, approval), "deny").status == 303
    decision = desk.ask(token, approval=approval["id"])
    assert (decision["effect"], codes(decision)[0]) == ("deny", "approval.denied")


def test_the_command_is_whole_and_marked_where_each_operation_comes_from(
    bob: Visitor, desk: Desk
) -> None:
    sql = "CREATE TABLE public.invoices (" + ", ".join(f"c{n} int" for n in range(900)) + ")"
    shown = page(bob, desk.opened(fresh(desk), sql))
    text = unescape(shown.data.decode())
    marked = "<mark>public.invoices<sup>1</sup></mark>"
    assert sql.replace("public.invoices", marked) in text
    assert "c899 int" in text


@pytest.mark.parametrize("said", ["approve", "deny"])
def test_a_mutated_pending_action_is_not_answered(bob: Visitor, desk: Desk, said: str) -> None:
    """The page was of one action, and the answer arrives at another."""
    token = fresh(desk)
    one, other = desk.opened(token), desk.opened(token, CREATE.replace("invoices", "receipts"))
    shown = page(bob, one)
    answer = answered(bob, shown, said, action_digest=other["action_digest"])
    assert (answer.status, "approval.digest_mismatch" in words(answer)) == (409, True)
    assert desk.view(one["id"], token)["status"] == "pending"
    assert answered(bob, shown, said).status == 303  # control


def test_an_answer_is_taken_once(bob: Visitor, desk: Desk) -> None:
    approval = desk.opened(fresh(desk))
    shown = page(bob, approval)
    assert answered(bob, shown, "deny").status == 303
    again = answered(bob, shown, "approve")
    assert (again.status, "approval.already_answered" in words(again)) == (409, True)


def test_who_asked_gets_no_form_and_no_answer_through(
    bob: Visitor, app: LeanFlask, desk: Desk
) -> None:
    """The requester, in the approvers' group, by the page and around it."""
    approval = desk.opened(desk.agent(new_run()))
    alice = visitor(app, desk.service)
    alice.sign_in("alice", ADMINS)
    shown = page(alice, approval)
    assert "You asked for it" in words(shown)
    fields = {"change_token": alice.change_token(), "answer": "approve"}
    sent = {**fields, "action_digest": approval["action_digest"]}
    answer = alice.post(f"/console/approvals/{approval['id']}/answer", sent)
    assert (answer.status, "approval.self_approval" in words(answer)) == (403, True)
    assert answered(bob, page(bob, approval)).status == 303  # control


def test_a_link_that_was_forwarded_shows_nothing_to_others(
    bob: Visitor, app: LeanFlask, desk: Desk
) -> None:
    approval = desk.opened(fresh(desk))
    other = visitor(app, desk.service)
    other.sign_in("mallory", "developers")
    path = f"/console/approvals/{approval['id']}"
    assert other.get(path).status == 404
    sent = {
        "change_token": other.change_token(),
        "answer": "approve",
        "action_digest": approval["action_digest"],
    }
    assert other.post(f"{path}/answer", sent).status == 403
    assert approval["id"] not in other.get("/console/approvals").data.decode()
    assert bob.get(path).status == 200  # control


def test_an_answer_of_another_site_is_refused(bob: Visitor, desk: Desk) -> None:
    approval = desk.opened(fresh(desk))
    shown = page(bob, approval)
    fields = {
        "change_token": bob.field(shown, "change_token"),
        "action_digest": approval["action_digest"],
        "answer": "approve",
    }
    path = f"/console/approvals/{approval['id']}/answer"
    for forged in (
        {"HTTP_SEC_FETCH_SITE": "cross-site"},
        {"HTTP_ORIGIN": "https://evil.example", "HTTP_SEC_FETCH_SITE": None},
    ):
        assert bob.post(path, fields, **forged).status == 403
    assert bob.post(path, {**fields, "change_token": "x"}).status == 403
    assert bob.post(path, fields).status == 303  # control


def test_who_was_revoked_answers_nothing_any_more(app: LeanFlask, desk: Desk, bob: Visitor) -> None:
    approval = desk.opened(fresh(desk))
    gone = visitor(app, desk.service)
    gone.sign_in("gone", ADMINS)
    shown = page(gone, approval)
    root = desk.service.token("root", ["administrators"], agent=None)
    person = {"iss": "urn:counterfoil:development", "sub": "gone"}
    revoked = desk.service.request("POST", "/revocations", {"subject": person}, token=root)
    assert revoked.status == 200
    time.sleep(FRESH)
    answer = answered(gone, shown)
    assert answer.headers["Location"] == "/console/signin"
    assert answered(bob, page(bob, approval)).status == 303  # control: it still waited


def test_that_an_approver_read_an_action_and_its_run_is_recorded(bob: Visitor, desk: Desk) -> None:
    token = fresh(desk)
    earlier = desk.ask(token, "SELECT id FROM public.invoices")["decision_id"]
    approval = desk.opened(token)
    page(bob, approval)
    page(bob, approval)  # once, however often they look
    read = [
        name
        for leaf in leaves(desk.service)
        if leaf["event"] == "record_read"
        for name in leaf["plain"]["decisions"]
    ]
    assert read.count(earlier) == 1
    assert read.count(approval["decision_id"]) == 1


def test_hidden_and_turning_characters_are_shown_as_what_they_are(bob: Visitor, desk: Desk) -> None:
    prompt = "Drop nothing\u202e elbat eht pord\u2066\u200b; p\u0430ypal"
    shown = page(bob, desk.opened(fresh(desk), prompt=prompt))
    hidden = [it["title"] for tag, it in elements(shown) if it.get("class") == "hid"]
    assert hidden == [
        "U+202E RIGHT-TO-LEFT OVERRIDE",
        "U+2066 LEFT-TO-RIGHT ISOLATE",
        "U+200B ZERO WIDTH SPACE",
    ]
    assert "\u202e" not in shown.data.decode()
    assert "3 hidden characters in the prompt" in words(shown)
    assert "“p\u0430ypal” holds letters of CYRILLIC and LATIN" in words(shown)


@pytest.mark.parametrize("first", range(0, len(PAYLOADS), 10))
def test_stored_script_in_prompt_or_argument_is_text(bob: Visitor, desk: Desk, first: int) -> None:
    payloads = PAYLOADS[first : first + 10]
    names = [payload.replace('"', '""')[:60] for payload in payloads]
    columns = ", ".join(f'"{name}" int' for name in dict.fromkeys(names))
    sql = f'CREATE TABLE public."{names[0]}" ({columns})'
    approval = desk.opened(fresh(desk), sql, prompt="\n".join(payloads))
    for answer in (page(bob, approval), bob.get("/console/approvals")):
        assert_harmless(answer)
    text = unescape(page(bob, approval).data.decode())
    assert "\n" + "\n".join(payloads) + "</pre>" in text


def test_stored_script_in_comments_agents_and_groups_is_text(app: LeanFlask, desk: Desk) -> None:
    for number, payload in enumerate(PAYLOADS[::9]):
        browser = visitor(app, desk.service)
        page_of = browser.get("/console/signin")
        groups = f"{ADMINS} {payload.replace(' ', '')}"
        fields = {"state": browser.field(page_of, "state"), "sub": payload, "groups": groups}
        assert browser.post("/console/signin/development", fields).status == 303
        agent = desk.agent(new_run(), f"x{number}{payload}")
        approval = desk.opened(agent)
        shown = page(browser, approval)
        assert_harmless(shown)
        assert answered(browser, shown, "deny", comment=payload).status == 303
        assert_harmless(page(browser, approval))


def test_answers_are_bounded_by_the_minute_for_each_person(
    app: LeanFlask, desk: Desk, bob: Visitor
) -> None:
    hasty = visitor(app, desk.service)
    hasty.sign_in("hasty", ADMINS)
    approval = desk.opened(fresh(desk))
    shown = page(hasty, approval)
    statuses = [answered(hasty, shown, action_digest="x" * 43).status for _ in range(40)]
    assert statuses[:30] == [409] * 30
    assert statuses[-1] == 429
    assert answered(bob, page(bob, approval)).status == 303  # another person goes on


def test_an_answer_that_is_none_is_refused(bob: Visitor, desk: Desk) -> None:
    approval = desk.opened(fresh(desk))
    shown = page(bob, approval)
    for said, digest in (("maybe", approval["action_digest"]), ("", "x"), ("approve", "")):
        assert answered(bob, shown, said, action_digest=digest).status == 422


def test_of_many_that_wait_those_are_listed_that_end_first(
    app: LeanFlask, desk: Desk, bob: Visitor
) -> None:
    token = fresh(desk)
    first = desk.opened(token, CREATE.replace("invoices", "listed0"))
    for number in range(1, 21):
        desk.opened(token, CREATE.replace("invoices", f"listed{number}"))
    page_of = bob.get("/console/approvals")
    assert len([1 for tag, _ in elements(page_of) if tag == "time"]) == 20
    assert "More wait for you" in words(page_of)
    assert page(bob, first).status == 200
