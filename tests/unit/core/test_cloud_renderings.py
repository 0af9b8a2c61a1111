"""Clouds get exactly what was decided, in their own words, or nothing at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable
from typing import Any

import pytest

from counterfoil.core.renderings import (
    NotRenderable,
    aws_sts,
    azure,
    gcp_cab,
    github_app,
    render_all,
)
from counterfoil.resources import packaged
from counterfoil.schemas_registry import SchemaRegistry

ACCOUNT = "arn:aws:account:eu-west-1:123456789012:account"
BUCKET = "//storage.googleapis.com/projects/_/buckets/shop-logs"
SUBSCRIPTION = "/subscriptions/0b1f6471-1bf0-4dda-aec3-111122223333"
GROUP = f"{SUBSCRIPTION}/resourceGroups/shop"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"


def permission(
    kind: str, location: str, identifier: str | None, *actions: str, **more: Any
) -> dict[str, Any]:
    value = {
        "type": kind,
        "locations": [location],
        "actions": list(actions),
        "operations": [0],
        **more,
    }
    return value if identifier is None else {**value, "identifier": identifier}


def aws(resource: str, *actions: str) -> dict[str, Any]:
    return permission("aws_sts", ACCOUNT, resource, *actions)


def gcp(kind: str, name: str | None, *roles: str) -> dict[str, Any]:
    return permission("gcp_cab", BUCKET, name, *roles, object=kind)


def github(repository: str, *actions: str) -> dict[str, Any]:
    return permission("github_app", "https://github.com/acme", repository, *actions)


def azure_role(scope: str, *roles: str) -> dict[str, Any]:
    return permission("azure", SUBSCRIPTION, scope, *roles)


OBJECT = aws("arn:aws:s3:::shop-reports/2026/q3.csv", "s3:PutObject", "s3:GetObject")
VIEW = gcp("prefix", "2026/", "roles/storage.objectViewer")
PULLS = github("api", "pull_requests:write", "contents:read")
READ = azure_role(f"{GROUP}/providers/Microsoft.Web/sites/shop", READER)

RENDERED: dict[str, tuple[list[dict[str, Any]], Any]] = {
    "aws": (
        [OBJECT, aws("*", "s3:ListAllMyBuckets")],
        {
            "location": ACCOUNT,
            "policy": '{"Version":"2012-10-17","Statement":['
            '{"Effect":"Allow","Action":["s3:ListAllMyBuckets"],"Resource":["*"]},'
            '{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],'
            '"Resource":["arn:aws:s3:::shop-reports/2026/q3.csv"]}]}',
            "lifetime_floor_seconds": 900,
            "early_revocation": "add DateLessThan aws:CurrentTime to each statement",
        },
    ),
    "google": (
        [VIEW, gcp("bucket", None, "roles/storage.legacyBucketReader"), gcp("object", "a b.txt", "roles/storage.objectUser")],
        {
            "accessBoundary": {
                "accessBoundaryRules": [
                    {"availableResource": BUCKET, "availablePermissions": ["inRole:roles/storage.legacyBucketReader"]},
                    {
                        "availableResource": BUCKET,
                        "availablePermissions": ["inRole:roles/storage.objectUser"],
                        "availabilityCondition": {"expression": "resource.name == 'projects/_/buckets/shop-logs/objects/a b.txt'"},
                    },
                    {
                        "availableResource": BUCKET,
                        "availablePermissions": ["inRole:roles/storage.objectViewer"],
                        "availabilityCondition": {"expression": "resource.name.startsWith('projects/_/buckets/shop-logs/objects/2026/')"},
                    },
                ]
            }
        },
    ),
    "github": (
        [PULLS, github("web", "contents:read", "pull_requests:write")],
        {
            "location": "https://github.com/acme",
            "request": {"repositories": ["api", "web"], "permissions": {"contents": "read", "pull_requests": "write"}},
            "lifetime_floor_seconds": 3600,
            "early_revocation": "DELETE /installation/token",
        },
    ),
    "azure": (
        [READ],
        {
            "location": SUBSCRIPTION,
            "api_version": "2022-04-01",
            "assignments": [
                {
                    "scope": f"{GROUP}/providers/Microsoft.Web/sites/shop",
                    "properties": {
                        "roleDefinitionId": f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{READER}",
                        "principalType": "ServicePrincipal",
                    },
                }
            ],
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("cloud", RENDERED)
def test_cloud_gets_exactly_what_was_decided(cloud: str) -> None:
    permissions, expected = RENDERED[cloud]
    (rendering,) = render_all(permissions).values()
    assert rendering == expected


@pytest.mark.parametrize("cloud", RENDERED)
def test_rendering_and_permission_are_what_the_schemas_publish(cloud: str) -> None:
    schemas = SchemaRegistry.load(packaged("schemas"))
    permissions, rendering = RENDERED[cloud]
    for item in permissions:
        schemas.validator(f"permission_{item['type']}")(item)
    document = json.loads((packaged("schemas") / "scoped_token_request.json").read_text())
    assert permissions[0]["type"] in document["properties"]["renderings"]["properties"]
    assert set(
        document["properties"]["renderings"]["properties"][permissions[0]["type"]]["required"]
    ) <= set(rendering)


REFUSED: dict[str, list[dict[str, Any]]] = {
    "aws: a star in a key": [aws("arn:aws:s3:::shop-reports/*", "s3:GetObject")],
    "aws: a question mark in a key": [aws("arn:aws:s3:::shop-reports/q?.csv", "s3:GetObject")],
    "aws: a variable in a key": [aws("arn:aws:s3:::shop-reports/${aws:username}", "s3:GetObject")],
    "aws: a pattern of actions": [aws("arn:aws:s3:::shop-reports/a", "s3:Get*")],
    "aws: all actions": [aws("arn:aws:s3:::shop-reports/a", "*")],
    "aws: another account": [aws("arn:aws:sqs:eu-west-1:999999999999:jobs", "sqs:SendMessage")],
    "aws: another partition": [aws("arn:aws-cn:s3:::shop-reports/a", "s3:GetObject")],
    "aws: a character that STS refuses": [aws("arn:aws:s3:::shop-reports/\u0416", "s3:GetObject")],
    "aws: a condition that would be dropped": [{**OBJECT, "conditions": {}}],
    "aws: two accounts": [OBJECT, {**OBJECT, "locations": [ACCOUNT.replace("12:", "13:")]}],
    "aws: too long with its deadlines": [
        aws(f"arn:aws:s3:::shop-reports/{i:0150}", "s3:GetObject") for i in range(9)
    ],
    "google: a quote in a name": [gcp("object", "a' || true || '", "roles/storage.objectViewer")],
    "google: a backslash in a name": [gcp("prefix", "a\\", "roles/storage.objectViewer")],
    "google: an empty prefix": [gcp("prefix", "", "roles/storage.objectViewer")],
    "google: a bucket with a name": [gcp("bucket", "2026/", "roles/storage.objectViewer")],
    "google: a role of another service": [gcp("bucket", None, "roles/owner")],
    "google: another service": [{**VIEW, "locations": ["//bigquery.googleapis.com/projects/p"]}],
    "google: an eleventh rule": [
        gcp("object", str(i), "roles/storage.objectViewer") for i in range(11)
    ],
    "github: different permissions": [PULLS, github("web", "contents:read")],
    "github: two levels of one permission": [github("api", "contents:read", "contents:write")],
    "github: two owners": [PULLS, {**PULLS, "locations": ["https://github.com/other"]}],
    "github: an owner in the name": [github("acme/api", "contents:read")],
    "github: no level": [github("api", "contents")],
    "github: parent folder as a name": [github("..", "contents:read")],
    "azure: a whole subscription": [azure_role(SUBSCRIPTION, READER)],
    "azure: a scope elsewhere": [azure_role(GROUP.replace("0b1f", "0c1f"), READER)],
    "azure: a role that gives rights on": [azure_role(GROUP, OWNER)],
    "azure: a role by its name": [azure_role(GROUP, "Reader")],
    "azure: a path that climbs": [azure_role(f"{GROUP}/providers/Microsoft.Web/sites/..", READER)],
    "azure: two subscriptions": [
        READ,
        {
            **azure_role(GROUP.replace("0b1f", "0c1f"), READER),
            "locations": [SUBSCRIPTION.replace("0b1f", "0c1f")],
        },
    ],
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_cloud_would_read_wider_is_not_rendered(case: str) -> None:
    honest = RENDERED[case.partition(":")[0]][0]
    assert render_all(honest[:1])
    with pytest.raises(NotRenderable):
        render_all(REFUSED[case])


def changed(rendering: Any, old: str, new: str) -> Any:
    text = json.dumps(rendering)
    assert old in text
    return json.loads(text.replace(old, new))


WIDENED: dict[str, tuple[Callable[[Any], frozenset[Hashable]], str, str, str]] = {
    "aws: a pattern": (aws_sts.parse_back, "aws", "q3.csv", "*"),
    "aws: a deny that is none": (
        aws_sts.parse_back,
        "aws",
        'Effect\\": \\"Allow',
        'Effect\\": \\"Deny',
    ),
    "google: no condition": (gcp_cab.parse_back, "google", "startsWith", "endsWith"),
    "github: no permissions": (github_app.parse_back, "github", '"permissions"', '"permission"'),
    "azure: a role defined elsewhere": (
        azure.parse_back,
        "azure",
        "/roleDefinitions/",
        "/roleDefinition/",
    ),
}


@pytest.mark.parametrize("case", WIDENED)
def test_rendering_that_means_something_else_does_not_read_back(case: str) -> None:
    parse_back, cloud, old, new = WIDENED[case]
    permissions, rendering = RENDERED[cloud]
    assert parse_back(rendering)
    text = json.dumps(rendering).replace('Effect\\":\\"', 'Effect\\": \\"')
    with pytest.raises(NotRenderable):
        parse_back(changed(json.loads(text), old, new))
    assert permissions


def test_deadline_stands_in_every_statement_and_changes_nothing_else() -> None:
    permissions, rendering = RENDERED["aws"]
    limited = json.loads(aws_sts.with_deadline(rendering["policy"], "2026-11-24T03:10:00Z"))
    condition = {"DateLessThan": {"aws:CurrentTime": "2026-11-24T03:10:00Z"}}
    assert [item.pop("Condition") for item in limited["Statement"]] == [condition, condition]
    assert limited == json.loads(rendering["policy"])
    assert permissions
