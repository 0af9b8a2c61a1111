"""A PostgreSQL that would lose what it acknowledged, or is another ledger's, gets no writer."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from counterfoil.config_ledger import PostgresqlPlace, postgresql_place
from counterfoil.errors import LedgerUnavailable
from counterfoil.ledger.keys import VERIFIER_KEY
from counterfoil.ledger.postgresql.connection import connect
from counterfoil.ledger.postgresql.setup import grant_service
from counterfoil.ledger.verify import verify_ledger
from erasing import erase
from ledgers import Ledger, event, running_ledger, soon
from servers import ledger_server

CONFIG = 78
CORRUPT = 65


@pytest.fixture
def stopped(tmp_path: Path, postgresql_server: ledger_server.Server) -> Iterator[Ledger]:
    with running_ledger(tmp_path, server=postgresql_server) as ledger:
        ledger.client().append([event()], deadline=soon())
        ledger.settle()
        assert ledger.stop() == 0
        yield ledger


def database_of(ledger: Ledger) -> str:
    assert isinstance(ledger.place, PostgresqlPlace)
    return ledger.place.database


@pytest.mark.parametrize("scope", ["DATABASE {}", "ROLE postgres IN DATABASE {}"])
@pytest.mark.parametrize("value", ["off", "local"])
def test_a_commit_that_waits_for_no_flush_is_refused_whoever_set_it(
    stopped: Ledger, scope: str, value: str
) -> None:
    where = scope.format(database_of(stopped))
    stopped.edit(f"ALTER {where} SET synchronous_commit = {value}")
    try:
        if value == "local":  # is flushed here, and there is no standby: the control
            stopped.start()
            return
        stopped.launch()
        assert stopped.wait() == CONFIG
        assert "synchronous_commit = off" in stopped.said()
    finally:
        stopped.edit(f"ALTER {where} RESET synchronous_commit")


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
def test_a_server_that_a_power_cut_can_roll_back_is_refused(
    tmp_path: Path, own_server: ledger_server.Server, setting: str
) -> None:
    with running_ledger(tmp_path, server=own_server) as ledger:
        client = ledger.client()
        client.append([event()], deadline=soon())
        ledger.edit(f"ALTER SYSTEM SET {setting} = off")
        try:
            ledger.edit("SELECT pg_reload_conf()")
            assert ledger.process is not None
            while ledger.process.poll() is None:  # it is seen while it runs, too
                with contextlib.suppress(LedgerUnavailable):
                    client.append([event()], deadline=soon(1.0))
            assert ledger.wait() == CONFIG
            ledger.launch()
            assert ledger.wait() == CONFIG
            assert f"{setting} = off" in ledger.said()
        finally:
            ledger.edit(f"ALTER SYSTEM RESET {setting}")
            ledger.edit("SELECT pg_reload_conf()")


@pytest.fixture(scope="module")
def own_server() -> Iterator[ledger_server.Server]:
    """One whose settings these tests may change."""
    with ledger_server.serving() as server:
        yield server


def test_a_ledger_that_is_gone_does_not_come_back_empty(stopped: Ledger) -> None:
    stopped.close_integrator()
    stopped.edit("DROP SCHEMA counterfoil CASCADE")
    stopped.launch()
    assert stopped.wait() == CONFIG
    assert "is gone" in stopped.said()
    (stopped.keys / VERIFIER_KEY).unlink()  # control: a new record, on purpose
    stopped.start()


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE head SET system = '1'", "another PostgreSQL cluster"),
        ("UPDATE head SET xid = '9000000000000'", "another PostgreSQL cluster"),
        ("UPDATE meta SET value = 'another' WHERE name = 'origin_prefix'", "belongs to"),
        ("UPDATE meta SET value = 'x' WHERE name = 'receipt_key'", "another key"),
        ("UPDATE meta SET value = '9' WHERE name = 'format'", "format"),
        ("INSERT INTO migrations VALUES (99, 'newer')", "another release"),
    ],
)
def test_another_ledger_is_not_continued(stopped: Ledger, statement: str, said: str) -> None:
    stopped.close_integrator()
    stopped.edit(statement)
    stopped.launch()
    assert stopped.wait() == CONFIG
    assert said in stopped.said()


def test_whoever_can_insert_puts_no_words_into_a_log(stopped: Ledger) -> None:
    assert stopped.integrator is not None
    before = stopped.rows("SELECT size, note FROM logs")
    ((event_id, leaf),) = stopped.rows("SELECT event_id, leaf FROM records")
    forged = leaf.replace(event_id.encode(), b"evt_forged").replace(b'"allow"', b'"deny"')
    stopped.edit(
        "INSERT INTO records (tenant, event_id, decision_id, leaf, signature)"
        " SELECT tenant, 'evt_forged', decision_id, ?, signature FROM records",
        forged,
    )
    assert stopped.integrator.wait(20) == CORRUPT
    assert stopped._run("SELECT size, note FROM logs", ()) == before


def test_the_services_role_can_add_records_and_change_or_delete_none(
    stopped: Ledger, postgresql_server: ledger_server.Server
) -> None:
    role = f"service_{secrets.token_hex(4)}"
    place = stopped.place
    assert isinstance(place, PostgresqlPlace)
    stopped.edit(f"CREATE ROLE {role} LOGIN")
    with connect(place, "test") as owner:
        grant_service(owner, role)
    try:
        kept = "UPDATE {0} SET {1} = {1}", "DELETE FROM {0}", "TRUNCATE {0}"
        columns = {
            "records": "leaf",
            "sealed": "sealed",
            "positions": "idx",
            "checkpoints": "note",
            "subject_keys": "wrapped",
            "meta": "value",
        }
        for table, column in columns.items():
            # A data key may be deleted: that is an erasure. Changed it may not be.
            for statement in kept if table != "subject_keys" else (kept[0], kept[2]):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    as_role(stopped, role, statement.format(table, column))
        replica = Ledger(stopped.folder, beside=stopped, role=role)
        try:
            stopped.close_integrator()
            replica.start()  # control: it is enough to be a replica
            client = replica.client()
            client.append([event()], deadline=soon())
            replica.settle()
            assert client.health(deadline=soon()).ready
            assert replica.rows("SELECT count(*) FROM entries") == [(2,)]
            # It may ask for old payloads to go, and the server finds none old.
            as_role(stopped, role, "SELECT drop_sealed((SELECT array_agg(id) FROM records))")
            assert replica.rows("SELECT count(*) FROM payloads") == [(2,)]
            assert erase(client) is not None
        finally:
            replica.close()
    finally:
        stopped.edit(f"DROP OWNED BY {role}")
        stopped.edit(f"DROP ROLE {role}")


def as_role(ledger: Ledger, role: str, statement: str) -> None:
    place = ledger.place
    assert isinstance(place, PostgresqlPlace)
    with psycopg.connect(
        host=place.host,
        user=role,
        dbname=place.database,
        options="-c search_path=counterfoil",
        autocommit=True,
    ) as db:
        db.execute(statement.encode())


def test_a_wrong_password_is_named_and_never_repeated(stopped: Ledger) -> None:
    file = stopped.folder / "password"
    file.write_text("hunter2\n")
    stopped.host = stopped.folder / "nowhere"
    stopped.launch(env={"COUNTERFOIL_LEDGER__PASSWORD": "hunter2"})
    stopped.wait()
    said = stopped.said()
    assert "PostgreSQL" in said
    assert "hunter2" not in said
    stopped.host = None


TAMPERINGS = {
    "an edited record": "UPDATE records SET leaf = leaf || ' '",
    "a payload taken out": "DELETE FROM sealed WHERE record = (SELECT min(record) FROM sealed)",
    "a payload of no record": "INSERT INTO sealed VALUES (99999, '')",
    "a record taken out": "DELETE FROM records WHERE id = (SELECT min(id) FROM records)",
    "a place taken out": "DELETE FROM positions WHERE seq = 1",
    "two places exchanged": "UPDATE positions p SET record ="
    " -(SELECT q.record FROM positions q WHERE q.seq <> p.seq);"
    " UPDATE positions SET record = -record",
    "a checkpoint taken out": "DELETE FROM checkpoints WHERE number = 1",
    "a root": "UPDATE logs SET root = ''",
    "a smaller size": "UPDATE logs SET size = size - 1",
    "an exchanged receipt": "UPDATE records r SET signature ="
    " (SELECT q.signature FROM records q WHERE q.id <> r.id LIMIT 1)",
    "a record under another decision": "UPDATE records SET decision_id = 'dec_' || repeat('0', 26)",
    "a record under another name": "UPDATE records SET event_id = 'evt_' || repeat('0', 25)"
    " || right(id::text, 1)",
    "a record put in by its copy": "INSERT INTO records (xid, tenant, event_id, leaf, signature)"
    " SELECT xid, tenant, 'evt_' || repeat('0', 26), leaf, signature FROM records"
    " ORDER BY id LIMIT 1; UPDATE head SET id = (SELECT max(id) FROM records)",
    "a signed checkpoint of another size": "UPDATE logs l SET note ="
    " (SELECT c.note FROM checkpoints c WHERE c.log = l.log AND c.size < l.size LIMIT 1)",
    "a frontier": "UPDATE checkpoints SET frontier = ''",
    "another name": "UPDATE meta SET value = value || '0' WHERE name = 'origin_prefix'",
    "an exchanged payload": "UPDATE sealed s SET sealed ="
    " (SELECT t.sealed FROM sealed t WHERE t.record <> s.record LIMIT 1)",
    "a data key": "UPDATE subject_keys SET wrapped = wrapped || ' '",
    "a head that went on": "UPDATE head SET seq = seq + 1",
    "no head": "DELETE FROM head",
    "a trigger": "CREATE TRIGGER t AFTER INSERT ON records EXECUTE FUNCTION"
    " suppress_redundant_updates_trigger()",
    "a rule": "CREATE RULE r AS ON INSERT TO once DO INSTEAD NOTHING",
    "a column": "ALTER TABLE records ADD COLUMN x int",
    "a view in the place of rows": "CREATE VIEW other AS SELECT 1",
}


def test_every_tampering_of_the_tables_is_found(stopped: Ledger) -> None:
    stopped.start()
    stopped.client().append([event()], deadline=soon())
    stopped.settle()
    assert stopped.stop() == 0
    stopped.close_integrator()
    for client in stopped.clients:
        client.close()
    assert stopped.verify().findings == []  # control
    missed = [name for name, text in TAMPERINGS.items() if not found_in_a_copy(stopped, text)]
    assert missed == []


def found_in_a_copy(ledger: Ledger, statement: str) -> int:
    """How much `verify` finds after a statement of the tables' owner."""
    assert ledger.server is not None
    copy = f"copy_{secrets.token_hex(4)}"
    ledger.server.run("postgres", f"CREATE DATABASE {copy} TEMPLATE {database_of(ledger)}", ())
    try:
        ledger.server.run(copy, statement, ())
        return verify_ledger(postgresql_place(ledger.server.url(copy)), ledger.key).found
    finally:
        ledger.server.run("postgres", f"DROP DATABASE {copy} WITH (FORCE)", ())
