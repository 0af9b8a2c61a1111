"""Commands as the main path makes them, and short ways to read them in this process."""

from __future__ import annotations

from counterfoil.core.actions.contract import DEFAULT_LIMITS, Limits, interpret
from counterfoil.core.actions.registry import FAMILIES, with_dialects
from counterfoil.core.model import Command, Interpretation, Operation, Resource, Snapshot

ORDERS = Resource(
    type="postgresql",
    id="orders",
    location="postgresql://127.0.0.1:5432/orders",
    issuer="postgresql-orders",
)
MAIN = Resource(
    type="kubernetes", id="main", location="https://127.0.0.1:6443", issuer="kubernetes-main"
)
MYSQL = Resource(
    type="mysql", id="orders", location="mariadb://127.0.0.1:3306/orders", issuer="mysql-orders"
)
SQLITE = Resource(
    type="sqlite", id="orders", location="sqlite:/srv/orders.db", issuer="sqlite-orders"
)

MANIFEST = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: staging
spec:
  replicas: 2
  selector:
    matchLabels:
      app: web
  template:
    metadata:
      labels:
        app: web
    spec:
      automountServiceAccountToken: false
      containers:
        - name: web
          image: registry.example.com/acme/web:1.4
"""


def sql_command(
    sql: str, resource: Resource | None = ORDERS, catalogue: Snapshot | None = None
) -> Command:
    return Command(
        family="database",
        tool="run_sql",
        arguments={"database": "orders", "sql": sql},
        command_argument="sql",
        resource=resource,
        catalogue=catalogue,
    )


def manifest_command(manifest: str, resource: Resource | None = MAIN) -> Command:
    return Command(
        family="kubernetes",
        tool="kubectl_apply",
        arguments={"cluster": "main", "manifest": manifest},
        command_argument="manifest",
        resource=resource,
    )


def read_sql(
    sql: str, limits: Limits = DEFAULT_LIMITS, catalogue: Snapshot | None = None
) -> Interpretation:
    return interpret(sql_command(sql, catalogue=catalogue), FAMILIES, limits)


def read_manifest(manifest: str) -> Interpretation:
    return interpret(manifest_command(manifest), FAMILIES)


def codes(reading: Interpretation) -> list[str]:
    """The doubts of a reading; whoever doubts must permit nothing."""
    if reading.uncertain:
        assert not reading.operations
        assert not reading.required
        assert not reading.ambient
        assert reading.execute is None
    return [item.code for item in reading.uncertain]


def doubt(sql: str) -> str:
    found = codes(read_sql(sql))
    return found[0] if found else ""


def uses(reading: Interpretation) -> dict[tuple[str, str], tuple[str, ...] | None]:
    """(verb, schema.table) → columns, None for the whole table."""
    assert not reading.uncertain, reading.uncertain
    return {_use(operation): operation.columns for operation in reading.operations}


def _use(operation: Operation) -> tuple[str, str]:
    target = operation.object
    if target["kind"] != "table":
        return operation.verb, str(target["kind"])
    return operation.verb, f"{target['schema']}.{target['name']}"


def dialect_command(dialect: str, sql: str, *, resource: Resource | None = None) -> Command:
    """SQL for MySQL or SQLite as `run_sql` asks for it."""
    return Command(
        family="database",
        tool="run_sql",
        arguments={"database": "orders", "sql": sql},
        command_argument="sql",
        resource=resource or (MYSQL if dialect == "mysql" else SQLITE),
    )


def read_dialect(dialect: str, sql: str, *, resource: Resource | None = None) -> Interpretation:
    """Read SQL for MySQL or SQLite in this process."""
    return interpret(dialect_command(dialect, sql, resource=resource), with_dialects())
