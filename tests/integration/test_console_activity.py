"""*Activity* and *Ledger*: what was decided, for those who may see it; read, recorded, verified."""

from __future__ import annotations

import csv
import io
import json
import secrets
from collections.abc import Iterator

import pytest

from console import PAYLOADS, Visitor, assert_harmless, elements, visitor, words
from counterfoil.app import Adapters
from counterfoil.app_console import LedgerProofs
from counterfoil.http.lean import LeanFlask
from main_path import leaves, new_run
from service import Service
from simulators.in_process import application_over

ACTIVITY, LEDGER = "/console/activity", "/console/ledger"


@pytest.fixture(scope="module")
def app(service: Service) -> Iterator[LeanFlask]:
    with application_over(service) as made:
        yield made


def person(app: LeanFlask, service: Service, sub: str, groups: str = "developers") -> Visitor:
    browser = visitor(app, service)
    browser.sign_in(sub, groups)
    return browser


@pytest.fixture(scope="module")
def carol(app: LeanFlask, service: Service) -> Visitor:
    """An auditor's browser."""
    return person(app, service, "carol", "compliance")


def named() -> str:
    """Somebody whom no other test knows."""
    return f"dave-{secrets.token_hex(4)}"


def decided(service: Service, sub: str, run: str, sql: str, prompt: str = "Do it") -> str:
    answer = service.authorize(sql, token=service.token(sub, run=run), prompt=prompt)
    assert answer.status == 200, answer.body
    return str(answer.body["decision_id"])


CREATE, DROP = "CREATE TABLE public.t (id int)", "DROP TABLE public.t"


def test_an_auditor_sees_all_and_everybody_else_their_own(
    app: LeanFlask, service: Service, carol: Visitor
) -> None:
    one, other = named(), named()
    run = new_run()
    mine, theirs = decided(service, one, run, CREATE), decided(service, other, run, CREATE)
    page = carol.get(f"{ACTIVITY}?run={run}")
    assert (mine.encode() in page.data, theirs.encode() in page.data) == (True, True)
    assert "By person" in words(page)
    own = person(app, service, one).get(ACTIVITY)
    assert (mine.encode() in own.data, theirs.encode() in own.data) == (True, False)
    assert "By person" not in words(own)
    assert "1 decision." in words(own)
    asked = f"{ACTIVITY}?subject={other}&issuer=urn:counterfoil:development"
    refused = person(app, service, one).get(asked)
    assert (refused.status, "caller.not_allowed" in words(refused)) == (403, True)
    assert carol.get(asked).status == 200  # control
    assert person(app, service, one).get(f"{ACTIVITY}/{theirs}").status == 404


def test_filters_counts_and_charts_tell_the_same(service: Service, carol: Visitor) -> None:
    sub, run = named(), new_run()
    for sql in (CREATE, CREATE.replace("t (", "u ("), DROP):
        decided(service, sub, run, sql)
    page = carol.get(f"{ACTIVITY}?run={run}")
    said = words(page)
    assert "3 decisions." in said
    drawn = [it["aria-label"] for tag, it in elements(page) if tag == "svg"]
    assert drawn[0].startswith("By effect: allow 2, ")
    assert drawn[1] == "By kind of action: database 3"
    assert drawn[2] == "By tool, of those listed: run_sql 3"
    assert drawn[3] == f"By person: {sub} 3"
    assert_harmless(page)
    allowed = carol.get(f"{ACTIVITY}?run={run}&effect=allow")
    assert "2 decisions." in words(allowed)
    decided(service, sub, run, CREATE.replace("t (", "v ("))
    assert "3 decisions." in words(carol.get(f"{ACTIVITY}?run={run}&effect=allow"))  # goes on
    by_tool = carol.get(f"{ACTIVITY}?run={run}&tool=run_sql")
    assert "By tool, of those listed" in words(by_tool)
    assert "By effect" not in words(by_tool)  # tools are sealed: nothing is counted unopened
    assert carol.get(f"{ACTIVITY}?since=yesterday").status == 422
    assert carol.get(f"{ACTIVITY}?effect=maybe").status == 422


def test_older_ones_are_on_the_next_page(service: Service, carol: Visitor) -> None:
    sub, run = named(), new_run()
    made = {decided(service, sub, run, CREATE.replace("t (", f"t{n} (")) for n in range(43)}
    seen: set[str] = set()
    address: str | None = f"{ACTIVITY}?run={run}"
    while address is not None:
        page = carol.get(address)
        links = [it["href"] for tag, it in elements(page) if tag == "a"]
        seen |= {link.rpartition("/")[2] for link in links if "/dec_" in link}
        address = next((link for link in links if "cursor=" in link), None)
    assert seen == made


def test_that_a_chart_read_whose_decisions_they_are_is_recorded(
    service: Service, carol: Visitor
) -> None:
    """The name of somebody none of whose decisions is on the page."""
    run, sub = new_run(), named()
    rare = decided(service, sub, run, CREATE)
    other = named()
    for number in range(41):
        decided(service, other, run, CREATE.replace("t (", f"t{number} ("))
    page = carol.get(f"{ACTIVITY}?run={run}")
    assert rare.encode() not in page.data
    assert f"{sub} 1" in " ".join(it.get("aria-label", "") for _, it in elements(page))
    read = [it["plain"]["decisions"] for it in leaves(service) if it["event"] == "record_read"]
    assert any(rare in decisions for decisions in read)


