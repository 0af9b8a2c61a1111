"""`nextval`, `currval` and `setval` on a sequence that is named by a plain literal."""

from __future__ import annotations

from typing import Final

from counterfoil.core.actions.database.effects import Need, Thing
from counterfoil.core.actions.database.functions import SEQUENCE_FUNCTIONS
from counterfoil.core.actions.database.lexer import paths, tokens
from counterfoil.core.actions.database.names import DEFAULT_SCHEMA, NameReader
from counterfoil.core.actions.database.source import character, checked_name, quoted
from counterfoil.core.actions.database.tree import Node, location, nodes, strings, unwrap, word

_QUALIFIED: Final = 2
_MOST: Final = {"nextval": 1, "currval": 1, "setval": 3}


def sequence_call(reader: NameReader, name: str, call: Node) -> None:
    """Record what the call does to the sequence that its first argument names.

    Raises:
        Unreadable: the argument is no plain literal, or names no single sequence.
    """
    at = location(call)
    if call.keys() - {"funcname", "args", "funcformat", "location"}:
        raise reader.doubt("uncertain.sql_function", name, at)
    arguments = nodes(call, "args")
    if not 1 <= len(arguments) <= _MOST[name]:
        raise reader.doubt("uncertain.sql_function", name, at)
    literal = _literal(arguments[0])
    if literal is None:
        raise reader.doubt("uncertain.sql_function", f"{name} of something computed", at)
    thing = _sequence(reader, *literal)
    verb = SEQUENCE_FUNCTIONS[name]
    use = thing.use(verb, literal[1])
    use.needs = [
        Need("sequence", thing.path, verb),
        Need("schema", (thing.schema,), "usage"),
    ]
    use.note(function=name)


def sequence_default(reader: NameReader, schema: str, name: str, at: int) -> None:
    """Record that a column's default, which the catalogue shows, moves its sequence."""
    thing = reader.things.get((schema, name))
    if thing is None:
        thing = reader.thing(schema, name, at)
    thing.kind = "sequence"
    use = thing.use("usage", at)
    # The default was bound to its sequence when it was made: no name is looked up.
    use.needs = use.needs or [Need("sequence", thing.path, "usage")]
    use.note(through="default")


def _literal(node: Node) -> tuple[str, int] | None:
    """The text of `'name'` or `'name'::regclass`, and where it stands."""
    if "TypeCast" in node:
        cast = unwrap(node, "TypeCast")
        kind = unwrap({"TypeName": cast.get("typeName")}, "TypeName")
        if strings(nodes(kind, "names")) not in (["regclass"], ["pg_catalog", "regclass"]):
            return None
        inner = cast.get("arg")
        node = inner if isinstance(inner, dict) else {}
    constant = node.get("A_Const")
    value = constant.get("sval") if isinstance(constant, dict) else None
    if not isinstance(value, dict) or not isinstance(constant, dict):
        return None
    return word(value, "sval"), location(constant)


def _sequence(reader: NameReader, text: str, at: int) -> Thing:
    """The sequence named in `text`, as the server parses the text of a regclass."""
    found = list(paths(list(tokens(text, 0, len(text)))))
    whole = len(found) == 1 and (found[0].start, found[0].end) == (0, len(text))
    if not whole or len(found[0].parts) > _QUALIFIED:
        raise reader.doubt("uncertain.sql_function", f"a sequence named {text!r}", at)
    *schemas, name = found[0].parts
    schema = schemas[0] if schemas else DEFAULT_SCHEMA
    if not schemas:
        _qualify(reader, text, at)
    thing = reader.things.get((schema, name))
    if thing is None:
        thing = reader.thing(checked_name(schema), checked_name(name), at)
        thing.kind = "sequence"
    elif thing.kind != "sequence":
        raise reader.doubt("uncertain.sql_function", f"{text!r} is no sequence", at)
    return thing


def _qualify(reader: NameReader, text: str, at: int) -> None:
    """Write the schema into the literal; only into one that is written plainly."""
    start = character(reader.text, at)
    literal = next(tokens(reader.text, start, len(reader.text)), None)
    if literal is None or literal.value != text or "'" in text:
        raise reader.doubt("uncertain.sql_unqualified_name", text, at)
    new = f"'{quoted(DEFAULT_SCHEMA)}.{text}'"
    reader.batch.insertions.append((literal.start, literal.end, new))
