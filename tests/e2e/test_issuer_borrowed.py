"""A table that is the job's while it lives goes back as it was, but for what was decided."""

from __future__ import annotations

import pytest

from counterfoil_issuers.contract import Ended
from issued_roles import Orders, codes, issued

pytestmark = pytest.mark.e2e


def test_borrowed_table_goes_back_as_it_was_decided(db: Orders) -> None:
    job, made, run = issued(db, "ALTER TABLE public.customers ADD COLUMN x int DEFAULT 3")
    assert db.owner("public.customers") == f'"{job.name}"'
    assert db.do(made, run) == [None]
    assert db.target.end(job) == Ended()
    assert db.owner("public.customers") == "app"
    assert db.rights("public.customers") == ["reader SELECT"]
    db.execute("ALTER TABLE public.customers DROP COLUMN x")


ADDED = {
    "grant": ("GRANT ALL ON public.customers TO PUBLIC", "added_grant"),
    "trigger": (
        "CREATE TRIGGER t BEFORE UPDATE ON public.customers FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "added_trigger",
    ),
    "rule": ("CREATE RULE r AS ON DELETE TO public.customers DO INSTEAD NOTHING", "added_rule"),
    "policy": ("CREATE POLICY p ON public.customers USING (true)", "added_policy"),
    "default": (
        "ALTER TABLE public.customers ALTER COLUMN secret SET DEFAULT public.owners_own()",
        "added_default",
    ),
    "constraint": (
        "ALTER TABLE public.customers ADD CHECK (id > public.owners_own())",
        "added_constraint",
    ),
    "index": ("CREATE INDEX sneaky ON public.customers (name)", "added_index"),
}


@pytest.mark.parametrize("name", ADDED)
def test_what_was_hung_on_a_borrowed_table_is_taken_off(db: Orders, name: str) -> None:
    statement, code = ADDED[name]
    job, made, run = issued(db, "ALTER TABLE public.customers ADD COLUMN x int")
    grant = f'GRANT CREATE ON SCHEMA public TO "{job.name}"'  # an index wants it
    db.execute(f"SET ROLE counterfoil_issuer; {grant}; RESET ROLE")
    assert db.do(made, run, statement) == [None, None]
    ended = db.target.end(job)
    assert code in codes(ended.findings)
    assert not {one for one in codes(ended.findings) if one.startswith("kept_")}
    assert db.owner("public.customers") == "app"
    assert db.rights("public.customers") == ["reader SELECT"]
    db.execute("ALTER TABLE public.customers DROP COLUMN x")
    control, made, run = issued(db, "ALTER TABLE public.customers ADD COLUMN x int")
    assert db.do(made, run) == [None]
    assert db.target.end(control) == Ended()
    db.execute("ALTER TABLE public.customers DROP COLUMN x")


def test_what_was_changed_on_a_borrowed_table_is_told(db: Orders) -> None:
    job, made, _ = issued(db, "ALTER TABLE public.customers ADD COLUMN x int")
    assert db.do(
        made,
        "ALTER POLICY mine ON public.customers USING (id > 0)",
        "ALTER TABLE public.customers ALTER COLUMN name DROP DEFAULT",
    ) == [None, None]
    assert codes(db.target.end(job).findings) == {"changed_policy", "lost_default"}
    db.execute(
        "ALTER POLICY mine ON public.customers USING (true);"
        "ALTER TABLE public.customers ALTER COLUMN name SET DEFAULT 'nobody'"
    )


def test_decided_column_with_somebodys_function_in_its_default_loses_it(db: Orders) -> None:
    # The interpreter reads no default that calls one, so what was decided was another default.
    job, made, _ = issued(db, "ALTER TABLE public.customers ADD COLUMN x int DEFAULT 3")
    hidden = "ALTER TABLE public.customers ADD COLUMN x int DEFAULT public.owners_own()"
    assert db.do(made, hidden) == [None]
    assert codes(db.target.end(job).findings) == {"added_default"}
    assert db.run(
        "SELECT count(*) FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid"
        " AND a.attnum = d.adnum WHERE adrelid = 'public.customers'::regclass AND attname = 'x'"
    ) == [[0]]
    db.execute("ALTER TABLE public.customers DROP COLUMN x")
