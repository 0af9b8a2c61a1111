"""What a job may leave behind, and how roles end: on PostgreSQL 18, and on Debian's 15.

The issuer's own role is the one of docs/issuers/postgresql.md, made by that page's statements.
"""

from __future__ import annotations

import re
import threading
from pathlib import Path

import psycopg
import pytest

from counterfoil.core.renderings import NotRenderable
from counterfoil_issuers.contract import Ended, Job, TargetError
from counterfoil_issuers.postgresql import build
from counterfoil_issuers.postgresql.server import TURN
from issued_roles import Orders, codes, issued

CREATE = "CREATE TABLE public.invoices (id serial PRIMARY KEY, total int DEFAULT 0)"


pytestmark = pytest.mark.e2e


def test_page_is_enough_for_the_issuer_and_leaves_no_door_open(db: Orders) -> None:
    found = [line for line in db.target.reach() if "before PostgreSQL 16" not in line]
    assert found == []


def test_columns_that_were_not_decided_stay_closed(db: Orders) -> None:
    job, made, run = issued(db, "SELECT name FROM public.customers")
    assert db.do(made, run, "SELECT secret FROM public.customers") == [None, "42501"]
    assert db.target.end(job) == Ended()


LEFT_BEHIND = {
    "other_table": (["CREATE TABLE public.other (id int)"], "undecided_table"),
    "view": (["CREATE VIEW public.looks AS SELECT 1 AS one"], "undecided_view"),
    "type": (["CREATE TYPE public.odd AS ENUM ('a')"], "undecided_type"),
    "operator": (
        [
            "CREATE FUNCTION public.same(int, int) RETURNS bool LANGUAGE sql AS 'SELECT true'",
            "CREATE OPERATOR public.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = public.same)",
        ],
        "undecided_operator",
    ),
    "default_rights": (
        ["ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC"],
        "undecided_default_acl",
    ),
    "large_object": (["SELECT lo_create(0)"], "undecided_large_object"),
    "trigger": (
        [
            "CREATE FUNCTION public.fires() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
            "CREATE TRIGGER t AFTER INSERT ON public.invoices FOR EACH ROW EXECUTE FUNCTION public.fires()",
        ],
        "added_trigger",
    ),
    "rule": (
        ["CREATE RULE r AS ON DELETE TO public.invoices DO INSTEAD NOTHING"],
        "added_rule",
    ),
    "policy": (["CREATE POLICY p ON public.invoices USING (true)"], "added_policy"),
}


@pytest.mark.parametrize("name", LEFT_BEHIND)
def test_what_was_not_decided_does_not_survive(db: Orders, name: str) -> None:
    statements, code = LEFT_BEHIND[name]
    job, made, run = issued(db, CREATE)
    assert db.do(made, run, *statements) == [None] * (len(statements) + 1)
    ended = db.target.end(job)
    assert code in codes(ended.findings)
    assert ended.handed_over == ("table public.invoices",)
    left = db.run(
        "SELECT (SELECT count(*) FROM pg_trigger WHERE tgrelid = 'public.invoices'::regclass AND NOT tgisinternal)"
        " + (SELECT count(*) FROM pg_rewrite WHERE ev_class = 'public.invoices'::regclass)"
        " + (SELECT count(*) FROM pg_policy WHERE polrelid = 'public.invoices'::regclass)"
        " + (SELECT count(*) FROM pg_largeobject_metadata) + (SELECT count(*) FROM pg_default_acl)"
        " + (SELECT count(*) FROM pg_operator WHERE oprname = '===')"
    )
    assert left == [[0]]
    assert db.owner("public.other") is db.owner("public.looks") is None


NOT_AS_DECIDED = {
    "default": "CREATE TABLE public.invoices (id int DEFAULT public.owners_own())",
    "check": "CREATE TABLE public.invoices (id int CHECK (id > public.owners_own()))",
    "generated": "CREATE TABLE public.invoices (id int, n int GENERATED ALWAYS AS (public.pure(id)) STORED)",
    "index": "CREATE TABLE public.invoices (id int); CREATE INDEX ON public.invoices (public.pure(id))",
    "view_in_its_name": "CREATE VIEW public.invoices AS SELECT secret FROM public.customers",
}


