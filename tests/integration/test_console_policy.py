"""*Policy*: who may do what is shown to those who may know it, of their own tenant, as text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlencode

import pytest

from console import PAYLOADS, Visitor, assert_harmless, visitor, words
from counterfoil.app_console import Console
from counterfoil.core.model import JsonValue
from counterfoil.http.console.policy import within
from counterfoil.http.lean import LeanFlask
from counterfoil.policy.evidence import access_of
from service import Service
from simulators.in_process import application_over

POLICY = "/console/policy"


@pytest.fixture
def app(service: Service) -> Iterator[LeanFlask]:
    with application_over(service) as made:
        yield made


def person(app: LeanFlask, service: Service, sub: str, groups: str) -> Visitor:
    browser = visitor(app, service)
    browser.sign_in(sub, groups)
    return browser


def test_only_policy_readers_and_auditors_see_who_may_do_what(
    app: LeanFlask, service: Service
) -> None:
    for groups in ("developers", "operators", "database-admins"):
        refused = person(app, service, "bob", groups).get(POLICY)
        assert (refused.status, "Who may do what" in words(refused)) == (403, False)
    for groups in ("policy-authors", "compliance"):
        page = person(app, service, "rita", groups).get(f"{POLICY}?group=developers&agent=coder")
        assert page.status == 200
        assert "allow" in words(page)
        assert "database" in words(page)
        assert_harmless(page)
    nobody = person(app, service, "rita", "policy-authors").get(f"{POLICY}?group=nobody&agent=x")
    assert "Nothing: no role" in words(nobody)


@pytest.mark.parametrize("first", range(0, len(PAYLOADS), 40))
def test_hostile_names_are_text_and_the_page_stays_small(
    service: Service, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    """The data of another tenant is asked for by nobody; this one's may hold anything."""
    payloads = [*PAYLOADS[first : first + 40], *("\u202e" * 119 + str(n) for n in range(400))]
    asked: list[str] = []

    def hostile(_: Console, tenant: str) -> Mapping[str, JsonValue]:
        asked.append(tenant)
        return {
            "roles": {"r": {
                "groups": dict.fromkeys(payloads, True),
                "agents": {"i": dict.fromkeys(payloads, True)},
            }},
            "database": {name: {"r": "allow"} for name in payloads},
        }  # fmt: skip

    monkeypatch.setattr(Console, "_access", hostile)
    with application_over(service) as made:
        rita = person(made, service, "rita", "policy-authors")
        one = payloads[0].strip()
        query = urlencode({"group": one, "agent": one, "tenant": "other"})
        page = rita.get(f"{POLICY}?{query}")
    assert (page.status, set(asked)) == (200, {"default"})
    assert_harmless(page)
    assert "The page does not hold all." in words(page)
    assert len(page.data) < 100_000


def test_another_tenants_groups_and_rights_are_not_told(tmp_path: Path) -> None:
    for tenant in ("one", "two"):
        folder = tmp_path / "data" / "access" / tenant
        folder.mkdir(parents=True)
        roles = {"r": {"groups": {f"{tenant}-group": True}, "agents": {"i": {"coder": True}}}}
        data = {"roles": roles, "database": {f"{tenant}-orders": {"r": "allow"}}}
        (folder / "data.json").write_text(json.dumps(data))

    def told(tenant: str, group: str) -> str:
        return str(within(access_of(tmp_path, tenant), {"group": group, "agent": "coder"}))

    assert "two-" not in told("one", "one-group")
    assert "one-orders" in told("one", "one-group")  # control
    assert "orders" not in told("one", "two-group")
    assert "two-orders" in told("two", "two-group")  # control
    assert "orders" not in told("three", "one-group")
