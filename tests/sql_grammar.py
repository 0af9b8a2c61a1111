"""Random statements over known tables, each with exactly what it touches.

The expectation is built beside the text, never by reading it: so it is a second opinion
on the interpreter, and every statement is one that PostgreSQL runs.
"""

# ruff: noqa: S608
# The statements are made up and the choices seeded: both are the purpose here.

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

TABLES = {
    "public.invoices": ("id", "total", "note"),
    "public.customers": ("id", "name", "region"),
    'sales."Order Lines"': ("id", "invoice", "amount"),
    "sales.prices": ("item", "price", "since"),
}
NUMBERS = {"id", "total", "invoice", "amount", "item", "price"}
Expected = dict[tuple[str, str], set[str]]
"""(verb, table) → columns; an empty set stands for the whole table."""


@dataclass
class Statement:
    """A growing statement: its text, and what it touches so far."""

    random: Random
    columns: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    whole: set[tuple[str, str]] = field(default_factory=set)
    aliases: int = 0

    def alias(self) -> str:
        self.aliases += 1
        return f"t{self.aliases}"

    def table(self) -> str:
        return self.random.choice(sorted(TABLES))

    def touch(self, verb: str, table: str) -> None:
        self.columns.setdefault((verb, table), set())

    def read(self, table: str, column: str) -> None:
        self.columns.setdefault(("select", table), set()).add(column)

    def read_all(self, table: str) -> None:
        self.touch("select", table)
        self.whole.add(("select", table))

    def expected(self) -> Expected:
        return {use: set() if use in self.whole else names for use, names in self.columns.items()}


def statement(random: Random) -> tuple[str, Expected]:
    """One random statement and what it touches."""
    made = Statement(random)
    text = random.choice((_select, _select, _select, _insert, _update, _delete))(made)
    return text, made.expected()


def respaced(random: Random, text: str) -> str:
    """The same statement with other white space and comments between its words."""
    gaps = (" ", "\n", "\t", "  ", " /* ; DROP */ ", " -- ' \n", " /* /* */ */ ")
    words = text.split(" ")
    quoted = False
    result = words[0]
    for word in words[1:]:
        quoted ^= result.count('"') % 2 == 1 and '"' in result.rpartition(" ")[2]
        result += " " if result.count('"') % 2 else random.choice(gaps)
        result += word
    return result


def _number(made: Statement, table: str, alias: str) -> str:
    column = made.random.choice([name for name in TABLES[table] if name in NUMBERS])
    made.read(table, column)
    return f"{alias}.{column}"


def _value(made: Statement, table: str, alias: str) -> str:
    """An expression over one alias."""
    random = made.random
    column = random.choice(TABLES[table])
    made.read(table, column)
    name = f"{alias}.{column}"
    return random.choice(
        (
            name,
            f"upper({name}::text)",
            f"coalesce({name}, {name})",
            f"CASE WHEN {name} IS NULL THEN 'none' ELSE 'some' END",
            f"({name} IS NOT NULL)",
        )
    )


def _condition(made: Statement, table: str, alias: str, depth: int) -> str:
    number = _number(made, table, alias)
    random = made.random
    if depth < 2 and random.random() < 0.35:
        other, inner = made.table(), made.alias()
        made.touch("select", other)
        joined = _number(made, other, inner)
        also = _condition(made, other, inner, depth + 1)
        return f"EXISTS (SELECT 1 FROM {other} AS {inner} WHERE {joined} = {number} AND {also})"
    if depth < 2 and random.random() < 0.3:
        other, inner = made.table(), made.alias()
        made.touch("select", other)
        value = _number(made, other, inner)
        return f"{number} IN (SELECT {value} FROM {other} {inner})"
    return random.choice(
        (f"{number} = 7", f"{number} BETWEEN 1 AND 9", f"NOT ({number} < 3)", f"{number} IN (1, 2)")
    )


