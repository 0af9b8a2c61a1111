"""The `database` family: PostgreSQL statements, read by PostgreSQL's own grammar.

    1. bounds, characters, every statement     source.py
    2. each of a known kind                    statements/
    3. every node on an allow-list             expressions.py, queries.py, changes.py
    4. each name to its object and column      names.py, with a catalogue as the server does
    5. operations and rights, statement by     finish.py, answer.py
       statement, all or nothing
    6. bare names get their schema, and what   here
       was written so is read again

What none of these knows is `uncertain` (docs/actions/database.md).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final

from counterfoil.core.actions.contract import Limits, Unreadable, command_text
from counterfoil.core.actions.database.answer import answer
from counterfoil.core.actions.database.catalogue import Catalogue, catalogue_of
from counterfoil.core.actions.database.changes import ChangeReader
from counterfoil.core.actions.database.effects import Batch, Effect
from counterfoil.core.actions.database.finish import connected, finish
from counterfoil.core.actions.database.source import Statement, parse_all
from counterfoil.core.actions.database.statements import REFUSED, STATEMENTS
from counterfoil.core.model import Command, Interpretation

_LOCATION: Final = re.compile(r"postgres(?:ql)?://[A-Za-z0-9._~:@\[\]-]+/([A-Za-z0-9._~-]+)")


def interpret(command: Command, limits: Limits) -> Interpretation:
    """Read the statements that the command holds.

    Raises:
        Unreadable: anything in them, or in the resource, is not known.
        RecursionError: nested deeper than the parser's tree goes.
    """
    text = command_text(command)
    location, database = _database(command)
    catalogue = catalogue_of(command.catalogue)
    effects, runs = _understood(text, database, limits, catalogue)
    arguments = command.arguments
    if runs != text:
        arguments = {**arguments, command.command_argument or "": runs}
    reading = answer(effects, database, location, arguments)
    if catalogue is None:
        return reading
    return replace(reading, catalogue={"digest": catalogue.digest, "taken_at": catalogue.taken_at})


# Jobs repeat: a text that was read in this database under this catalogue means the same
# again. What is kept is never changed. Few are kept: new texts pay for each that is let go.
@lru_cache(maxsize=32)
def _understood(
    text: str, database: str, limits: Limits, catalogue: Catalogue | None
) -> tuple[Sequence[Effect], str]:
    """What the text does, and the text that runs: each bare name with its schema."""
    effects, batch = _read(text, database, limits, catalogue)
    if not batch.insertions:
        return effects, text
    written = _written(text, batch)
    again, rest = _read(written, database, limits, catalogue)
    if rest.insertions or not _same(effects, again):
        raise Unreadable("uncertain.sql_unqualified_name", "its place is not sure")
    return effects, written


def _read(
    text: str, database: str, limits: Limits, catalogue: Catalogue | None
) -> tuple[list[Effect], Batch]:
    batch = Batch()
    effects: list[Effect] = []
    statements = parse_all(text, limits)
    batch.alone = len(statements) == 1
    for number, statement in enumerate(statements, 1):
        found = _statement(text, statement, database, batch, catalogue)
        if not batch.alone:
            for effect in found:
                effect.details["statement"] = number
        effects += found
    return effects, batch


def _statement(
    text: str,
    statement: Statement,
    database: str,
    batch: Batch,
    catalogue: Catalogue | None,
) -> list[Effect]:
    kind, fields, start, end = statement
    read = STATEMENTS.get(kind)
    if read is None:
        code = REFUSED.get(kind, "uncertain.sql_statement_kind")
        raise Unreadable(code, kind.removesuffix("Stmt"), (start, end))
    reader = ChangeReader(text, database, batch, catalogue)
    read(reader, fields, (start, end))
    found = finish(reader, (start, end))
    batch.altered |= reader.altered
    # What touches no object still runs in the database.
    return found or [connected((start, end))]


def _written(text: str, batch: Batch) -> str:
    """The text with each bare name's schema in front of it."""
    pieces, at = [], 0
    for start, end, new in sorted(set(batch.insertions)):
        pieces += [text[at:start], new]
        at = end
    return "".join((*pieces, text[at:]))


def _same(one: Sequence[Effect], other: Sequence[Effect]) -> bool:
    """Whether two readings are the same but for places."""
    return [_placeless(item) for item in one] == [_placeless(item) for item in other]


def _placeless(effect: Effect) -> tuple[object, ...]:
    thing = effect.thing
    what = (thing.kind, thing.schema, thing.name, thing.identity, thing.own)
    return (what, effect.verb, effect.columns, effect.details, effect.needs)


def _database(command: Command) -> tuple[str, str]:
    resource = command.resource
    if resource is None or resource.type != "postgresql":
        raise Unreadable("uncertain.resource_type", "postgresql is needed")
    found = _LOCATION.fullmatch(resource.location)
    if found is None:
        raise Unreadable("uncertain.resource_location", "no database is named")
    return resource.location, found.group(1)
