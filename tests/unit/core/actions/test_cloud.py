"""AWS calls as IAM actions on whole ARNs, and plans of Terraform change by change."""

from __future__ import annotations

import json
from typing import Any

import pytest

from counterfoil.core.model import Interpretation
from words import ACCOUNT, aws_call, aws_line, terraform_plan

QUEUE = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:news"
ROLE = "arn:aws:iam::123456789012:role/runner"


def needs(reading: Interpretation) -> list[tuple[str, object]]:
    assert [item["operations"] for item in reading.required] == [
        [i] for i in range(len(reading.operations))
    ]
    assert all(item["locations"] == [ACCOUNT.location] for item in reading.required)
    return [(item.verb, item.object["arn"]) for item in reading.operations]


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "found"),
    [
        ("s3", "ListObjectsV2", {"Bucket": "carts", "Prefix": "in/"},
         [("s3:ListBucket", "arn:aws:s3:::carts")]),
        ("s3", "HeadObject", {"Bucket": "carts", "Key": "in/7.json"},
         [("s3:GetObject", "arn:aws:s3:::carts/in/7.json")]),
        ("s3", "ListBuckets", {}, [("s3:ListAllMyBuckets", "*")]),
        ("dynamodb", "GetItem", {"TableName": "carts", "Key": {"id": {"S": "7"}}},
         [("dynamodb:GetItem", "arn:aws:dynamodb:eu-central-1:123456789012:table/carts")]),
        ("sqs", "SendMessage", {"QueueUrl": QUEUE, "MessageBody": "x"},
         [("sqs:SendMessage", "arn:aws:sqs:eu-central-1:123456789012:orders")]),
        ("sns", "Publish", {"TopicArn": TOPIC, "Message": "x"}, [("sns:Publish", TOPIC)]),
        ("lambda", "Invoke", {"FunctionName": "tax"},
         [("lambda:InvokeFunction", "arn:aws:lambda:eu-central-1:123456789012:function:tax")]),
        ("lambda", "UpdateFunctionConfiguration", {"FunctionName": "tax", "Role": ROLE},
         [("lambda:UpdateFunctionConfiguration",
           "arn:aws:lambda:eu-central-1:123456789012:function:tax"), ("iam:PassRole", ROLE)]),
        ("ssm", "GetParameter", {"Name": "/shop/url"},
         [("ssm:GetParameter", "arn:aws:ssm:eu-central-1:123456789012:parameter/shop/url")]),
        ("ec2", "StopInstances", {"InstanceIds": ["i-0123456789abcdef0", "i-01234567"]},
         [("ec2:StopInstances", f"arn:aws:ec2:eu-central-1:123456789012:instance/{name}")
          for name in ("i-0123456789abcdef0", "i-01234567")]),
        ("sts", "GetCallerIdentity", {}, [("sts:GetCallerIdentity", "*")]),
        ("iam", "DeleteRole", {"RoleName": "runner"}, [("iam:DeleteRole", ROLE)]),
    ],
)  # fmt: skip
def test_a_call_needs_its_action_on_the_whole_arn(
    service: str, operation: str, parameters: dict[str, Any], found: list[tuple[str, str]]
) -> None:
    assert needs(aws_call(service, operation, **parameters)) == found


@pytest.mark.parametrize(
    ("line", "found", "written"),
    [
        ("aws s3api list-objects-v2 --bucket carts --max-keys 5",
         [("s3:ListBucket", "arn:aws:s3:::carts")], {"Bucket": "carts", "MaxKeys": 5}),
        ("aws sts get-caller-identity --output json", [("sts:GetCallerIdentity", "*")], {}),
        ("aws ec2 terminate-instances --instance-ids i-01234567 i-89abcdef --region eu-central-1",
         [("ec2:TerminateInstances", "arn:aws:ec2:eu-central-1:123456789012:instance/i-01234567"),
          ("ec2:TerminateInstances", "arn:aws:ec2:eu-central-1:123456789012:instance/i-89abcdef")],
         {"InstanceIds": ["i-01234567", "i-89abcdef"]}),
        (f"aws sqs purge-queue --queue-url {QUEUE}",
         [("sqs:PurgeQueue", "arn:aws:sqs:eu-central-1:123456789012:orders")],
         {"QueueUrl": QUEUE}),
        ("aws ecr delete-repository --repository-name acme/web --force",
         [("ecr:DeleteRepository", "arn:aws:ecr:eu-central-1:123456789012:repository/acme/web")],
         {"repositoryName": "acme/web", "force": True}),
        ("aws rds stop-db-instance --db-instance-identifier shop",
         [("rds:StopDBInstance", "arn:aws:rds:eu-central-1:123456789012:db:shop")],
         {"DBInstanceIdentifier": "shop"}),
    ],
)  # fmt: skip
def test_a_line_is_the_call_and_runs_as_json(
    line: str, found: list[tuple[str, str]], written: dict[str, Any]
) -> None:
    reading = aws_line(line.split())
    assert needs(reading) == found
    assert reading.execute is not None
    words = reading.execute.arguments["command"]
    assert isinstance(words, list)
    assert words[3:-1] == ["--region", "eu-central-1", "--output", "json", "--cli-input-json"]
    assert json.loads(str(words[-1])) == written


