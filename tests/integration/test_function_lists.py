"""The lists of harmless functions, types and operators, held against a real server's own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

import pg8000.native  # type: ignore[import-untyped]  # has no annotations
import pytest

from counterfoil.core.actions.database.functions import (
    CONFIGURATIONS,
    CONFIGURED,
    FUNCTIONS,
    SEQUENCE_FUNCTIONS,
    SIDE_EFFECTS,
)
from counterfoil.core.actions.database.lists import (
    COLLATIONS,
    OPERATOR_CLASSES,
    OPERATORS,
    ROW_FUNCTIONS,
    TYPES,
)
from servers import postgresql

GRAMMAR = {"trim", "!="}
"""Words that the grammar itself turns into others."""
OLDER = {"uuidv4", "uuidv7", "casefold", "crc32", "crc32c", "array_sort", "array_reverse", "gamma"}
"""Of version 18; absent on older servers, where the call then fails."""
NAMING = {
    *("regclass", "regproc", "regprocedure", "regoper", "regoperator", "regtype", "regrole"),
    *(
        "regnamespace",
        "regcollation",
        "regdictionary",
        "regconfig",
        "oid",
        "refcursor",
        "internal",
        "name[]",
    ),
    *("pg_lsn", "aclitem", "xid", "xid8", "trigger", "event_trigger", "pg_snapshot"),
}
VALUES = {"oid", "xid", "xid8", "pg_lsn"}
OTHERS = {"ts_headline": {"regconfig"}, "age": {"xid"}}
"""Types of arguments that name an object of the database, or reach into the server."""
CHANGING = {
    *("clock_timestamp", "timeofday", "random", "random_normal", "gen_random_uuid", "uuidv4"),
    *("uuidv7", "array_sample", "array_shuffle"),
}
"""Volatile, because each call gives another value; they move nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[pg8000.native.Connection]:
    with postgresql.running() as socket:
        connection = postgresql.connect(socket)
        yield connection
        connection.close()


@pytest.fixture(scope="module")
def procs(server: pg8000.native.Connection) -> Mapping[str, list[tuple[str, str, bool]]]:
    """Name → volatility, argument types and definer of each overload."""
    found: dict[str, list[tuple[str, str, bool]]] = defaultdict(list)
    rows = server.run(
        "SELECT proname, provolatile::text, pg_get_function_identity_arguments(oid), prosecdef"
        " FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace"
    )
    for name, volatile, arguments, definer in rows:
        found[name].append((volatile, arguments, definer))
    return found


def test_every_function_on_the_list_is_the_servers_own(
    procs: Mapping[str, list[tuple[str, str, bool]]],
) -> None:
    assert set(FUNCTIONS) | set(CONFIGURED) | set(SEQUENCE_FUNCTIONS) <= set(procs) | GRAMMAR
    assert set(FUNCTIONS).isdisjoint(SIDE_EFFECTS)
    # control: what is refused by name is there to be called
    assert len(set(SIDE_EFFECTS) & set(procs)) > 60


def test_no_function_on_the_list_moves_anything_or_names_an_object(
    procs: Mapping[str, list[tuple[str, str, bool]]],
) -> None:
    for name in FUNCTIONS - GRAMMAR:
        for volatile, arguments, definer in procs[name]:
            assert volatile != "v" or name in CHANGING, name
            assert not definer, name
            words = set(arguments.replace(",", " ").replace("[]", " ").split())
            allowed = OTHERS.get(name, set())
            if volatile == "i":
                allowed = allowed | VALUES  # it sees the number alone
            assert not words & (NAMING - allowed), (name, arguments)
    # control: the check sees what is not on the list
    assert any("oid" in arguments for _, arguments, _ in procs["lo_unlink"])
    assert all(volatile == "v" for volatile, _, _ in procs["pg_sleep"])


def test_functions_that_take_a_row_are_known(server: pg8000.native.Connection) -> None:
    rows = server.run(
        "SELECT DISTINCT proname FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace"
        " AND pronargs >= 1 AND pronargs - pronargdefaults <= 1 AND proargtypes[0] IN ("
        "'record'::regtype, 'anyelement'::regtype, '\"any\"'::regtype, 'anynonarray'::regtype,"
        "'anycompatible'::regtype, 'anycompatiblenonarray'::regtype) AND prorettype <> 'trigger'::regtype"
    )
    assert {name for (name,) in rows} <= ROW_FUNCTIONS


def test_types_operators_and_the_rest_are_the_servers_own(
    server: pg8000.native.Connection,
) -> None:
    def names(column: str, table: str) -> set[str]:
        return {name for (name,) in server.run(f"SELECT DISTINCT {column} FROM {table}")}  # noqa: S608

    types = server.run(
        "SELECT typname FROM pg_type WHERE typnamespace = 'pg_catalog'::regnamespace"
        " AND typtype IN ('b', 'r', 'm') AND typname NOT LIKE 'reg%'"
    )
    assert {name for (name,) in types} >= TYPES
    assert names("oprname", "pg_operator") | GRAMMAR >= OPERATORS
    assert names("opcname", "pg_opclass") >= OPERATOR_CLASSES
    assert names("collname", "pg_collation") >= COLLATIONS
    assert names("cfgname", "pg_ts_config") >= CONFIGURATIONS
