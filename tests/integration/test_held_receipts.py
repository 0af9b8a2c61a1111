"""Hooks send their last receipt back: a cut tail stops its tenant, and what proves nothing nobody."""

from __future__ import annotations

import json
import sqlite3
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from counterfoil.core.canonical import canonical_bytes
from counterfoil.core.entry import receipt_message
from counterfoil.errors import LedgerStopped
from counterfoil.ledger import receipt_watch
from counterfoil.ledger.keys import load_receipt_key
from counterfoil.ledger.mark import SIGNED
from counterfoil.ports import Event
from counterfoil.system import RandomIds
from deployment import Deployment, Tenant, deployed
from service import sql_request

SELECT = sql_request("SELECT a FROM public.t", None)
Receipt = dict[str, Any]


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    """Receipts count at once here; `test_an_early_receipt_stops_nobody` has the real age."""
    monkeypatch.setattr(receipt_watch, "MIN_AGE_SECONDS", -60.0)
    with deployed(tmp_path) as started:
        yield started


def header(receipt: Receipt) -> str:
    return urlsafe_b64encode(canonical_bytes(receipt)).rstrip(b"=").decode()


def ask(deployment: Deployment, token: str, held: str | None = None) -> Any:
    extra = {} if held is None else {"HTTP_COUNTERFOIL_LAST_RECEIPT": held}
    return deployment.call("POST", "/authorize", token, SELECT, **extra)


def agent(deployment: Deployment, tenant: Tenant) -> str:
    return str(deployment.opened(tenant)["access_token"])


def cut(deployment: Deployment, before: bytes) -> None:
    """Put an older copy in the place of this one, by somebody who owns the keys folder too."""
    deployment.service.stop()
    (deployment.service.keys / SIGNED).unlink()
    for path in deployment.service.database.parent.glob("ledger.db*"):
        if path.is_file() and not path.name.endswith(".lock"):
            path.unlink()
    deployment.service.database.write_bytes(before)
    deployment.service.start()


def copy(deployment: Deployment, folder: Path) -> bytes:
    path = folder / "copy.db"
    database = sqlite3.connect(deployment.service.database)
    with closing(database) as source, closing(sqlite3.connect(path)) as target:
        source.backup(target)
    return path.read_bytes()