@pytest.mark.parametrize("name", NOT_AS_DECIDED)
def test_table_that_runs_code_or_is_none_is_not_handed_over(db: Orders, name: str) -> None:
    db.execute(
        "CREATE OR REPLACE FUNCTION public.pure(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1'"
    )
    job, made, _ = issued(db, CREATE)
    assert db.do(made, NOT_AS_DECIDED[name]) == [None]
    ended = db.target.end(job)
    assert ended.handed_over == ()
    assert codes(ended.findings) & {"calls_function", "undecided_view"}
    assert db.owner("public.invoices") is None
    db.execute("DROP FUNCTION public.pure(int)")


def test_view_that_reads_what_was_not_decided_is_not_handed_over(db: Orders) -> None:
    # Its owner reads through it: handed over it would read hr.staff for whoever may read it.
    text = "CREATE VIEW public.kept AS SELECT id FROM public.customers"
    job, made, _ = issued(db, text)
    assert db.do(made, "CREATE VIEW public.kept AS SELECT secret AS id FROM public.customers") == [
        None
    ]
    ended = db.target.end(job)
    assert ended.handed_over == ()
    assert "reads_undecided" in codes(ended.findings)
    job, made, run = issued(db, text)
    assert db.do(made, run) == [None]
    assert db.target.end(job) == Ended(handed_over=("view public.kept",))
    assert db.owner("public.kept") == "app"
    db.execute("DROP VIEW public.kept")


MADE = {
    "sequence": ("CREATE SEQUENCE public.steps", "DROP SEQUENCE public.steps"),
    "type": ("CREATE TYPE public.odd AS ENUM ('a')", "DROP TYPE public.odd"),
    "domain": ("CREATE DOMAIN public.odd AS int CHECK (value > 0)", "DROP DOMAIN public.odd"),
    "materialized view": (
        "CREATE MATERIALIZED VIEW public.kept AS SELECT id FROM public.customers",
        "DROP MATERIALIZED VIEW public.kept",
    ),
    "table": ('CREATE TABLE public."Odd ""Name" (id int)', 'DROP TABLE public."Odd ""Name"'),
}


@pytest.mark.parametrize("kind", MADE)
def test_every_kind_that_is_decided_is_handed_over(db: Orders, kind: str) -> None:
    text, drop = MADE[kind]
    job, made, run = issued(db, text)
    assert db.do(made, run) == [None]
    ended = db.target.end(job)
    assert len(ended.handed_over) == 1
    assert not ended.findings
    db.execute(f"SET ROLE app; {drop}; RESET ROLE")


def test_only_so_many_sessions_as_configured(db: Orders) -> None:
    job, made, _ = issued(db, "SELECT name FROM public.customers")
    with db.connect(made), pytest.raises(psycopg.OperationalError):
        db.connect(made)
    db.target.end(job)


def test_session_begins_as_it_was_judged(db: Orders) -> None:
    job, made, _ = issued(db, "SELECT name FROM public.customers")
    with db.connect(made) as session:
        for name, value in job.session.items():
            assert session.execute(f"SHOW {name}").fetchone() == (value,)
        (timeout,) = session.execute("SHOW statement_timeout").fetchone() or ("",)
        assert re.fullmatch(r"(1min|\d+s)", timeout)
    db.target.end(job)


def test_server_never_reads_the_password(db: Orders) -> None:
    job, made, _ = issued(db, "SELECT name FROM public.customers")
    ((stored,),) = db.run("SELECT rolpassword FROM pg_authid WHERE rolname = :n", n=job.name)
    assert stored.startswith("SCRAM-SHA-256$")
    assert made.secret["password"] not in stored
    db.target.end(job)


