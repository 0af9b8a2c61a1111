"""What MySQL and SQLite are told is exactly the permissions, or nothing is told."""

from __future__ import annotations

from typing import Any

import pytest

from commands import read_dialect
from counterfoil.core.model import Permission
from counterfoil.core.renderings import NotRenderable, mysql, render_all, sqlite
from dialect_jobs import jobs

TARGETS: Any = {"mysql": mysql, "sqlite": sqlite}
TABLE: dict[str, Permission] = {
    "mysql": {
        "type": "mysql",
        "locations": ["mariadb://127.0.0.1:3306/orders"],
        "object": "table",
        "identifier": "orders.invoices",
        "actions": ["select"],
    },
    "sqlite": {
        "type": "sqlite",
        "locations": ["sqlite:/srv/orders.db"],
        "object": "table",
        "identifier": "main.invoices",
        "actions": ["read"],
    },
}
WRONG: dict[str, dict[str, Any]] = {
    "another action": {"actions": ["all"]},
    "an action in other letters": {"actions": ["SELECT"]},
    "another kind": {"object": "schema"},
    "another depth": {"identifier": "invoices"},
    "a quote in the path": {"identifier": "orders.a`b"},
    "a star": {"identifier": "orders.*"},
    "a template": {"identifier": "orders.{{name}}"},
    "two places": {"locations": ["sqlite:/a", "sqlite:/b"]},
    "columns that are no names": {"columns": ["a, b"]},
    "columns of a right that has none": {"columns": ["a"], "actions": ["drop"]},
    "a member that would be dropped": {"rows": 5},
}


@pytest.mark.parametrize("dialect", TARGETS)
def test_each_job_is_rendered_as_exactly_its_rights(dialect: str) -> None:
    target = TARGETS[dialect]
    for sql in jobs(dialect):
        reading = read_dialect(dialect, sql)
        permissions = [*reading.required, *reading.ambient]
        wanted = {right for item in permissions for right in target.rights(item)}
        rendering = render_all(permissions)[dialect]
        assert target.parse_back(rendering) == wanted, sql


@pytest.mark.parametrize("dialect", TARGETS)
@pytest.mark.parametrize("name", WRONG)
def test_what_the_target_cannot_express_is_refused(dialect: str, name: str) -> None:
    assert render_all([TABLE[dialect]])  # the control
    with pytest.raises(NotRenderable):
        render_all([{**TABLE[dialect], **WRONG[name]}])


@pytest.mark.parametrize("dialect", TARGETS)
def test_a_rendering_with_anything_more_does_not_read_back(dialect: str) -> None:
    target = TARGETS[dialect]
    honest = target.render([TABLE[dialect]])
    member = "grants" if dialect == "mysql" else "authorizer"
    more: Any = (
        [
            "GRANT ALL ON *.* TO '{{name}}'@'%'",
            "GRANT SELECT ON `orders`.* TO '{{name}}'@'%'",
            "GRANT SELECT ON `orders`.`invoices` TO '{{name}}'@'%' WITH GRANT OPTION",
            "GRANT SELECT ON `orders`.`invoices` TO PUBLIC",
            "GRANT CREATE VIEW ON `my_orders`.* TO '{{name}}'@'%'",
        ]
        if dialect == "mysql"
        else [
            ["SQLITE_PRAGMA", "*", "*", "*"],
            ["SQLITE_ATTACH", "*", None, None],
            ["SQLITE_INSERT", "sqlite_master", None, "main"],
            ["SQLITE_READ", "invoices", "*", "temp"],
            ["SQLITE_DELETE", "secrets", None, "main"],
        ]
    )
    rights = target.rights(TABLE[dialect])
    for item in more:
        changed = {**honest, member: [*honest[member], item]}
        try:
            assert target.parse_back(changed) != rights, item
        except NotRenderable:
            continue


def test_an_underscore_in_a_database_is_no_wildcard() -> None:
    view: Permission = {
        **TABLE["mysql"],
        "object": "database",
        "identifier": "my_orders",
        "actions": ["create view"],
    }
    grants: Any = mysql.render([view])["grants"]
    assert grants == ["GRANT CREATE VIEW ON `my\\_orders`.* TO '{{name}}'@'%'"]
