"""docs/policy/first-policy.md does what its sentences say, as it stands there."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import pytest

from explaining import Answers, explained
from simulators.real_opa import policy_folder

PAGE = Path(__file__).parents[2] / "docs/policy/first-policy.md"
ALLOW, DENY, ASK = "allow", "deny", "needs_approval"
READ = "SELECT name FROM public.customers"
SAID: dict[str, dict[str, str]] = {
    "developers": {
        "CREATE TABLE build.a (id int)": ALLOW,
        "INSERT INTO build.a (id) VALUES (1)": ALLOW,
        "DROP TABLE build.a": ASK,
        "CREATE TABLE public.a (id int)": DENY,
        "DROP TABLE public.invoices": DENY,
        READ: DENY,
    },
    "analysts": {
        READ: ALLOW,
        "SELECT name FROM public.customers LIMIT 10": ALLOW,
        "SELECT name, email FROM public.customers": DENY,
        "SELECT name FROM public.customers WHERE email = 'a'": DENY,
        "SELECT * FROM public.customers": DENY,
        "DELETE FROM public.customers WHERE id = 7": DENY,
        "CREATE TABLE build.a (id int)": DENY,
    },
    "clerks": {
        "DELETE FROM public.invoices WHERE id = 7": ALLOW,
        "DELETE FROM public.invoices": ASK,
        "UPDATE public.invoices SET total = 1 WHERE id = 7": ALLOW,
        "UPDATE public.invoices SET total = 1": DENY,
        READ: DENY,
    },
}


@pytest.fixture(scope="module", params=SAID)
def group(request: pytest.FixtureRequest) -> tuple[str, Answers]:
    """A group, and what the page's policy answers to its statements."""
    name = str(request.param)
    found = re.search(r"```json\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert found is not None
    with tempfile.TemporaryDirectory(prefix="cf-") as scratch:
        policy_folder(Path(scratch) / "rego", {"data/access/default/data.json": found.group(1)})
        return name, explained(Path(scratch), SAID[name], "--sub", "mia", "--group", name)


def test_the_page_keeps_its_word(group: tuple[str, Answers]) -> None:
    name, answers = group
    assert {sql: answer["effect"] for sql, answer in answers.items()} == SAID[name]


def test_only_a_read_that_names_no_number_is_bound(group: tuple[str, Answers]) -> None:
    name, answers = group
    bound: dict[str, Any] = {
        sql: answer["obligations"] for sql, answer in answers.items() if "obligations" in answer
    }
    rows = [{"type": "max_rows", "rows": 1000, "operations": [0]}]
    assert bound == ({READ: rows} if name == "analysts" else {})
