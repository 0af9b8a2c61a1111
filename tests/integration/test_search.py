"""`GET /decisions`: an auditor finds the tenant's decisions, a person their own, page by page."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from deployment import Deployment, Tenant, deployed
from service import sql_request
from simulators.hostile_session import SCHEMAS

DROP = sql_request("DROP TABLE public.invoices", None)
HANDOFF = {"action": {"name": "no_such_tool", "properties": {"arguments": {}}}, "context": {}}


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with deployed(tmp_path_factory.mktemp("search")) as started:
        yield started


class World:
    """Decisions of alice and bert in one tenant: allowed, denied, waiting."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment, self.tenant = deployment, deployment.acme
        self.auditor = self.tenant.person("carol", ["compliance"])
        self.alice, self.bert = (self._run(self.tenant, name) for name in ("alice", "bert"))

    def _run(self, tenant: Tenant, name: str) -> dict[str, Any]:
        given = self.deployment.opened(tenant, source=tenant.person(name))
        token, run = given["access_token"], given["run"]
        said = [
            self.deployment.ask(token),
            self.deployment.call("POST", "/authorize", token, HANDOFF).json,
            self.deployment.call("POST", "/authorize", token, DROP).json,
        ]
        assert [item["effect"] for item in said] == ["allow", "deny", "needs_approval"]
        return {"run": run, "token": token, "ids": [item["decision_id"] for item in said]}

    def find(self, token: str | None = None, **filters: str | int) -> list[str]:
        """The ids of all pages, the oldest first."""
        return [item["decision_id"] for item in self.pages(token, **filters)][::-1]

    def pages(self, token: str | None = None, **filters: str | int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        more: str | None = None
        while True:
            answer = self.ask(token, **filters, **({"cursor": more} if more else {}))
            assert answer.status == 200, answer.json
            SCHEMAS.validator("decision_list")(answer.json)
            found += answer.json["decisions"]
            more = answer.json["next"]
            if more is None:
                return found

    def ask(self, token: str | None = None, **filters: str | int) -> Any:
        query = "&".join(f"{name}={quote(str(value))}" for name, value in filters.items())
        return self.deployment.call("GET", f"/decisions?{query}", token or self.auditor)


@pytest.fixture(scope="module")
def world(deployment: Deployment) -> World:
    return World(deployment)


def test_each_filter_takes_its_own_decisions_and_no_other(world: World) -> None:
    alice, bert = world.alice["ids"], world.bert["ids"]
    issuer = world.tenant.issuer
    assert world.find(run=world.alice["run"]) == alice
    assert world.find(subject="bert", issuer=issuer) == bert
    assert world.find(subject="bert", issuer="https://other.example.com") == []
    both = [name for pair in zip(alice, bert, strict=True) for name in pair]
    for effect, wanted in (("allow", 0), ("deny", 1), ("needs_approval", 2)):
        assert sorted(world.find(effect=effect)) == sorted(both[2 * wanted : 2 * wanted + 2])
    assert sorted(world.find(tool="no_such_tool")) == sorted([alice[1], bert[1]])
    assert sorted(world.find(actor="coder")) == sorted(both)
    assert world.find(actor="reviewer") == []
    assert world.find(effect="failed") == []
    assert world.find(effect="deny", tool="run_sql") == []


def test_times_bound_a_search_from_the_first_included_to_the_last_left_out(world: World) -> None:
    first, second, third = world.pages(run=world.alice["run"])[::-1]
    run = world.alice["run"]
    assert world.find(run=run, since=second["time"]) == world.alice["ids"][1:]
    assert world.find(run=run, until=second["time"]) == world.alice["ids"][:1]
    assert world.find(run=run, since=second["time"], until=third["time"]) == [second["decision_id"]]
    assert world.find(since="2200-01-01T00:00:00Z") == []
    assert first["time"] < second["time"] < third["time"]


def test_a_found_decision_says_what_it_was(world: World) -> None:
    (shown,) = world.pages(run=world.bert["run"], effect="deny")
    assert shown["tool"] == "no_such_tool"
    assert shown["subject"] == {"iss": world.tenant.issuer, "sub": "bert"}
    assert shown["actor"]["sub"] == "coder"
    assert shown["reasons"]
    assert shown["policy"]


def test_pages_are_stable_while_decisions_are_added(world: World) -> None:
    """Each page is followed by new decisions; nothing is shown twice or left out."""
    filters: dict[str, Any] = {"subject": "alice", "issuer": world.tenant.issuer, "limit": 1}
    before = world.find(**filters)
    seen: list[str] = []
    more: str | None = None
    while True:
        page = world.ask(**filters, **({"cursor": more} if more else {})).json
        seen += [item["decision_id"] for item in page["decisions"]]
        world.deployment.ask(world.alice["token"])
        more = page["next"]
        assert len(seen) <= len(before)
        if more is None:
            break
    assert seen[::-1] == before


def test_a_person_finds_their_own_and_asks_for_nobody_elses(world: World) -> None:
    bert = world.tenant.person("bert")
    assert world.find(bert) == world.bert["ids"]
    assert world.find(bert, run=world.alice["run"]) == []
    assert world.find(bert, subject="bert", issuer=world.tenant.issuer) == world.bert["ids"]
    other = world.ask(bert, subject="alice", issuer=world.tenant.issuer)
    assert (other.status, other.json["code"]) == (403, "caller.not_allowed")
    namesake = world.tenant.person("nobody-yet")
    assert world.find(namesake) == []


def test_an_agent_searches_nothing_even_for_an_auditor(world: World) -> None:
    source = world.tenant.person("carol", ["compliance", "developers"])
    token = world.deployment.opened(source=source)["access_token"]
    answer = world.ask(token)
    assert (answer.status, answer.json["code"]) == (403, "identity.agent_not_allowed")


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("color=red", "#"),
        ("run=a&run=b", "#/run"),
        ("run=", "#/run"),
        ("run=" + "x" * 513, "#/run"),
        ("effect=maybe", "#/effect"),
        ("since=yesterday", "#/since"),
        ("until=2026-11-24", "#/until"),
        ("subject=alice", "#/subject"),
        ("issuer=x", "#/subject"),
        ("limit=0", "#/limit"),
        ("limit=101", "#/limit"),
        ("limit=%D9%A1", "#/limit"),
        ("cursor=x", "#/cursor"),
        ("cursor=%FF", "#"),
        ("cursor=" + "A" * 129, "#/cursor"),
        ("cursor=WzEsIngiXQ", "#/cursor"),
        ("cursor=" + "W1tb" * 32, "#/cursor"),
        ("novalue", "#"),
        ("&".join(f"a{n}=1" for n in range(40)), "#"),
    ],
)
def test_a_malformed_question_is_refused_at_its_place(
    world: World, query: str, pointer: str
) -> None:
    answer = world.deployment.call("GET", f"/decisions?{query}", world.auditor)
    assert (answer.status, answer.json["code"]) == (422, "request.schema"), answer.json
    assert answer.json["errors"][0]["pointer"] == pointer


