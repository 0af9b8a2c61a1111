"""Names of types: built-in ones by list, and enums that the catalogue or the text itself shows.

A domain runs its CHECK, and a type of somebody's own runs its functions: those are `uncertain`.
"""

from __future__ import annotations

from typing import Final

from counterfoil.core.actions.database import system
from counterfoil.core.actions.database.effects import SCHEMA, TYPE, Need, Thing
from counterfoil.core.actions.database.lists import SERIAL_TYPES, TYPES
from counterfoil.core.actions.database.names import DEFAULT_SCHEMA, NameReader
from counterfoil.core.actions.database.source import character, checked_name, quoted
from counterfoil.core.actions.database.tree import Node, as_node, closed, location, nodes, strings
from counterfoil.core.actions.database.tree import unwrap as unwrapped
from counterfoil.core.model import JsonValue

_TYPE_NAME: Final = frozenset({"names", "typmods", "typemod", "arrayBounds", "location"})
_SYSTEM: Final = "pg_catalog"
_QUALIFIED: Final = 2


class TypeReader(NameReader):
    """Reads the names of types."""

    def type_name(self, value: JsonValue, *, column: bool = False) -> bool:
        """A type that is known, arrays of it included; True for a `serial`.

        Args:
            value: the TypeName.
            column: whether a column of it is made; then it may be a `serial`, and the right
                to use the type is needed.

        Raises:
            Unreadable: any other type, `%TYPE`, or a modifier that is not a number.
        """
        fields = as_node(value)
        closed("TypeName", fields, _TYPE_NAME)
        names = strings(nodes(fields, "names"))
        for modifier in nodes(fields, "typmods"):
            if "ival" not in unwrapped(modifier, "A_Const"):
                raise self.doubt("uncertain.sql_type", "modifier", location(fields))
        name = names[-1]
        if column and len(names) == 1 and name in SERIAL_TYPES:
            return True
        if names[:-1] not in ([], [_SYSTEM]) or (
            name not in TYPES and (column or not self._system_type(name, fields))
        ):
            self._own_type(names, fields, column=column)
        return False

    def _system_type(self, name: str, fields: Node) -> bool:
        """A type of the server's own catalogues; some look a name up in them."""
        if name in system.TYPES:
            self.catalogue_use(system.TYPES[name], location(fields))
            return True
        return name in system.VALUES

    def _own_type(self, names: list[str], fields: Node, *, column: bool) -> None:
        at = location(fields)
        schema = names[-2] if len(names) == _QUALIFIED else DEFAULT_SCHEMA
        key = (TYPE, schema, names[-1])
        own = key in self.batch.own
        enums = self.catalogue.enums if self.catalogue is not None else frozenset()
        if len(names) > _QUALIFIED or not (own or key[1:] in enums):
            raise self.doubt("uncertain.sql_type", ".".join(names), at)
        if len(names) == 1:
            start = character(self.text, at)
            self.batch.insertions.append((start, start, f"{quoted(schema)}."))
        made = Thing("type", checked_name(schema), checked_name(names[-1]), at, own=own)
        thing = self.things.setdefault(key, made)
        use = thing.use("usage")
        use.needs = use.needs or [Need("schema", (schema,), "usage")]
        if column and not own:
            use.needs = [Need("type", thing.path, "usage"), Need("schema", (schema,), "usage")]

    def owns_schema(self, schema: str) -> bool:
        """Whether an earlier statement of the text made the schema."""
        return (SCHEMA, schema, "") in self.batch.own