def _source(made: Statement, depth: int) -> tuple[str, str, str]:
    """A FROM item, its table and its alias; sometimes behind a subquery."""
    table, alias = made.table(), made.alias()
    made.touch("select", table)
    if depth < 2 and made.random.random() < 0.25:
        inner = made.alias()
        columns = TABLES[table]
        for column in columns:
            made.read(table, column)
        listed = ", ".join(f"{inner}.{column}" for column in columns)
        return f"(SELECT {listed} FROM {table} {inner}) AS {alias}", table, alias
    return f"{table} AS {alias}", table, alias


def _select(made: Statement, depth: int = 0) -> str:
    random = made.random
    shape = random.random()
    if shape < 0.1:
        table = made.table()
        made.read_all(table)
        return (
            f"SELECT {random.choice(('*', 'count(*)', '1'))} FROM {table}"
            if not any(use == ("select", table) and names for use, names in made.columns.items())
            else f"SELECT * FROM {table}"
        )
    if shape < 0.25:
        table = made.table()
        column = random.choice(TABLES[table])
        made.read(table, column)
        return f"SELECT {column} FROM {table} ORDER BY {column} DESC LIMIT 3"
    if shape < 0.4 and depth == 0:
        table, alias = made.table(), made.alias()
        value = _number(made, table, alias)
        return f"WITH q AS (SELECT {value} AS v FROM {table} {alias}) SELECT q.v, count(*) FROM q GROUP BY q.v HAVING count(*) > 0"
    item, table, alias = _source(made, depth)
    targets = ", ".join(_value(made, table, alias) for _ in range(random.randint(1, 3)))
    if random.random() < 0.5:
        other_item, other, second = _source(made, depth)
        on = f"{_number(made, table, alias)} = {_number(made, other, second)}"
        item = f"{item} {random.choice(('JOIN', 'LEFT JOIN', 'FULL JOIN'))} {other_item} ON {on}"
    text = f"SELECT {targets} FROM {item} WHERE {_condition(made, table, alias, depth)}"
    if depth == 0 and random.random() < 0.2:
        third, last = made.table(), made.alias()
        made.touch("select", third)
        text = f"SELECT {_number(made, third, last)} FROM {third} {last} UNION ALL SELECT 1 WHERE EXISTS ({text})"
    return text


def _returning(made: Statement, table: str, alias: str) -> str:
    if made.random.random() < 0.5:
        return ""
    return f" RETURNING {_value(made, table, alias)}"


def _insert(made: Statement) -> str:
    random = made.random
    table = made.table()
    numbers = [name for name in TABLES[table] if name in NUMBERS]
    key, *others = numbers  # the key comes first, and is never null
    columns = [key, *random.sample(others, random.randint(0, len(others)))]
    made.columns["insert", table] = set(columns)
    if random.random() < 0.5:
        rows = f"VALUES ({', '.join('7' for _ in columns)})"
    else:
        other, alias = made.table(), made.alias()
        made.touch("select", other)
        values = ", ".join(_number(made, other, alias) for _ in columns)
        rows = f"SELECT {values} FROM {other} AS {alias}"
    target = made.alias()
    return f"INSERT INTO {table} AS {target} ({', '.join(columns)}) {rows}{_returning(made, table, target)}"


def _update(made: Statement) -> str:
    random = made.random
    table, alias = made.table(), made.alias()
    column = random.choice([name for name in TABLES[table] if name in NUMBERS])
    made.columns["update", table] = {column}
    text = f"UPDATE {table} AS {alias} SET {column} = {random.choice(('1', 'DEFAULT', 'NULL'))}"
    if random.random() < 0.4:
        other, second = made.table(), made.alias()
        made.touch("select", other)
        text = f"UPDATE {table} AS {alias} SET {column} = {_number(made, other, second)} FROM {other} {second}"
    if random.random() < 0.7:
        text += f" WHERE {_condition(made, table, alias, 1)}"
    return text + _returning(made, table, alias)


def _delete(made: Statement) -> str:
    table, alias = made.table(), made.alias()
    made.touch("delete", table)
    made.whole.add(("delete", table))
    text = f"DELETE FROM {table} AS {alias}"
    if made.random.random() < 0.7:
        text += f" WHERE {_condition(made, table, alias, 0)}"
    return text + _returning(made, table, alias)
