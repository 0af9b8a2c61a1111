"""Two whole services on one PostgreSQL: what one decided, answered or revoked counts on the other."""

from __future__ import annotations

import json
import subprocess
import time
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import pytest

from approval_story import Desk, approving_service, fresh, request
from counterfoil.core.canonical import canonical_bytes
from counterfoil.core.checkpoint import Checkpoint, VerifierKey, log_origin, open_checkpoint
from counterfoil.core.tiles import Tile, tile_path
from counterfoil.core.tree import is_consistent, leaf_hash, root_of
from counterfoil.ledger.keys import VERIFIER_KEY, Verifier, read_verifier_key
from counterfoil.ledger.proof_file import Proved, check_proof, read_proof
from fault.approval_races import at_once
from main_path import new_run
from processes import eventually
from revoking import FRESH
from servers import ledger_server
from service import PROGRAM, Answer, Service


@pytest.fixture(scope="module")
def server() -> Iterator[ledger_server.Server]:
    """One that these tests may kill."""
    with ledger_server.serving() as started:
        yield started


@pytest.fixture(scope="module")
def desks(
    tmp_path_factory: pytest.TempPathFactory, server: ledger_server.Server
) -> Iterator[tuple[Desk, Desk]]:
    """Two replicas, with the same keys and the same policy."""
    url = server.url(server.new_database())
    first, second = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    with (
        approving_service(first, ledger__url=url) as one,
        approving_service(second, ledger__url=url, keys__directory=one.keys) as two,
    ):
        yield Desk(one), Desk(two)


def run(service: Service, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *words],
        env=service.environment,
        cwd=service.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_repeated_request_is_decided_once_by_both(desks: tuple[Desk, Desk]) -> None:
    one, two = desks
    token = fresh(one)
    first = one.ask(token, "SELECT a FROM public.t", Idempotency_Key='"the same"')
    again = two.ask(token, "SELECT a FROM public.t", Idempotency_Key='"the same"')
    assert again["decision_id"] == first["decision_id"]
    other = two.ask(token, "SELECT a FROM public.t", Idempotency_Key='"another"')  # control
    assert other["decision_id"] != first["decision_id"]


def test_an_approval_is_asked_here_answered_there_and_spent_once(desks: tuple[Desk, Desk]) -> None:
    one, two = desks
    token = fresh(one)
    approval = one.opened(token)
    two.approve(approval, one.person())
    first = one.ask(token, approval=approval["id"])
    assert first["effect"] == "allow", first["reasons"]
    again = two.ask(token, approval=approval["id"])
    assert again["effect"] != "allow"
    assert [event["event"] for event in one.trail(first["decision_id"])]


def test_a_waiter_on_one_wakes_at_the_answer_on_the_other(desks: tuple[Desk, Desk]) -> None:
    one, two = desks
    token = fresh(one)
    approval = one.opened(token)
    two.approve(approval, one.person())
    assert one.view(approval["id"], token, wait=20)["status"] == "approved"


def test_the_last_use_of_what_was_approved_in_advance_is_won_on_one_replica(
    desks: tuple[Desk, Desk],
) -> None:
    one, two = desks
    token = fresh(one)
    approval = one.opened(token, "DROP TABLE scratch.old_1")
    holes = [{"argument": "sql", "value": "old_1", "prefix": "old_"}]
    similar = {"holes": holes, "uses": 3, "expires_in_seconds": 300}
    assert two.answer(approval, one.person(), similar=similar).status == 200

    def asks(desk: Desk, number: int) -> str:
        body = request(f"DROP TABLE scratch.old_race_{number}")
        answer = desk.service.request("POST", "/authorize", body, token=token)
        return str(answer.body["approval"]["status"])

    got = at_once([partial(asks, desks[number % 2], number) for number in range(6)])
    assert sorted(got) == ["approved"] * 3 + ["pending"] * 3
    assert one.view(approval["id"], token)["similar"]["used"] == 3
    assert one.kinds(approval["decision_id"]).count("template_used") == 3