def test_one_job_is_told_from_prompt_to_outcome(service: Service, carol: Visitor) -> None:
    token = service.token(named(), run=new_run())
    answer = service.authorize(CREATE, token=token, prompt="Add <b>t</b>\u202e")
    decision = answer.body["decision_id"]
    outcome = {"status": "ok", "excerpt": "<i>done</i>", "length": 11}
    path = f"/decisions/{decision}/outcome"
    assert service.request("POST", path, outcome, token=token).status == 200
    page = carol.get(f"{ACTIVITY}/{decision}")
    said = words(page)
    assert "Untrusted text: the prompt, as the agent states it." in said
    assert "Add <b>t</b> U+202E" in said
    assert "create table public.t in database orders" in said
    assert said.index("Decided") < said.index("The agent reported the outcome")
    assert "<i>done</i>" in said
    assert_harmless(page)


@pytest.mark.parametrize("first", range(0, len(PAYLOADS), 10))
def test_stored_script_is_text_in_every_page_of_activity(
    service: Service, carol: Visitor, first: int
) -> None:
    payloads = PAYLOADS[first : first + 10]
    run = new_run()
    sql = "CREATE TABLE public.t (" + ", ".join(
        '"' + it.replace('"', '""')[:60] + '" int' for it in dict.fromkeys(it[:60] for it in payloads)
    ) + ")"  # fmt: skip
    decision = decided(service, f"x{first}{payloads[0]}", run, sql, prompt="\n".join(payloads))
    story = carol.get(f"{ACTIVITY}/{decision}")
    for page in (story, carol.get(f"{ACTIVITY}?run={run}"), carol.get(f"{LEDGER}/{decision}")):
        assert page.status == 200
        assert_harmless(page)
        assert len(page.data) < 100_000


def test_who_read_what_is_recorded(service: Service, carol: Visitor) -> None:
    run = new_run()
    decision = decided(service, named(), run, CREATE)

    def read(via: str) -> int:
        found = [it["plain"] for it in leaves(service) if it["event"] == "record_read"]
        return sum(it["via"] == via and decision in it["decisions"] for it in found)

    before = (read("search"), read("trail"))
    carol.get(f"{ACTIVITY}?run={run}")
    assert read("search") > before[0]
    carol.get(f"{ACTIVITY}/{decision}")
    assert read("trail") == before[1] + 1
    before = (read("search"), read("trail"))
    carol.get(f"{ACTIVITY}/export?run={run}")
    assert read("search") == before[0] + 1


def test_an_export_holds_what_the_filters_found_and_no_formula(
    service: Service, carol: Visitor
) -> None:
    run, sub = new_run(), "=HYPERLINK(1)"
    decisions = {decided(service, sub, run, CREATE), decided(service, sub, run, DROP)}
    answer = carol.get(f"{ACTIVITY}/export?run={run}")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    rows = list(csv.DictReader(io.StringIO(answer.data.decode())))
    assert {row["decision_id"] for row in rows} == decisions
    assert {row["subject"] for row in rows} == {"'=HYPERLINK(1)"}
    one = carol.get(f"{ACTIVITY}/export?run={run}&effect=allow")
    assert len(list(csv.DictReader(io.StringIO(one.data.decode())))) == 1


def test_the_ledger_is_shown_to_auditors_and_its_health_to_operators(
    app: LeanFlask, service: Service, carol: Visitor
) -> None:
    decision = decided(service, named(), new_run(), CREATE)
    page = carol.get(LEDGER)
    assert "ledger:writable ready" in words(page)
    assert "/log/default" in words(page)
    operator = person(app, service, "olga", "operators")
    told = operator.get(LEDGER)
    assert "ledger:writable ready" in words(told)
    assert "/log/default" not in words(told)
    assert operator.get(f"{LEDGER}/{decision}").status == 403
    assert person(app, service, "bob", "database-admins").get(LEDGER).status == 403


def test_a_record_is_proved_in_the_page_and_a_changed_one_is_not(
    app: LeanFlask, service: Service, carol: Visitor
) -> None:
    decision = decided(service, named(), new_run(), CREATE)
    page = carol.get(f"{LEDGER}/{decision}")
    said = words(page)
    assert "The service says: it holds" in said
    assert "This browser says: nothing, for it runs no script here." in said
    assert decision in said
    data = carol.get(f"{LEDGER}/{decision}/file").data
    adapters: Adapters = app.extensions["counterfoil"]
    proofs = LedgerProofs(adapters.ledger)
    assert proofs.problem(data) == ""
    value = json.loads(data)
    for name, changed in (
        ("leaf", value["leaf"].replace('"allow"', '"deny"')),
        ("proof", value["proof"].replace("index ", "index 1")),
    ):
        assert changed != value[name]
        assert proofs.problem(json.dumps({**value, name: changed}).encode())
    assert carol.get(f"{LEDGER}/dec_{'0' * 26}").status == 404