def test_job_that_holds_the_turn_stalls_nobody_for_ever(db: Orders) -> None:
    holder, made, _ = issued(db, "SELECT name FROM public.customers")
    with db.connect(made) as session:
        session.execute("SELECT pg_advisory_lock(%s)", (TURN,))
        job, other, run = issued(db, CREATE)
        assert db.do(other, run) == [None]
        assert db.target.end(job).handed_over == ("table public.invoices",)
    db.target.end(holder)


def test_many_at_once_are_made_and_ended(db: Orders) -> None:
    jobs = [db.job(f"CREATE TABLE public.many_{n} (id int)") for n in range(12)]
    wrong: list[BaseException] = []

    def live(job: Job, run: str) -> None:
        try:
            assert db.do(db.target.make(job), run) == [None]
            assert len(db.target.end(job).handed_over) == 1
        except BaseException as error:  # noqa: BLE001 -- told by the test
            wrong.append(error)

    threads = [threading.Thread(target=live, args=pair) for pair in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    db.execute("DROP TABLE " + ", ".join(f"public.many_{n}" for n in range(12)))


def test_lost_job_is_ended_by_its_name_and_hands_nothing_over(db: Orders) -> None:
    job, made, run = issued(db, CREATE)
    borrower, _, _ = issued(db, "ALTER TABLE public.customers ADD COLUMN x int")
    assert db.do(made, run) == [None]
    assert set(db.target.names()) == {job.name, borrower.name}
    assert db.target.end_name(job.name).handed_over == ()
    db.target.end_name(borrower.name)
    assert db.owner("public.invoices") is None
    assert db.owner("public.customers") == "app"


def test_end_may_be_repeated(db: Orders) -> None:
    job, made, run = issued(db, CREATE)
    db.do(made, run)
    assert db.target.end(job).handed_over
    assert db.target.end(job) == Ended()
    unmade, _ = db.job(CREATE)
    assert db.target.end(unmade) == Ended()


def test_role_of_another_issuer_is_left_alone(db: Orders) -> None:
    name = "cf-" + "a" * 26
    other = build({**db.settings, "location": "postgresql://elsewhere:5432/orders"})
    job, _, _ = issued(db, "SELECT name FROM public.customers")
    db.execute(f'CREATE ROLE "{name}"')
    assert set(db.target.names()) == {job.name}
    assert other.names() == []
    with pytest.raises(TargetError):
        db.target.end_name(name)
    with pytest.raises(TargetError):
        other.end(job)
    assert set(db.names()) == {job.name, name}
    db.execute(f'DROP ROLE "{name}"')
    db.target.end(job)


def test_job_of_another_database_or_wider_than_grant_is_refused(db: Orders) -> None:
    job, _ = db.job(CREATE)
    other = build({**db.settings, "location": "postgresql://elsewhere:5432/orders"})
    with pytest.raises(NotRenderable):
        other.check(job)
    db.target.check(job)


def test_right_that_the_issuer_lacks_makes_no_weaker_role(db: Orders) -> None:
    db.execute(
        "CREATE TABLE public.kept (id int, name text); ALTER TABLE public.kept OWNER TO reader"
    )
    job, _ = db.job("SELECT id FROM public.kept")
    with pytest.raises(TargetError):
        db.target.make(job)
    assert db.names() == []
    db.execute("GRANT SELECT ON public.kept TO counterfoil_issuer WITH GRANT OPTION")
    # Of a right that it may not pass on beside one that it may, the server only warns.
    other, _ = db.job("DELETE FROM public.kept WHERE id = 1")
    with pytest.raises(TargetError, match="lacks a right"):
        db.target.make(other)
    assert db.names() == []
    made = db.target.make(job)
    assert db.do(made, "SELECT id FROM public.kept") == [None]
    assert db.target.end(job) == Ended()
    db.execute("DROP TABLE public.kept")


def test_login_ends_at_the_deadline_by_itself(db: Orders, tmp_path: Path) -> None:
    job, made, _ = issued(db, "SELECT name FROM public.customers")
    ((until,),) = db.run(
        "SELECT extract(epoch FROM rolvaliduntil)::int FROM pg_roles WHERE rolname = :n", n=job.name
    )
    assert until == job.deadline == made.expires_at
    db.target.end(job)
