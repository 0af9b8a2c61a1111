"""12 KB of SQL were one approval of 1,100 dropped tables, which nobody can read.

And 1,100 permissions in an answer of 756 KB: six such requests at once kept policy and ledger so
busy that a quarter of everybody else's were refused for want of time.
"""

from __future__ import annotations

from commands import codes, read_sql
from counterfoil.core.actions.contract import MAX_OPERATIONS
from main_path import ask, assert_denied
from service import Service, sql_request


def drop(count: int) -> str:
    return "DROP TABLE " + ", ".join(f"public.a{number}" for number in range(count))


def test_a_command_of_more_operations_than_anybody_reads_is_denied(service: Service) -> None:
    assert codes(read_sql(drop(MAX_OPERATIONS + 1))) == ["uncertain.too_deep"]
    assert len(read_sql(drop(MAX_OPERATIONS)).operations) == MAX_OPERATIONS  # control
    refused = ask(service, sql_request(drop(1_100))).body
    assert_denied(refused)
    # A busy machine may be at the end of the reader's time first; the exact code stands above.
    assert refused["reasons"][0]["code"] in {"uncertain.too_deep", "uncertain.reader_timeout"}
    asked = ask(service, sql_request(drop(MAX_OPERATIONS))).body
    assert asked["effect"] == "needs_approval"  # control
