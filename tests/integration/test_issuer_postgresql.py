"""A role of the `postgresql` issuer does its job and leaves nothing else; the rest is in e2e.

The issuer's own role is the one of docs/issuers/postgresql.md, made by that page's statements.
"""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from counterfoil_issuers.contract import Ended
from issued_roles import Orders, codes, issued, orders

CREATE = "CREATE TABLE public.invoices (id serial PRIMARY KEY, total int DEFAULT 0)"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orders]:
    with orders(tmp_path_factory.mktemp("issuer")) as made:
        yield made


@pytest.fixture
def db(shared: Orders) -> Iterator[Orders]:
    yield shared
    shared.execute("DROP TABLE IF EXISTS public.invoices, public.kept CASCADE")
    left = shared.names()
    for name in left:
        shared.target.end_name(name)
    assert left == []


def test_role_does_its_job_and_none_of_its_neighbours(db: Orders) -> None:
    job, made, run = issued(db, CREATE)
    assert db.do(
        made,
        run,
        "SELECT id FROM public.customers",
        "SELECT public.owners_own()",
        "CREATE TABLE hr.mine (id int)",
        "CREATE SCHEMA mine",
        "CREATE ROLE mine",
        "ALTER TABLE public.customers ADD COLUMN mine int",
        "SET ROLE app",
    ) == [None, "42501", None, "42501", "42501", "42501", "42501", "42501"]
    ended = db.target.end(job)
    assert ended == Ended(handed_over=("table public.invoices",))
    assert db.owner("public.invoices") == "app"
    assert db.owner("public.invoices_id_seq") == "app"
    with pytest.raises(psycopg.OperationalError):
        db.connect(made)


def test_definer_function_and_public_grant_do_not_survive(db: Orders) -> None:
    # Tried on 18.6: REASSIGN OWNED would give the function to the owner, whose private table
    # it would then read for anyone; and GRANT ALL TO PUBLIC would stay on the table.
    job, made, run = issued(db, CREATE)
    assert (
        db.do(
            made,
            run,
            "GRANT ALL ON public.invoices TO PUBLIC",
            "GRANT SELECT (total) ON public.invoices TO reader",
            "GRANT USAGE ON SEQUENCE public.invoices_id_seq TO PUBLIC",
            "CREATE FUNCTION public.spy() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN (SELECT max(salary) FROM hr.staff); END'",
        )
        == [None] * 5
    )
    ended = db.target.end(job)
    assert ended.handed_over == ("table public.invoices",)
    assert {"undecided_function", "added_grant"} <= codes(ended.findings)
    assert db.run("SELECT to_regprocedure('public.spy()')") == [[None]]
    assert db.rights("public.invoices") == []
    assert db.rights("public.invoices_id_seq") == []
    assert db.run(
        "SELECT count(*) FROM pg_attribute WHERE attacl IS NOT NULL AND attrelid = 'public.invoices'::regclass"
    ) == [[0]]


def test_open_session_does_not_outlive_the_end(db: Orders) -> None:
    job, made, _ = issued(db, "SELECT name FROM public.customers")
    with db.connect(made) as session:
        assert session.execute("SELECT name FROM public.customers").fetchall() == [("Ada",)]
        db.target.end(job)
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT name FROM public.customers")
