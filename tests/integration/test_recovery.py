"""An older copy of a ledger, or its twin, is signed by nobody; a recovery goes on by another name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from counterfoil.cli import main
from counterfoil.core.model import Receipt
from counterfoil.core.revocation import Standing
from counterfoil.ledger.keys import known_key
from counterfoil.ledger.mark import ANCHORS, SIGNED
from counterfoil.ledger.proof_file import check_proof
from counterfoil.ledger.prove import proof_of, record_of
from counterfoil.ledger.sources import source_of
from ledger_samples import receipt_files
from ledgers import ALICE, CLOCK, ORIGIN, Ledger, event, running_ledger, soon
from rotations import rotate

EXIT_CORRUPT, EXIT_CONFIG = 65, 78


def append(ledger: Ledger, *tenants: str) -> list[Receipt]:
    client = ledger.client()
    found = [
        client.append([event(tenant=tenant, plain={"effect": "deny"})], deadline=soon())[0].receipt
        for tenant in tenants
    ]
    client.close()
    ledger.settle()
    return found


def end(ledger: Ledger) -> None:
    """Stop writer and integrator in good order."""
    assert ledger.stop() == 0
    if ledger.integrator is not None:
        ledger.integrator.terminate()
        assert ledger.integrator.wait(20) == 0
        ledger.integrator = None


def backup(ledger: Ledger) -> Any:
    """A copy of the stopped ledger, its keys not."""
    if ledger.server is None:
        return ledger.database.read_bytes()
    copied = ledger.server.new_database()
    _copy(ledger, ledger.place.database, copied)  # type: ignore[union-attr]
    return copied


def restore(ledger: Ledger, copy: Any) -> None:
    """Put the copy in the ledger's place."""
    if ledger.server is None:
        for path in ledger.folder.glob("ledger.db-*"):
            path.unlink()
        ledger.database.write_bytes(copy)
    else:
        _copy(ledger, copy, ledger.place.database)  # type: ignore[union-attr]


def _copy(ledger: Ledger, source: str, target: str) -> None:
    """As a snapshot of the same cluster would come back, transaction numbers and all."""
    assert ledger.server is not None
    names = sql.Identifier(target), sql.Identifier(source)
    drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(names[0])
    make = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names)
    with psycopg.connect(
        host=str(ledger.server.socket.parent), user="postgres", dbname="postgres", autocommit=True
    ) as db:
        db.execute(drop)
        db.execute(make)


def config(ledger: Ledger) -> Path:
    path = ledger.folder / "counterfoil.toml"
    url = f"sqlite:///{ledger.database}" if ledger.server is None else str(ledger.place)
    path.write_text(
        f'[keys]\ndirectory = "{ledger.keys}"\n[ledger]\nurl = "{url}"\n'
        f'[grant]\nissuer = "https://{ORIGIN}"\n'
    )
    return path


def refused(ledger: Ledger) -> str:
    """The writer's last words: it has signed nothing."""
    ledger.launch()
    assert ledger.wait() == EXIT_CORRUPT
    return ledger.said()


@pytest.fixture
def older(any_ledger: Ledger) -> Iterator[tuple[Ledger, list[Receipt], list[Receipt]]]:
    """A ledger whose older copy was put back: what it still holds, and what was lost."""
    kept = append(any_ledger, "default", "other", "default")
    end(any_ledger)
    copy = backup(any_ledger)
    any_ledger.start()
    lost = append(any_ledger, "default", "other")
    end(any_ledger)
    restore(any_ledger, copy)
    yield any_ledger, kept, lost
    if any_ledger.server is not None:
        any_ledger.server.release(copy)


def test_an_older_copy_is_signed_by_nobody_and_recovered_under_a_new_name(
    older: tuple[Ledger, list[Receipt], list[Receipt]], capsys: pytest.CaptureFixture[str]
) -> None:
    ledger, kept, lost = older
    said = refused(ledger)
    # whichever log is looked at first: `default` or `other`
    told = ("has 2 entries, and 3 were signed", "has 1 entries, and 2 were signed")
    assert any(words in said for words in told)
    assert "counterfoil ledger recover" in said
    before = ledger.key

    assert main(["ledger", "recover", "--config", str(config(ledger))]) == 0
    assert "default: goes on from 2 entries" in capsys.readouterr().out
    after = ledger.key
    assert after.name != before.name
    assert after.line()[1:] == before.line()

    ledger.start()  # control: it goes on, and all of both names verifies
    fresh = append(ledger, "default", "third")
    assert {receipt.origin.partition("/log/")[0] for receipt in fresh} == {after.name}
    report = ledger.verify(receipts=receipt_files([*kept, *fresh]))
    assert (report.findings, report.entries) == ([], 7)
    for size in (2, 1):  # of `default` and of `other`, in whichever order they stand
        assert any(f"went on from {size} entries" in line for line in report.recoveries)
    _all_rights_ended(ledger)
    # What was lost stays a finding for whoever holds it.
    found = ledger.verify(receipts=receipt_files(lost)).findings
    assert {finding.what for finding in found} == {
        f"{receipt.event_id} is gone, and a held receipt shows that it was there"
        for receipt in lost
    }
    source = source_of(ledger.place)
    for receipt in (*kept, *fresh):
        proof = proof_of(source.query, record_of(source.query, receipt.event_id), after)
        assert check_proof(proof, after).leaf["origin"] == receipt.origin
    source.close()
    end(ledger)


