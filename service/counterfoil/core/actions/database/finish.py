"""The end of one statement: which columns, which rights, and what the catalogue adds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.actions.database.catalogue import Relation
from counterfoil.core.actions.database.changes import ChangeReader
from counterfoil.core.actions.database.effects import (
    SCHEMA,
    TEMPORARY,
    Effect,
    Need,
    Span,
    Thing,
    Use,
)
from counterfoil.core.actions.database.reach import Reach
from counterfoil.core.actions.database.source import span_at
from counterfoil.core.actions.database.system import RELATIONS as SYSTEM_SCHEMAS
from counterfoil.core.model import JsonValue

COLUMN_VERBS: Final = frozenset({"references", "insert", "update", "select", "lock", "comment"})
ORDER: Final = (
    *("create", "alter", "drop", "comment", "grant", "revoke", "refresh", "reindex", "vacuum"),
    *("analyze", "usage", "references", "truncate", "insert", "update", "delete", "select"),
    *("lock", "fire"),
)
PLAIN: Final = "plain-table"
"""What is assumed of a table that exists: it is one, and no trigger, rule, default, row
policy or type of it runs code of its own. Only a catalogue tells."""
NO_PARTITIONS: Final = "no-partitions"
"""DROP TABLE takes a table's partitions with it, whoever owns them (tried on PostgreSQL 18)."""
NO_CHILDREN: Final = "no-children"
"""Without ONLY a statement reaches the rows of children and partitions, and the server checks
no right on them."""
NO_CASCADES: Final = "no-cascades"
"""A foreign key of another table with ON DELETE or ON UPDATE changes its rows too, and the
server checks no right on it."""
_WITH_CHILDREN: Final = frozenset({"select", "insert", "update", "delete", "truncate", "lock"})
_CASCADING: Final = frozenset({"update", "delete"})
_MADE: Final = frozenset({"create"})
_ON_ROWS: Final = frozenset({"select", "insert", "update", "delete", "truncate"})
_VIEWS: Final = frozenset({"view", "materialized_view"})


def connected(whole: Span) -> Effect:
    """The one effect of a statement that touches no object."""
    return Effect(Thing("database", "", ""), "connect", None, whole, {}, ())


def finish(reader: ChangeReader, whole: Span) -> list[Effect]:
    """The effects of a statement that was read to its end, in the order of its text.

    Args:
        reader: what read it.
        whole: the statement's place, for what has none of its own.

    Raises:
        Unreadable: a rule or view that the catalogue shows to do what nobody can tell.
    """
    made = [
        _effect(reader, thing, verb, use, whole)
        for thing in reader.things.values()
        for verb, use in thing.uses.items()
    ]
    if reader.catalogue is not None:
        reach = Reach(reader)
        for effect in made:
            if "explain" not in effect.details:
                reach.add(effect)
        made += reach.found
    if len(made) > 1:
        made.sort(key=lambda item: (item.span[0], ORDER.index(item.verb)))
    return made


def _effect(reader: ChangeReader, thing: Thing, verb: str, use: Use, whole: Span) -> Effect:
    if thing.schema in SYSTEM_SCHEMAS:
        return _system(reader, thing, verb, use, whole)
    known = None
    if reader.catalogue is not None and thing.kind in _RELATIONS:
        known = reader.relation(thing)
        if known is not None:
            _judge(reader, thing, verb, use, known)
    details: dict[str, JsonValue] = dict(use.details) if use.details else {}
    columns, coarse = _columns(verb, use, thing, known)
    if coarse:
        details["coarse"] = True
    if known is not None:
        if known.row_security:
            details["row_security"] = True
    elif verb not in _MADE and not thing.own and thing.kind in _ASSUMED:
        details["assumes"] = _assumed(thing, verb)
    span = use.span or span_at(reader.text, use.location) or whole
    needs = _needs(thing, verb, use, columns)
    if reader.batch.moved:
        needs = [need for need in needs if _granted(reader, thing, need)]
    return Effect(thing, verb, columns, span, details, needs)


