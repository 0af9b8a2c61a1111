"""Evidence out of a ledger on PostgreSQL: the same commands, files and tiles as out of a file."""

from __future__ import annotations

import secrets
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest

from counterfoil.cli import main
from counterfoil.config_ledger import PostgresqlPlace, postgresql_place
from counterfoil.core.checkpoint import log_origin, open_checkpoint
from counterfoil.core.model import Receipt
from counterfoil.core.tiles import Tile
from counterfoil.core.tree import is_consistent, leaf_hash, root_of
from counterfoil.ledger.keys import Verifier
from counterfoil.ledger.postgresql.connection import connect
from counterfoil.ledger.postgresql.integration import Integrator
from counterfoil.ledger.proof_file import check_proof, read_proof
from counterfoil.ledger.signing import Signing, load_signing
from ledger_samples import receipt_files
from ledgers import CLOCK, ORIGIN, PROMPT, Ledger, event, running_ledger, soon
from servers import ledger_server

EXIT_CONFIG = 78


@pytest.fixture(scope="module")
def kept(
    tmp_path_factory: pytest.TempPathFactory, postgresql_server: ledger_server.Server
) -> Iterator[tuple[Ledger, list[Receipt]]]:
    with running_ledger(tmp_path_factory.mktemp("evidence"), server=postgresql_server) as ledger:
        client = ledger.client()
        events = [event(tenant=tenant) for tenant in ("default", "other", "default", "default")]
        receipts = [client.append([one], deadline=soon())[0].receipt for one in events]
        ledger.settle()
        yield ledger, receipts


def place_of(ledger: Ledger) -> PostgresqlPlace:
    assert isinstance(ledger.place, PostgresqlPlace)
    return ledger.place


def test_a_proof_and_an_anchor_are_made_by_url_and_checked_without_the_database(
    kept: tuple[Ledger, list[Receipt]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger, receipts = kept
    url, public = str(place_of(ledger).url), str(ledger.keys / "receipt.pub")
    proof, anchor = tmp_path / "proof.json", tmp_path / "anchor.txt"
    made = ["prove", receipts[0].event_id, "--open", "prompt", "--output", str(proof)]
    assert main([*made, "--ledger", url, "--keys", str(ledger.keys)]) == 0
    assert main(["anchor", "--ledger", url, "--key", public, "--output", str(anchor)]) == 0
    capsys.readouterr()
    assert main(["verify", str(proof), "--key", public]) == 0
    assert PROMPT.decode() in capsys.readouterr().out
    whole = ["verify", "--ledger", url, "--key", public, "--checkpoint", str(anchor)]
    assert main(whole) == 0
    assert "holds what 2 checkpoint(s)" in capsys.readouterr().out
    text = proof.read_text()
    proof.write_text(text.replace(PROMPT.decode(), "Drop the orders database"))
    assert text != proof.read_text()
    assert main(["verify", str(proof), "--key", public]) == 1
    assert main(["prove", "evt_" + "0" * 26, "--ledger", url, "--keys", str(ledger.keys)]) == 1


def test_tiles_entries_and_proofs_are_those_of_the_signed_root(
    kept: tuple[Ledger, list[Receipt]],
) -> None:
    """What the HTTP routes hand out, on the store for replicas."""
    ledger, receipts = kept
    evidence, key = ledger.client().evidence, ledger.key
    note = evidence.checkpoint("default")
    assert note is not None
    named = key.named(log_origin(key.name, "default"))
    signed = open_checkpoint(note, named, Verifier(key))
    tile = evidence.tile("default", Tile(0, 0, signed.size))
    assert tile is not None
    hashes = [tile[at : at + 32] for at in range(0, len(tile), 32)]
    assert (len(hashes), root_of(hashes)) == (signed.size, signed.root)
    leaf = evidence.entry("default", 1)
    assert leaf is not None
    assert leaf_hash(leaf) == hashes[1]
    for receipt in receipts:
        tenant = receipt.origin.rpartition("/")[2]
        proof = evidence.proof(tenant, receipt.event_id)
        assert proof is not None
        assert check_proof(read_proof(proof), key).leaf["event_id"] == receipt.event_id
        assert evidence.proof("nobody", receipt.event_id) is None
    older = evidence.consistency("default", 1)
    assert older is not None
    steps = [b64decode(str(step)) for step in older["proof"]]  # type: ignore[union-attr]
    assert is_consistent(1, hashes[0], signed.size, signed.root, steps)
    assert not is_consistent(1, hashes[1], signed.size, signed.root, steps)
    report = ledger.verify(receipts=receipt_files(receipts))
    assert (report.findings, report.held_receipts) == ([], len(receipts))


def test_while_another_holds_the_head_no_integrator_numbers_a_record(
    kept: tuple[Ledger, list[Receipt]],
) -> None:
    """The lock of that row alone decides who signs: without it two would number at once."""
    ledger, _ = kept
    ledger.close_integrator()
    client = ledger.client()
    client.append([event(tenant="third")], deadline=soon())
    place, signing = place_of(ledger), load_signing(ledger.keys, CLOCK.now())
    integrator = Integrator(ledger.key, Signing(signing.key, ledger.key))
    with connect(place, "one") as holder, connect(place, "two") as rival:
        with holder.transaction():
            holder.execute("SELECT 1 FROM head FOR UPDATE")
            assert integrator.round(rival) is None
        assert integrator.round(rival) == 1  # control: it is free, so the record gets its place
    assert ledger.verify().findings == []
    ledger.integrate()


def test_tables_are_made_by_their_owner_and_the_services_role_can_do_its_work(
    postgresql_server: ledger_server.Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    role = f"service_{secrets.token_hex(4)}"
    ledger = Ledger(tmp_path, server=postgresql_server)
    config = tmp_path / "counterfoil.toml"
    url = str(place_of(ledger).url)
    config.write_text(
        f'[keys]\ndirectory = "{ledger.keys}"\n[ledger]\nurl = "{url}"\n'
        f'[grant]\nissuer = "https://{ORIGIN}"\n'
    )
    postgresql_server.run("postgres", f"CREATE ROLE {role} LOGIN", ())
    migrate = ["ledger", "migrate", "--config", str(config), "--service", role]
    try:
        assert main(migrate) == EXIT_CONFIG  # no keys: nobody could sign what is made here
        assert main(["keys", "make", "--config", str(config)]) == 0
        capsys.readouterr()
        assert main([*migrate, "--auditor", role]) == 0
        assert main(migrate) == 0  # a second time there is nothing to do
        first, second = (line for line in capsys.readouterr().out.splitlines() if "ready" in line)
        assert first == second
        ledger.role = role
        ledger.start()
        ledger.client().append([event()], deadline=soon())
        assert ledger.verify().findings == []
    finally:
        ledger.role = "postgres"
        database = str(place_of(ledger).database)
        for client in ledger.clients:
            client.close()
        ledger.clients.clear()
        if ledger.process is not None:
            ledger.stop()
        ledger.close_integrator()
        postgresql_server.run(database, f"DROP OWNED BY {role}", ())
        postgresql_server.run(database, f"DROP ROLE {role}", ())
        ledger.close()


def test_a_file_has_no_owner_who_makes_its_tables(tmp_path: Path) -> None:
    config = tmp_path / "counterfoil.toml"
    config.write_text('[ledger]\nurl = "sqlite:///ledger.db"\n')
    assert main(["ledger", "migrate", "--config", str(config)]) == EXIT_CONFIG
    assert postgresql_place("postgresql://a@/b?host=/tmp").database == "b"  # control
