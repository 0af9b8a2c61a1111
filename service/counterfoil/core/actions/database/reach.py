"""What an operation reaches beyond its own relation, as the catalogue shows it.

Children and partitions, foreign keys that cascade, triggers that fire: the server checks no
right on what it reaches so. Each stands among the operations with `through`, for policy to
judge; none of them needs a permission.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.actions.database.catalogue import Name, Reference, Relation
from counterfoil.core.actions.database.changes import ChangeReader
from counterfoil.core.actions.database.effects import Effect, Thing
from counterfoil.core.model import JsonValue

MAX_REACHED: Final = 256  # more than that nobody would read through
_WITH_CHILDREN: Final = frozenset({"select", "insert", "update", "delete", "truncate", "drop"})
_CHANGING: Final = frozenset({"delete", "set null", "set default", "cascade"})


class Reach:
    """Collects what the effects of one statement reach."""

    def __init__(self, reader: ChangeReader) -> None:
        self._reader = reader
        self._seen: set[tuple[str, str, str]] = set()
        self.found: list[Effect] = []

    def add(self, effect: Effect) -> None:
        """Collect what one effect of the text reaches, and what that reaches.

        Raises:
            Unreadable: more than anybody would read through.
        """
        pending = [effect]
        while pending:
            current = pending.pop()
            thing = current.thing
            known = self._reader.known(thing.schema, thing.name)
            if known is None or thing.own:
                continue
            for reached in self._steps(current, known):
                key = (reached.verb, reached.thing.schema, reached.thing.name)
                if key in self._seen:
                    continue
                self._seen.add(key)
                self.found.append(reached)
                pending.append(reached)
                if len(self.found) > MAX_REACHED:
                    raise Unreadable("uncertain.too_deep", "it reaches too many tables")

    def _steps(self, effect: Effect, known: Relation) -> Iterator[Effect]:
        yield from self._children(effect, known)
        if effect.verb in {"delete", "update"}:
            yield from self._cascades(effect, known)
        yield from self._triggers(effect, known)

    def _children(self, effect: Effect, known: Relation) -> Iterator[Effect]:
        if effect.verb not in _WITH_CHILDREN or effect.thing.only:
            return
        if effect.verb == "drop" and not known.partitioned:
            return  # RESTRICT refuses where there are children
        for schema, name in known.children:
            # A partition beside its table is a part of it; elsewhere it is somebody else's.
            if known.partitioned and schema == effect.thing.schema and effect.verb != "drop":
                continue
            how = "partition" if known.partitioned else "inheritance"
            yield self._reached(effect, (schema, name), effect.verb, effect.columns, how)

    def _cascades(self, effect: Effect, known: Relation) -> Iterator[Effect]:
        for key in known.referenced_by:
            action = key.on_delete if effect.verb == "delete" else key.on_update
            if effect.verb == "update" and not _touches(effect, key):
                continue
            if action not in _CHANGING:
                continue
            if effect.verb == "delete" and action == "cascade":
                yield self._reached(effect, key.source, "delete", None, "foreign_key")
            else:
                columns = tuple(sorted(key.columns))
                yield self._reached(effect, key.source, "update", columns, "foreign_key")

    def _triggers(self, effect: Effect, known: Relation) -> Iterator[Effect]:
        for trigger in known.triggers:
            if effect.verb not in trigger.events:
                continue
            identity: dict[str, JsonValue] = {
                "table": effect.thing.name,
                "function": ".".join(trigger.function),
            }
            fired = Thing("trigger", effect.thing.schema, trigger.name, identity=identity)
            details: dict[str, JsonValue] = {"on": effect.verb}
            if trigger.definer:
                details["definer"] = True
            yield Effect(fired, "fire", None, effect.span, details, ())

    def _reached(
        self,
        effect: Effect,
        name: Name,
        verb: str,
        columns: tuple[str, ...] | None,
        through: str,
    ) -> Effect:
        known = self._reader.known(*name)
        kind = "table" if known is None else known.kind
        details: dict[str, JsonValue] = {"through": through}
        return Effect(Thing(kind, *name), verb, columns, effect.span, details, ())


def _touches(effect: Effect, key: Reference) -> bool:
    return effect.columns is None or not set(effect.columns).isdisjoint(key.target_columns)
