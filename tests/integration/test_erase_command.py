"""`counterfoil erase` and `hold` over a running service: what is gone, for whom, and who says so."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from counterfoil.config import DEVELOPMENT_ISSUER
from counterfoil.ledger.channel import SOCKET_NAME
from counterfoil.ledger.client import LedgerClient
from exchange import opened
from exchange import person as own_token
from ledgers import CLOCK, event, soon
from service import Answer, Service, running_service

ADMIN = ("--sub", "root", "--group", "administrators")
DROP = "DROP TABLE public.invoices"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One of its own: whoever is erased here would be so for other tests."""
    # One worker, so that each request meets what that worker remembers.
    settings = {"ledger__retention_days": 184, "server__workers": 1}
    with running_service(tmp_path_factory.mktemp("erase"), **settings) as started:
        remembered_of_last_year(started)
        yield started


def remembered_of_last_year(service: Service) -> None:
    """Two decisions of a year ago, before everything else."""
    client = LedgerClient(
        socket_path=service.run_directory / SOCKET_NAME,
        place=service.database,
        keys_directory=service.keys,
        clock=CLOCK,
    )
    try:
        for days in (366, 365):
            old = event(time=CLOCK.now() - days * 86_400, payload={"prompt": b"of last year"})
            client.append([old], deadline=soon())
    finally:
        client.close()


@pytest.fixture
def mia() -> str:
    """A person whom no other test knows."""
    return f"mia-{secrets.token_hex(8)}"


