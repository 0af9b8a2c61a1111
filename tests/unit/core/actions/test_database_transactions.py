"""A transaction statement is an operation of its own where it stands alone, and else uncertain."""

from __future__ import annotations

import pytest

from commands import doubt, read_sql

FORMS = {
    "BEGIN": ("begin", None),
    "begin work": ("begin", None),
    "START TRANSACTION": ("begin", None),
    "COMMIT": ("commit", None),
    "END": ("commit", None),
    "ROLLBACK": ("rollback", None),
    "ABORT": ("rollback", None),
    "SAVEPOINT a": ("savepoint", "a"),
    'RELEASE SAVEPOINT "A b"': ("release", "A b"),
    "ROLLBACK TO a": ("rollback_to", "a"),
}
OPTIONS = {
    "a session that was read-only may write": "BEGIN READ WRITE",
    "another isolation": "START TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "waits for a snapshot": "BEGIN ISOLATION LEVEL SERIALIZABLE, READ ONLY, DEFERRABLE",
    "commits and opens another": "COMMIT AND CHAIN",
    "undoes and opens another": "ROLLBACK AND CHAIN",
    "leaves it to another session": "PREPARE TRANSACTION 'x'",
    "ends another session's": "COMMIT PREPARED 'x'",
    "undoes another session's": "ROLLBACK PREPARED 'x'",
}
SESSION = [
    "SET TRANSACTION READ WRITE",
    "SET TRANSACTION SNAPSHOT '1'",
    "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
    "SET LOCAL search_path = evil",
]


@pytest.mark.parametrize("sql", FORMS)
def test_alone_it_is_one_operation_that_needs_nothing_but_to_connect(sql: str) -> None:
    reading = read_sql(f"-- the driver's own\n{sql};")
    (operation,) = reading.operations
    verb, name = FORMS[sql]
    named = {} if name is None else {"name": name}
    assert operation.verb == verb
    assert operation.object == {"kind": "transaction", "database": "orders", **named}
    assert reading.required == ()
    assert [item["actions"] for item in reading.ambient] == [["connect"]]


def test_what_a_rollback_undoes_is_pinned_again_with_each_action() -> None:
    # ROLLBACK also undoes SET: an answer without a session would run under whatever was before.
    (before, after) = (read_sql(sql).execute for sql in ("ROLLBACK", "SELECT 1"))
    assert before is not None
    assert after is not None
    assert before.session == after.session
    assert after.session is not None
    assert after.session["search_path"] == "pg_catalog, pg_temp"


@pytest.mark.parametrize("attack", OPTIONS)
def test_its_options_are_uncertain(attack: str) -> None:
    assert doubt(OPTIONS[attack]) == "uncertain.sql_transaction"


@pytest.mark.parametrize("sql", SESSION)
def test_what_changes_the_session_or_the_next_transaction_is_uncertain(sql: str) -> None:
    assert doubt(sql) == "uncertain.sql_session"


@pytest.mark.parametrize("sql", FORMS)
def test_a_text_of_several_statements_holds_none(sql: str) -> None:
    honest = "INSERT INTO public.invoices (id) VALUES (1)"
    assert not doubt(f"{honest}; {honest}")  # control
    for text in (f"{honest}; {sql}", f"{sql}; {honest}", f"{sql}; {sql}"):
        assert doubt(text) == "uncertain.sql_transaction"


def test_the_name_of_a_savepoint_is_the_same_name_everywhere() -> None:
    assert doubt(f"SAVEPOINT {'a' * 63}") == "uncertain.sql_name"
    assert not doubt(f"SAVEPOINT {'a' * 62}")