def _system(reader: ChangeReader, thing: Thing, verb: str, use: Use, whole: Span) -> Effect:
    """Reading the server's own catalogues: everybody may, and nobody may do anything else.

    Raises:
        Unreadable: anything else is done to them.
    """
    if not thing.system or verb != "select":
        raise _doubt(reader, "uncertain.sql_system_schema", thing.schema, use)
    columns = tuple(sorted(use.columns)) if use.columns and not use.whole else None
    span = use.span or span_at(reader.text, use.location) or whole
    return Effect(thing, verb, columns, span, dict(use.details or {}), ())


def _assumed(thing: Thing, verb: str) -> list[JsonValue]:
    """What only a catalogue could tell of the relation, and this operation takes for granted."""
    assumed: list[JsonValue] = [PLAIN]
    if verb == "drop":
        assumed.append(NO_PARTITIONS)
    if verb in _WITH_CHILDREN and not thing.only:
        assumed.append(NO_CHILDREN)
    if verb in _CASCADING:
        assumed.append(NO_CASCADES)
    return assumed


_RELATIONS: Final = frozenset({"table", "view", "materialized_view", "sequence", "index"})
_ASSUMED: Final = frozenset({"table", "view", "materialized_view"})


def _columns(
    verb: str, use: Use, thing: Thing, known: Relation | None
) -> tuple[tuple[str, ...] | None, bool]:
    """The columns that are named, and whether the right is wider than the text."""
    if verb not in COLUMN_VERBS:
        return (tuple(sorted(use.columns)), False) if use.columns else (None, False)
    if use.columns and not use.whole:
        return tuple(sorted(use.columns)), False
    if use.whole:
        return None, use.needs is None and not thing.own
    column = _lockable(thing, known) if verb == "lock" else _any(known)
    if column is None:
        return None, not thing.own
    return (column,), False


def _any(known: Relation | None) -> str | None:
    """A column to stand for "any one": of the key where there is one."""
    if known is None or not known.columns:
        return None
    return known.key[0] if known.key else next(iter(known.columns))


def _lockable(thing: Thing, known: Relation | None) -> str | None:
    """The column whose UPDATE locks rows: one that nobody can write, where there is one."""
    if known is not None:
        written = (name for name, item in known.columns.items() if item.source == "generated")
        return next(written, None) or _any(known)
    read = thing.uses.get("select")
    return min(read.columns, default=None) if read is not None else None


def _needs(thing: Thing, verb: str, use: Use, columns: tuple[str, ...] | None) -> Sequence[Need]:
    if use.needs is not None:
        if thing.kind == "sequence" and verb == "select" and "usage" in thing.uses:
            return ()  # `currval` takes USAGE too, which `nextval` needs
        return use.needs
    right = "update" if verb == "lock" else verb
    listed = frozenset(columns) if columns is not None and verb in COLUMN_VERBS else None
    return (
        Need("table", thing.path, right, listed),
        Need("schema", (thing.schema,), "usage"),
    )


def _granted(reader: ChangeReader, thing: Thing, need: Need) -> bool:
    """Whether a need must be granted: the job's own things and schemas need nothing."""
    if need.kind == "schema":
        (schema,) = need.path
        return schema != TEMPORARY and (SCHEMA, schema, "") not in reader.batch.own
    return not (thing.own and need.path == thing.path)


def _judge(reader: ChangeReader, thing: Thing, verb: str, use: Use, known: Relation) -> None:
    """What the catalogue shows of the relation itself.

    Raises:
        Unreadable: a rule, a view or somebody's function does what nobody can tell.
    """
    if known.kind in _VIEWS and thing.kind == "table":
        thing.kind = known.kind
    if verb not in _ON_ROWS:
        return
    if known.rules:
        raise _doubt(reader, "uncertain.sql_rule", known.rules[0], use)
    if known.code:
        raise _doubt(reader, "uncertain.sql_hidden_code", known.code[0], use)
    if known.kind == "view":
        if known.security_invoker and use.needs is None:
            raise _doubt(reader, "uncertain.sql_invoker_view", thing.name, use)
        reads: list[JsonValue] = [
            {"schema": schema, "name": name, "columns": list(columns)}
            for (schema, name), columns in known.reads.items()
        ]
        use.note(view={"owner": known.owner, "reads": reads})


def _doubt(reader: ChangeReader, code: str, detail: str, use: Use) -> Unreadable:
    return reader.doubt(code, detail, use.location)