def test_a_pending_approval_survives_the_kill_of_the_database(
    desks: tuple[Desk, Desk], server: ledger_server.Server
) -> None:
    one, two = desks
    token = fresh(one)
    approval = one.opened(token)
    server.kill()
    assert one.answer(approval, one.person()).status == 503  # nobody knows, nobody approves
    server.start()

    def ready() -> bool:
        return all(desk.service.request("GET", "/readyz").status == 200 for desk in desks)

    eventually(ready, "both replicas record again")
    assert two.view(approval["id"], token)["status"] == "pending"
    assert two.approve(approval, one.person())["status"] == "approved"
    assert one.ask(token, approval=approval["id"])["effect"] == "allow"
    assert two.ask(token, approval=approval["id"])["effect"] == "deny"


def test_a_revocation_on_one_is_in_force_on_the_other(desks: tuple[Desk, Desk]) -> None:
    one, two = desks
    name = new_run()
    token, bystander = one.agent(name), fresh(one)
    two.ask(token, "SELECT a FROM public.t")
    administrator = one.service.token("root", ["administrators"], agent=None)
    done = one.service.request("POST", "/revocations", {"run": name}, token=administrator)
    assert done.status == 200, done.body
    time.sleep(FRESH)
    assert two.service.authorize(token=token).status == 401
    assert two.service.authorize(token=bystander).status == 200


def test_the_story_and_the_whole_ledger_are_read_on_either(desks: tuple[Desk, Desk]) -> None:
    one, two = desks
    decision = one.ask(fresh(one), "SELECT a FROM public.t")["decision_id"]
    for desk in desks:
        told = run(desk.service, "trail", decision)
        assert told.returncode == 0, told.stderr
        assert "SELECT a FROM public.t" in told.stdout
        checked = run(desk.service, "verify")
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert "whole: postgresql://" in checked.stdout
    ready = two.service.request("GET", "/readyz")
    assert ready.status == 200, ready.body


def test_the_evidence_over_http_is_one_log_on_either(desks: tuple[Desk, Desk]) -> None:
    """Checkpoint, tile, entry, proof and consistency: believed by the key alone, asked of both."""
    one, two = desks
    key = read_verifier_key(one.service.keys / VERIFIER_KEY)
    here, there = (Monitor(desk, one.person("carol", ["compliance"]), key) for desk in (one, two))
    here.proved(one.ask(fresh(one), "SELECT a FROM public.t")["decision_id"])
    old = here.checkpoint()
    decision = one.ask(fresh(one), "SELECT a FROM public.t")["decision_id"]
    for monitor in (there, here):
        index, new = monitor.proved(decision).index, monitor.checkpoint()
        entry = monitor.get(f"entry/{index}").body
        leaf = entry if isinstance(entry, bytes) else canonical_bytes(entry)
        tile = monitor.get(f"tile/{tile_path_of(new.size)}").body
        hashes = [tile[at : at + 32] for at in range(0, len(tile), 32)]
        assert leaf_hash(leaf) == hashes[index]
        assert root_of(hashes) == new.root
        grown = monitor.get(f"consistency?old={old.size}").body
        later = monitor.opened(grown["checkpoint"].encode())
        steps = [b64decode(step) for step in grown["proof"]]
        assert is_consistent(old.size, old.root, later.size, later.root, steps)
    assert here.get("entry/999999").status == 404  # control


@dataclass(frozen=True)
class Monitor:
    """Asks one replica, and believes the key alone."""

    desk: Desk
    token: str
    key: VerifierKey

    def get(self, path: str) -> Answer:
        return self.desk.service.request("GET", f"/ledger/default/{path}", token=self.token)

    def proved(self, name: str) -> Proved:
        """A record's proof, once it has its number."""
        answers: list[Answer] = []

        def there() -> bool:
            answers.append(self.get(f"proof/{name}"))
            return answers[-1].status == 200

        eventually(there, "a proof")
        body = answers[-1].body
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return check_proof(read_proof(data), self.key)

    def checkpoint(self) -> Checkpoint:
        return self.opened(self.get("checkpoint").body)

    def opened(self, note: bytes) -> Checkpoint:
        named = self.key.named(log_origin(self.key.name, "default"))
        return open_checkpoint(note, named, Verifier(self.key))


def tile_path_of(size: int) -> str:
    """The one tile of leaf hashes of a log of fewer than 256."""
    assert size < 256
    return f"0/{tile_path(Tile(0, 0, size))}"
