"""`counterfoil explain` names what each family would do as a person would say it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from counterfoil.cli.explain_text import marked
from counterfoil.core.case import operation_json
from counterfoil.core.model import Interpretation
from requests_read import read_request
from shell_read import read_shell
from words import aws_call, git_call, read_file, run_code, sample_plan, terraform_plan


def spoken(text: str, reading: Interpretation) -> list[str]:
    """The lines of an explanation that follow the text."""
    value: dict[str, Any] = {
        "operations": [operation_json(item) for item in reading.operations],
        "uncertain": [
            {"code": item.code, **({"span": list(item.span)} if item.span else {})}
            for item in reading.uncertain
        ],
        "required": list(reading.required),
    }
    first, *rest = marked(text, value, colour=False)
    assert first == text
    return rest


LINE = "cat a.py && docker push registry.example.com/acme/web:1"
PUSH = "git push https://git.example.com/acme/api.git refs/heads/x:refs/heads/x"
CODE = "print(1)"
FAMILIES: dict[str, tuple[str, Callable[[], Interpretation], list[str]]] = {
    "shell and registry": (LINE, lambda: read_shell(LINE), [
        "read file a.py beneath workspace", "“cat a.py”", "needs read on filesystem a.py",
        "push repository images.acme/web ", "“docker push registry.example.com/acme/web:1”",
        "needs pull, push on oci_registry acme/web",
    ]),
    "a program": ("date", lambda: read_shell("date"), ["run program date"]),
    "http": (
        "https://orders.example.com/v1/orders/7",
        lambda: read_request("https://orders.example.com/v1/orders/7"),
        ["get endpoint https://orders.example.com/v1/orders/7 ", "needs GET on http /v1/orders/7"],
    ),
    "filesystem": ("in/a.txt", lambda: read_file("in/a.txt"), [
        "read file in/a.txt beneath shop", "needs read on filesystem in/a.txt",
    ]),
    "git": (PUSH, lambda: git_call(PUSH), [
        "update ref refs/heads/x of api (git.example.com/acme/api.git)",
        "needs update on ref refs/heads/x",
    ]),
    "cloud": ("GetObject", lambda: aws_call("s3", "GetObject", Bucket="carts", Key="a"), [
        "s3:GetObject aws arn:aws:s3:::carts/a in shop",
        "needs s3:GetObject on aws_sts arn:aws:s3:::carts/a",
    ]),
    "terraform": ("plan", lambda: terraform_plan(sample_plan("aws_sqs_queue", "create")), [
        "create terraform aws_sqs_queue aws_sqs_queue.orders in infra", "sha256:",
    ]),
    "code": (CODE, lambda: run_code(CODE), ["run code in python, sha256:", "needs run on code"]),
}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_each_operation_is_named_whole_and_nothing_as_a_list(family: str) -> None:
    text, read, parts = FAMILIES[family]
    said = spoken(text, read())
    for part in parts:
        assert any(part in line for line in said), (part, said)
    for line in said:
        name = line.partition("  {")[0].partition("“")[0]
        assert "[" not in name, line


@pytest.mark.parametrize(
    ("text", "code", "part"),
    [
        ("cat $(id)", "uncertain.shell_substitution", "“$(id)”"),
        ("ls && terraform plan", "uncertain.plan_command", "“terraform plan”"),
        ("aws s3 sync . s3://b; date", "uncertain.cloud_account", "“aws s3 sync . s3://b”"),
    ],
)
def test_a_doubt_of_a_line_is_shown_at_its_command(text: str, code: str, part: str) -> None:
    (said,) = spoken(text, read_shell(text))
    assert code in said
    assert part in said
