"""What the server as a whole must not tell or keep: its log, its other databases, two phases."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg
import pytest

from counterfoil_issuers.contract import Ended
from issued_roles import Orders, codes, issued, orders
from servers import postgresql

pytestmark = pytest.mark.e2e
READ = "SELECT name FROM public.customers"


@pytest.fixture(scope="module")
def talkative(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orders]:
    """A server that logs every statement and can prepare transactions."""

    def server() -> object:
        return postgresql.debian("log_statement=all", "max_prepared_transactions=5")

    with orders(tmp_path_factory.mktemp("issuer"), server) as made:  # type: ignore[arg-type]
        yield made


def test_log_of_every_statement_holds_no_password(talkative: Orders) -> None:
    job, made, _ = issued(talkative, READ)
    talkative.target.end(job)
    log = (talkative.socket.parent / "log").read_text()
    assert f'CREATE ROLE "{job.name}"' in log
    assert "SCRAM-SHA-256$" in log
    assert made.secret["password"] not in log


def test_prepared_transaction_does_not_wait_for_somebody_to_commit_it(talkative: Orders) -> None:
    job, made, run = issued(talkative, "CREATE TABLE public.invoices (id int)")
    assert (
        talkative.do(
            made, "BEGIN", run, "CREATE TABLE public.later (id int)", "PREPARE TRANSACTION 'later'"
        )
        == [None] * 4
    )
    assert talkative.run("SELECT gid FROM pg_prepared_xacts") == [["later"]]
    assert talkative.target.end(job) == Ended()
    assert talkative.run("SELECT count(*) FROM pg_prepared_xacts") == [[0]]
    assert talkative.names() == []
    assert talkative.owner("public.later") is talkative.owner("public.invoices") is None


def test_what_a_job_leaves_in_an_open_database_keeps_the_role_from_login(db: Orders) -> None:
    db.execute("CREATE DATABASE side")
    side = postgresql.connect(db.socket, "side")
    side.execute_simple("GRANT CREATE ON SCHEMA public TO PUBLIC")
    assert any("REVOKE CONNECT ON DATABASE side FROM PUBLIC" in line for line in db.target.reach())
    job, made, _ = issued(db, READ)
    secret = {**made.secret, "dbname": "side"}
    with psycopg.connect(**secret, autocommit=True) as session:  # type: ignore[arg-type]
        session.execute("CREATE TABLE public.hidden (id int)")
        ended = db.target.end(job)
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")
    assert codes(ended.findings) == {"role_kept"}
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(**secret)  # type: ignore[arg-type]
    assert db.target.names() == [job.name]
    side.execute_simple("DROP TABLE public.hidden")
    assert db.target.end_name(job.name) == Ended()
    assert db.names() == []
    side.close()
    db.execute("DROP DATABASE side")


def test_end_by_somebody_who_holds_a_tables_lock_is_tried_again(db: Orders) -> None:
    job, made, run = issued(db, "CREATE TABLE public.invoices (id int)")
    assert db.do(made, run) == [None]
    with postgresql_session(db) as other:
        other.execute("BEGIN; LOCK TABLE public.invoices")
        began = time.monotonic()
        with pytest.raises(Exception, match="55P03"):
            db.target.end(job)
        assert time.monotonic() - began < 60
        assert db.run("SELECT rolcanlogin FROM pg_roles WHERE rolname = :n", n=job.name) == [
            [False]
        ]
        other.execute("ROLLBACK")
    assert db.target.end(job).handed_over == ("table public.invoices",)


def postgresql_session(db: Orders) -> psycopg.Connection[tuple[object, ...]]:
    host = str(db.socket.parent)
    return psycopg.connect(host=host, dbname="orders", user="postgres", autocommit=True)
