"""Reader children get the catalogues that their commands name, whoever died in between."""

from __future__ import annotations

import time
from dataclasses import replace

from commands import ORDERS, codes, sql_command
from counterfoil.core.actions.contract import Limits
from counterfoil.core.model import Command, Interpretation, Resource, Snapshot
from counterfoil.reading.pool import ReaderPool
from counterfoil.reading.wire import MAX_CATALOGUES

CRASH = "SELECT " + "1+" * 65_500 + "1"  # 131 kB: libpg_query's own recursion overruns the stack
RAISED = Limits(sql_bytes=1_000_000)


def soon() -> float:
    return time.monotonic() + 30


class Shelf:
    """Catalogues by the resource's id; `reading.pool.Catalogues`."""

    def __init__(self, *ids: str) -> None:
        body = '{"relations": [{"schema": "public", "name": "t", "kind": "table", "owner": "o",'
        self.known = {
            name: Snapshot(
                digest=f"sha256:{name}",
                taken_at="2026-11-24T03:10:00Z",
                body=f'{body} "columns": [{{"name": "{name}"}}]}}], "types": []}}'.encode(),
            )
            for name in ids
        }

    def current(self, resource: Resource) -> Snapshot | None:
        return self.known.get(resource.id)


def about(name: str, sql: str = "SELECT * FROM public.t") -> Command:
    return sql_command(sql, replace(ORDERS, id=name))


def columns(reading: Interpretation) -> tuple[str, ...] | None:
    return reading.operations[0].columns


def test_a_fresh_child_gets_the_catalogue_that_the_dead_one_had() -> None:
    pool = ReaderPool(limits=RAISED, catalogues=Shelf("one"))
    try:
        commands = [about("one"), about("one", CRASH), about("one"), about("none")]
        for _ in range(3):
            first, crashed, second, without = pool.interpret(commands, deadline=soon())
            assert codes(crashed) == ["uncertain.reader_failed"]
            assert columns(first) == columns(second) == ("one",)
            assert second.catalogue == {
                "digest": "sha256:one",
                "taken_at": "2026-11-24T03:10:00Z",
            }
            assert (columns(without), without.catalogue) == (None, None)
    finally:
        pool.close()


def test_more_catalogues_than_a_child_holds_are_handed_over_again() -> None:
    names = [f"c{number}" for number in range(2 * MAX_CATALOGUES + 3)]
    pool = ReaderPool(1, catalogues=Shelf(*names))
    try:
        for _ in range(2):
            for name in names:
                (reading,) = pool.interpret([about(name)], deadline=soon())
                assert columns(reading) == (name,)
        together = pool.interpret([about(name) for name in names], deadline=soon())
        assert [columns(reading) for reading in together] == [(name,) for name in names]
    finally:
        pool.close()


def test_a_catalogue_that_is_none_makes_its_own_commands_doubtful_alone() -> None:
    shelf = Shelf("good", "bad")
    shelf.known["bad"] = replace(shelf.known["bad"], body=b"no catalogue")
    pool = ReaderPool(catalogues=shelf)
    try:
        bad, good = pool.interpret([about("bad"), about("good")], deadline=soon())
        assert codes(bad) == ["uncertain.reader_failed"]
        assert columns(good) == ("good",)
    finally:
        pool.close()