def test_a_cursor_counts_for_its_own_filters_only(world: World) -> None:
    more = world.ask(limit=1, effect="deny").json["next"]
    assert world.ask(limit=1, effect="deny", cursor=more).status == 200  # control
    assert world.ask(limit=1, effect="allow", cursor=more).status == 422


def test_who_searched_and_what_was_shown_is_recorded_before_the_answer(world: World) -> None:
    shown = world.find(effect="deny", subject="alice", issuer=world.tenant.issuer)
    adapters = world.deployment.app.extensions["counterfoil"]
    slices = adapters.ledger.slices
    piece = slices.backwards("acme", before=None, most=1, choose=lambda _: True)
    (event,) = piece.events
    assert event.kind == "record_read"
    assert event.decision_id is None
    assert event.plain["via"] == "search"
    assert event.plain["decisions"] == shown
    assert event.plain["about"] == slices.subject_key("acme", (world.tenant.issuer, "alice"))
    assert b'"carol"' in event.payload["reader"]
    assert event.payload["query"] == b'{"effect":"deny"}'
    # whom it asked about goes with that person, and must not stand under the auditor's key
    assert b"alice" not in b"".join(event.payload.values())


def test_a_person_who_reads_a_decision_is_recorded_and_its_agent_is_not(world: World) -> None:
    slices = world.deployment.app.extensions["counterfoil"].ledger.slices
    path = f"/decisions/{world.alice['ids'][0]}"

    def last() -> Any:
        (event,) = slices.backwards("acme", before=None, most=1, choose=lambda _: True).events
        return event

    before = last().index
    assert world.deployment.call("GET", path, world.alice["token"]).status == 200
    assert world.deployment.call("GET", path, world.tenant.person("bert")).status == 404
    assert last().index == before
    for reader in ("alice", "carol"):
        token = world.tenant.person(reader, ["compliance"] if reader == "carol" else [])
        trail = world.deployment.call("GET", path, token).json["events"]
        assert "record_read" not in {event["event"] for event in trail}
        event = last()
        assert (event.kind, event.plain["via"]) == ("record_read", "trail")
        assert event.plain["decisions"] == [world.alice["ids"][0]]
        assert f'"{reader}"'.encode() in event.payload["reader"]


def test_a_search_that_cannot_be_recorded_shows_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer's socket leads nowhere; the reader's file is there as before."""
    channel = world.deployment.app.extensions["counterfoil"].ledger._channel
    assert world.ask().status == 200  # control
    channel.close()
    monkeypatch.setattr(channel, "_path", str(world.deployment.folder / "nowhere"))
    for answer in (
        world.ask(),
        world.deployment.call("GET", f"/decisions/{world.alice['ids'][0]}", world.auditor),
    ):
        assert (answer.status, answer.json["code"]) == (503, "ledger.unavailable")


def test_a_person_who_sees_anothers_approval_is_recorded_once(world: World) -> None:
    """A page that asks every few seconds must not make the record grow; what is new does."""
    slices = world.deployment.app.extensions["counterfoil"].ledger.slices

    def readings() -> list[Any]:
        def choose(leaf: Any) -> bool:
            return bool(leaf["event"] == "record_read" and leaf["plain"]["via"] == "approval")

        return list(slices.forwards("acme", after=-1, most=100, choose=choose).events)

    approver = f"bob-{secrets.token_hex(4)}"
    bob = world.tenant.person(approver, ["database-admins"])
    before = len(readings())
    for _ in range(3):
        listed = world.deployment.call("GET", "/approvals", bob).json["approvals"]
        own = next(item for item in listed if item["run"] == world.alice["run"])
        world.deployment.call("GET", f"/approvals/{own['id']}", bob)
    (event,) = readings()[before:]
    assert world.alice["ids"][2] in event.plain["decisions"]
    assert f'"{approver}"'.encode() in event.payload["reader"]
    # Nor is the asker's own view, or the agent's.
    for token in (world.tenant.person("alice"), world.alice["token"]):
        world.deployment.call("GET", f"/approvals/{own['id']}", token)
    assert len(readings()) == before + 1
