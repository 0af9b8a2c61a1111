"""A monitor and an auditor at `/ledger/{log}/…`: they believe the key, and nothing that is served."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from counterfoil.core.checkpoint import Checkpoint, VerifierKey, log_origin, open_checkpoint
from counterfoil.core.tiles import Tile, tile_path
from counterfoil.core.tree import is_consistent, leaf_hash, root_of
from counterfoil.ledger.keys import VERIFIER_KEY, Verifier, read_verifier_key
from counterfoil.ledger.proof_file import check_proof, read_proof
from deployment import Deployment, deployed
from simulators.http_door import Answer


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with deployed(tmp_path_factory.mktemp("ledger")) as started:
        token = started.opened(started.acme)["access_token"]
        for _ in range(9):
            started.ask(token)
        yield started


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("public")
    with deployed(folder, ledger__public_hashes="true") as started:
        started.ask(started.opened(started.acme)["access_token"])
        yield started


def get(deployment: Deployment, path: str, token: str | None) -> Answer:
    return deployment.call("GET", path, token)


def key_of(deployment: Deployment) -> VerifierKey:
    return read_verifier_key(deployment.service.keys / VERIFIER_KEY)


def auditor(deployment: Deployment) -> str:
    return deployment.acme.person("carol", ["compliance"])


def checkpoint(deployment: Deployment, token: str | None, log: str = "acme") -> Checkpoint:
    answer = get(deployment, f"/ledger/{log}/checkpoint", token)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    key = key_of(deployment)
    return open_checkpoint(answer.data, key.named(log_origin(key.name, log)), Verifier(key))


def test_a_monitor_follows_the_log_by_its_tiles(deployment: Deployment) -> None:
    token = auditor(deployment)
    signed = checkpoint(deployment, token)
    path = tile_path(Tile(0, 0, signed.size))
    tile = get(deployment, f"/ledger/acme/tile/0/{path}", token).data
    hashes = [tile[at : at + 32] for at in range(0, len(tile), 32)]
    assert (len(hashes), root_of(hashes)) == (signed.size, signed.root)
    bundle = get(deployment, f"/ledger/acme/tile/entries/{path}", token).data
    leaves = []
    while bundle:
        length = int.from_bytes(bundle[:2], "big")
        leaves.append(bundle[2 : 2 + length])
        bundle = bundle[2 + length :]
    assert [leaf_hash(leaf) for leaf in leaves] == hashes
    assert get(deployment, "/ledger/acme/entry/3", token).data == leaves[3]


def test_an_older_checkpoint_is_shown_to_be_the_beginning(deployment: Deployment) -> None:
    token = auditor(deployment)
    old = checkpoint(deployment, token)
    deployment.ask(deployment.opened(deployment.acme)["access_token"])
    answer = get(deployment, f"/ledger/acme/consistency?old={old.size}", token).json
    key = key_of(deployment)
    named = key.named(log_origin(key.name, "acme"))
    new = open_checkpoint(answer["checkpoint"].encode(), named, Verifier(key))
    proof = [b64decode(step) for step in answer["proof"]]
    assert old.size < new.size
    assert is_consistent(old.size, old.root, new.size, new.root, proof)
    assert not is_consistent(old.size, new.root, new.size, new.root, proof)  # control


def test_a_record_is_proved_by_any_of_its_names(deployment: Deployment) -> None:
    token = auditor(deployment)
    given = deployment.opened(deployment.acme)
    decision = deployment.ask(given["access_token"])
    names = (decision["decision_id"], decision["receipt"]["event_id"], given["run"])
    kinds = []
    for name in names:
        proof = read_proof(get(deployment, f"/ledger/acme/proof/{name}", token).data)
        proved = check_proof(proof, key_of(deployment))
        assert proved.opened == {}
        kinds.append(proved.leaf["event"])
    assert kinds == ["decided", "decided", "run_opened"]


@pytest.mark.parametrize(
    "path",
    [
        *("acme/tile/0/999", "acme/tile/0/000", "acme/tile/0/000.p/256", "acme/tile/9/000"),
        *("acme/tile/0/x000/000", "acme/entry/99999", "acme/entry/-1", "acme/entry/1x"),
        *("acme/proof/evt_" + "0" * 26, "acme/proof/x", "globex/checkpoint", "nobody/checkpoint"),
        *("acme/consistency?old=99999", "%61cme%2F/checkpoint", "system/entry/0"),
    ],
)
def test_what_is_not_there_is_404(deployment: Deployment, path: str) -> None:
    answer = get(deployment, f"/ledger/{path}", auditor(deployment))
    assert (answer.status, answer.json["code"]) == (404, "request.not_found")


@pytest.mark.parametrize("query", ["", "?old", "?old=", "?old=-1", "?old=1&old=2", "?new=1"])
def test_an_older_size_is_one_number(deployment: Deployment, query: str) -> None:
    answer = get(deployment, f"/ledger/acme/consistency{query}", auditor(deployment))
    assert answer.status == 422


def test_public_hashes_are_everybodys_and_records_are_not(public: Deployment) -> None:
    signed = checkpoint(public, None)
    assert signed.size >= 2
    tile = get(public, "/ledger/acme/tile/0/000.p/2", None)
    assert (tile.status, len(tile.data)) == (200, 64)
    assert "immutable" in tile.headers["Cache-Control"]
    assert get(public, "/ledger/acme/consistency?old=1", None).status == 200
    for path in ("entry/0", "tile/entries/000.p/1", "proof/evt_" + "0" * 26):
        assert get(public, f"/ledger/acme/{path}", None).status == 401
    assert get(public, "/ledger/acme/entry/0", auditor(public)).status == 200  # control
    assert get(public, "/ledger/nobody/checkpoint", None).status == 404


def test_no_leaf_or_proof_holds_what_a_person_said(deployment: Deployment) -> None:
    token = auditor(deployment)
    size = checkpoint(deployment, token).size
    for index in range(size):
        leaf: dict[str, Any] = orjson.loads(
            get(deployment, f"/ledger/acme/entry/{index}", token).data
        )
        proof = get(deployment, f"/ledger/acme/proof/{leaf['event_id']}", token).data
        for word in (b"alice", b"CREATE TABLE", b"invoices", b"SELECT"):
            assert word not in proof
