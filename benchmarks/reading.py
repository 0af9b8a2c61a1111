"""What one statement costs to read, in CPU of worker and child: part of `make bench`.

Each statement is new, goes alone to a supervised child and comes back; the kernel's accounts
of both processes are added. The aim is 120 us for a typical statement on a machine that does
nothing else.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from counterfoil.core.model import Command, JsonObject, JsonValue, Registered, Resource
from counterfoil.reading.pool import ReaderPool

_RESOURCES: Final = {
    kind: Resource(type=kind, id="orders", location=location)
    for kind, location in {
        "postgresql": "postgresql://127.0.0.1:5432/orders",
        "mysql": "mariadb://127.0.0.1:3306/orders",
        "sqlite": "sqlite:/srv/orders.db",
    }.items()
}
_TEXTS: Final = (
    ("postgresql", "CREATE TABLE public.t{} (id int PRIMARY KEY, note text NOT NULL)"),
    ("postgresql", "SELECT id, total FROM public.invoices WHERE id = {}"),
    ("postgresql", "INSERT INTO public.invoices (id, note) VALUES ({}, 'x')"),
    ("postgresql", "UPDATE public.invoices SET total = total + 1 WHERE id = {}"),
    ("postgresql", "DELETE FROM public.invoices WHERE id = {}"),
    ("mysql", "SELECT id, total FROM invoices WHERE id = {}"),
    ("sqlite", "SELECT id, total FROM invoices WHERE id = {}"),
)
_OTHERS: Final[tuple[tuple[str, str, str, JsonValue, Resource | None], ...]] = (
    ("git", "run_git", "command", ["git", "push", "origin", "HEAD:refs/heads/topic"], Resource(
        type="git", id="api", location="https://git.example.com/acme/api.git")),
    ("filesystem", "read_file", "path", "src/shop/cart.py", Resource(
        type="filesystem", id="shop", location="file:/srv/data/shop")),
    ("code", "run_code", "code", "import json\nprint(json.dumps({'id': 7}))\n", None),
    ("cloud", "aws", "command",
     ["aws", "s3api", "head-object", "--bucket", "carts", "--key", "in/7.json"], Resource(
         type="aws_sts", id="shop", location="arn:aws:account:eu-central-1:123456789012:account")),
    ("http", "http_request", "url", "https://api.example.com/v1/orders/17?limit=20", None),
    ("shell", "run_shell", "command", "ls -la src | head -5", Resource(
        type="filesystem", id="shop", location="file:/srv/data/shop")),
)  # fmt: skip
"""Family, tool, its argument, what it says, and the registered resource."""


def table(count: int = 2000) -> list[str]:
    """Lines with microseconds of the worker, of its child, and of both."""
    resources = [resource for *_, resource in _OTHERS if resource is not None]
    pool = ReaderPool(1, dialects=True, registered=Registered.of(resources))
    try:
        lines = [f"{'reading, us of CPU':24}  worker  child  both"]
        for kind, text in _TEXTS:
            worker, child = _measured(pool, [_command(kind, text.format(i)) for i in range(count)])
            name = f"{kind} {text.split()[0]}"
            lines.append(f"{name:24}  {worker:6.0f}  {child:5.0f}  {worker + child:4.0f}")
        for family, tool, argument, value, resource in _OTHERS:
            more: JsonObject = {"language": "python"} if family == "code" else {}
            command = Command(
                family=family,
                tool=tool,
                arguments={argument: value, **more},
                command_argument=argument,
                resource=resource,
            )
            worker, child = _measured(pool, [command] * count)
            lines.append(f"{family:24}  {worker:6.0f}  {child:5.0f}  {worker + child:4.0f}")
        return lines
    finally:
        pool.close()


def _command(kind: str, sql: str) -> Command:
    return Command(
        family="database",
        tool="run_sql",
        arguments={"database": "orders", "sql": sql},
        command_argument="sql",
        resource=_RESOURCES[kind],
    )


def _measured(pool: ReaderPool, commands: list[Command]) -> tuple[float, float]:
    warm = len(commands) // 10
    for command in commands[:warm]:
        (reading,) = pool.interpret([command], deadline=time.monotonic() + 10)
        if reading.uncertain:  # a time of refusals would say nothing
            raise SystemExit(f"{command.family}: {reading.uncertain}")
    here, there = time.process_time_ns(), _used(pool)
    for command in commands[warm:]:
        pool.interpret([command], deadline=time.monotonic() + 10)
    here, there = time.process_time_ns() - here, _used(pool) - there
    each = 1000 * (len(commands) - warm)
    return here / each, there / each


def _used(pool: ReaderPool) -> int:
    """Nanoseconds that the children have run (proc_pid_schedstat(5))."""
    return sum(int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for pid in pool.pids())


if __name__ == "__main__":
    print("\n".join(table()))