def change(verbs: list[str], kind: str = "aws_sqs_queue", **more: Any) -> dict[str, Any]:
    after = None if verbs == ["delete"] else {"name": "orders"}
    return {
        "address": f"{kind}.orders",
        "mode": "managed",
        "type": kind,
        "name": "orders",
        "provider_name": "registry.terraform.io/hashicorp/aws",
        "change": {
            "actions": verbs,
            "before": None if verbs == ["create"] else {"name": "orders"},
            "after": after,
            "after_unknown": {"id": True},
            **more,
        },
    }


def plan(*changes: dict[str, Any], **more: Any) -> str:
    return json.dumps(
        {
            "format_version": "1.2",
            "terraform_version": "1.11.4",
            "resource_changes": list(changes),
            "configuration": {
                "provider_config": {
                    "aws": {"name": "aws", "full_name": "registry.terraform.io/hashicorp/aws"}
                },
                "root_module": {},
            },
            **more,
        }
    )


@pytest.mark.parametrize(
    ("verbs", "verb"),
    [
        (["create"], "create"),
        (["update"], "update"),
        (["delete"], "delete"),
        (["delete", "create"], "replace"),
        (["create", "delete"], "replace"),
    ],
)
def test_a_plan_is_its_changes_bound_to_its_digest(verbs: list[str], verb: str) -> None:
    text = plan(change(["no-op"]), change(verbs))
    reading = terraform_plan(text)
    (operation,) = reading.operations
    assert (operation.verb, operation.object) == (
        verb,
        {
            "kind": "terraform",
            "workspace": "infra",
            "resource_type": "aws_sqs_queue",
            "name": "aws_sqs_queue.orders",
        },
    )
    assert operation.details["fields_known"] == {"name": "orders"}
    assert reading.execute is not None
    assert reading.execute.session == {"plan_digest": operation.details["plan"]}
    other = terraform_plan(text + " ").operations[0].details["plan"]
    assert other != operation.details["plan"]


UNSURE = {
    "a name that is not known yet": (plan(change(["create"], after_unknown={"name": True})), "plan_unknown"),
    "everything unknown": (plan(change(["create"], after_unknown=True)), "plan_unknown"),
    "a name that the provider makes up": (plan(change(["create"], after={})), "plan_unknown"),
    "a type that is not read": (plan(change(["create"], "aws_iam_access_key")), "plan_resource"),
    "another provider of the type": (
        plan({**change(["create"]), "provider_name": "registry.terraform.io/evil/aws"}), "plan_resource"),
    "an object left of an earlier apply": (plan({**change(["delete"]), "deposed": "1"}), "plan_resource"),
    "a verb of tomorrow": (plan(change(["merge"])), "plan_action"),
    "no change": (plan(change(["no-op"])), "plan_empty"),
    "another version": (plan(change(["create"]), format_version="2.0"), "plan_json"),
    "a member of tomorrow": (plan(change(["create"]), action_invocations=[]), "plan_json"),
    "a plan that failed": (plan(change(["create"]), errored=True), "plan_json"),
    "a name twice": (plan(change(["create"]))[:-1] + ', "resource_changes": []}', "plan_json"),
    "a foreign provider": (plan(change(["create"]), configuration={
        "provider_config": {"x": {"full_name": "registry.terraform.io/evil/x"}}}), "plan_code"),
    "a provisioner": (plan(change(["create"]), configuration={
        "root_module": {"resources": [{"provisioners": [{"type": "local-exec"}]}]}}), "plan_code"),
    "an external program": (plan(change(["create"]), configuration={
        "root_module": {"resources": [{"mode": "data", "type": "external"}]}}), "plan_code"),
    "a fetched module": (plan(change(["create"]), configuration={
        "root_module": {"module_calls": {"m": {"source": "git::https://evil.example/m"}}}}), "plan_code"),
    "a provisioner in a module": (plan(change(["create"]), configuration={
        "root_module": {"module_calls": {"m": {"source": "./m", "module": {
            "resources": [{"provisioners": [{}]}]}}}}}), "plan_code"),
    "no JSON": ("resource_changes", "plan_json"),
    "a list": ("[]", "plan_json"),
    "deep": ("[" * 100_000, "plan_json"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNSURE)
def test_a_plan_that_is_not_sure_is_not_read(case: str) -> None:
    text, code = UNSURE[case]
    reading = terraform_plan(text)
    assert [item.code for item in reading.uncertain] == [f"uncertain.{code}"]
    assert not reading.operations
    assert terraform_plan(plan(change(["create"]))).operations  # control