def test_a_cut_tail_stops_its_tenant_and_nobody_else(
    deployment: Deployment, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    acme, globex = agent(deployment, deployment.acme), agent(deployment, deployment.globex)
    kept = ask(deployment, acme).json["receipt"]
    older = copy(deployment, tmp_path)
    lost = ask(deployment, acme)
    assert ask(deployment, acme, header(lost.json["receipt"])).status == 200  # control: it is there
    cut(deployment, older)
    assert ask(deployment, acme, header(kept)).status == 200  # control: this one still is
    stopped = ask(deployment, acme, header(lost.json["receipt"]))
    assert (stopped.status, stopped.json["code"]) == (503, "ledger.stopped")
    assert any("ALARM" in line.message for line in caplog.records)
    assert lost.json["receipt"]["event_id"] in caplog.text
    # Whoever asks now, by whichever way, with no receipt at all; and nothing is opened.
    assert ask(deployment, acme).json["code"] == "ledger.stopped"
    batch = deployment.call("POST", "/authorize/batch", acme, {"actions": [SELECT]})
    assert batch.json["code"] == "ledger.stopped"
    with pytest.raises(AssertionError, match=r"ledger\.stopped|503"):
        deployment.opened(deployment.acme)
    assert ask(deployment, globex).status == 200
    assert ask(deployment, globex, header(lost.json["receipt"])).status == 200  # a foreign one


def test_a_stop_outlives_the_worker_and_is_no_stop_of_the_service(
    deployment: Deployment, tmp_path: Path
) -> None:
    acme = agent(deployment, deployment.acme)
    older = copy(deployment, tmp_path)
    lost = ask(deployment, acme).json["receipt"]
    cut(deployment, older)
    assert ask(deployment, acme, header(lost)).status == 503
    (evidence,) = deployment.service.database.with_name("ledger.db.stopped").glob("*.json")
    assert json.loads(evidence.read_text()) == {"tenant": "acme", "receipt": lost}
    ready = deployment.call("GET", "/readyz?verbose", None)
    assert ready.status == 200
    assert ready.json["checks"]["ledger:tenants"][0]["output"].endswith(": 1")
    watch = receipt_watch.StoppedTenants(evidence.parent)  # as another worker has it
    assert "acme" in watch
    assert "globex" not in watch
    # An administrator can still end rights, an auditor look; a restored ledger goes on.
    root = deployment.acme.person("root", ["administrators"])
    run = {"run": "run_" + "0" * 26}
    assert deployment.call("POST", "/revocations", root, run).status == 200
    carol = deployment.acme.person("carol", ["compliance"])
    assert deployment.call("GET", "/decisions", carol).status == 200
    ledger = deployment.app.extensions["counterfoil"].ledger
    for kind in ("console_entered", "login"):  # who looks must sign in
        ledger.append([signing_in(kind)], deadline=time.monotonic() + 8)
    with pytest.raises(LedgerStopped):
        ledger.append([signing_in("run_opened")], deadline=time.monotonic() + 8)
    evidence.unlink()
    assert ask(deployment, acme).status == 200


def signing_in(kind: str) -> Event:
    return Event(
        kind=kind,
        event_id=RandomIds().new("evt"),
        time=time.time(),  # noqa: TID251
        tenant="acme",
        subject=("https://idp.acme.example.com", "carol"),
    )


def forged(receipt: Receipt, **changes: str) -> Receipt:
    return {**receipt, **changes}


def test_what_proves_nothing_stops_nobody(deployment: Deployment) -> None:
    """An agent that could stop its tenant by a header of its own making would be a weapon."""
    acme, globex = agent(deployment, deployment.acme), agent(deployment, deployment.globex)
    own, foreign = (ask(deployment, token).json["receipt"] for token in (acme, globex))
    other_id = "evt_" + "0" * 26
    signature = urlsafe_b64decode(own["signature"] + "==")
    flipped = urlsafe_b64encode(bytes([signature[0] ^ 1]) + signature[1:]).rstrip(b"=").decode()
    for held in (
        header(forged(own, event_id=other_id)),
        header(forged(own, leaf_hash=foreign["leaf_hash"])),
        header(forged(own, event_id=other_id, signature=flipped)),
        header(forged(foreign, origin=own["origin"], event_id=other_id)),
        header(forged(own, signature="!")),
        header(forged(own, time="2026-02-30T00:00:00.000000Z")),
        header({**own, "more": "x"}),
        header(foreign),
        header(own) + "A",
        *("", "A", "e30", "=", "\u00e9", "x" * 5_000, "W10"),
    ):
        assert ask(deployment, acme, held).status == 200, held


def signed(deployment: Deployment, receipt: Receipt, **changes: str) -> Receipt:
    """What a thief of the key could sign, or a log that lied: the strongest receipt there is."""
    told = forged(receipt, **changes)
    message = receipt_message(*(told[name] for name in ("origin", "event_id", "leaf_hash", "time")))
    key = load_receipt_key(deployment.service.keys, create=False)
    signature = urlsafe_b64encode(key.sign(message)).rstrip(b"=").decode()
    return {**told, "signature": signature}


def test_a_receipt_of_another_name_or_tenant_stops_nobody_however_signed(
    deployment: Deployment,
) -> None:
    acme, globex = agent(deployment, deployment.acme), agent(deployment, deployment.globex)
    own, foreign = (ask(deployment, token).json["receipt"] for token in (acme, globex))
    lost = "evt_" + "0" * 26
    origin = own["origin"].replace("/log/", "x/log/")
    assert ask(deployment, acme, header(signed(deployment, own, origin=origin))).status == 200
    assert ask(deployment, acme, header(signed(deployment, foreign, event_id=lost))).status == 200
    convicting = signed(deployment, own, event_id=lost)
    assert ask(deployment, acme, header(convicting)).status == 503  # control
    assert ask(deployment, globex).status == 200


def test_an_early_receipt_stops_nobody(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme = agent(deployment, deployment.acme)
    own = ask(deployment, acme).json["receipt"]
    lost = header(signed(deployment, own, event_id="evt_" + "0" * 26))
    monkeypatch.setattr(receipt_watch, "MIN_AGE_SECONDS", 10.0)
    assert ask(deployment, acme, lost).status == 200
    monkeypatch.setattr(receipt_watch, "MIN_AGE_SECONDS", -60.0)
    assert ask(deployment, acme, lost).status == 503  # control: its age was all that spared them


def test_a_record_that_is_there_and_another_stops_its_tenant(deployment: Deployment) -> None:
    acme = agent(deployment, deployment.acme)
    one, two = (ask(deployment, acme).json["receipt"] for _ in range(2))
    other = signed(deployment, one, leaf_hash=two["leaf_hash"])
    assert ask(deployment, acme, header(one)).status == 200  # control
    assert ask(deployment, acme, header(other)).json["code"] == "ledger.stopped"


def test_ten_merge_delays_is_what_the_design_says() -> None:
    assert receipt_watch.MIN_AGE_SECONDS == 10.0