def counterfoil(service: Service, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", "-m", "counterfoil.cli", *arguments],
        env=service.environment,
        cwd=service.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def erase(service: Service, sub: str, *more: str) -> subprocess.CompletedProcess[str]:
    return counterfoil(service, "erase", "--subject", sub, "--reason", "a request", *more)


def hold(service: Service, what: str, *more: str) -> subprocess.CompletedProcess[str]:
    return counterfoil(service, "hold", what, "--reason", "a case", *more, *ADMIN)


def auditor(service: Service) -> str:
    return service.token("carol", ("compliance",), None)


def trail(service: Service, decision: str) -> Answer:
    return service.request("GET", f"/decisions/{decision}", token=auditor(service))


def everything(service: Service) -> dict[str, bytes]:
    """Every file of the service, and all that it has printed."""
    folders = (service.folder, service.run_directory)
    files = [p for folder in folders for p in folder.rglob("*") if p.is_file()]
    found = {str(path): path.read_bytes() for path in files}
    return {**found, "names": "\n".join(map(str, files)).encode(), "log": _printed(service)}


def _printed(service: Service) -> bytes:
    return "\n".join(service.lines).encode()


def test_what_is_older_than_configured_is_dropped_and_told_so(service: Service) -> None:
    service.authorize()
    done = counterfoil(service, "retention", *ADMIN)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert done.stdout.startswith("2 payloads of before ")
    told = json.loads(counterfoil(service, "retention", "--json", *ADMIN).stdout)
    assert (told["dropped"], told["done"]) == (0, True)
    found = service.request("GET", "/decisions?limit=100", token=auditor(service)).body["decisions"]
    assert [item.get("missing") for item in found[-3:]] == [None, "dropped", "dropped"]
    assert "dropped by its age" in counterfoil(service, "trail", found[-1]["decision_id"]).stdout
    assert counterfoil(service, "verify").returncode == 0


def test_a_hold_on_everything_stops_retention(service: Service) -> None:
    hold(service, "set", "--everything")
    held = counterfoil(service, "retention", *ADMIN)
    assert (held.returncode, "legal hold" in held.stderr) == (1, True)
    hold(service, "release", "--everything")
    assert counterfoil(service, "retention", *ADMIN).returncode == 0


def test_no_word_of_a_person_lies_readable_in_any_file_or_line(service: Service, mia: str) -> None:
    """Prompt, arguments, name, group, comment: not in the ledger, its WAL, a log or a name."""
    words = {name: f"{name}{secrets.token_hex(6)}" for name in ("prompt", "table", "key", "why")}
    run = opened(service, mia, prompt=f"Drop it: {words['prompt']}")
    asked = service.authorize(
        f"DROP TABLE public.{words['table']}",
        token=run["access_token"],
        prompt=None,
        headers={"Idempotency-Key": words["key"]},
    )
    assert asked.body["effect"] == "needs_approval", asked.body
    approval = asked.body["approval"]["id"]
    bob = service.token("bob", ("database-admins",), None)
    shown = service.request("GET", f"/approvals/{approval}", token=bob).body
    answer = {
        "answer": "deny",
        "comment": words["why"],
        "action_digest": shown["action_digest"],
    }
    answered = service.request("POST", f"/approvals/{approval}/answer", answer, token=bob)
    assert answered.status == 200, answered.body
    service.request(
        "GET", f"/decisions?issuer={DEVELOPMENT_ISSUER}&subject={mia}", token=auditor(service)
    )
    lying = everything(service)
    for place, data in lying.items():
        for word in (*words.values(), mia, run["access_token"], shown["action_digest"]):
            assert word.encode() not in data, (place, word)
    # Control: they were recorded, and what is no word of theirs is readable.
    told = json.dumps(trail(service, asked.body["decision_id"]).body)
    assert words["table"] in told
    assert mia in told
    assert any(asked.body["decision_id"].encode() in data for data in lying.values())


def test_erased_is_what_everybody_says_afterwards(
    service: Service, mia: str, tmp_path: Path
) -> None:
    decided = service.authorize(token=service.token(mia))
    decision = decided.body["decision_id"]
    assert "payload" in trail(service, decision).body["events"][0]
    done = erase(service, mia, *ADMIN)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert done.stdout.startswith("Erased. The data key ")
    (event,) = trail(service, decision).body["events"]
    assert (event["payload"], event["missing"], event["effect"]) == ({}, "erased", "allow")
    told = counterfoil(service, "trail", decision)
    assert "went with its person" in told.stdout, told.stderr
    assert mia not in told.stdout
    asked = counterfoil(service, "explain", decision)
    assert "erased" in asked.stdout + asked.stderr
    kept, opened_file = tmp_path / "kept.json", tmp_path / "opened.json"
    proved = counterfoil(service, "prove", decision, "--output", str(kept))
    assert proved.returncode == 0, proved.stderr
    refused = counterfoil(
        service, "prove", decision, "--open", "arguments", "--output", str(opened_file)
    )
    assert (refused.returncode, opened_file.exists()) == (1, False)
    assert "erased" in refused.stderr
    keys = ("--key", str(service.keys / "receipt.pub"))
    assert counterfoil(service, "verify", str(kept), *keys).returncode == 0
    assert counterfoil(service, "verify").returncode == 0
    found = service.request("GET", "/decisions?limit=100", token=auditor(service)).body
    (own,) = [item for item in found["decisions"] if item["decision_id"] == decision]
    assert (own["tool"], own["subject"], own["missing"]) == (None, None, "erased")


def test_an_erasure_says_who_did_it_and_why_and_not_of_whom(service: Service, mia: str) -> None:
    service.authorize(token=service.token(mia))
    erase(service, mia, *ADMIN)
    told = counterfoil(service, "tail", "--no-follow", "--json")
    last = [json.loads(line) for line in told.stdout.splitlines()]
    (erased,) = [item for item in last if item["event"] == "subject_erased"][-1:]
    assert erased["subject"] == {"iss": DEVELOPMENT_ISSUER, "sub": "root"}
    assert mia not in told.stdout


@pytest.mark.parametrize("who", ["the person", "an agent of an administrator", "an auditor"])
def test_attack_nobody_but_an_administrator_erases(service: Service, mia: str, who: str) -> None:
    decision = service.authorize(token=service.token(mia)).body["decision_id"]
    token = {
        "the person": own_token(service, mia),
        "an agent of an administrator": service.token("root", ("administrators",)),
        "an auditor": auditor(service),
    }[who]
    body = {"subject": {"iss": DEVELOPMENT_ISSUER, "sub": mia}, "reason": "none"}
    assert service.request("POST", "/erasures", body, token=token).status == 403
    assert "missing" not in trail(service, decision).body["events"][0]
    administrator = service.token("root", ("administrators",), None)  # control
    assert service.request("POST", "/erasures", body, token=administrator).body["erased"] is True


def test_attack_an_administrator_erases_the_record_of_their_own_deeds(service: Service) -> None:
    done = erase(service, "root", *ADMIN)
    assert done.returncode == 1
    assert "Nobody erases their own data" in done.stderr


def test_a_hold_forbids_it_until_it_is_released(service: Service, mia: str) -> None:
    decision = service.authorize(token=service.token(mia)).body["decision_id"]
    held = hold(service, "set", "--subject", mia)
    assert held.stdout.startswith("Held (hld_"), held.stderr
    administrator = service.token("root", ("administrators",), None)
    order = {"hold": "set", "subject": {"iss": DEVELOPMENT_ISSUER, "sub": mia}, "reason": "again"}
    again = service.request("POST", "/holds", order, token=administrator).body
    assert (again["stands"], again["changed"]) == (True, False)
    development = ("--issuer", DEVELOPMENT_ISSUER)
    (listed,) = json.loads(
        counterfoil(service, "hold", "list", "--json", "--subject", mia, *development).stdout
    )["holds"]
    assert (listed["hold"], listed["by"], listed["reason"]) == (again["hold"], "root", "a case")
    other = counterfoil(service, "hold", "list", "--subject", "somebody else", *development)
    assert (other.returncode, other.stdout) == (0, "No hold stands.\n")  # control
    refused = erase(service, mia, *ADMIN)
    assert (refused.returncode, "legal hold" in refused.stderr) == (1, True)
    assert "missing" not in trail(service, decision).body["events"][0]
    assert hold(service, "release", "--subject", mia).stdout.startswith("Released (hld_")
    assert again["hold"] not in counterfoil(service, "hold", "list").stdout
    order["hold"] = "release"
    again = service.request("POST", "/holds", order, token=administrator).body
    assert (again["stands"], again["changed"]) == (False, False)
    assert erase(service, mia, *ADMIN).returncode == 0
    assert erase(service, mia, *ADMIN).stdout.startswith("Nothing of that person")


def test_a_stored_answer_of_an_erased_person_is_not_replayed(service: Service, mia: str) -> None:
    token, key = service.token(mia), {"Idempotency-Key": secrets.token_hex(8)}
    first = service.authorize(token=token, headers=key)
    assert service.authorize(token=token, headers=key).body == first.body  # control
    erase(service, mia, *ADMIN)
    again = service.authorize(token=token, headers=key)
    assert (again.status, again.body["code"]) == (409, "request.idempotency_erased")
    assert service.authorize(token=token).status == 200  # new activity, under a fresh key


def test_attack_an_erased_run_goes_on_without_its_prompt(service: Service, mia: str) -> None:
    """A rule that denies on a word of the prompt would be passed by; and no cache tells it."""
    token = opened(service, mia)["access_token"]
    assert service.authorize(token=token, prompt=None).status == 200  # read, and remembered
    erase(service, mia, *ADMIN)
    until = soon()
    while service.authorize(token=token, prompt=None).status != 401:
        assert soon(0) < until
    fresh = opened(service, mia)["access_token"]
    assert service.authorize(token=fresh, prompt=None).status == 200


def test_an_approval_that_waits_for_an_erased_person_is_closed(service: Service, mia: str) -> None:
    agent = service.token(mia)
    asked = service.authorize(DROP, token=agent).body
    name = asked["approval"]["id"]
    bob = service.token("bob", ("database-admins",), None)
    assert name in json.dumps(service.request("GET", "/approvals", token=bob).body)  # control
    assert "approvals closed: 1" in erase(service, mia, *ADMIN).stdout
    listed = service.request("GET", "/approvals", token=bob)
    assert (listed.status, name in json.dumps(listed.body)) == (200, False)
    assert service.request("GET", f"/approvals/{name}", token=bob).status == 404
    kinds = [event["event"] for event in trail(service, asked["decision_id"]).body["events"]]
    assert kinds == ["decided", "approval_requested", "approval_cancelled"]
    assert counterfoil(service, "verify").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("erase", "--subject", "x", *ADMIN), 2, "--reason"),
        (("erase", "--reason", "x", *ADMIN), 2, "--subject"),
        (("hold", "set", "--reason", "x", *ADMIN), 2, "--subject"),
        (("hold", "keep", "--everything", "--reason", "x", *ADMIN), 2, "invalid choice"),
        (("hold", "set", "--everything", "--reason", "", *ADMIN), 1, "shape"),
        (("erase", "--subject", "x", "--issuer", "y", "--reason", "x"), 78, "no credential"),
        (("erase", "--subject", "x", "--reason", "x"), 2, "--issuer"),
    ],
)
def test_what_cannot_be_meant_does_nothing(
    service: Service, arguments: tuple[str, ...], code: int, said: str
) -> None:
    done = counterfoil(service, *arguments)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