def _all_rights_ended(ledger: Ledger) -> None:
    """What revoked them may be lost: nothing that was issued before the recovery lives again."""
    client, now = ledger.client(), CLOCK.now()
    for tenant in ("default", "other", "has-no-log"):
        before, after = (
            Standing(tenant=tenant, subject=ALICE, issued_at=moment) for moment in (now - 60, now)
        )
        assert client.revocations.covers(before)
        assert not client.revocations.covers(after)  # control: whoever logs in again


def test_an_anchor_from_elsewhere_stops_an_older_copy_whose_keys_came_back_too(
    tmp_path: Path,
) -> None:
    with running_ledger(tmp_path) as ledger:
        append(ledger, "default")
        end(ledger)
        shutil.copytree(ledger.keys, tmp_path / "keys.backup")
        copy = backup(ledger)
        ledger.start()
        append(ledger, "default")
        end(ledger)
        anchor = (ledger.keys / SIGNED).read_bytes()
        restore(ledger, copy)
        shutil.rmtree(ledger.keys)
        (tmp_path / "keys.backup").rename(ledger.keys)
        (ledger.keys / ANCHORS).mkdir()
        (ledger.keys / ANCHORS / "monday.txt").write_bytes(anchor)
        assert "has 1 entries, and 2 were signed" in refused(ledger)
        (ledger.keys / ANCHORS / "monday.txt").unlink()
        ledger.start()  # control: nothing tells, so it goes on


def test_a_twin_beside_a_running_writer_is_refused(tmp_path: Path) -> None:
    """A copy of the file, by the same keys: one of the two signs."""
    with running_ledger(tmp_path / "one") as ledger:
        append(ledger, "default")
        twin = Ledger(tmp_path / "two")
        twin.folder.mkdir()
        (twin.folder / "keys").symlink_to(ledger.keys)
        end(ledger)
        shutil.copyfile(ledger.database, twin.database)
        ledger.start()
        try:
            twin.launch()
            assert twin.wait() == EXIT_CONFIG
            assert "another writer signs by the keys" in twin.said()
        finally:
            twin.close()
        append(ledger, "default")  # control: the first goes on


def test_a_twin_that_signed_elsewhere_stops_this_writer(tmp_path: Path) -> None:
    """Its mark comes in by a shared folder: same size, another history."""
    with running_ledger(tmp_path) as ledger:
        append(ledger, "default")
        end(ledger)
        copy, keys = backup(ledger), tmp_path / "keys"
        ledger.start()
        append(ledger, "default")
        end(ledger)
        theirs = (keys / SIGNED).read_bytes()
        restore(ledger, copy)
        (keys / SIGNED).unlink()
        ledger.start()
        append(ledger, "default")
        (keys / SIGNED).write_bytes(theirs)
        assert ledger.wait() == EXIT_CORRUPT
        assert "are not those that were signed" in ledger.said()


def test_a_recovery_that_was_killed_is_carried_on(tmp_path: Path) -> None:
    """After its commit, before the keys folder knew: a second try ends it and draws no other name."""
    with running_ledger(tmp_path) as ledger:
        append(ledger, "default")
        end(ledger)
        shutil.copytree(ledger.keys, tmp_path / "before")
        file = str(config(ledger))
        assert main(["ledger", "recover", "--config", file]) == 0
        name = ledger.key.name
        order = json.dumps(_order_of(tmp_path / "before", ledger)).encode()
        shutil.rmtree(ledger.keys)
        (tmp_path / "before").rename(ledger.keys)
        (ledger.keys / "receipt.next.json").write_bytes(order)
        assert main(["ledger", "recover", "--config", file]) == 0
        assert ledger.key.name == name
        assert ledger.verify().findings == []


def _order_of(keys: Path, ledger: Ledger) -> dict[str, object]:
    ((leaf,),) = ledger.rows(
        "SELECT leaf FROM entries WHERE CAST(leaf AS TEXT) LIKE '%\"recovery\"%'"
    )
    old, new = known_key(keys), ledger.key.line()[0]
    assert old is not None
    endorsement = json.loads(leaf)["plain"]["endorsement"]
    return {
        "from": old.text(),
        "to": new.text(),
        "endorsement": endorsement,
        "starts_at": 0,
        "ends_at": 0,
    }


def test_a_backup_of_before_a_rotation_is_recovered_by_the_present_key(tmp_path: Path) -> None:
    with running_ledger(tmp_path) as ledger:
        append(ledger, "default")
        end(ledger)
        copy = backup(ledger)
        ledger.start()
        thief = rotate(ledger)
        end(ledger)
        restore(ledger, copy)
        assert "no signature of this key" in refused(ledger)
        assert main(["ledger", "recover", "--config", str(config(ledger))]) == 0
        ledger.start()
        append(ledger, "default")
        assert ledger.verify().findings == []
        assert len(ledger.key.line()) == 3
        assert ledger.key.line()[-1] == thief.ledger
