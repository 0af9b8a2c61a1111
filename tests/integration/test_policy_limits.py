"""The limits that docs/writing-policy.md shows hold for real statements, and it shows just these.

Its own example is the policy here, and all go through `counterfoil explain --lines`.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from explaining import Answers, explained
from simulators.real_opa import policy_folder

DOCS = Path(__file__).parents[2] / "docs/writing-policy.md"
ALLOW, DENY, ASK = "allow", "deny", "needs_approval"

ANALYST = {
    "SELECT name, region FROM public.customers LIMIT 1000": ALLOW,
    "SELECT total FROM public.invoices WHERE id > 5 FETCH FIRST 10 ROWS ONLY": ALLOW,
    "SELECT * FROM public.invoices LIMIT 10": ALLOW,
    "SELECT c.name, i.total FROM public.customers c JOIN public.invoices i ON i.customer = c.id LIMIT 9": ALLOW,
    "SELECT name FROM public.customers LIMIT 1001": DENY,
    "SELECT name FROM public.customers": DENY,
    "SELECT name FROM public.customers LIMIT ALL": DENY,
    "SELECT name FROM public.customers ORDER BY name FETCH FIRST 5 ROWS WITH TIES": DENY,
    "SELECT name FROM public.customers LIMIT 5; SELECT name FROM public.customers": DENY,
    "SELECT q.name FROM (SELECT c.name FROM public.customers c LIMIT 5) q": DENY,
    "SELECT name, email FROM public.customers LIMIT 5": DENY,
    "SELECT name FROM public.customers WHERE email LIKE 'a%' LIMIT 5": DENY,
    "SELECT name FROM public.customers ORDER BY email LIMIT 5": DENY,
    "SELECT * FROM public.customers LIMIT 5": DENY,
    "SELECT c FROM public.customers c LIMIT 5": DENY,
    "SELECT count(*) FROM public.customers LIMIT 1": DENY,
    'SELECT "email" FROM public."customers" LIMIT 5': DENY,
    "DELETE FROM public.invoices WHERE id = 7": DENY,
    "CREATE TABLE analysis.found (id int)": ALLOW,
    "CREATE TABLE public.found (id int)": DENY,
    "DROP TABLE analysis.found": ASK,
}
CLERK = {
    "DELETE FROM public.invoices WHERE id = 7": ALLOW,
    "DELETE FROM public.invoices i WHERE i.id IN (7, 8) AND i.total > 3": ALLOW,
    "DELETE FROM public.invoices WHERE 7 = id": ALLOW,
    "UPDATE public.invoices SET note = 'x' WHERE id = 7": ALLOW,
    "SELECT email FROM public.customers": ALLOW,
    "DELETE FROM public.invoices": ASK,
    "DELETE FROM public.invoices WHERE total > 0": ASK,
    "DELETE FROM public.invoices WHERE id = 7 OR true": ASK,
    "DELETE FROM public.invoices WHERE id = id": ASK,
    "DELETE FROM public.invoices WHERE id = ANY (ARRAY[7])": ASK,
    "DELETE FROM public.invoices WHERE NOT id = 7": ASK,
    "DELETE FROM public.invoices USING public.customers c WHERE c.id = 7": ASK,
    "DELETE FROM public.customers WHERE id = 7": ASK,
    "UPDATE public.invoices SET note = 'x'": DENY,
    "UPDATE public.customers SET name = 'x' WHERE id = 7": DENY,
}


def example() -> str:
    """The access data that the page shows."""
    section = DOCS.read_text("utf-8").split("### Limits of a right to a database")[1]
    found = re.search(r"```json\n(.*?)```", section, re.DOTALL)
    assert found is not None
    return found.group(1)


def answers(group: str, texts: Mapping[str, str]) -> Answers:
    with tempfile.TemporaryDirectory(prefix="cf-") as scratch:
        folder = Path(scratch)
        policy_folder(folder / "rego", {"data/access/default/data.json": example()})
        return explained(folder, texts, "--sub", "mia", "--group", group)


@pytest.fixture(scope="module")
def analyst() -> Answers:
    return answers("analysts", ANALYST)


@pytest.fixture(scope="module")
def clerk() -> Answers:
    return answers("clerks", CLERK)


@pytest.mark.parametrize("sql", ANALYST)
def test_an_analyst_reads_open_columns_and_few_rows(analyst: Answers, sql: str) -> None:
    assert analyst[sql]["effect"] == ANALYST[sql], analyst[sql]["reasons"]


@pytest.mark.parametrize("sql", CLERK)
def test_a_clerk_changes_by_key(clerk: Answers, sql: str) -> None:
    assert clerk[sql]["effect"] == CLERK[sql], clerk[sql]["reasons"]
