"""Statistics and row policies are their table's owner's; what could run code is not read."""

from __future__ import annotations

import pytest

from commands import codes, read_sql

POLICY = "CREATE POLICY p ON public.invoices USING ({})"


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        ("id IN (SELECT id FROM public.customers)", "uncertain.sql_construct"),
        ("EXISTS (SELECT 1)", "uncertain.sql_construct"),
        ("public.evil(id)", "uncertain.sql_function"),
        ("id OPERATOR(public.=) 1", "uncertain.sql_operator"),
    ],
)
def test_a_policys_condition_asks_nothing_but_its_row(condition: str, code: str) -> None:
    assert codes(read_sql(POLICY.format(condition))) == [code]
    assert codes(read_sql(POLICY.format("id = 1"))) == []


def test_a_policy_is_an_alteration_with_its_command_and_roles() -> None:
    reading = read_sql("CREATE POLICY p ON public.invoices FOR DELETE TO app USING (id = 1)")
    assert [item.verb for item in reading.operations] == ["alter"]
    assert reading.operations[0].details["changes"] == [
        {
            "form": "create_policy",
            "command": "delete",
            "permissive": True,
            "name": "p",
            "roles": ["app"],
        }
    ]
    assert [(item["identifier"], item["actions"]) for item in reading.required] == [
        ("public.invoices", ["owner"])
    ]


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("CREATE STATISTICS s ON id, total FROM public.invoices", "uncertain.sql_unqualified_name"),
        ("CREATE STATISTICS pg_catalog.s ON id, k FROM public.a", "uncertain.sql_system_schema"),
        (
            "CREATE STATISTICS public.s ON (public.evil(id)), k FROM public.a",
            "uncertain.sql_function",
        ),
        ("CREATE POLICY p ON public.a TO CURRENT_USER USING (true)", "uncertain.sql_grant"),
        ("CREATE RULE r AS ON SELECT TO public.a DO INSTEAD SELECT 1", "uncertain.sql_runs_code"),
        (
            "CREATE TRIGGER t BEFORE INSERT ON public.a FOR EACH ROW EXECUTE FUNCTION public.f()",
            "uncertain.sql_trigger",
        ),
        ("CREATE ROLE evil", "uncertain.sql_role"),
        ("DECLARE c CURSOR FOR SELECT id FROM public.a", "uncertain.sql_cursor"),
    ],
)
def test_what_is_not_read_says_why(sql: str, code: str) -> None:
    assert codes(read_sql(sql)) == [code]
